"""What people and programs are told of a step from the end of its time to its own."""

from __future__ import annotations

import io
import json

import pytest

from framework0.cli.jsonlines import JsonLines
from framework0.cli.progress import FAILURES_SHOWN, LiveProgress
from framework0.cli.watching import JsonEvents, PlainLines, Quiet
from framework0.runner import AttemptRecord, Failure, Outcome
from framework0.telemetry import Several

pytestmark = pytest.mark.measured

FACTS = ("stuck", 1, 1.0, 1_795_540_930.5)


def ended(name, node=0):
    failure = Failure("timeout", "ran longer than its timeout of 1 s")
    outcome = Outcome("timed_out", None, failure, 2.0)
    return AttemptRecord(node, name, 1, "timed_out", True, 1_795_540_929.5, outcome)


def said_by(watcher_of, *facts):
    stream = io.StringIO()
    watcher_of(stream).step_overdue(*facts)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (FACTS, "  overdue  stuck  timed out after 1 s, being ended\n"),
        (
            ("a\x1b[2J\nb", 3, 0.25, 0.0),
            "  overdue  a\\x1b[2J\\nb  attempt 3  timed out after 0.25 s, being ended\n",
        ),
    ],
)
def test_it_is_one_plain_line(facts, line):
    assert said_by(PlainLines, *facts) == line


def test_it_is_an_event_for_programs():
    assert json.loads(said_by(JsonEvents, *FACTS)) == {
        "event": "step_overdue",
        "step": "stuck",
        "attempt": 1,
        "timeout": 1.0,
        "at": 1_795_540_930.5,
    }


def test_it_is_a_warning_among_json_log_lines():
    stream = io.StringIO()
    lines = JsonLines(stream)
    lines.run_started("r1", 1)
    lines.step_overdue(*FACTS)
    told = json.loads(stream.getvalue().splitlines()[1])
    del told["time"]
    assert told == {
        "level": "warning",
        "run": "r1",
        "step": "stuck",
        "attempt": 1,
        "logger": "framework0",
        "state": "overdue",
        "timeout": 1.0,
        "message": "overdue  stuck  timed out after 1 s, being ended",
    }


def test_a_step_that_waits_is_told_as_json_there_too():
    stream = io.StringIO()
    JsonLines(stream).step_waiting("train", "pool gpu")
    told = json.loads(stream.getvalue())
    assert (told["step"], told["message"]) == ("train", "waiting  train  for pool gpu")


def test_who_says_nothing_says_nothing():
    Quiet().step_overdue(*FACTS)


def test_several_observers_are_told_as_far_as_they_want_to_know():
    class Older:
        """One of five calls, as before there were more."""

    stream = io.StringIO()
    several = Several([Older(), PlainLines(stream)])
    several.step_overdue(*FACTS)
    several.step_waiting("train", "pool gpu")
    assert stream.getvalue().splitlines() == [
        "  overdue  stuck  timed out after 1 s, being ended",
        "  waiting  train  for pool gpu",
    ]


@pytest.fixture
def progress():
    live = LiveProgress(io.StringIO())
    yield live
    live.close()


def shown_by(progress):
    progress.close()
    return progress._stream.getvalue()


def test_the_terminal_tells_it_and_marks_the_step_until_it_is_gone(progress):
    progress.run_started("r", 50)
    for name in ("stuck", "other"):
        progress.step_started(name, 1)
    progress.step_overdue(*FACTS)
    second = progress.lines(100)[1]
    assert second == "  stuck (timed out after 1 s, being ended), other"
    progress.step_finished([ended("stuck")])
    assert progress.lines(100)[1] == "  other"
    progress.step_started("stuck", 2)
    assert progress.lines(100)[1] == "  other, stuck"
    text = shown_by(progress)
    assert text.index("overdue  stuck") < text.index("TIMED OUT  stuck")


def test_the_terminal_tells_no_more_of_them_than_of_failures(progress):
    progress.run_started("r", 500)
    for number in range(FAILURES_SHOWN + 5):
        progress.step_started(f"s{number}", 1)
        progress.step_overdue(f"s{number}", 1, 1.0, 0.0)
    assert shown_by(progress).count("overdue  s") == FAILURES_SHOWN


STEPS = """
import signal, time

def stay():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
"""

RECIPE = """
order: graph
steps:
  - {name: pool, module: stuck, function: stay, timeout: 0.2}
  - {name: alone, module: stuck, function: stay, timeout: 0.2, memory: 500MB}
  - {name: shell, type: shell, command: [sleep, "600"], timeout: 0.2, retry: 2}
  - {name: quick, module: steps, function: hello, timeout: 10m}
"""


@pytest.mark.slow
def test_a_run_tells_it_and_why_and_show_know_it_afterwards(workspace, framework0):
    (workspace / "stuck.py").write_text(STEPS)
    (workspace / "stuck.yaml").write_text(RECIPE)
    done = framework0("run", "stuck.yaml", "--json")
    assert done.code == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    order = [
        (event["event"].removeprefix("step_"), event["step"], event["attempt"])
        for event in events
        if event["event"] in ("step_overdue", "step_finished") and event["step"] != "quick"
    ]
    attempts = [("pool", 1), ("alone", 1), ("shell", 1), ("shell", 2)]
    assert sorted(order) == sorted(
        (event, *attempt) for event in ("overdue", "finished") for attempt in attempts
    )
    for attempt in attempts:
        assert order.index(("overdue", *attempt)) < order.index(("finished", *attempt))
    facts = json.loads(framework0("show", "--json").stdout)
    steps = {step["name"]: step for step in facts["steps"]}
    for event in events:
        if event["event"] == "step_overdue":
            told = steps[event["step"]]["attempts"][event["attempt"] - 1]
            assert told["overdue_at"] == event["at"] >= told["at"]
    assert steps["quick"]["attempts"][0]["overdue_at"] is None
    assert [step["overdue"] for step in steps.values()] == [None] * 4
    why = framework0("why", "shell").stdout
    assert why.count("    its time was over 20") == 2
    assert why.count(" later\n") == 2
    assert "its time was over" not in framework0("why", "quick").stdout
