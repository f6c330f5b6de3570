"""What machines say: commands that can be pasted, the truth about how one stands, and what to do next."""

from __future__ import annotations

import json
import os
import re
from argparse import Namespace
from pathlib import Path

import pytest

from framework0.cli import cancel, step, step_draw, step_reset, step_running, step_status
from framework0.cli.helptext import VerbParser
from framework0.errors import LockHeld, WorkspaceError
from framework0.stepengine import Ended, Fault, from_here, in_shell, read_machine, standing_of
from tests.conftest import REPOSITORY
from tests.stepengine.libraries import FILE, node_text, write_instance, write_library

pytestmark = pytest.mark.measured


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stands(folder, name="press", *, own=None, **shown):
    """An instance with a library of two nodes whose file says how it stands."""
    write_library(folder / "nodes", node_text("a", {"on": "b"}, first_node_step_bool=1))
    write_library(folder / "nodes", node_text("b"))
    instance = write_instance(folder / name, "../nodes", **shown)
    if own is not None:
        document = json.loads((instance / FILE).read_text(encoding="utf-8"))
        document["step_engine"] = {"run": "r", "visit": 1, "visits": {"a": 1}, **own}
        (instance / FILE).write_text(json.dumps(document), encoding="utf-8")
    return instance


def told(instance):
    return "\n".join(step_status._lines(standing_of(instance), instance.name))


RUNNING = {
    "step_engine_state": "RUNNING",
    "current_step_node": "a",
    "current_step_state": "EXECUTE",
}


def test_a_folder_is_one_word_of_a_command(folder):
    assert from_here(folder / "press") == "press"
    assert from_here(folder / "mein Gerät") == "'mein Gerät'"
    assert from_here(folder.parent / "over there") == f"'{folder.parent}/over there'"
    assert in_shell("../press") == "../press"


@pytest.mark.parametrize(
    ("shown", "own", "now", "next_step"),
    [
        (RUNNING, {"stopped": "2026-11-24"}, "stopped", "step resume press`"),
        (RUNNING, {}, "interrupted", "step resume press`"),
        (RUNNING, {"paused": {"at": "entry"}}, "paused", "step resume press`"),
        ({"step_engine_state": "RUNING"}, None, "unclear", "step reset press`"),
        ({"step_engine_state": "STARTUP"}, None, "not begun", "step run press`"),
    ],
)
def test_a_status_tells_what_somebody_wanted_from_what_has_happened(
    folder, shown, own, now, next_step
):
    instance = stands(folder, own=own, **shown)
    assert step_status.now_of(standing_of(instance)) == now
    assert next_step in told(instance)
    assert ("its process is gone" in told(instance)) == (now == "interrupted")


def test_commands_about_a_name_with_spaces_can_be_pasted(folder, capsys):
    instance = stands(folder, "mein Gerät", own={"stopped": "then"}, **RUNNING)
    assert "`framework0 step resume 'mein Gerät'`" in told(instance)
    asked = Namespace(instance="mein Gerät", keep=[], forget=False, yes=True)
    assert step_reset.execute(asked) == 0
    assert "`framework0 step run 'mein Gerät'`" in capsys.readouterr().out


def test_after_a_single_step_the_next_one_is_named():
    ended = Ended("PAUSED", "r", "a", "EXECUTE", 1, paused_at="step")
    lines = step_running._ending(Namespace(instance="press"), ended, 1.0)
    assert "`framework0 step resume press --single-step`" in "\n".join(lines)


@pytest.mark.parametrize(
    ("shown", "own", "drawn", "fill"),
    [
        ({**RUNNING, "step_engine_state": "COMPLETE_ERROR"}, {}, "✗ a", "#f9dcc4"),
        (RUNNING, {"paused": {"at": "entry"}}, "‖ a", "#fbf3c0"),
        (RUNNING, {"stopped": "then"}, "■ a", "#f3dcea"),
        (RUNNING, {}, "! a", "#fbf3c0"),
        ({**RUNNING, "step_engine_state": "COMPLETE_SUCCESS"}, {}, "✓ a", "#d5f0e3"),
    ],
)
def test_a_drawing_shows_how_the_machine_stands_in_its_node(folder, shown, own, drawn, fill):
    stands(folder, own=own, **shown)
    picture = step_draw._picture("press", read_machine("press"))
    assert drawn in step_draw._drawn(picture, "terminal")
    for form in ("svg", "mermaid", "dot"):
        assert fill in step_draw._drawn(picture, form)
        assert "#cfe6f7" not in step_draw._drawn(picture, form)


