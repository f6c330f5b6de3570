"""``framework0 logs``: what the steps printed, whole, by attempt, and as it comes."""

from __future__ import annotations

import json
import os
import signal

import pytest

# Each test starts the command several times, as a person would.
pytestmark = pytest.mark.slow

TALK = r'''
import os
import sys
from pathlib import Path


def say(text="said"):
    print(text)


def evil():
    sys.stdout.buffer.write(b"\xff\xfe") if hasattr(sys.stdout, "buffer") else None
    print("\x1b]0;owned\x07 \u202eback \x1b[31mred\x1b[0m", end="")


def stubborn():
    tries = Path("tries")
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    print("try number", len(tries.read_text()))
    if len(tries.read_text()) < 3:
        raise OSError("not yet")


def converse():
    """Say something, and something else once the pipe ``gate`` was written to."""
    print("before the gate", flush=True)
    Path("waiting").write_text(str(os.getpid()), encoding="ascii")
    with open("gate", encoding="utf-8") as gate:
        gate.read()
    print("after the gate", flush=True)
'''


@pytest.fixture
def talk(workspace):
    (workspace / "talk.py").write_text(TALK)

    def write(steps):
        (workspace / "talk.yaml").write_text(f"order: graph\nsteps:\n{steps}")
        return "talk.yaml"

    return write


def step(name, function="say", more=""):
    return f"  - {{name: {name}, module: talk, function: {function}{more}}}\n"


def test_each_step_has_its_heading_and_one_alone_has_none(framework0, talk):
    second = step("second", more=", args: {text: two}, depends_on: [first]")
    framework0("run", talk(step("first", more=', args: {text: "one\\nmore"}') + second))
    said = framework0("logs")
    assert said.code == 0
    assert said.stdout == "==> first <==\none\nmore\n\n==> second <==\ntwo\n"
    assert "is meant" in said.stderr
    assert framework0("logs", "second").stdout == "two\n"
    run_id = said.stderr.split()[2]
    exact = framework0("logs", run_id, "second")
    assert (exact.stdout, exact.stderr) == ("two\n", "")


def test_an_unknown_step_is_answered_with_the_near_name(framework0, talk):
    framework0("run", talk(step("measure")))
    for words in (["mesure"], ["20", "mesure"]):
        said = framework0("logs", *words)
        assert (said.code, said.stdout) == (2, "")
        assert "did you mean 'measure'?" in said.stderr
    assert framework0("logs", "x" * 300).code == 2


def test_a_step_that_printed_nothing_is_said_to(framework0):
    framework0("run", "mendable.yaml")
    said = framework0("logs", "first")
    assert (said.code, said.stdout) == (0, "")
    assert "printed nothing" in said.stderr


@pytest.mark.measured
def test_attempts_are_told_apart_and_one_can_be_chosen(framework0, talk):
    framework0("run", talk(step("stubborn", "stubborn", ", retry: 3")))
    assert framework0("logs", "stubborn").stdout == (
        "==> stubborn <==\ntry number 1\n\n"
        "==> stubborn, attempt 2 <==\ntry number 2\n\n"
        "==> stubborn, attempt 3 <==\ntry number 3\n"
    )
    assert "try number 2" in framework0("logs", "--attempt", "2").stdout
    assert "try number 3" not in framework0("logs", "--attempt", "2").stdout
    said = framework0("logs", "stubborn", "--attempt", "4")
    assert said.code == 2
    assert "made 3 attempts" in said.stderr


def test_the_items_of_a_foreach_belong_to_their_step(framework0, talk):
    each = ', foreach: [a, b], args: {text: "${{ item }}"}'
    framework0("run", talk(step("each", more=each) + step("other")))
    assert framework0("logs", "each").stdout == "==> each[0] <==\na\n\n==> each[1] <==\nb\n"
    assert framework0("logs", "each[1]").stdout == "b\n"


