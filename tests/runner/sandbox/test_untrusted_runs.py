"""The untrusted mode as a person meets it: what it refuses, what it keeps over a resume, what it bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework0.errors import RefusedError
from framework0.runner.processes.tail import Budget
from framework0.runner.sandbox.plan import environment, plan_for
from framework0.runner.sandbox.probing import missing_layers

pytestmark = pytest.mark.slow

STEPS = """
import os, socket, time
from pathlib import Path

def who():
    return os.getuid()

def fails_once():
    raise ValueError("not yet")

def prints_much():
    for _ in range(400):
        print("x" * 100_000)

def says_much():
    for name in os.listdir("/proc/self/fd"):
        try:
            line = socket.socket(fileno=os.dup(int(name)))
            line.sendall((70_000_000).to_bytes(4, "big") + bytes(1000))
        except OSError:
            continue
    time.sleep(60)

def variables():
    return sorted(os.environ)

def waits():
    if os.fork() == 0:
        os.setsid()
    time.sleep(600)

def writes(path):
    Path(path).write_text("x")
"""

WITHOUT_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
BEFORE = ("unshare", "-Ur", "sh", "-c", WITHOUT_NAMESPACES, "sh")


@pytest.fixture
def space(tmp_path):
    folder = tmp_path / "space"
    folder.mkdir()
    (folder / "framework0.toml").write_text("")
    (folder / "steps.py").write_text(STEPS)
    return folder


@pytest.fixture
def has_all(space):
    return not missing_layers(plan_for(space, space / ".framework0", [], []))


def command(space, *words, before=(), env=None):
    return subprocess.run(
        [*before, sys.executable, "-m", "framework0", *words],
        cwd=space,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def write(space, *steps, head=""):
    lines = "\n".join(f"  - {step}" for step in steps)
    (space / "r.yaml").write_text(f"metadata: {{name: r}}\n{head}steps:\n{lines}\n")


def call(function, more=""):
    return f"{{name: {function}, idx: 1, type: python, module: steps, function: {function}{more}}}"


def ended(done, step):
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "step_finished" and event["step"] == step:
            return event
    raise AssertionError((done.stdout, done.stderr))


@pytest.mark.parametrize("executor", ["thread", "serial"])
def test_an_executor_of_the_runner_is_refused_with_its_place(space, executor):
    write(space, call("who", f", executor: {executor}"))
    done = command(space, "run", "--untrusted", "r.yaml")
    assert done.returncode == 5
    assert "r.yaml:3:6" in done.stderr
    assert executor in done.stderr


def test_an_executor_asked_for_in_the_command_is_refused(space):
    write(space, call("who"))
    done = command(space, "run", "--untrusted", "--executor", "thread", "r.yaml")
    assert done.returncode == 5
    assert "leave --executor out" in done.stderr


def test_a_recipe_within_the_recipe_is_refused(space):
    (space / "inner.yaml").write_text("metadata: {name: i}\nsteps:\n  - " + call("who") + "\n")
    write(space, "{name: inner, idx: 1, type: recipe, recipe: inner.yaml}")
    done = command(space, "run", "--untrusted", "r.yaml")
    assert done.returncode == 5
    assert "runs another recipe" in done.stderr


def test_a_workspace_that_is_or_holds_the_home_folder_is_refused(tmp_path, monkeypatch):
    home = tmp_path / "people" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for root in (home, tmp_path):
        with pytest.raises(RefusedError, match="home folder"):
            plan_for(root, root / ".framework0", [], [])


def test_a_missing_namespace_is_refused_by_name_and_with_exit_code_5(space):
    write(space, call("who"))
    done = command(space, "run", "--untrusted", "r.yaml", before=BEFORE)
    assert done.returncode == 5, done.stderr
    assert "namespaces" in done.stderr
    assert "best-effort" in done.stderr


def test_best_effort_says_loudly_what_is_missing_and_landlock_still_stands(space):
    beside = Path.home() / f".escape-{os.getpid()}"
    write(space, call("writes", f", args: {{path: {beside}}}"))
    done = command(space, "run", "--untrusted=best-effort", "r.yaml", "--json", before=BEFORE)
    assert "NOT kept in" in done.stderr
    assert "own root: needs the namespaces" in done.stderr
    written = beside.exists()
    beside.unlink(missing_ok=True)
    assert written == ("Landlock:" in done.stderr), (done.stdout, done.stderr)


def test_a_resumed_run_keeps_its_walls(space, has_all):
    write(space, call("fails_once"))
    done = command(space, "run", "--untrusted", "r.yaml")
    if not has_all:
        assert done.returncode == 5
        return
    assert done.returncode == 1
    mended = STEPS.replace('raise ValueError("not yet")', "return os.getuid()")
    (space / "steps.py").write_text(mended)
    done = command(space, "resume", "--as-recorded", "--json")
    assert ended(done, "fails_once")["result"] == 1000


def test_what_a_step_prints_is_bounded(space, has_all):
    write(space, call("prints_much"))
    done = command(space, "run", "--untrusted", "r.yaml")
    if not has_all:
        assert done.returncode == 5
        return
    assert done.returncode == 0
    (log,) = space.glob(".framework0/runs/*/logs/00001.1.log")
    assert log.stat().st_size < 17 << 20
    assert "printed more than it may" in log.read_bytes()[-200:].decode()


def test_what_a_step_says_to_the_runner_is_bounded(space, has_all):
    write(space, call("says_much"))
    done = command(space, "run", "--untrusted", "r.yaml")
    assert done.returncode == (1 if has_all else 5)
    assert "more to the runner than it may" in done.stderr or not has_all


def test_the_environment_is_an_allow_list_and_the_step_s_own(space, has_all):
    write(space, call("variables", ", env: {OWN: x}"))
    done = command(space, "run", "--untrusted", "r.yaml", "--json", env={"CANARY": "x"})
    if not has_all:
        assert done.returncode == 5
        return
    names = set(ended(done, "variables")["result"])
    assert names <= {*environment(), "OWN", "LC_CTYPE"}
    assert "OWN" in names


def test_a_secret_is_not_read_from_a_variable_that_only_the_recipe_names(space):
    head = "inputs:\n  CANARY: {type: string, secret: true}\n"
    write(space, call("who"), head=head)
    plain = command(space, "run", "r.yaml", env={"CANARY": "abcdefgh"})
    assert plain.returncode == 0, plain.stderr
    done = command(space, "run", "--untrusted", "r.yaml", env={"CANARY": "abcdefgh"})
    assert done.returncode == 2
    assert "CANARY" in done.stderr


def test_a_timeout_ends_all_that_is_inside(space, has_all):
    write(space, call("waits", ", timeout: 0.5s"))
    done = command(space, "run", "--untrusted", "r.yaml", "--json")
    if not has_all:
        assert done.returncode == 5
        return
    event = ended(done, "waits")
    assert event["state"] == "timed_out"
    assert event["seconds"] < 10


def test_a_budget_cuts_once_and_says_so():
    budget = Budget(10)
    assert budget.take(b"12345678") == b"12345678"
    assert budget.take(b"90ab").startswith(b"90\n[the step printed")
    assert budget.take(b"more") == b""
