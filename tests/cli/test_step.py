"""Machines by the command: run, paused, gone on with, stopped, looked at, reset; and runs that know them."""

from __future__ import annotations

import json
import os
import select
import signal

import pytest

from tests.stepengine.libraries import node_text, write_instance, write_library

pytestmark = pytest.mark.slow

WAIT = """
import os
descriptor = os.open("waiting", os.O_WRONLY)
os.write(descriptor, b"here")
with open("gate") as gate:
    gate.read()
"""


@pytest.fixture
def machine(workspace):
    """An instance ``press`` whose library is ``nodes``: load, press, and done."""
    write_library(
        workspace / "nodes",
        node_text("load", {"next": "press"}, first_node_step_bool=1, execute="print('loading')"),
        node_text("press", {"next": "done"}, execute="print('pressing')"),
        node_text("done"),
    )
    return write_instance(workspace / "press", "../nodes")


@pytest.fixture
def gated(machine, workspace):
    """The same, but ``press`` waits at a pipe; returns a function that waits until it is there."""
    write_library(
        workspace / "nodes", node_text("press", {"next": "done"}, execute=WAIT), node_text("done")
    )
    os.mkfifo(machine / "waiting")
    os.mkfifo(machine / "gate")
    descriptor = os.open(machine / "waiting", os.O_RDWR | os.O_NONBLOCK)

    def await_node():
        ready, _, _ = select.select([descriptor], [], [], 120)
        assert ready, "the node has not begun within 120 s"
        os.read(descriptor, 100)

    yield await_node
    os.close(descriptor)


def status(framework0, name="press"):
    return json.loads(framework0("step", "status", name, "--json").stdout)


@pytest.mark.measured
def test_a_machine_runs_to_its_end_and_is_a_run_of_the_journal(machine, framework0):
    ran = framework0("step", "run", "press")
    assert ran.code == 0, ran.stderr
    assert ran.stdout == "loading\npressing\n"
    assert "machine press COMPLETE_SUCCESS: 3 visits so far" in ran.stderr
    [run] = json.loads(framework0("runs", "--json").stdout)
    assert (run["state"], run["recipe"], run["step_count"]) == ("succeeded", "machine press", 3)
    shown = framework0("show").stdout
    assert "visit 1: to press by next" in shown
    assert "visit 3: the end" in shown
    assert "visit 2: to done by next" in framework0("why", "press").stdout
    assert framework0("logs", run["id"], "press").stdout == "pressing\n"
    assert status(framework0)["now"] == "succeeded"


@pytest.mark.measured
def test_a_machine_at_its_end_runs_again_once_it_is_reset(machine, framework0):
    assert framework0("step", "run", "press").code == 0
    again = framework0("step", "run", "press")
    assert again.code == 2
    assert "step reset" in again.stderr
    refused = framework0("step", "reset", "press")
    assert (refused.code, "--yes" in refused.stderr) == (5, True)
    assert framework0("step", "reset", "press", "--yes").code == 0
    assert status(framework0)["now"] == "not begun"
    assert framework0("step", "run", "press", "-q").code == 0
    assert len(json.loads(framework0("runs", "--json").stdout)) == 2


@pytest.mark.measured
@pytest.mark.parametrize(
    ("words", "way", "paused"),
    [
        (("--break", "press"), "paused before press", ["loading"]),
        (("--break", "press:exit"), "paused after press", ["loading", "pressing"]),
    ],
)
def test_a_breakpoint_pauses_with_exit_code_6_and_says_how_to_go_on(
    machine, framework0, words, way, paused
):
    ran = framework0("step", "run", "press", *words)
    assert ran.code == 6
    assert ran.stdout.split() == paused
    assert way in ran.stderr
    assert "`framework0 step resume press`" in ran.stderr
    assert way in framework0("show").stdout
    assert way in framework0("why").stdout
    assert status(framework0)["now"] == "paused"
    resumed = framework0("step", "resume", "press")
    assert resumed.code == 0, resumed.stderr
    assert (ran.stdout + resumed.stdout).split() == ["loading", "pressing"]
    [run] = json.loads(framework0("runs", "--json").stdout)
    assert run["state"] == "succeeded"
    steps = json.loads(framework0("show", "--json").stdout)["steps"]
    assert [(step["name"], step["begun"]) for step in steps] == [
        ("done", 1),
        ("load", 1),
        ("press", 1),
    ]