@pytest.mark.measured
def test_foreign_text_is_harmless_for_people_and_exact_for_programs(framework0, talk):
    framework0("run", talk(step("evil", "evil")))
    said = framework0("logs", "evil")
    assert said.stdout.endswith(r"\x1b]0;owned\x07 \u202eback \x1b[31mred\x1b[0m" + "\n")
    assert not set(said.stdout) & set("\x1b\x07\u202e")
    lines = [json.loads(line) for line in framework0("logs", "--json").stdout.splitlines()]
    assert lines[-1]["step"] == "evil"
    assert lines[-1]["attempt"] == 1
    assert lines[-1]["line"].endswith("\x1b]0;owned\x07 \u202eback \x1b[31mred\x1b[0m")


def test_a_log_larger_than_what_is_read_at_once_is_whole(framework0, workspace, talk):
    framework0("run", talk(step("say")))
    (log,) = (workspace / ".framework0/runs").glob("*/logs/00001.1.log")
    lines = [f"{number} é" * 40 + "\n" for number in range(5_000)]
    long_one = "ü" * 200_000 + "\n"
    log.write_text("".join(lines) + long_one + "no end", encoding="utf-8")
    said = framework0("logs", "say")
    shown = said.stdout.replace("\n", "")
    assert shown == "".join(lines).replace("\n", "") + long_one[:-1] + "no end"
    assert said.stdout.startswith("".join(lines))


@pytest.fixture
def conversing(talk, pipes, started):
    """A run whose step has said half of what it has to say; returns its process."""
    name = talk(step("converse", "converse", ", executor: process") + step("quick"))
    process = started("run", name, "--json")
    process.stdout.readline()
    pipes()
    return process


def open_gate(workspace):
    (workspace / "gate").write_text("go")


def read_until(stream, wanted):
    lines = []
    for line in stream:
        lines.append(line)
        if line.strip() == wanted:
            return lines
    raise AssertionError(f"{wanted!r} was not printed but {lines}")


@pytest.mark.measured
def test_following_shows_lines_as_they_come_and_ends_with_the_run(conversing, started, workspace):
    follower = started("logs", "-f")
    read_until(follower.stdout, "before the gate")
    assert follower.poll() is None
    open_gate(workspace)
    rest, told = follower.communicate(timeout=120)
    assert "after the gate\n" in rest
    assert follower.returncode == 0
    assert told.splitlines()[-1].endswith(" succeeded")


def test_following_one_step_shows_no_other(conversing, started, workspace):
    follower = started("logs", "-f", "converse")
    shown = read_until(follower.stdout, "before the gate")
    open_gate(workspace)
    rest, _ = follower.communicate(timeout=120)
    assert "".join(shown) + rest == "before the gate\nafter the gate\n"


def test_following_waits_for_an_attempt_that_has_not_begun(conversing, started, workspace):
    follower = started("logs", "-f", "converse", "--attempt", "2")
    assert "is meant" in follower.stderr.readline()
    open_gate(workspace)
    shown, told = follower.communicate(timeout=120)
    assert (follower.returncode, shown) == (0, "")
    assert "step 'converse' of run " in told
    assert " printed nothing\n" in told


def test_following_ends_when_the_run_is_killed(conversing, started, framework0):
    follower = started("logs", "-f", "converse")
    read_until(follower.stdout, "before the gate")
    (run,) = json.loads(framework0("runs", "--json").stdout)
    os.kill(run["pid"], signal.SIGKILL)
    conversing.communicate(timeout=120)
    _, told = follower.communicate(timeout=120)
    assert follower.returncode == 0
    assert told.splitlines()[-1].endswith(" interrupted")


def test_following_a_run_that_has_ended_shows_it_and_ends(framework0, talk):
    framework0("run", talk(step("first")))
    said = framework0("logs", "-f", "first")
    assert (said.code, said.stdout) == (0, "said\n")
    assert said.stderr.splitlines()[-1].endswith(" succeeded")
