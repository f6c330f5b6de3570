"""Machines as steps of recipes, and recipes as nodes of machines: begun, gone on with, ended, and told."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from functools import partial
from textwrap import dedent
from threading import Thread

import pytest

from framework0 import run_machine, run_recipe
from framework0.assembly import Options, resume_run, start_run
from framework0.errors import LockHeld, RefusedError, UsageError
from framework0.runner import Journal
from framework0.stepengine import reset_instance, standing_of
from framework0.workspace import find_workspace
from tests.stepengine.libraries import FILE, node_text, write_instance, write_library

pytestmark = pytest.mark.slow


@pytest.fixture
def space(tmp_path, monkeypatch):
    """A workspace with an instance ``press`` and its library: load, then press."""
    (tmp_path / ".framework0").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path)
    write_library(
        tmp_path / "nodes",
        node_text("load", {"next": "press"}, first_node_step_bool=1),
        node_text("press"),
    )
    write_instance(tmp_path / "press", "../nodes")
    return find_workspace(explicit=tmp_path)


def write_recipe(space, *lines, header=""):
    steps = "".join(f"    {line}\n" for line in ("instance: press", *lines))
    text = f"{header}steps:\n  - name: press\n    type: step_engine\n{steps}"
    (space.root / "recipe.yaml").write_text(text, encoding="utf-8")
    return space.root / "recipe.yaml"


def parameters(space):
    return json.loads((space.root / "press" / FILE).read_text(encoding="utf-8"))


def states(space):
    journal = Journal(space.journal)
    try:
        return {run.run_id: run.state for run in journal.runs()}
    finally:
        journal.close()


def shares(**values):
    lines = "".join(
        f"self.shared[{name!r}] = {value!r}\n        " for name, value in values.items()
    )
    return f"""
    from framework0 import StepNode
    class step_node_press(StepNode):
        name = "press"
        step_node_graph_dict = {{"press": {{}}}}
        def step_execute(self):
            {lines.replace(chr(10) + "        ", chr(10) + "            ")}return 0
    """


def test_a_step_runs_a_machine_with_params_in_and_results_out(space):
    write_library(space.root / "nodes", step_node_press=shares(parts=7))
    recipe = write_recipe(
        space,
        'args: {limits: {speed: "${{ inputs.speed }}"}}',
        "results: {parts: shared_data.parts, limits: limits}",
        "mirror: true",
        "success: {ctx_has_keys: [parts]}",
        header="inputs: {speed: 3}\n",
    )
    result = run_recipe(recipe, inputs={"speed": 5})
    assert result.ok, result.steps["press"].failure
    assert dict(result.context.items()) == {"parts": 7, "limits": {"speed": 5}, "press.parts": 7}
    told = result.steps["press"].result
    assert (told["node"], told["visits"], told["run"]) == ("press", 2, f"{result.id}.0")
    assert parameters(space)["limits"] == {"speed": 5}
    assert states(space) == {f"{result.id}.0": "succeeded", result.id: "succeeded"}


def test_each_run_of_the_recipe_has_the_machine_begin_anew(space):
    recipe = write_recipe(space)
    first, second = run_recipe(recipe), run_recipe(recipe)
    assert first.steps["press"].result["run"] == f"{first.id}.0"
    assert second.steps["press"].result["run"] == f"{second.id}.0"
    assert second.ok


def test_a_machine_in_the_middle_of_another_run_is_left_alone(space):
    run_machine("press", first="load", max_visits=1)
    reset_instance(space.root / "press")
    (space.root / "nodes" / "step_node_press.py").write_text(
        node_text("press", node_entry_breakpoint=1), encoding="utf-8"
    )
    assert run_machine("press").state == "PAUSED"
    result = run_recipe(write_recipe(space))
    failure = result.steps["press"].failure
    assert failure.kind.endswith("UsageError")
    assert "is in the middle of run" in failure.message
    assert standing_of(space.root / "press").node == "press"


def test_another_attempt_goes_on_where_the_machine_failed(space):
    counts = "open('load-ran', 'a').write('x')"
    fails = "import os\nif os.environ['OCTO_STEP_ATTEMPT'] == '1': raise ValueError('stuck')"
    write_library(
        space.root / "nodes",
        node_text("load", {"next": "press"}, first_node_step_bool=1, execute=counts),
        node_text("press", execute=fails),
    )
    result = run_recipe(write_recipe(space, "retry: 2"))
    assert result.ok, result.steps["press"].failure
    assert result.steps["press"].attempts == 2
    assert (space.root / "press" / "load-ran").read_text() == "x"


def test_a_failed_machine_says_where_and_resuming_the_run_goes_on_there(space):
    fails = "import os\nif not os.path.exists('mended'): raise ValueError('stuck')"
    write_library(space.root / "nodes", node_text("press", execute=fails))
    recipe = write_recipe(space)
    result = run_recipe(recipe)
    message = result.steps["press"].failure.message
    assert "failed at press in EXECUTE: ValueError: stuck" in message
    assert "step_node_press.py:" in message
    (space.root / "press" / "mended").touch()
    resumed = resume_run(result.id)
    assert resumed.ok
    assert resumed.steps["press"].result["visits"] == 2
    assert states(space)[f"{result.id}.0"] == "succeeded"


def test_a_paused_machine_fails_its_step_and_only_a_resume_goes_past_the_breakpoint(space):
    write_library(space.root / "nodes", node_text("press", node_entry_breakpoint=1))
    result = run_recipe(write_recipe(space, "retry: {attempts: 3, delay: 0}"))
    step = result.steps["press"]
    assert "is paused before press" in step.failure.message
    assert f"`framework0 resume {result.id}`" in step.failure.message
    assert standing_of(space.root / "press").paused["node"] == "press"
    assert resume_run(result.id).ok


WAIT = """
import os, signal, time
descriptor = os.open(os.environ["ALIVE"], os.O_WRONLY)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(descriptor, b"begun")
    time.sleep(600)