def test_a_single_step_is_one_transition(machine, framework0):
    states = []
    assert framework0("step", "run", "press", "--single-step").code == 6
    while status(framework0)["now"] == "paused":
        states.append((status(framework0)["node"], status(framework0)["step_state"]))
        framework0("step", "resume", "press", "--single-step")
        assert len(states) < 20
    assert states[:6] == [
        ("load", "ENTER"),
        ("load", "EXECUTE"),
        ("load", "EXIT"),
        ("load", "ADVANCE"),
        ("press", "JUMP"),
        ("press", "ENTER"),
    ]
    steps = json.loads(framework0("show", "--json").stdout)["steps"]
    assert [len(step["attempts"]) for step in steps] == [1, 1, 1]


@pytest.mark.measured
def test_a_failed_node_is_told_and_goes_on_where_it_failed(machine, workspace, framework0):
    fails = "import os\nif not os.path.exists('mended'): raise ValueError('stuck')"
    write_library(workspace / "nodes", node_text("press", {"next": "done"}, execute=fails))
    ran = framework0("step", "run", "press")
    assert ran.code == 1
    assert "press in EXECUTE: ValueError: stuck" in ran.stderr
    assert "step_node_press.py:" in ran.stderr
    assert "ValueError: stuck" in framework0("why").stdout
    (machine / "mended").touch()
    assert framework0("step", "resume", "press").code == 0
    history = json.loads(framework0("show", "--json").stdout)["steps"]
    press = next(step for step in history if step["name"] == "press")
    assert [attempt["state"] for attempt in press["attempts"]] == ["failed", "succeeded"]
    assert [attempt["result"]["visit"] for attempt in press["attempts"]] == [2, 2]


