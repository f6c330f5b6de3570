"""``framework0 why``: the reasons for what became of each step, and what a resume would do."""

from __future__ import annotations

import json
import os
import signal

import pytest

# Each test starts the command several times, as a person would.
pytestmark = pytest.mark.slow

GARDEN = """
from pathlib import Path


def stubborn():
    tries = Path("tries")
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    if len(tries.read_text()) < 3:
        raise OSError("not yet")


def fail():
    raise KeyError("rain")


def odd(number):
    if number % 2:
        raise ValueError(f"{number} is odd")


def fine():
    return 1
"""


@pytest.fixture
def garden(workspace, framework0):
    (workspace / "garden.py").write_text(GARDEN)

    def run(steps, *words, head="order: graph"):
        (workspace / "garden.yaml").write_text(f"{head}\nsteps:\n{steps}")
        return framework0("run", "garden.yaml", *words)

    return run


def step(name, function="fine", more=""):
    return f"  - {{name: {name}, module: garden, function: {function}{more}}}\n"


CHAIN = (
    step("first")
    + step("broken", "fail", ", depends_on: [first]")
    + step("after", more=", depends_on: [broken]")
    + step("last", more=", depends_on: [after]")
)


def test_a_skip_is_led_back_to_the_failure_that_caused_it(garden, framework0):
    garden(CHAIN)
    lines = framework0("why", "last").stdout.splitlines()
    assert lines[0] == "last was skipped"
    assert "  broken failed, and it needs what that step does" in lines
    assert "  KeyError: 'rain'" in lines
    assert any(line.endswith("garden.py:13") for line in lines)
    assert "  path: broken → after → last" in lines
    assert "  it comes after after (skipped), by depends_on" in lines
    assert lines[-1] == "  resume: considers it anew once the steps before it have ended"


def test_a_failure_is_told_with_its_place_and_what_resume_does(garden, framework0):
    garden(CHAIN)
    said = framework0("why", "broken")
    assert said.stdout.startswith("broken failed\n")
    assert "attempt 1: KeyError: 'rain'" in said.stdout
    assert "garden.py:13" in said.stdout
    assert said.stdout.endswith("resume: runs it again, as attempt 2\n")
    assert "is meant" in said.stderr
    kept = framework0("why", "first").stdout
    assert kept.startswith("first ran and succeeded in ")
    assert kept.endswith("it waits for no other step\n  resume: keeps it as it is\n")


def test_without_a_step_all_that_did_not_simply_succeed_is_explained(garden, framework0):
    garden(CHAIN)
    text = framework0("why").stdout
    assert text.startswith("run 20")
    assert " failed: 1 succeeded, 1 failed, 2 skipped\n" in text
    blocks = text.split("\n\n")[1:]
    assert [block.split()[0] for block in blocks] == ["broken", "after", "last"]
    framework0("run", "one.yaml")
    assert len(framework0("why").stdout.splitlines()) == 1


def test_retries_are_counted_and_their_rule_is_named(garden, framework0):
    garden(step("stubborn", "stubborn", ", retry: 3"))
    text = framework0("why", "stubborn").stdout
    assert text.startswith("stubborn ran and succeeded in attempt 3 in ")
    assert "attempt 1: OSError: not yet" in text
    assert text.count("tried again: retry allows 3 attempts") == 2
    assert "attempt 3: succeeded" in text
    assert "resume" not in text
    garden(step("broken", "fail", ", retry: {attempts: 2}"))
    assert "not tried again: retry allows 2 attempts" in framework0("why", "broken").stdout
    garden(step("broken", "fail", ", retry: {attempts: 5, on: [OSError]}"))
    assert "not tried again: retry.on names OSError" in framework0("why", "broken").stdout


@pytest.mark.measured
def test_a_condition_is_told_with_the_answer_it_got(garden, framework0):
    head = "order: graph\ninputs:\n  wet: {type: boolean, default: false}"
    garden(
        step("dry", more=', when: "not inputs.wet"')
        + step("wet", more=", when: inputs.wet")
        + step("broken", "fail")
        + step("never", more=', when: "inputs.wet", depends_on: [broken]'),
        head=head,
    )
    text = framework0("why", "wet").stdout
    assert text.startswith("wet was skipped\n")
    assert "its condition was false when it was asked, which holds on: when inputs.wet" in text
    assert text.endswith("resume: keeps it as it is\n")
    assert "its condition was true" in framework0("why", "dry").stdout
    assert "its condition was not asked" in framework0("why", "never").stdout
    (facts,) = json.loads(framework0("why", "wet", "--json").stdout)
    assert (facts["step"], facts["state"], facts["when"]) == ("wet", "skipped", False)


@pytest.mark.measured
def test_what_the_caller_left_out_is_said_to_be(garden, framework0):
    garden(CHAIN, "--skip", "broken")
    text = framework0("why", "broken").stdout
    assert "the run was begun without it: left out by --skip" in text
    garden(step("one") + step("two", "fail"), "--only", "two")
    text = framework0("why", "one").stdout
    assert "not named by --only" in text
    assert text.endswith("resume: leaves it out again\n")


def test_the_ordering_rule_is_named_where_no_dependency_is(garden, framework0):
    garden(step("one") + step("two"), head="")
    text = framework0("why", "two").stdout
    assert "it comes after one (succeeded), by order" in text
    assert "  the order: " in text


def test_clean_up_steps_and_tolerated_failures_say_what_rule_they_follow(garden, framework0):
    garden(
        step("shaky", "fail", ", continue_on_error: true")
        + "on_failure:\n"
        + step("mourn")
        + "finally:\n"
        + step("tidy")
    )
    assert "it stands in on_failure" in framework0("why", "mourn").stdout
    assert "nothing failed" in framework0("why", "mourn").stdout
    assert "it stands in finally" in framework0("why", "tidy").stdout
    assert "continue_on_error is set" in framework0("why", "shaky").stdout