def test_a_picture_says_in_words_what_its_lines_mean(folder):
    write_library(
        folder / "nodes",
        node_text("a", {"on": "b", "off": "nowhere"}, node_exit_breakpoint=1),
        node_text("b", active_node_step_bool=0),
    )
    svg = step_draw._drawn(step_draw._picture("nodes", read_machine("nodes")), "svg")
    for words in ("pauses at exit", "not active", "no such node"):
        assert words in svg


class Session:
    """A machine whose engine raises; ``run`` is what its record has begun."""

    def __init__(self, instance, error, run):
        self.instance, self.error, self.record = instance, error, Namespace(run=run)

    def run(self):
        raise self.error


def test_trouble_with_the_file_in_the_middle_says_how_to_go_on(folder):
    asked = Namespace(instance="my press")
    full = Session(folder, WorkspaceError("no space left"), "r")
    with pytest.raises(WorkspaceError, match=r"no space left; once that is mended, .*'my press'"):
        step_running._explained(full, asked)
    before = Session(folder, WorkspaceError("no space left"), "")
    with pytest.raises(WorkspaceError, match=r"no space left$"):
        step_running._explained(before, asked)


@pytest.mark.parametrize(
    ("text", "command"), [(None, "framework0 cancel r`"), ("{", "framework0 cancel`")]
)
def test_who_finds_another_engine_is_told_which_run_to_cancel(folder, text, command):
    instance = stands(folder, own={}, **RUNNING)
    if text is not None:
        (instance / FILE).write_text(text, encoding="utf-8")
    session = Session(instance, LockHeld("held", holder="process 1"), "")
    with pytest.raises(LockHeld, match=re.escape(command)):
        step_running._explained(session, Namespace(instance="press"))


def test_a_cancelled_machine_is_gone_on_with_by_its_own_command(folder):
    machine = {"machine": {"instance": str(folder / "press")}}
    journal = Namespace(read=lambda run: Namespace(header=Namespace(options=machine)))
    told = cancel._ending("cancelled", "r", journal)
    assert told == "cancelled: `framework0 step resume press` goes on from there"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rn", "press"], "did you mean 'run'?"),
        (["params", "press", "group", "name", "-x"], "two dashes: -- -x"),
        (["params", "press", "group", "name", "-0.5e3"], "two dashes: -- -x"),
    ],
)
def test_a_mistake_on_the_command_line_comes_with_what_helps(words, said, capsys):
    parser = VerbParser(prog="framework0 step")
    step.configure(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    assert said in capsys.readouterr().err


def test_every_path_of_the_repository_that_an_example_names_is_there():
    texts = [
        path.read_text(encoding="utf-8") for path in (REPOSITORY / "framework0/cli").glob("*.py")
    ]
    named = {path for text in texts for path in re.findall(r"octo/[\w/]+", text)}
    assert named
    assert [path for path in named if not os.path.exists(Path(REPOSITORY, path))] == []


def test_what_a_node_says_about_its_own_failure_is_shown_with_it(folder):
    error = {
        "node": "a",
        "state": "EXECUTE",
        "kind": "return",
        "message": "step_execute returned 1",
    }
    shown = {**RUNNING, "step_engine_state": "COMPLETE_ERROR"}
    instance = stands(folder, own={"last_error": error}, **shown)
    document = json.loads((instance / FILE).read_text(encoding="utf-8"))
    document["a"] = {"last_error": "there is no\nfile numbers.csv"}
    (instance / FILE).write_text(json.dumps(document), encoding="utf-8")
    assert re.search("it says: there is no.*file numbers.csv", told(instance))
    ended = Ended("COMPLETE_ERROR", "r", "a", "EXECUTE", 1, Fault("return", "it returned 1"))
    lines = step_running._ending(Namespace(instance="press"), ended, 1.0)
    assert re.search("it says: there is no.*file numbers.csv", "\n".join(lines))
    raised = ended._replace(error=Fault("ValueError", "no number"))
    assert "it says" not in "\n".join(
        step_running._ending(Namespace(instance="press"), raised, 1.0)
    )
    (instance / FILE).write_text("{", encoding="utf-8")
    assert step_running.own_error("press", "a") == ""


def test_the_first_ctrl_c_is_answered_at_a_terminal_and_only_there(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stopped = []
    session = Namespace(stop=lambda: stopped.append(True))
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        step_running._told_to_stop(session, terminal)
        assert b"Ctrl-C again ends it at once" in os.read(ours, 100)
    step_running._told_to_stop(session, None)
    read, write = os.pipe()
    with os.fdopen(write, "w") as pipe:
        step_running._told_to_stop(session, pipe)
    assert os.read(read, 100) == b""
    os.close(read)
    os.close(ours)
    assert stopped == [True] * 3