time.sleep(600)
"""


@pytest.fixture
def alive(tmp_path, monkeypatch):
    """A pipe that nodes hold open; returns what waits for a word, or for the end of all of them."""
    os.mkfifo(tmp_path / "alive")
    monkeypatch.setenv("ALIVE", str(tmp_path / "alive"))
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def wait_for(word, seconds=300):
        ready, _, _ = select.select([reader], [], [], seconds)
        assert ready, f"nothing within {seconds} s"
        assert os.read(reader, 100) == word

    yield wait_for
    os.close(reader)


def test_a_timeout_of_the_step_ends_the_nodes_with_all_they_started(space, alive):
    write_library(space.root / "nodes", node_text("press", execute=WAIT))
    # It takes a third of a second to begin, and on a machine that is busy it must have begun, too.
    result = run_recipe(write_recipe(space, "timeout: 5s"))
    step = result.steps["press"]
    assert (step.state, step.failure.message) == ("timed_out", "ran longer than its timeout of 5 s")
    alive(b"begun")
    alive(b"")
    write_library(space.root / "nodes", node_text("press"))
    assert resume_run(result.id).ok


def test_a_cancelled_run_ends_the_nodes_and_a_resume_goes_on_there(space, alive):
    write_library(space.root / "nodes", node_text("press", execute=WAIT))
    recipe = write_recipe(space)
    runs, ended = [], []
    options = Options(on_run=runs.append)

    def work():
        from framework0.assembly import start_run

        ended.append(start_run(recipe, workspace=space, options=options))

    thread = Thread(target=work)
    thread.start()
    alive(b"begun")
    runs[0].cancel("by the test")
    thread.join(300)
    assert ended[0].state == "cancelled"
    alive(b"")
    assert standing_of(space.root / "press").state == "EXECUTE"
    write_library(space.root / "nodes", node_text("press"))
    assert resume_run(ended[0].id).ok


def test_a_killed_run_goes_on_with_its_machine_where_it_was(space, alive):
    counts = "open('load-ran', 'a').write('x')"
    write_library(
        space.root / "nodes",
        node_text("load", {"next": "press"}, first_node_step_bool=1, execute=counts),
        node_text("press", execute=WAIT),
    )
    write_recipe(space)
    process = subprocess.Popen(
        [sys.executable, "-m", "framework0", "run", "recipe.yaml"], stderr=subprocess.DEVNULL
    )
    alive(b"begun")
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)
    process.wait(300)
    alive(b"")
    assert set(states(space).values()) == {"interrupted"}
    write_library(space.root / "nodes", node_text("press"))
    [outer] = [run for run in states(space) if "." not in run]
    assert resume_run(outer).ok
    assert (space.root / "press" / "load-ran").read_text() == "x"


def test_two_steps_of_one_instance_are_told_apart(space, alive):
    write_library(space.root / "nodes", node_text("press", execute=WAIT))
    runs = []
    work = partial(
        start_run, write_recipe(space), workspace=space, options=Options(on_run=runs.append)
    )
    thread = Thread(target=work)
    thread.start()
    alive(b"begun")
    with pytest.raises(LockHeld, match="process"):
        run_machine("press", resume=True)
    result = run_recipe(space.root / "recipe.yaml")
    assert "is run by process" in result.steps["press"].failure.message
    runs[0].cancel("by the test")
    thread.join(300)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("instance: nowhere",), "is no folder"),
        (("library: nowhere",), "cannot be read"),
        (("first_node: lod",), "did you mean load?"),
        (("results: {parts: shared_data.parts}",), "has left no shared_data.parts"),
        (("success: {ctx_has_keys: [parts]}",), "without setting 'parts'"),
        (('args: {global_parameters: "${{ 3 }}"}',), "is no group"),
    ],
)
def test_what_a_step_of_a_machine_cannot_do_is_told(space, lines, told):
    recipe = write_recipe(space, *lines)
    if lines[0].startswith("instance"):
        text = recipe.read_text(encoding="utf-8").replace("    instance: press\n", "", 1)
        recipe.write_text(text, encoding="utf-8")
    failure = run_recipe(recipe).steps["press"].failure
    assert told in failure.message


def test_a_secret_is_kept_out_of_the_parameter_file_and_may_be_a_variable(space, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter22")
    says = "import os; print('the token is', os.environ['T'])"
    write_library(space.root / "nodes", node_text("press", execute=says))
    header = "inputs: {token: {secret: true}}\n"
    refused = run_recipe(
        write_recipe(space, 'args: {auth: {token: "${{ inputs.token }}"}}', header=header)
    )
    assert "gives a secret to a machine" in refused.steps["press"].failure.message
    assert "hunter22" not in (space.root / "press" / FILE).read_text(encoding="utf-8")
    given = run_recipe(write_recipe(space, 'env: {T: "${{ inputs.token }}"}', header=header))
    assert given.ok, given.steps["press"].failure
    logs = list((space.state / "runs" / f"{given.id}.0" / "logs").iterdir())
    text = "".join(log.read_text(encoding="utf-8") for log in logs)
    assert "the token is ***" in text


def test_an_untrusted_run_has_no_machines(space):
    with pytest.raises(RefusedError, match="whose nodes have no walls"):
        run_recipe(write_recipe(space), untrusted="best-effort")


def test_steps_of_a_foreach_have_an_instance_each(space):
    for name in ("north", "south"):
        write_instance(space.root / name, "../nodes")
    text = """
    steps:
      - name: press
        type: step_engine
        foreach: [north, south]
        instance: "${{ item }}"
    """
    (space.root / "recipe.yaml").write_text(dedent(text), encoding="utf-8")
    result = run_recipe(space.root / "recipe.yaml")
    assert result.ok, result.steps
    assert [each["visits"] for each in result.steps["press"].result] == [2, 2]


# ---------------------------------------------------------------------- a recipe as a node

CLEAN = """
from framework0 import RunRecipe

