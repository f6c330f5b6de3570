"""Commands: word by word, their exit code judged, their output kept."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from framework0 import run_recipe
from framework0.errors import RecipeError
from framework0.recipe import Policy
from framework0.runner import FAILED, SUCCEEDED
from framework0.runner.processes.answers import answer
from framework0.runner.processes.tail import KEPT

ECHO = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
HOSTILE_WORDS = ["$(touch x)", ";ls", "a\nb", "-rf", "`id`", "*", "", "'\"\\", "é\U0001f40d", " "]


def test_words_reach_the_command_byte_for_byte(bench):
    outcome = bench.run(command=(sys.executable, "-c", ECHO, *HOSTILE_WORDS))
    assert outcome.state == SUCCEEDED
    assert outcome.result["stdout"].split("\0") == HOSTILE_WORDS


def test_words_reach_a_python_step_byte_for_byte(bench):
    outcome = bench.run("def step(words):\n    return words\n", args={"words": HOSTILE_WORDS})
    assert outcome.result == HOSTILE_WORDS


def test_words_in_the_environment_reach_a_python_step_byte_for_byte(bench):
    body = "def step():\n    return {n: v for n, v in os.environ.items() if n.startswith('W_')}\n"
    env = {f"W_{at}": word for at, word in enumerate(HOSTILE_WORDS)}
    assert bench.run(body, args={}, env=env).result == env


RECIPE = """
steps:
  - name: words
    type: shell
    foreach: {items: "${{ inputs.words }}"}
    command: [PYTHON, "-c", "ECHO", "${{ item }}"]
  - name: variables
    type: shell
    foreach: {items: "${{ inputs.words }}"}
    env: {WORD: "${{ item }}"}
    shell: true
    command: printf "%s" "$WORD"
inputs:
  words: {type: list}
"""


@pytest.mark.slow
def test_values_of_a_run_reach_its_commands_byte_for_byte_and_start_nothing(tmp_path, unmeasured):
    words = [*HOSTILE_WORDS, "--help", "$(touch marker)", "`touch marker`", "; touch marker"]
    words += ["| touch marker", "&& touch marker", "\ntouch marker\n", "' ; touch marker '"]
    recipe = tmp_path / "recipe.yaml"
    program = "import sys; sys.stdout.buffer.write(sys.argv[1].encode())"
    recipe.write_text(RECIPE.replace("PYTHON", sys.executable).replace("ECHO", program))
    (tmp_path / ".framework0").mkdir()
    result = run_recipe(recipe, workspace=tmp_path, inputs={"words": words})
    assert result.state == "succeeded", result.steps
    # Line ends at the end of what a command printed are not part of its result.
    printed = [word.rstrip("\n") for word in words]
    for step in ("words", "variables"):
        assert [one["stdout"] for one in result.steps[step].result] == printed
    assert not list(tmp_path.rglob("marker"))


def test_expressions_see_no_variable_that_is_not_allowed(tmp_path, monkeypatch):
    monkeypatch.setenv("OPEN_WORD", "shown")
    monkeypatch.setenv("HIDDEN_WORD", "never shown")
    recipe = tmp_path / "recipe.yaml"
    text = (
        'env: [OPEN_WORD]\nsteps:\n  - {name: a, type: shell, command: [echo, "${{ env.NAME }}"]}\n'
    )
    recipe.write_text(text.replace("NAME", "OPEN_WORD"))
    (tmp_path / ".framework0").mkdir()
    result = run_recipe(recipe, workspace=tmp_path)
    assert result.steps["a"].result["stdout"] == "shown"
    recipe.write_text(text.replace("NAME", "HIDDEN_WORD"))
    with pytest.raises(RecipeError, match="HIDDEN_WORD"):
        run_recipe(recipe, workspace=tmp_path)


WRITTEN = """
def step():
    import socket, stat
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                end = socket.socket(fileno=os.dup(int(name)))
                end.sendall(len(MESSAGE).to_bytes(4, "big") + MESSAGE)
        except OSError:
            continue
    return "done"
