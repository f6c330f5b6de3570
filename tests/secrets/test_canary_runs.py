"""A canary secret in real runs: it is in no file, no output, no trace, no figure and no process list."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from framework0.secrets import Masker
from tests.conftest import REPOSITORY
from tests.secrets import leaking_steps
from tests.secrets.test_canary import CANARY, FORBIDDEN
from tests.telemetry.collector import Collector

pytestmark = pytest.mark.usefixtures("unmeasured")

MASKER = Masker([CANARY])

SHELL_WAYS = {
    "an environment": "{type: shell, shell: true, command: 'printf %s \"$T\"; printf %s \"$T\" >&2', env: {T: '${{ inputs.token }}'}}",
    "a command": "{type: shell, shell: true, command: 'echo ${{ inputs.token }}'}",
    "a word": "{type: shell, command: [echo, '${{ inputs.token }}']}",
}

EXPRESSION_WAYS = {
    "an expression's error": "{module: builtins, function: print, args: ['${{ inputs.token + 1 }}']}",
    "a number of it": "{module: builtins, function: print, args: ['${{ int(inputs.token) }}']}",
    "a condition": "{module: builtins, function: print, when: \"inputs.token == 'x' or int(inputs.token) == 1\"}",
    "items": "{module: builtins, function: print, args: ['${{ item }}'], foreach: ['${{ inputs.token }}', b]}",
    "a recipe's inputs": "{type: recipe, recipe: inner.yaml, args: {url: 'https://u:${{ inputs.token }}@h'}}",
    "a cached result": "{module: leaking_steps, function: take, args: {token: '${{ inputs.token }}', way: a result}, cache: true}",
}

INNER = """
metadata: {name: inner}
inputs:
  url: {type: string}
steps:
  - {name: show, module: builtins, function: print, args: ["${{ inputs.url }}"]}
  - {name: fail, module: leaking_steps, function: take, args: {token: "${{ inputs.url }}", way: an exception}}
"""


def steps_of(executor):
    """Yield (name, the step as YAML) for every way."""
    for function, ways in (
        ("take", leaking_steps.WAYS),
        ("take_context", leaking_steps.CONTEXT_WAYS),
    ):
        for way in ways:
            args = json.dumps({"way": way, "token": "${{ inputs.token }}"})
            yield way, (
                f"{{module: leaking_steps, function: {function}, args: {args}, executor: {executor}}}"
            )
    if executor == "thread":
        yield from SHELL_WAYS.items()
        yield from EXPRESSION_WAYS.items()


def recipe_of(executor):
    lines = ["metadata: {name: leaky}", "order: graph"]
    lines += ["inputs:", "  token: {type: string, secret: true, env: CANARY}", "steps:"]
    for name, body in steps_of(executor):
        lines.append(f"  - {{name: {json.dumps(name)}, continue_on_error: true, {body[1:]}")
    return "\n".join(lines) + "\n"


def leaks(content):
    """Return what of the secret is in bytes."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    found = [piece for piece in [CANARY, *FORBIDDEN] if piece.encode() in content]
    return found or (["in another form"] if MASKER.is_in(content) else [])


class ProcessList:
    """Looks at the arguments of every process again and again while a run lasts."""

    def __init__(self):
        self.seen = set()
        self.looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.is_set():
            self.looks += 1
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        self.seen.add((entry / "cmdline").read_bytes())
                    except OSError:
                        continue
            # Often enough to meet a command, which lives for longer than a tenth of a second.
            self._over.wait(0.02)


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / ".framework0").mkdir(mode=0o700)
    shutil.copy(REPOSITORY / "tests" / "secrets" / "leaking_steps.py", folder)
    (folder / "inner.yaml").write_text(INNER, encoding="utf-8")
    return folder


@pytest.fixture
def command(workspace):
    def run(*words, env=None):
        return subprocess.run(
            [sys.executable, "-m", "framework0", *words],
            cwd=workspace,
            env={**os.environ, "CANARY": CANARY, "TMPDIR": str(workspace), **(env or {})},
            capture_output=True,
            timeout=300,
            check=False,
        )

    return run


def test_there_are_enough_ways():
    assert len(dict(steps_of("thread"))) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["thread", "process"])
@pytest.mark.parametrize("words", [("--json",), ("--log-format", "json", "--debug"), ("--debug",)])
def test_a_secret_is_nowhere_after_a_run_that_leaks_in_every_way(
    command, workspace, executor, words
):
    (workspace / "leaky.yaml").write_text(recipe_of(executor), encoding="utf-8")
    collector = Collector()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    with ProcessList() as processes:
        ended = command("run", "leaky.yaml", "--metrics-file", "leaky.prom", *words, env=env)
        again = command("rerun", *words, env=env)
    collector.close()
    said = {"run": ended, "rerun": again}
    for verb in ("show", "why", "runs", "logs", "show --context", "artifacts list"):
        for more in ((), ("--json",)):
            said[f"{verb} {more}"] = command(*verb.split(), *more)
    names = [name for name, _ in steps_of(executor)]
    # What is told of one step alone is made of what the run has left, however it was told of meanwhile.
    for name in names if words == ("--json",) else names[:1]:
        said[f"why {name}"] = command("why", name)
    found = {}
    for name, one in said.items():
        assert b"Traceback" not in one.stderr or name in {"run", "rerun"}, one.stderr.decode()
        if bad := leaks(one.stdout) + leaks(one.stderr):
            found[name] = bad
    for path in workspace.rglob("*"):
        if path.is_file() and (bad := leaks(path.read_bytes())):
            found[str(path.relative_to(workspace))] = bad
    if bad := leaks(collector.raw):
        found["collector"] = bad
    if bad := [line for line in processes.seen if leaks(line)]:
        found["process list"] = bad
    assert found == {}
    # The controls: it has really run, been told of, and been looked at.
    assert collector.raw.count(b"***") > 5
    assert processes.looks > 5
    assert any(b"leaky.yaml" in line for line in processes.seen)
    assert len(json.loads(said["show ('--json',)"].stdout)["steps"]) >= len(names)