class step_node_press(RunRecipe):
    name = "press"
    step_node_graph_dict = {"press": {}}
    recipe = "clean.yaml"
    inputs = {"rows": 4}
    outputs = {"count": "rows.count"}
"""

CLEAN_RECIPE = """
inputs: {rows: 10}
steps:
  - {name: note, module: work, function: note}
  - {name: make, module: work, function: make, args: {rows: "${{ inputs.rows }}"}, depends_on: [note]}
"""

WORK = """
import os

def note():
    with open("notes", "a") as file:
        file.write("x")

def make(context, rows):
    if os.path.exists("broken"):
        raise ValueError("it is broken")
    context.set("rows.count", rows)
"""


@pytest.fixture
def recipe_node(space):
    """The machine, whose node ``press`` runs a recipe."""
    write_library(space.root / "nodes", step_node_press=CLEAN)
    (space.root / "nodes" / "clean.yaml").write_text(CLEAN_RECIPE, encoding="utf-8")
    (space.root / "work.py").write_text(WORK, encoding="utf-8")
    return space


def test_a_node_runs_a_recipe_and_shares_what_that_leaves(recipe_node):
    ended = run_machine("press")
    assert ended.state == "COMPLETE_SUCCESS", ended.error
    assert parameters(recipe_node)["shared_data"] == {"count": 4}
    assert parameters(recipe_node)["press"] == {"run": f"{ended.run}.2"}
    assert states(recipe_node) == {f"{ended.run}.2": "succeeded", ended.run: "succeeded"}


def test_the_parameters_of_the_node_say_otherwise(recipe_node):
    path = recipe_node.root / "press" / "other.yaml"
    path.write_text(CLEAN_RECIPE.replace("note}", "note }"), encoding="utf-8")
    content = parameters(recipe_node)
    content["press"] = {
        "recipe": "other.yaml",
        "inputs": {"rows": 9},
        "outputs": {"n": "rows.count"},
    }
    (recipe_node.root / "press" / FILE).write_text(json.dumps(content), encoding="utf-8")
    assert run_machine("press").state == "COMPLETE_SUCCESS"
    assert parameters(recipe_node)["shared_data"] == {"count": 9, "n": 9}


def test_a_failed_recipe_fails_the_node_and_is_gone_on_with_in_the_same_visit(recipe_node):
    broken = recipe_node.root / "press" / "broken"
    broken.touch()
    (recipe_node.root / "broken").touch()
    ended = run_machine("press")
    assert (ended.state, ended.node, ended.step_state) == ("COMPLETE_ERROR", "press", "EXECUTE")
    assert f"the recipe's run {ended.run}.2 failed" in ended.error.message
    broken.unlink()
    (recipe_node.root / "broken").unlink()
    assert run_machine("press", resume=True).state == "COMPLETE_SUCCESS"
    notes = [
        path
        for path in (recipe_node.root / "notes", recipe_node.root / "press" / "notes")
        if path.exists()
    ]
    assert [path.read_text() for path in notes] == ["x"]


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (CLEAN.replace('recipe = "clean.yaml"', ""), "does not say which recipe it runs"),
        (CLEAN.replace("clean.yaml", "nowhere.yaml"), "nowhere.yaml"),
        (CLEAN.replace('"rows.count"}', '"rows.sum"}'), "has left no 'rows.sum'"),
        (CLEAN.replace('{"rows": 4}', '{"row": 4}'), "row"),
    ],
)
def test_what_a_node_of_a_recipe_lacks_is_told(recipe_node, node, told):
    write_library(recipe_node.root / "nodes", step_node_press=node)
    ended = run_machine("press")
    assert ended.state == "COMPLETE_ERROR"
    assert told in ended.error.message


def test_a_machine_of_a_recipe_in_a_machine_of_a_recipe(recipe_node):
    result = run_recipe(write_recipe(recipe_node))
    assert result.ok, result.steps["press"].failure
    assert set(states(recipe_node)) == {result.id, f"{result.id}.0", f"{result.id}.0.2"}


def test_a_machine_that_is_paused_says_how_it_can_be_run(space):
    write_library(space.root / "nodes", node_text("press", node_exit_breakpoint=1))
    assert run_machine("press").state == "PAUSED"
    with pytest.raises(UsageError, match="step resume"):
        run_machine("press")
