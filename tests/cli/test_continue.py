"""The command that goes on with a paused run, and what all others say about one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

RECIPE = """
metadata: {name: paused}
order: graph
steps:
  - {name: count, module: steps, function: count, args: {upto: 3}, breakpoint: after}
  - {name: total, module: steps, function: total, depends_on: [count]}
  - name: ask
    type: approval
    prompt: "Go on with ${{ steps.count.result }}?"
    approvers: [APPROVER]
    timeout: 2d
    depends_on: [count]
  - {name: note, module: steps, function: note, args: {text: noted}, depends_on: [ask]}
"""


@pytest.fixture
def me():
    from framework0.workspace import user_name

    return user_name()


@pytest.fixture
def paused(workspace, framework0, me):
    """A run that is paused after its first step; returns its id."""
    (workspace / "paused.yaml").write_text(RECIPE.replace("APPROVER", me))
    said = framework0("run", "paused.yaml")
    assert said.code == 6
    assert "paused after count, since" in said.stderr
    return json.loads(framework0("runs", "--json").stdout)[0]["id"]


def test_all_say_where_a_paused_run_stands_and_how_to_go_on(paused, framework0):
    assert "paused" in framework0("runs", "--state", "paused").stdout
    for words in (("show",), ("why",)):
        said = framework0(*words).stdout
        assert "paused after count, since" in said
        assert f"`framework0 continue {paused}`" in said
    assert "the run is paused after it" in framework0("why", "count").stdout
    facts = json.loads(framework0("show", "--json").stdout)
    assert [(stop["step"], stop["way"]) for stop in facts["stops"]] == [("count", "after")]


@pytest.mark.measured
def test_going_on_stops_at_the_question_and_an_answer_ends_the_run(
    paused, framework0, workspace, me
):
    said = framework0("continue", "--set", "count.upto=5", "--set", "word=plain")
    assert said.code == 6
    assert "Go on with [0,1,2]?" in said.stderr
    assert f"framework0 continue {paused} --approve ask" in said.stderr
    shown = framework0("show").stdout
    assert f"to be answered by {me}" in shown
    assert "ask    paused" in shown
    assert framework0("continue").code == 2
    said = framework0("continue", paused, "--approve", "ask", "--comment", "as it should be")
    assert said.code == 0
    context = framework0("show", "--context").stdout
    assert "count.total = 10" in context
    assert 'word = "plain"' in context
    assert f"by {me}: approve: as it should be" in framework0("why", "ask").stdout
    assert (workspace / "notes").read_text() == "noted\n"


def test_a_rejection_is_an_exit_code_of_1(paused, framework0):
    framework0("continue")
    said = framework0("continue", "--reject", "ask")
    assert said.code == 1
    assert "rejected" in said.stderr


@pytest.mark.measured
def test_edits_can_be_kept_without_going_on(paused, framework0):
    said = framework0("continue", "--stay", "--set", 'word={"a": 1}', "--delete", "count.upto")
    assert (said.code, "stays paused" in said.stderr) == (0, True)
    assert framework0("show", "--context").stdout == 'word = {"a": 1}\n'
    assert "paused after count" in framework0("show").stdout


def test_resume_says_what_to_use(paused, framework0):
    said = framework0("resume")
    assert (said.code, f"framework0 continue {paused}" in said.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "no-sign"], "KEY=JSON"),
        (["--set", "k={"], "begins like JSON and is not"),
        (["--set", "k=1", "--delete", "k"], "both set and deleted"),
        (["--answer", "ask"], "STEP=CHOICE"),
        (["--approve", "ask", "--reject", "ask"], "answered twice"),
        (["--comment", "hm"], "goes with an answer"),
        (["--to-next", "--no-breaks"], "give one"),
        (["--approve", "nobody"], "waits for no answer"),
        (["--delete", "nothing"], "no such key"),
        (["--break", "totl"], "did you mean 'total'"),
    ],
)
def test_a_wrong_wish_is_answered_and_changes_nothing(paused, framework0, words, told):
    before = framework0("show", "--json").stdout
    said = framework0("continue", *words)
    assert (said.code, told in said.stderr) == (2, True), said.stderr
    assert framework0("show", "--json").stdout == before


def test_break_and_no_breaks_of_run(workspace, framework0, paused):
    assert framework0("run", "good.yaml", "--break", "total").code == 6
    assert framework0("continue", "--to-next").code == 0
    assert framework0("run", "good.yaml", "--break", "totl").code == 2
    assert "ask" in framework0("run", "paused.yaml", "--no-breaks").stderr


def test_a_run_waits_for_nobody_even_on_an_open_terminal(paused, framework0):
    assert framework0("continue", stdin="approve\n").code == 6


DIES = """
import os, signal, sys
from framework0.runner.journal.writer import HistoryWriter

commit = HistoryWriter.commit
when = sys.argv.pop(1)


def dying(writer, entries, changes=(), row=None):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(writer, entries, changes, row)
    os.kill(os.getpid(), signal.SIGKILL)


HistoryWriter.commit = dying
from framework0.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_goes_on_all_of_the_wish_is_kept_or_nothing(
    workspace, framework0, paused, environment, when
):
    ended = subprocess.run(
        [sys.executable, "-c", DIES, when, "continue", paused, "--set", "count.upto=4"],
        cwd=workspace,
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode in (-signal.SIGKILL, 137, 128 + signal.SIGKILL)
    kept = framework0("show", "--context").stdout
    state = json.loads(framework0("show", "--json").stdout)["state"]
    if when == "before":
        assert (state, kept) == ("paused", "count.upto = 3\n")
        assert framework0("continue", "--set", "count.upto=4").code == 6
    else:
        assert (state, kept) == ("interrupted", "count.upto = 4\n")
        # Past the breakpoint, since that was told, and up to the question.
        assert framework0("resume").code == 6
    assert "paused for an answer to ask" in framework0("show").stdout
    assert "count.total = 6" in framework0("show", "--context").stdout


def test_a_run_killed_before_its_pause_pauses_when_it_is_resumed(framework0, killed_run):
    said = framework0("resume", killed_run, "--break", "first:after", "--break", "gate")
    assert (said.code, "paused after first" in said.stderr) == (6, True)
    said = framework0("continue", killed_run)
    assert (said.code, "paused before gate" in said.stderr) == (6, True)
    assert framework0("continue", killed_run, "--delete", "nothing").code == 2
