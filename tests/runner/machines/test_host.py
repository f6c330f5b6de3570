"""Nodes in a process of their own: called, stopped, ended with all they start, and told about."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from textwrap import dedent
from threading import Thread

import pytest

from framework0.errors import Framework0Error, LibraryError
from framework0.runner.machines import ProcessHost
from framework0.stepengine import Call, Fault
from tests.stepengine.libraries import node_text, write_library


def call(name, method="step_execute", timeout=None, visit=1, attempt=1):
    return Call(name, f"step_node_{name}", method, visit, attempt, timeout)


@pytest.fixture
def alive(tmp_path, monkeypatch):
    """A pipe that processes of nodes hold open; returns what waits until none of them lives."""
    path = tmp_path / "alive"
    os.mkfifo(path)
    monkeypatch.setenv("ALIVE", str(path))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait_for(word, seconds=300):
        ready, _, _ = select.select([reader], [], [], seconds)
        assert ready, f"nothing within {seconds} s"
        assert os.read(reader, 100) == word

    yield wait_for
    os.close(reader)


STUBBORN = """
import os, signal, time
descriptor = os.open(os.environ["ALIVE"], os.O_WRONLY)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(descriptor, b"begun")
    time.sleep(600)
time.sleep(600)
"""


def test_nodes_are_called_in_a_process_whose_folder_is_the_instance(host_of, instance):
    host = host_of(node_text("a", execute="import os; return f'{os.getpid()} {os.getcwd()}'"))
    [facts] = host.describe()
    assert (facts.name, facts.module) == ("a", "step_node_a")
    first, second = (host.call(call("a")).value.split() for _ in range(2))
    assert first == second, "the library is imported once"
    assert int(first[0]) != os.getpid()
    assert first[1] == str(instance)


def test_a_node_is_told_visit_and_attempt_and_the_environment_given(host_of):
    body = "import os; return ' '.join(os.environ[n] for n in ('OCTO_STEP_VISIT', 'OCTO_STEP_ATTEMPT', 'MINE'))"
    host = host_of(node_text("a", execute=body), env={"MINE": "yes"})
    assert host.describe()
    assert host.call(call("a", visit=7, attempt=3)).value == "7 3 yes"


def test_what_nodes_print_is_there_in_order_when_the_call_has_ended(host_of):
    body = "import os, sys; print('one'); os.system('echo two'); print('three', file=sys.stderr)"
    host = host_of(node_text("a", execute=body))
    host.describe()
    host.call(call("a"))
    assert host.text() == "one\ntwo\nthree\n"


def test_more_output_than_a_pipe_holds_does_not_stop_a_node(host_of):
    host = host_of(node_text("a", execute="print('x' * 500_000)"))
    host.describe()
    assert host.call(call("a", timeout=600)).fault is None
    assert len(host.text()) == 500_001


@pytest.mark.slow
def test_a_call_that_runs_too_long_is_ended_with_all_it_started(host_of, alive):
    host = host_of(node_text("a", execute=STUBBORN), node_text("b", execute="return 5"))
    host.describe()
    answer = host.call(call("a", timeout=3.0))
    assert answer.fault == Fault("timeout", "ran longer than its timeout of 3 s")
    alive(b"begun")
    alive(b"")
    assert host.call(call("b")).value == 5, "the next call gets another process"


@pytest.mark.slow
def test_a_call_that_is_stopped_is_ended_with_all_it_started_and_none_follows(host_of, alive):
    host = host_of(node_text("a", execute=STUBBORN))
    host.describe()
    answers = []
    thread = Thread(target=lambda: answers.append(host.call(call("a"))))
    thread.start()
    alive(b"begun")
    host.stop()
    thread.join(300)
    assert answers[0].fault.kind == "cancelled"
    alive(b"")
    assert host.call(call("a")).fault.kind == "cancelled"


@pytest.mark.slow
def test_a_node_that_is_stopped_may_still_put_things_in_order(host_of, alive, instance):
    body = """
    import os, time
    try:
        descriptor = os.open(os.environ["ALIVE"], os.O_WRONLY)
        os.write(descriptor, b"begun")
        time.sleep(600)
    finally:
        open("tidied", "w").close()
    """
    # It has a second for that, which a busy machine may spend on others.
    for _ in range(20):
        host = host_of(node_text("a", execute=body))
        host.describe()
        thread = Thread(target=host.call, args=(call("a"),))
        thread.start()
        alive(b"begun")
        host.stop()
        thread.join(300)
        alive(b"")
        if (instance / "tidied").exists():
            break
    assert (instance / "tidied").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import os; os._exit(3)", "its process ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "its process was killed by SIGKILL"),
    ],
)
def test_a_node_that_ends_its_process_has_died_and_the_next_call_is_made(host_of, body, words):
    host = host_of(node_text("a", execute=body), node_text("b", execute="return 5"))
    host.describe()
    fault = host.call(call("a")).fault
    assert (fault.kind, fault.message.startswith(words)) == ("died", True)
    assert host.call(call("b")).value == 5


def test_a_fault_says_where_in_the_node_it_was(host_of, tmp_path):
    host = host_of(node_text("a", execute="raise ValueError('stuck')"))
    host.describe()
    fault = host.call(call("a")).fault
    assert (fault.kind, fault.message) == ("ValueError", "stuck")
    assert fault.where.startswith(f"{tmp_path}/nodes/step_node_a.py:")


def test_a_fork_that_comes_back_out_of_a_node_ends_there(host_of):
    host = host_of(node_text("a", execute="import os; os.fork(); return 5"))
    host.describe()
    assert [host.call(call("a")).value for _ in range(3)] == [5, 5, 5]


def test_every_problem_of_a_library_travels_with_its_place(host_of, tmp_path):
    host = host_of(step_node_a="import nowhere\n", step_node_b="class b(:\n")
    with pytest.raises(LibraryError) as raised:
        host.describe()
    places = {str(problem.place).rpartition("/")[2] for problem in raised.value.problems}
    assert {place.partition(":")[0] for place in places} == {"step_node_a.py", "step_node_b.py"}
    assert all("nodes" in str(problem.place) for problem in raised.value.problems)


def test_a_library_that_ends_its_process_on_import_is_told(host_of):
    host = host_of(step_node_a="import os\nos._exit(4)\n")
    with pytest.raises(Framework0Error, match="could not be imported: its process ended with exit"):
        host.describe()


def test_an_instance_whose_folder_is_gone_is_told(tmp_path):
    library = write_library(tmp_path / "nodes", node_text("a"))
    host = ProcessHost(library, tmp_path / "gone")
    try:
        with pytest.raises(Framework0Error, match="cannot be entered"):
            host.describe()
    finally:
        host.close()


def test_what_a_node_has_left_running_is_gone_once_the_host_is_closed(host_of, alive):
    body = """
    import os, subprocess, sys
    subprocess.Popen([sys.executable, "-c", "import os, time; d = os.open(os.environ['ALIVE'], os.O_WRONLY); os.write(d, b'begun'); time.sleep(600)"], start_new_session=True)
    """
    host = host_of(node_text("a", execute=body))
    host.describe()
    assert host.call(call("a")).fault is None
    alive(b"begun")
    host.close()
    alive(b"")


@pytest.mark.slow
def test_nodes_die_with_the_engine(tmp_path, instance, alive):
    library = write_library(tmp_path / "nodes", node_text("a", execute=STUBBORN))
    program = dedent(f"""
        from pathlib import Path
        from framework0.runner.machines import ProcessHost
        from framework0.stepengine import Call
        host = ProcessHost(Path({str(library)!r}), Path({str(instance)!r}))
        host.describe()
        host.call(Call("a", "step_node_a", "step_execute", 1, 1, None))
        """)
    engine = subprocess.Popen([sys.executable, "-c", program])
    try:
        alive(b"begun")
    finally:
        engine.kill()
        engine.wait()
    alive(b"")
