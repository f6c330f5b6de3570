"""A Python step in a process of its own: what goes in, what comes out, what a step can do to itself."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time

import pytest

from framework0.errors import ValueRefused, VersionConflict
from framework0.recipe import Policy
from framework0.runner import CANCELLED, FAILED, SUCCEEDED
from tests.runner.processes.conftest import PATIENCE, sooner_or_later


def test_arguments_go_in_and_the_result_comes_out(bench):
    body = "def step(a, b=2): return {'sum': a + b, 'pid': os.getpid()}"
    outcome = bench.run(body, args={"a": 1, "b": 4})
    assert outcome.state == SUCCEEDED
    assert outcome.result["sum"] == 5
    assert outcome.result["pid"] != os.getpid()
    assert outcome.seconds > 0
    assert outcome.cpu_seconds > 0
    assert outcome.peak_memory > 1_000_000


def test_bytes_written_to_a_device_are_counted(bench, tmp_path):
    text = f"open({str(tmp_path / 'theirs')!r}, 'wb').write(bytes(8_000_000))"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_oublock
    (tmp_path / "ours").write_bytes(bytes(8_000_000))
    # As the kernel counts them here: nothing on a memory file system.
    wanted = (resource.getrusage(resource.RUSAGE_SELF).ru_oublock - before) * 512
    outcome = bench.run(f"def step(): {text}")
    assert abs(outcome.written_bytes - wanted) < 1_000_000
    assert outcome.read_bytes >= 0


def test_positional_arguments_and_none_work_too(bench):
    assert bench.run("def step(*all): return list(all)", args=(1, [2])).result == [1, [2]]
    assert bench.run("def step(): return None").state == SUCCEEDED


def test_a_scriptlet_gets_context_and_params(bench):
    body = """
from scriptlets.framework import BaseScriptlet
class step(BaseScriptlet):
    def run(self, context, params):
        self.progress(1, 2)
        context.set("seen", params["x"])
        return {"status": "ok", "attempt": self.attempt}
"""
    seen = []
    job = bench.job(body, args={"x": 7}, progress=lambda done, total: seen.append((done, total)))
    outcome = bench.start(job).get(timeout=PATIENCE)
    assert outcome.failure is None
    assert outcome.result == {"status": "ok", "attempt": 1}
    assert job.context == {"seen": 7}
    assert seen == [(1, 2)]


def test_an_async_step_runs(bench):
    assert (
        bench.run("import asyncio\nasync def step(): await asyncio.sleep(0); return 3").result == 3
    )


def test_context_calls_arrive_in_the_order_of_the_step(bench):
    body = """
def step(context):
    for number in range(50):
        context.set("n", number)
        assert context.get("n") == number
    context.delete("n")
    return [context.get("n", "none"), context.delete("n"), context.keys("**"), context.set("last", None), context.get("last", 5)]
"""
    job = bench.job(body)
    outcome = bench.start(job).get(timeout=PATIENCE)
    assert outcome.failure is None
    assert outcome.result[:3] == ["none", False, []]
    assert outcome.result[4] is None
    expected = [call for n in range(50) for call in (("set", "n", n), ("get", "n"))]
    assert job.context.calls[:100] == expected


def test_threads_of_a_step_share_the_context_without_mixing_answers(bench):
    body = """