@pytest.mark.measured
def test_the_items_of_a_foreach_are_counted_and_explained_alone(garden, framework0):
    garden(step("each", "odd", ', foreach: [1, 2, 3], args: {number: "${{ item }}"}'))
    text = framework0("why", "each").stdout
    assert "it ran once for each of 3 items, fixed when it began: 2 failed, 1 succeeded" in text
    assert "items: 2 of 3 items failed, first each[0]" in text
    assert text.endswith("resume: goes on with those of its items that have not succeeded\n")
    item = framework0("why", "each[2]").stdout
    assert item.startswith("each[2] failed\n")
    assert "it is an item of each" in item
    assert "ValueError: 3 is odd" in item


def test_what_was_in_flight_and_what_had_not_begun_are_told_apart(
    framework0, workspace, pipes, started
):
    text = (workspace / "waiting.yaml").read_text()
    after = "  - {name: after, module: steps, function: hello, depends_on: [gate]}\n"
    (workspace / "waiting.yaml").write_text(text + after)
    process = started("run", "waiting.yaml", "--json")
    run_id = json.loads(process.stdout.readline())["run"]
    pipes()
    assert framework0("why", run_id, "gate").stdout.startswith("gate is running\n")
    assert "attempt 1 is going on" in framework0("why", run_id, "gate").stdout
    assert framework0("why", "after").stdout.startswith("after has not begun\n")
    (run,) = json.loads(framework0("runs", "--json").stdout)
    os.kill(run["pid"], signal.SIGKILL)
    process.communicate(timeout=120)
    gate = framework0("why", "gate").stdout
    assert gate.startswith("gate was interrupted: the process ended while it was going on\n")
    assert "attempt 1 was in flight when the process ended" in gate
    assert gate.endswith("resume: runs it again, as attempt 2\n")
    after = framework0("why", "after").stdout
    assert after.startswith("after had not begun when the process ended\n")
    assert after.endswith("resume: runs it when its turn comes\n")
    assert "is gone and recorded no end" in framework0("why").stdout


@pytest.mark.measured
def test_a_step_that_waited_for_its_next_attempt_is_told_apart(
    workspace, framework0, garden, started
):
    steps = step("stubborn", "stubborn", ", retry: {attempts: 2, delay: 1h}")
    (workspace / "slow.yaml").write_text(f"steps:\n{steps}")
    process = started("run", "slow.yaml", "--json")
    while json.loads(process.stdout.readline())["event"] != "step_finished":
        pass
    text = framework0("why", "stubborn").stdout
    assert text.startswith("stubborn waits for its next attempt\n")
    assert "tried again: retry allows 2 attempts" in text
    (run,) = json.loads(framework0("runs", "--json").stdout)
    os.kill(run["pid"], signal.SIGKILL)
    process.communicate(timeout=120)
    text = framework0("why", "stubborn").stdout
    assert "interrupted: the process ended while it waited for its next attempt" in text
    assert text.endswith("resume: runs it again, as attempt 2\n")


def test_a_result_kept_by_a_rerun_names_the_run_it_is_from(garden, framework0):
    garden(CHAIN)
    (first,) = json.loads(framework0("runs", "--json").stdout)
    framework0("rerun", "--failed")
    text = framework0("why", "first").stdout
    assert text.startswith(f"first did not run: its result was kept from run {first['id']}\n")


@pytest.mark.measured
def test_an_unknown_word_is_answered_with_the_near_name(garden, framework0):
    garden(CHAIN)
    said = framework0("why", "brokn")
    assert (said.code, said.stdout) == (2, "")
    assert "did you mean 'broken'?" in said.stderr
    (run,) = json.loads(framework0("runs", "--json").stdout)
    said = framework0("why", run["id"], "zzz")
    assert said.code == 2
    assert f"`framework0 show {run['id']}` lists its steps" in said.stderr
    said = framework0("why", "zzz", "broken")
    assert said.code == 4


def test_foreign_text_is_harmless(workspace, framework0):
    (workspace / "evil.py").write_text("def fail():\n    raise ValueError('\\x1b[2J\\u202e')\n")
    (workspace / "evil.yaml").write_text("steps:\n  - {name: evil, module: evil, function: fail}\n")
    framework0("run", "evil.yaml")
    text = framework0("why", "evil").stdout
    assert r"ValueError: \x1b[2J\u202e" in text
    assert not set(text) & set("\x1b\u202e")


@pytest.mark.measured
def test_a_long_way_from_the_cause_is_shortened_in_the_middle(garden, framework0):
    chain = "".join(step(f"s{n}", more=f", depends_on: [s{n - 1}]") for n in range(1, 60))
    garden(step("s0", "fail") + chain)
    (facts,) = json.loads(framework0("why", "s59", "--json").stdout)
    assert facts["path"] == ["s0", "…", *(f"s{number}" for number in range(42, 60))]
    every = json.loads(framework0("why", "--json").stdout)
    assert len(every) == 60
    assert every[-1] == facts
    assert "… and 40 more: name a step, or use --json" in framework0("why").stdout


def test_a_step_called_nothing_is_a_cause_like_any_other(garden, framework0):
    garden(step("nothing", "fail") + step("after", more=", depends_on: [nothing]"))
    assert "path: nothing → after" in framework0("why", "after").stdout


def test_latest_means_the_latest_run(garden, framework0):
    garden(CHAIN)
    said = framework0("why", "latest", "broken")
    assert said.stdout == framework0("why", "broken").stdout
    assert "is meant" in said.stderr