"""


@pytest.mark.parametrize("bench", ["alone"], indirect=True)
@pytest.mark.parametrize(
    "message",
    [
        b"[]",
        b"{}",
        b"1",
        b'["get"]',
        b'["outcome"]',
        b'["outcome", "acknowledged", 1, null, 0, 0, 0]',
        b'["outcome", ["succeeded"], 1, null, 0, 0, 0]',
        b'["outcome", "failed", null, [1], 0, 0, 0]',
        b'["progress"]',
        b'["refused"]',
    ],
)
def test_what_a_step_writes_into_our_line_fails_it_and_nothing_else(bench, message):
    outcome = bench.run(f"MESSAGE = {message!r}\n{WRITTEN}", args={}, progress=lambda _a, _b: None)
    assert outcome.state == FAILED
    assert "line" in outcome.failure.message
    assert bench.run("def step():\n    return 1\n", args={}).result == 1


@pytest.mark.parametrize("bench", ["alone"], indirect=True)
@pytest.mark.parametrize("word", ["__class__", "__setattr__", "close", "_context", "changes", ""])
def test_a_step_in_another_process_reaches_no_other_attribute_of_the_context(bench, word):
    job = bench.job("def step():\n    return 1\n")
    job.log.close()
    said = answer(job, word, ["a", 1])
    assert said["error"] == "ContextError"
    assert "no call" in said["message"]


def test_a_word_that_is_not_utf8_survives(bench):
    word = b"\xff\x80".decode("utf-8", "surrogateescape")
    program = "import os, sys; print(os.fsencode(sys.argv[1]).hex(), os.environb[b'W'].hex())"
    outcome = bench.run(command=(sys.executable, "-c", program, word), env={"W": word})
    assert outcome.result["stdout"] == "ff80 ff80"


def test_values_in_the_environment_reach_a_shell_unexpanded(bench):
    outcome = bench.run(command='printf "%s" "$VALUE"', env={"VALUE": "$(echo no); `id`"})
    assert outcome.result["stdout"] == "$(echo no); `id`"


def test_a_string_goes_through_the_shell(bench):
    outcome = bench.run(command="echo one | tr a-z A-Z && echo two >&2")
    assert outcome.result == {"exit_code": 0, "stdout": "ONE"}
    assert sorted(bench.log().split()) == ["ONE", "two"]


def test_the_exit_code_is_judged_by_the_accepted_ones(bench):
    policy = Policy(exit_codes=(0, 3))
    assert bench.run(command="exit 3", policy=policy).state == SUCCEEDED
    outcome = bench.run(command="echo so far; exit 4", policy=policy)
    assert outcome.state == FAILED
    assert outcome.failure.kind == "exit"
    assert outcome.failure.message == "the command ended with exit code 4, not 0 or 3"
    assert outcome.result == {"exit_code": 4, "stdout": "so far"}


def test_a_signal_is_named(bench):
    assert bench.run(command="kill -SEGV $$").failure.message == "the command was killed by SIGSEGV"


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        (("no-such-command-here",), "FileNotFoundError", 'no command "no-such-command-here"'),
        (("/etc/passwd",), "PermissionError", "cannot be started: Permission denied"),
        (("true", "x" * 3_000_000), "OSError", "cannot be started: Argument list too long"),
    ],
)
def test_a_command_that_cannot_start_says_why(bench, command, kind, message):
    outcome = bench.run(command=command)
    assert outcome.state == FAILED
    assert outcome.failure.kind == kind
    assert message in outcome.failure.message


def test_path_of_the_step_decides_which_command_is_found(bench, tmp_path):
    tool = tmp_path / "bin" / "my-tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho mine\n")
    tool.chmod(0o755)
    outcome = bench.run(command=("my-tool",), env={"PATH": str(tool.parent)})
    assert outcome.result["stdout"] == "mine"


def test_the_end_of_long_output_is_kept_and_the_log_has_all(bench):
    lines = 20_000
    outcome = bench.run(
        command=(sys.executable, "-c", f"for i in range({lines}): print('line', i)")
    )
    kept = outcome.result["stdout"].split("\n")
    assert kept[-1] == f"line {lines - 1}"
    assert kept[0].startswith("line ")
    assert len(outcome.result["stdout"]) <= KEPT
    assert bench.log().count("\n") == lines


def ignored_here():
    """Return the signals this very process ignores: whoever started it may have wished so."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))


def test_a_command_has_the_systems_signals_and_no_descriptor_of_ours(bench):
    program = "import os, signal; print(sorted(os.listdir('/proc/self/fd'), key=int)[:-1], signal.pthread_sigmask(0, []), os.getsid(0) == os.getpid())"
    mask = 'grep -E "SigIgn" /proc/self/status'
    ignored = int(bench.run(command=mask).result["stdout"].split()[1], 16)
    assert ignored & ~ignored_here() == 0
    python_ignores = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert ignored & python_ignores == 0
    assert (
        bench.run(command=(sys.executable, "-c", program)).result["stdout"]
        == "['0', '1', '2'] set() True"
    )


def test_output_that_is_not_text_becomes_text_and_stays_bytes_in_the_log(bench):
    outcome = bench.run(command=r"printf 'a\377b'")
    assert outcome.result["stdout"] == "a�b"
    assert bench.log_file().read_bytes() == b"a\xffb"


def test_a_log_that_cannot_be_written_does_not_end_the_command(bench):
    with open("/dev/full", "wb") as full:
        outcome = bench.run(command="echo kept", log=full)
    assert outcome.result == {"exit_code": 0, "stdout": "kept"}