import threading
def step(context):
    wrong = []
    def work(name):
        for number in range(100):
            context.set(name, [name, number])
            if context.get(name) != [name, number]: wrong.append(name)
    threads = [threading.Thread(target=work, args=(f"k{i}",)) for i in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    return wrong
"""
    assert bench.run(body).result == []


def test_errors_of_the_context_reach_the_step_as_themselves(bench):
    class Refusing(dict):
        def get(self, key, default=None):
            raise VersionConflict(key, 1, 2)

        def set(self, key, value):
            raise ValueRefused("too large here", path="rows[3]")

        def delete(self, key):
            raise TypeError("keys are text")

        def keys(self, pattern="*"):
            return []

    body = """
from framework0.errors import ContextError, ValueRefused
def step(context):
    caught = []
    for call in (lambda: context.set("a", 1), lambda: context.set("a", {1}), lambda: context.get("a"), lambda: context.delete("a")):
        try: call()
        except ValueRefused as e: caught.append(["refused", e.path, str(e)])
        except ContextError as e: caught.append([type(e).__name__, "", str(e)])
    return caught
"""
    refused, local, conflict, wrong_type = bench.run(body, context=Refusing()).result
    assert refused == ["refused", "rows[3]", "too large here"]
    assert local[0] == "refused"
    assert "set" in local[2]
    assert conflict[0] == "ContextError"
    assert "version 2" in conflict[2]
    assert wrong_type == ["ContextError", "", "keys are text"]


def test_a_run_without_a_context_says_so(bench):
    outcome = bench.run("def step(context): context.get('x')", context=None)
    assert outcome.failure.message == "this run has no context"


def test_a_process_that_the_step_forked_cannot_garble_the_context(bench):
    body = """
def step(context):
    read, write = os.pipe()
    if os.fork() == 0:
        try: context.get("x")
        except Exception as error: os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    return os.read(read, 1000).decode()
"""
    assert "a process that the step started" in bench.run(body).result


def test_a_fork_that_comes_back_out_of_the_step_gives_no_second_outcome(bench):
    body = "def step():\n    pid = os.fork()\n    return 'child' if pid == 0 else os.waitpid(pid, 0) and 'parent'"
    assert bench.run(body).result == "parent"


@pytest.mark.parametrize("bench", ["alone"], indirect=True)
@pytest.mark.parametrize(
    ("value", "path"),
    [("{'rows': [1, {2}]}", "rows[1]"), ("float('nan')", "nan"), ("object()", "object")],
)
def test_a_result_that_is_not_json_fails_the_step_naming_the_path(bench, value, path):
    outcome = bench.run(f"def step(): return {value}")
    assert outcome.state == FAILED
    assert outcome.failure.kind == "result"
    assert path in outcome.failure.message


def test_success_keys_are_judged(bench):
    policy = Policy(success_keys=("made",))
    assert bench.run("def step(): return 1", policy=policy).failure.kind == "success_keys"
    assert bench.run("def step(context): context.set('made', 1)", policy=policy).state == SUCCEEDED


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("def step(): raise KeyError('x')", "KeyError", "'x'"),
        ("def step(): sys.exit(3)", "SystemExit", "sys.exit(3)"),
        ("def step(): raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("def step(): os._exit(3)", "exit", "ended with exit code 3 before it gave a result"),
        ("def step(): os._exit(0)", "exit", "ended with exit code 0 before it gave a result"),
        ("def step(): os.kill(os.getpid(), 9)", "exit", "killed by SIGKILL (often the kernel"),
        ("def step(): os.kill(os.getpid(), 15); time.sleep(60)", "cancelled", "told to stop"),
        ("def step(): os.kill(os.getpid(), 40)", "exit", "killed by signal 40"),
        ("import ctypes\ndef step(): ctypes.string_at(0)", "exit", "killed by SIGSEGV"),
        ("1 / 0\ndef step(): pass", "ScriptletError", "division"),
        ("def steep(): pass", "ScriptletError", "steep"),
    ],
)
def test_every_way_to_end_badly_is_told_apart(bench, body, kind, message):
    outcome = bench.run(body)
    assert outcome.state in (FAILED, CANCELLED)
    assert outcome.failure.kind.rpartition(".")[2] == kind
    assert message in outcome.failure.message


def test_a_users_traceback_names_their_file_and_line(bench):
    failure = bench.run("def step():\n    raise ValueError('here')").failure
    assert failure.where.endswith(".py:10")
    assert "Exception" in failure.bases
    assert "child.py" not in failure.trace


HOSTILE = """
import resource, signal, threading
def step():
    os.chdir("/"); os.environ.clear(); os.umask(0o777); sys.setrecursionlimit(50)
    sys.path.clear(); sys.modules.pop("json", None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    threading.Thread(target=time.sleep, args=(600,)).start()
    sys.stdout.close(); sys.stderr = None; os.close(1)
    return "done"
"""


def test_what_a_step_does_to_its_process_does_not_hurt_the_next(bench):
    assert bench.run(HOSTILE).result == "done"
    body = "import json\ndef step(): print('hello'); return [os.getcwd(), bool(os.environ), sys.getrecursionlimit()]"
    assert bench.run(body).result == [os.getcwd(), True, 1000]
    assert bench.log() == "hello\n"


def test_output_of_step_and_children_goes_to_the_log(bench):
    body = """
import subprocess
def step():
    print("one"); sys.stderr.write("two\\n"); os.write(1, b"three\\n")
    subprocess.run(["echo", "four"], check=True)
    print("unfinished \\udc80 é", end="")
"""
    assert bench.run(body).failure is None
    assert bench.log() == "one\ntwo\nthree\nfour\nunfinished \\udc80 é"


def test_what_a_killed_step_printed_is_in_the_log(bench):
    bench.run("def step(): print('last words'); os.kill(os.getpid(), 9)")
    assert bench.log() == "last words\n"


def test_without_a_log_output_goes_nowhere(bench, capfd):
    job = bench.job("def step(): print('lost'); return 1", log=None)
    assert bench.start(job).get(timeout=PATIENCE).result == 1
    assert capfd.readouterr().out == ""


def test_standard_input_is_empty(bench):
    assert bench.run("def step(): return sys.stdin.read()").result == ""


def test_environment_and_folder_are_those_of_the_step(own_bench, tmp_path, monkeypatch):
    bench = own_bench
    monkeypatch.setenv("FROM_THE_RUNNER", "now")
    folder = tmp_path / "sub folder"
    folder.mkdir()
    body = "def step(): return [os.environ['MINE'], os.environ['FROM_THE_RUNNER'], os.getcwd()]"
    outcome = bench.run(body, env={"MINE": "a b\n"}, cwd=str(folder))
    assert outcome.result == ["a b\n", "now", str(folder)]


def test_variables_that_python_reads_at_its_start_count(bench):
    body = (
        "def step(): return [hash('a'), sys.flags.hash_randomization, os.environ['PYTHONHASHSEED']]"
    )
    first, second = (bench.run(body, env={"PYTHONHASHSEED": "0"}).result for _ in range(2))
    assert first == second
    assert first[1:] == [0, "0"]


def test_a_folder_that_is_not_there_is_named(bench):
    outcome = bench.run("def step(): pass", cwd="/no/such/place")
    assert outcome.state == FAILED
    assert outcome.failure.kind == "FileNotFoundError"
    assert "'/no/such/place' cannot be entered" in outcome.failure.message


def test_a_users_module_named_like_a_standard_one_hurts_nobody(own_bench, monkeypatch, tmp_path):
    (tmp_path / "socket.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "json.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    assert own_bench.run("def step(): return 1").failure is None


def test_exit_functions_run_and_cannot_hang_the_step(own_bench):
    bench = own_bench
    body = "import atexit\ndef step():\n    atexit.register(time.sleep, 600); atexit.register(print, 'bye'); return 1"

    def attempt():
        assert bench.run(body).result == 1
        return bench.kind == "pool" or bench.log() == "bye\n"

    # They have a second, which may pass before they have the processor.
    sooner_or_later(attempt)
    if bench.kind == "pool":
        # They belong to the worker and run at its end, which they cannot put off.
        started = time.monotonic()
        bench.executor.close()
        assert time.monotonic() - started < 100


def test_one_worker_runs_a_chain_that_report_hands_on(bench):
    jobs = [bench.job("def step(): return os.getppid()") for _ in range(3)]
    waiting, names, done = list(jobs[1:]), [], threading.Event()

    def report(job, outcome):
        assert outcome.state == SUCCEEDED
        names.append((job.name, threading.current_thread().name))
        if waiting:
            return waiting.pop(0)
        done.set()
        return None

    bench.executor.submit(jobs[0], report)
    assert done.wait(PATIENCE)
    assert [name for name, _ in names] == [job.name for job in jobs]
    assert len({thread for _, thread in names}) == 1


def test_a_masked_log_never_holds_the_secret(bench, tmp_path):
    from framework0.logs import StepLog
    from framework0.secrets import Masker

    log = StepLog(tmp_path / "masked.log", Masker(["hunter2-long-enough"]))
    body = "def step(): os.write(1, b'pass hunter2-long'); os.write(1, b'-enough!\\n')"
    job = bench.job(body, log=log)
    assert bench.start(job).get(timeout=PATIENCE).failure is None
    log.close()
    text = (tmp_path / "masked.log").read_text()
    assert "hunter2" not in text
    assert text.startswith("pass ")


def test_interpreter_options_are_kept(bench):
    assert bench.run("def step(): return sys.flags.optimize").result == sys.flags.optimize


def test_a_registered_kind_of_step_is_found_among_the_plugins(own_bench, tmp_path):
    bench = own_bench
    plugins = tmp_path / "scriptlets" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "greet.py").write_text(
        "from scriptlets.framework import BaseScriptlet, register_scriptlet\n"
        "@register_scriptlet(name='greet')\n"
        "class Greet(BaseScriptlet):\n"
        "    def run(self, context, params): return {'hello': params['name']}\n"
    )
    job = bench.job(args={"name": "you"})
    job.step.kind = "greet"
    outcome = bench.start(job).get(timeout=PATIENCE)
    assert outcome.failure is None
    assert outcome.result == {"hello": "you"}