@pytest.mark.measured
def test_events_and_json_are_all_there_is_on_stdout(machine, framework0):
    events = [
        json.loads(line)
        for line in framework0("step", "run", "press", "--events").stdout.splitlines()
    ]
    assert [event["event"] for event in events[:2]] == ["began", "moved"]
    assert events[-1] == {"event": "ended", "state": "COMPLETE_SUCCESS", "error": None}
    assert [event["to"] for event in events if event["event"] == "left"] == ["press", "done", None]
    framework0("step", "reset", "press", "-y")
    facts = json.loads(framework0("step", "run", "press", "--json").stdout)
    assert (facts["state"], facts["visit"], facts["error"]) == ("COMPLETE_SUCCESS", 3, None)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("run", "nowhere"), 2, "is no folder"),
        (("run", "press", "--first", "pres"), 2, "did you mean press?"),
        (("run", "press", "--break", "lod"), 2, "did you mean load?"),
        (("run", "press", "--break", "load:middle"), 2, "NODE:exit"),
        (("run", "press", "--max-steps", "0"), 2, "from 1 on"),
        (("run", "press", "--library", "empty"), 3, "cannot be read"),
        (("run", "press", "--max-steps", "2"), 1, "2 nodes have been passed"),
        (("resume", "press"), 2, "has not begun"),
        (("status", "nowhere"), 2, "is no folder"),
        (("reset", "press", "--keep", "x"), 2, "goes with --forget"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(machine, framework0, words, code, told):
    said = framework0("step", *words)
    assert said.code == code, said.stderr
    assert told in said.stderr
    assert "Traceback" not in said.stderr


def test_a_wrong_library_is_shown_at_its_place(machine, workspace, framework0):
    (workspace / "nodes" / "step_node_wrong.py").write_text(
        "import nowhere_at_all\n", encoding="utf-8"
    )
    said = framework0("step", "run", "press")
    assert said.code == 3
    assert "step_node_wrong.py:1:1" in said.stderr


@pytest.mark.measured
def test_of_two_engines_of_one_instance_one_is_told_who_runs_it(gated, framework0, started):
    first = started("step", "run", "press")
    gated()
    second = framework0("step", "run", "press")
    assert second.code == 4
    assert f"process {_worker_of(first)}" in second.stderr
    facts = status(framework0)
    assert (facts["now"], facts["node"], facts["step_state"]) == ("running", "press", "EXECUTE")
    assert framework0("step", "reset", "press", "--yes").code == 4


@pytest.mark.measured
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_stops_the_node_and_the_machine_goes_on_from_there(
    gated, framework0, started, workspace, number, code
):
    engine = started("step", "run", "press")
    gated()
    engine.send_signal(number)
    _, said = engine.communicate(timeout=120)
    assert engine.returncode == code
    assert "it stands at press in EXECUTE" in said
    assert status(framework0)["now"] == "stopped"
    [run] = json.loads(framework0("runs", "--json").stdout)
    assert run["state"] == "cancelled"
    write_library(workspace / "nodes", node_text("press", {"next": "done"}))
    assert framework0("step", "resume", "press").code == 0
    press = next(
        step
        for step in json.loads(framework0("show", "--json").stdout)["steps"]
        if step["name"] == "press"
    )
    assert (press["begun"], press["state"]) == (1, "succeeded")


def test_cancel_knows_whom_to_tell(gated, framework0, started):
    engine = started("step", "run", "press")
    gated()
    said = framework0("cancel", "--grace", "2m")
    assert (said.code, "cancelled" in said.stdout) == (0, True), said
    assert engine.wait(120) == 143


@pytest.mark.measured
def test_a_killed_machine_is_shown_interrupted_at_once(gated, framework0, started):
    engine = started("step", "run", "press")
    gated()
    os.kill(_worker_of(engine), signal.SIGKILL)
    engine.wait(120)
    [run] = json.loads(framework0("runs", "--json").stdout)
    assert run["state"] == "interrupted"
    assert "visit 1 was in flight when the process ended" in framework0("show").stdout
    assert status(framework0)["now"] == "interrupted"
    assert "was being visited when the process ended" in framework0("why").stdout


@pytest.mark.measured
@pytest.mark.parametrize(
    "words", [("resume",), ("rerun",), ("continue",), ("repro", "press"), ("graph",)]
)
def test_verbs_for_runs_of_recipes_say_what_goes_on_with_a_machine(machine, framework0, words):
    framework0("step", "run", "press", "--break", "press")
    run = json.loads(framework0("runs", "--json").stdout)[0]["id"]
    said = framework0(words[0], run, *words[1:])
    assert said.code == 2
    assert "is of a machine: `framework0 step" in said.stderr


def test_shared_data_is_kept_in_a_context_when_that_is_asked_for(machine, workspace, framework0):
    shares = """
    from framework0.stepengine import StepNode
    class step_node_press(StepNode):
        step_node_graph_dict = {"press": {}}
        step_arrow_graph_dict = {"next": {"module_name_string": "step_node_done", "arrow_step_name_string": "done"}}
        name = "press"
        def step_execute(self):
            self.shared["parts"] = 7
            self.shared["gone"] = 1
        def step_exit(self):
            del self.shared["gone"]
    """
    write_library(workspace / "nodes", step_node_press=shares)
    ran = framework0("step", "run", "press", "--context", "line")
    assert ran.code == 0, ran.stderr
    assert framework0("context", "--context", "line", "get", "press.parts").stdout.strip() == "7"
    assert "gone" not in framework0("context", "--context", "line", "keys").stdout


@pytest.mark.measured
def test_a_reset_that_forgets_keeps_only_what_it_is_told_to(machine, framework0):
    for group in ("limits", "shared_data"):
        framework0("step", "params", "press", group, "speed", "3")
    framework0("step", "reset", "press", "--yes", "--forget", "--keep", "limits")
    groups = json.loads(framework0("step", "params", "press", "--json").stdout)
    assert set(groups) == {"global_parameters", "limits"}


def _worker_of(process):
    """Return the process below the warden that does the work."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        return int(file.read().split()[0])
