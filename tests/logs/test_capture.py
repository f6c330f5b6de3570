"""What a step prints goes to its own log, whoever else prints at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from framework0.logs import Binding, StepLog, bind, bound_step, capture_output
from framework0.secrets import Masker


@pytest.fixture
def terminal(capsys):
    """Return what has reached the streams that stand in for the terminal."""
    return lambda: tuple(capsys.readouterr())


@pytest.fixture
def log_of(tmp_path):
    logs = {}

    def log(name, masker=None, **options):
        return logs.setdefault(name, StepLog(tmp_path / f"{name}.log", masker, **options))

    yield log
    for each in logs.values():
        each.close()


def text_of(log):
    log.close()
    return log.path.read_text() if log.path.exists() else ""


def test_prints_of_a_bound_step_go_to_its_log_and_nowhere_else(terminal, log_of):
    with capture_output(), bind(log_of("a"), "run", "a", 1):
        print("out")
        print("err", file=sys.stderr)
    assert text_of(log_of("a")) == "out\nerr\n"
    assert terminal() == ("", "")


def test_with_echo_the_terminal_sees_it_too_on_the_same_stream(terminal, log_of):
    with capture_output(echo=True), bind(log_of("a"), "run", "a", 1):
        print("out")
        print("err", file=sys.stderr)
    assert terminal() == ("out\n", "err\n")
    assert text_of(log_of("a")) == "out\nerr\n"


def test_a_log_can_ask_for_its_own_echo(terminal, log_of):
    with capture_output():
        with bind(log_of("loud", echo=True), "run", "loud", 1):
            print("loud")
        with bind(log_of("quiet"), "run", "quiet", 1):
            print("quiet")
    assert terminal() == ("loud\n", "")


def test_echo_is_masked_like_the_log(terminal, log_of):
    log = log_of("a", Masker(["swordfish-99"]))
    with capture_output(echo=True), bind(log, "run", "a", 1):
        print("sword", end="", flush=True)
        print("fish-99")
    assert terminal() == ("***\n", "")


def test_outside_a_step_the_terminal_gets_it_unless_there_is_a_log_of_the_run(terminal, log_of):
    with capture_output():
        print("direct")
    with capture_output(run_log=log_of("run")):
        print("kept")
    assert terminal() == ("direct\n", "")
    assert text_of(log_of("run")) == "kept\n"


def test_the_log_of_the_run_is_complete_and_closed_at_the_end(terminal, log_of):
    with capture_output(run_log=log_of("run")):
        print("unfinished", end="")
    assert log_of("run").path.read_text() == "unfinished"


def test_the_real_streams_stay_in_reach(terminal, log_of):
    with capture_output(run_log=log_of("run")) as capture, bind(log_of("a"), "run", "a", 1):
        capture.stdout.write("result\n")
        capture.stderr.write("progress\n")
    assert terminal() == ("result\n", "progress\n")


def test_afterwards_the_streams_are_the_ones_from_before(terminal):
    before = sys.stdout, sys.stderr
    with capture_output():
        sys.stdout = io.StringIO()
    assert (sys.stdout, sys.stderr) == before


def test_steps_in_parallel_threads_keep_apart(terminal, log_of):
    barrier = threading.Barrier(4)

    def step(name):
        with bind(log_of(name), "run", name, 1):
            barrier.wait()
            for number in range(100):
                print(name, number)

    names = ["a", "b", "c", "d"]
    with capture_output(), ThreadPoolExecutor(4) as pool:
        list(pool.map(step, names))
    for name in names:
        assert text_of(log_of(name)) == "".join(f"{name} {number}\n" for number in range(100))


def test_nested_tasks_of_parallel_async_steps_keep_apart(terminal, log_of):
    async def inner(name):
        print(name, "inner")
        await asyncio.sleep(0)
        print(name, "inner again")

    async def step(name):
        with bind(log_of(name), "run", name, 1):
            await asyncio.gather(inner(name), asyncio.to_thread(print, name, "thread"))
            print(name, "end")

    async def everything():
        await asyncio.gather(step("a"), step("b"))

    with capture_output():
        asyncio.run(everything())
    for name in "ab":
        lines = text_of(log_of(name)).splitlines()
        assert sorted(lines) == [
            f"{name} {word}" for word in ("end", "inner", "inner again", "thread")
        ]


def test_a_thread_a_step_started_by_hand_prints_into_the_log_of_the_run(terminal, log_of):
    with capture_output(run_log=log_of("run")), bind(log_of("a"), "run", "a", 1):
        thread = threading.Thread(target=print, args=("from nobody",))
        thread.start()
        thread.join()
    assert text_of(log_of("run")) == "from nobody\n"
    assert text_of(log_of("a")) == ""


def test_the_binary_buffer_writes_into_the_log(terminal, log_of):
    with capture_output(), bind(log_of("a"), "run", "a", 1):
        assert sys.stdout.buffer.write(b"raw ") == 4
        sys.stdout.buffer.write(memoryview(b"bytes\n"))
        sys.stdout.buffer.flush()
        assert sys.stdout.buffer.writable()
        sys.stdout.buffer.close()
        assert not sys.stdout.buffer.isatty()
        assert sys.stdout.buffer.fileno() == sys.stdout.fileno()
    assert text_of(log_of("a")) == "raw bytes\n"


def test_the_binary_buffer_outside_steps_keeps_the_order(terminal):
    with capture_output():
        print("text")
        sys.stdout.buffer.write(b"bytes\n")
    assert terminal() == ("text\nbytes\n", "")


def test_a_step_that_closes_stdout_hurts_neither_itself_nor_the_next(terminal, log_of):
    with capture_output():
        with bind(log_of("a"), "run", "a", 1):
            print("before", end="")
            sys.stdout.close()
            print(" and after")
        with bind(log_of("b"), "run", "b", 1):
            print("next")
            assert not sys.stdout.closed
    assert text_of(log_of("a")) == "before and after\n"
    assert text_of(log_of("b")) == "next\n"


def test_restore_puts_the_routers_back_after_a_step_left_something_else(terminal, log_of):
    with capture_output() as capture:
        with bind(log_of("a"), "run", "a", 1):
            sys.stdout = None
        capture.restore()
        with bind(log_of("b"), "run", "b", 1):
            print("next")
    capture.restore()
    assert text_of(log_of("b")) == "next\n"
    assert not hasattr(sys.stdout, "echo_target")


def test_a_step_may_redirect_its_output_as_anywhere(terminal, log_of):
    with capture_output(), bind(log_of("a"), "run", "a", 1):
        with contextlib.redirect_stdout(io.StringIO()) as caught:
            print("caught")
        print("logged")
    assert caught.getvalue() == "caught\n"
    assert text_of(log_of("a")) == "logged\n"


def test_it_answers_what_a_text_stream_is_asked(terminal, log_of):
    with capture_output(), bind(log_of("a"), "run", "a", 1):
        stream = sys.stdout
        assert (stream.encoding, stream.errors, stream.name) == (
            "utf-8",
            "surrogateescape",
            "<stdout>",
        )
        assert (sys.stderr.name, stream.mode, stream.line_buffering) == ("<stderr>", "w", True)
        assert (stream.writable(), stream.readable(), stream.seekable()) == (True, False, False)
        assert not stream.isatty()
        assert stream.write("four") == 4
        stream.reconfigure(encoding="latin-1", line_buffering=True)
        stream.writelines(["\n", "é\n"])
        with pytest.raises(TypeError, match="must be str, not int"):
            stream.write(7)
        with pytest.raises(io.UnsupportedOperation):
            stream.read()
    assert log_of("a").path.read_text(encoding="utf-8") == "four\né\n"


def test_outside_a_step_it_answers_for_the_real_stream(monkeypatch):
    pseudo, terminal = os.openpty()
    with os.fdopen(terminal, "w") as real, os.fdopen(pseudo, "rb"):
        monkeypatch.setattr(sys, "stdout", real)
        with capture_output():
            assert sys.stdout.isatty()
            assert sys.stdout.fileno() == real.fileno()
            assert sys.stdout.echo_target is None
            sys.stdout.flush()


def test_a_program_without_streams_can_run_steps(monkeypatch, log_of):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with capture_output(echo=True):
        print("nowhere")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"nowhere")
        assert not sys.stdout.isatty()
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
        with bind(log_of("a"), "run", "a", 1):
            print("logged")
    assert sys.stdout is None
    assert text_of(log_of("a")) == "logged\n"


def test_flushing_after_the_real_stream_was_closed_hurts_nobody(monkeypatch):
    gone = io.StringIO()
    monkeypatch.setattr(sys, "stdout", gone)
    with capture_output():
        gone.close()
        sys.stdout.flush()
    assert sys.stdout is gone


def test_a_child_given_our_stdout_writes_into_the_log(terminal, log_of):
    with capture_output(), bind(log_of("a"), "run", "a", 1):
        print("before")
        subprocess.run([sys.executable, "-c", "print('child')"], stdout=sys.stdout, check=True)
        print("after")
    assert text_of(log_of("a")) == "before\nchild\nafter\n"


def test_a_handler_that_outlives_the_run_writes_to_the_real_stream_again(terminal, log_of):
    logger = logging.getLogger("outlives")
    logger.propagate = False
    with capture_output(), bind(log_of("a"), "run", "a", 1):
        handler = logging.StreamHandler()
        logger.addHandler(handler)
        logger.warning("inside")
    logger.warning("outside")
    logger.removeHandler(handler)
    assert text_of(log_of("a")) == "inside\n"
    assert terminal() == ("", "outside\n")


def test_runs_that_overlap_install_once_and_the_last_to_end_takes_it_away(terminal, log_of):
    before = sys.stdout
    first = capture_output(run_log=log_of("first"))
    second = capture_output(run_log=log_of("second"))
    with first:
        with second:
            assert sys.stdout is not before
            assert second.stdout is before
            print("second")
        print("first")
    assert sys.stdout is before
    assert (text_of(log_of("first")), text_of(log_of("second"))) == ("first\n", "second\n")


def test_runs_may_end_in_another_order_than_they_began(terminal, log_of):
    before = sys.stdout
    first, second = capture_output(run_log=log_of("first")), capture_output(
        run_log=log_of("second")
    )
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    print("second")
    second.__exit__(None, None, None)
    assert sys.stdout is before
    assert text_of(log_of("second")) == "second\n"


def test_bindings_nest_and_the_outer_one_comes_back(log_of):
    assert bound_step() is None
    with bind(log_of("a"), "run", "a", 1) as outer:
        with bind(None, "run", "b", 2) as inner:
            assert bound_step() is inner
        assert bound_step() is outer
        assert (outer.run, outer.step, outer.attempt) == ("run", "a", 1)
    assert bound_step() is None
    assert isinstance(outer, Binding)


def test_a_coroutine_closed_in_another_context_than_its_own_leaves_quietly():
    async def step():
        with bind(None, "run", "a", 1):
            await asyncio.sleep(0)

    abandoned = step()
    contextvars.copy_context().run(abandoned.send, None)
    with bind(None, "run", "b", 1) as mine:
        abandoned.close()
        assert bound_step() is mine


def test_leaving_a_binding_twice_changes_nothing(log_of):
    binding = bind(log_of("a"), "run", "a", 1)
    with binding:
        assert bound_step() is binding
    binding.__exit__(None, None, None)
    assert bound_step() is None


def test_a_step_bound_without_a_log_prints_as_if_outside(terminal):
    with capture_output(), bind(None, "run", "a", 1):
        print("direct")
    assert terminal() == ("direct\n", "")


def test_signal_handlers_that_print_do_not_deadlock(terminal, log_of):
    """A handler runs between two bytecodes of the very thread that holds the log's lock."""
    log = log_of("a")
    with capture_output(), bind(log, "run", "a", 1), log._lock:
        print("from inside")
    assert text_of(log) == "from inside\n"


