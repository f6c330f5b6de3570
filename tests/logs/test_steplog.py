"""A step's log: made late, whole lines, nothing lost, nothing a disk does hurts the step."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.logs import STDERR, STDOUT, StepLog
from framework0.logs.drain import Drain
from framework0.secrets import Masker

SECRET = "tr0ub4dor&3-canary"


class Terminal:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.fixture
def log(tmp_path):
    log = StepLog(tmp_path / "logs" / "1.log")
    yield log
    log.close()


@pytest.fixture
def masked(tmp_path):
    log = StepLog(tmp_path / "masked.log", Masker([SECRET]))
    yield log
    log.close()


def text_of(log):
    return log.path.read_bytes()


def test_a_step_that_prints_nothing_leaves_no_file(log):
    log.write("")
    log.flush()
    log.close()
    assert not log.path.exists()


def test_the_folder_is_made_with_the_first_line_and_both_are_private(log):
    log.write("one\n")
    assert text_of(log) == b"one\n"
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_an_unfinished_line_waits_for_its_end_or_a_flush(log):
    log.write("one\ntw")
    assert text_of(log) == b"one\n"
    log.flush()
    assert text_of(log) == b"one\ntw"
    log.write("o\n")
    assert text_of(log) == b"one\ntwo\n"


def test_closing_writes_the_unfinished_lines_of_both_streams(log):
    log.write("out", STDOUT)
    log.write("err", STDERR)
    log.close()
    assert text_of(log) == b"outerr"


def test_lines_of_the_two_streams_never_run_into_each_other(log):
    log.write("left ", STDOUT)
    log.write("up ", STDERR)
    log.write("right\n", STDOUT)
    log.write("down\n", STDERR)
    assert text_of(log) == b"left right\nup down\n"


def test_appending_keeps_what_an_earlier_process_wrote(log):
    log.write("first\n")
    log.close()
    again = StepLog(log.path)
    again.write("second\n")
    again.close()
    assert text_of(log) == b"first\nsecond\n"


def test_a_write_after_closing_is_kept_and_holds_no_file_open(log):
    log.write("in time\n")
    log.close()
    log.write("late")
    assert text_of(log) == b"in time\nlate"
    held = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            held.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    assert str(log.path) not in held


def test_a_line_without_an_end_does_not_fill_the_memory(log):
    for _ in range(20):
        log.write("x" * 10_000)
    assert len(text_of(log)) >= 130_000


def test_bytes_that_are_not_text_reach_the_file_unchanged(log):
    log.write_bytes(b"\xff\xfe\x00 raw\n")
    assert text_of(log) == b"\xff\xfe\x00 raw\n"


def test_a_lone_surrogate_is_written_as_an_escape(log):
    log.write("\ud800 é\n")
    assert text_of(log) == "\\ud800 é\n".encode()


def test_a_child_process_writes_into_the_same_file_after_what_was_printed_before(log):
    log.write("before ")
    subprocess.run([sys.executable, "-c", "print('child')"], stdout=log.fileno(), check=True)
    log.write("after\n")
    assert text_of(log) == b"before child\nafter\n"


def test_the_first_refusal_of_the_disk_is_kept_and_hurts_nobody(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    log = StepLog(blocked / "below" / "1.log")
    log.write("lost\n")
    first = log.error
    log.write("lost too\n")
    assert isinstance(first, OSError)
    assert log.error is first
    log.close()


def test_a_full_disk_is_one_error_and_no_exception():
    log = StepLog("/dev/full")
    log.write("text\n")
    assert isinstance(log.error, OSError)
    log.close()


def test_a_log_never_follows_a_link_somebody_put_in_its_place(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "1.log").symlink_to(victim)
    log = StepLog(tmp_path / "1.log")
    log.write("text\n")
    assert victim.read_text() == "precious"
    assert isinstance(log.error, OSError)


def test_what_the_terminal_gets_is_whole_lines_with_controls_escaped(log):
    terminal = Terminal()
    log.write("\x1b]0;title\x07 part", terminal=terminal)
    assert terminal.text == ""
    log.write(" \x1b[32mgreen\x1b[0m\n", terminal=terminal)
    assert terminal.text == "\\x1b]0;title\\x07 part \x1b[32mgreen\x1b[0m\n"


def test_a_log_that_says_no_to_echo_shows_nothing(tmp_path):
    terminal = Terminal()
    log = StepLog(tmp_path / "1.log", echo=False)
    log.write("quiet\n", terminal=terminal)
    assert terminal.text == ""
    log.close()


def test_a_terminal_that_is_gone_hurts_nobody(log):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as gone:
        log.write("kept\n", terminal=gone)
        try:
            gone.close()
        except BrokenPipeError:
            assert text_of(log) == b"kept\n"
    assert text_of(log) == b"kept\n"


def test_a_secret_in_two_writes_of_one_line_is_masked(masked):
    masked.write(f"token {SECRET[:5]}")
    masked.flush()
    masked.write(f"{SECRET[5:]} end\n")
    assert text_of(masked) == b"token *** end\n"


def test_a_secret_in_two_writes_of_raw_bytes_is_masked(tmp_path):
    secret = "geheimnis-über-alles"
    log = StepLog(tmp_path / "1.log", Masker([secret]))
    raw = secret.encode()
    place = raw.index(b"\xc3") + 1
    log.write_bytes(b"a " + raw[:place])
    log.write_bytes(raw[place:] + b" z\n")
    log.close()
    assert text_of(log) == b"a *** z\n"


def test_a_secret_across_the_limit_of_a_held_line_is_masked(masked):
    for length in (65_530, 65_525, 10):
        masked.write("x" * length)
        masked.write(SECRET)
    masked.close()
    assert SECRET.encode() not in text_of(masked)
    assert text_of(masked).count(b"***") == 3


def test_what_a_child_writes_is_masked_too(masked):
    code = f"import sys; print('child', {SECRET!r}); sys.stdout.flush(); print('end')"
    subprocess.run([sys.executable, "-c", code], stdout=masked.fileno(), check=True)
    assert masked.fileno() == masked.fileno()
    masked.close()
    assert text_of(masked) == b"child ***\nend\n"


def test_closing_does_not_wait_for_a_grandchild_that_keeps_the_pipe(masked, monkeypatch):
    monkeypatch.setattr("framework0.logs.drain.CLOSE_SECONDS", 0.05)
    with subprocess.Popen(
        [sys.executable, "-c", "print('hi', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=masked.fileno(),
    ) as child:
        masked.close()
        child.communicate(b"\n")


def test_threads_of_one_step_never_tear_each_others_lines(log):
    def work(letter):
        for _ in range(200):
            log.write(letter * 50 + "\n")

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = text_of(log).decode().splitlines()
    assert len(lines) == 800
    assert all(re.fullmatch(r"(.)\1{49}", line) for line in lines)


def test_it_names_its_file(log):
    assert repr(log) == f"StepLog({str(log.path)!r})"


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=30))
def test_whatever_the_pieces_the_file_holds_their_sum(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("log") / "1.log"
    log = StepLog(path)
    for piece in pieces:
        log.write(piece)
    log.close()
    found = path.read_bytes().decode() if path.exists() else ""
    assert found == "".join(pieces)


@pytest.mark.slow
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.booleans())
def test_however_a_secret_is_cut_into_writes_it_is_masked(tmp_path_factory, cuts, flush):
    path = tmp_path_factory.mktemp("log") / "1.log"
    log = StepLog(path, Masker([SECRET]))
    text = f"before {SECRET} after\n"
    for cut in cuts:
        log.write(text[:cut])
        text = text[cut:]
        if flush:
            log.flush()
    log.write(text)
    log.close()
    assert path.read_text() == "before *** after\n"


def test_what_was_written_before_the_end_is_kept_however_long_that_takes(monkeypatch):
    """On a machine so busy that the second for the pipe's end passes before its thread gets a turn."""
    monkeypatch.setattr("framework0.logs.drain.CLOSE_SECONDS", 0.01)
    kept, turn = [], threading.Event()

    def busy(data):
        turn.wait()
        kept.append(data)

    drain = Drain(busy)
    # As a grandchild does that lives on.
    held = os.dup(drain.fileno())
    os.write(drain.fileno(), b"first\n")
    os.write(drain.fileno(), b"last\n")
    closing = threading.Thread(target=drain.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    turn.set()
    closing.join(120)
    assert not closing.is_alive()
    assert b"".join(kept) == b"first\nlast\n"
    os.close(held)