def test_what_children_print_is_echoed_as_well(log_of, terminal):
    log = log_of("a")
    with capture_output(echo=True), bind(log, "r", "a", 1):
        command = [sys.executable, "-c", "print('child'); print('end', end='')"]
        subprocess.run(command, stdout=log.fileno(), check=True)
        log.close()
    assert text_of(log) == "child\nend"
    assert terminal() == ("child\nend\n", "")


def test_an_unfinished_last_line_is_echoed_when_its_log_closes(log_of, terminal):
    log = log_of("a")
    with capture_output(echo=True), bind(log, "r", "a", 1):
        print("no newline", end="")
        log.close()
    assert text_of(log) == "no newline"
    assert terminal() == ("no newline\n", "")


def test_without_echo_children_write_to_the_file_itself(log_of, terminal):
    log = log_of("a")
    with capture_output(), bind(log, "r", "a", 1):
        os.write(log.fileno(), b"direct")
        assert os.fstat(log.fileno()).st_size == len(b"direct")
        print("no newline", end="")
        log.close()
    assert terminal() == ("", "")


def test_what_a_step_left_behind_prints_later_stays_in_its_log(terminal, log_of):
    before = sys.stdout, sys.stderr
    log, later = log_of("left"), threading.Event()

    def step():
        with bind(log, "run", "left", 1):
            later.wait(60)
            print("hidden")

    thread = threading.Thread(target=step)
    try:
        with capture_output() as capture:
            thread.start()
            capture.stays = True
        later.set()
        thread.join()
        print("said")
        assert terminal() == ("said\n", "")
        # The next run takes over what is there, and leaves nothing of it.
        with capture_output(run_log=log_of("run")):
            print("of the next run")
        assert (sys.stdout, sys.stderr) == before
    finally:
        sys.stdout, sys.stderr = before
    assert text_of(log) == "hidden\n"


def test_when_a_run_breaks_its_steps_still_print_into_their_logs(terminal, log_of):
    before = sys.stdout, sys.stderr
    log = log_of("going on")
    try:
        with pytest.raises(RuntimeError), capture_output():
            raise RuntimeError("broken")
        with bind(log, "run", "going on", 1):
            print("hidden")
        assert terminal() == ("", "")
    finally:
        sys.stdout, sys.stderr = before
