"""Each call works in the form in which it is documented, pasted where somebody pastes it."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from textwrap import dedent

import pytest

from framework0.stepengine import StepParameters
from tests.conftest import REPOSITORY
from tests.octo import snippets
from tests.octo.conftest import FILE

FORMS = REPOSITORY / "tests/fixtures/documented_nodes"

DRIVE = """
import importlib, random, sys
sys.path.insert(0, sys.argv[1])
random.seed(int(sys.argv[3]))
name = sys.argv[2]
node = getattr(importlib.import_module(name), name)(name, True)
for _ in range(int(sys.argv[4])):
    for method in ("step_entry", "step_execute", "step_exit"):
        assert getattr(node, method, int)() == 0
    if hasattr(node, "step_advance"):
        print("advance", node.step_advance())
"""


@pytest.fixture
def library(tmp_path):
    """A library three folders below ``octo``, from where the lines for the path find the modules."""
    octo = tmp_path / "octo"
    shutil.copytree(REPOSITORY / "octo/modules", octo / "modules")
    (tmp_path / "framework0").symlink_to(REPOSITORY / "framework0")
    library = octo / "libraries/house/cellar"
    library.mkdir(parents=True)
    for form in FORMS.glob("step_node_*.py"):
        shutil.copy(form, library)
    return library


def drive(library, folder, name, seed=1, times=1):
    """Call the methods of a node as one would by hand, in a process that knows nothing of us."""
    ended = subprocess.run(
        [sys.executable, "-c", DRIVE, library, name, str(seed), str(times)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines(), json.loads((folder / FILE).read_text(encoding="utf-8"))


def test_the_class_has_the_seven_documented_methods_with_their_arguments():
    file = ["default_dict", "file_name", "lock_file_name"]
    documented = {
        "get_default_param_dict": [],
        "get_default_param_file_name": [],
        "get_default_param_lock_file_name": [],
        "read_json_dict": file,
        "update_json_dict": [*file, "main_key", "sub_key", "sub_value"],
        "increment_json_dict": [*file, "main_key", "sub_key", "increment_bool"],
        "dictionary_display": ["param_dictionary"],
    }
    found = {
        name: list(inspect.signature(getattr(StepParameters(), name)).parameters)
        for name, _ in inspect.getmembers(StepParameters, inspect.isfunction)
        if not name.startswith("_")
    }
    assert found == documented


def test_a_node_by_the_lines_for_the_path_finds_the_modules(library, tmp_path):
    printed, left = drive(library, tmp_path, "step_node_heater")
    assert printed == ["entry INACTIVE"]
    assert left["global_parameters"]["run_step_count"] == 2
    assert left["global_parameters"]["current_step_state"] == "ADVANCE"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_to_chance_follows_from_a_seed_given_outside(seed, library, tmp_path):
    runs = []
    for number in range(2):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        runs.append(drive(library, folder, "step_node_boiler", seed, times=5))
    assert runs[0] == runs[1]
    printed, left = runs[0]
    group = left["step_node_boiler"]
    arrow = "next_step" if "mode" in group else "step_arrow_graph_list_key_step_node_boiler"
    assert printed[-1] == f"advance {arrow}"
    assert group["step_results_key_last_status"] == group.get("mode", "UNKNOWN")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The test's own folder as the current one, with the documented modules on the path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(REPOSITORY / "octo/modules")
    return tmp_path


def test_an_instance_is_brought_to_its_first_node_by_hand(here):
    exec(dedent(snippets.INSTANCE), {})
    left = json.loads((here / FILE).read_text(encoding="utf-8"))["global_parameters"]
    assert left["step_engine_state"] == "STARTUP"
    assert left["current_step_module"] == left["current_step_node"] == "step_node_heater"
    assert left["current_step_state"] == "ENTER"


@pytest.fixture
def node(here):
    """Make a node whose methods are those of pasted pieces."""

    def make(*pieces, **more):
        methods = dict(more)
        for piece in pieces:
            exec(dedent(piece), {}, methods)
        made = type("Node", (), methods)()
        made.params_obj = StepParameters()
        made.default_dict = made.params_obj.get_default_param_dict()
        made.param_file = made.params_obj.get_default_param_file_name()
        made.lock_file = made.params_obj.get_default_param_lock_file_name()
        return made

    return make


def left_in(folder):
    return json.loads((folder / FILE).read_text(encoding="utf-8"))


def test_the_recommended_habits_leave_what_they_say(node, here):
    made = node(snippets.SET_UP_AT_ENTRY, snippets.COUNT, snippets.RESULT_AT_EXIT)
    assert (made.step_entry(), made.step_execute(), made.step_exit()) == (0, 0, 0)
    assert left_in(here)["my_step"] == {
        "initialized": True,
        "step_results_key_last_status": "SUCCESS",
    }
    assert left_in(here)["global_parameters"]["run_step_count"] == 2


def test_a_group_of_ones_own_is_made_when_it_is_first_written(node, here):
    node(snippets.OWN_GROUP).step_execute()
    assert left_in(here)["my_custom_group"] == {"custom_param": "custom_value"}


def test_work_that_fails_is_tried_three_times(node, here):
    tried = []
    made = node(snippets.ONLY_THREE_TIMES, do_work=lambda _: tried.append(1))
    assert [made.step_execute() for _ in range(5)] == [0] * 5
    assert (len(tried), left_in(here)["my_step"]) == (3, {"retry_count": 3})


def test_a_value_is_handed_from_node_to_node(node, capsys):
    made = node(snippets.HAND_ON, snippets.TAKE_OVER)
    assert (made.step_exit(), made.step_entry()) == (0, 0)
    assert capsys.readouterr().out == "the water has 98 degrees\n"


def test_an_error_is_kept_until_it_goes_well(node, here):
    troubles = [ValueError("no water"), None]

    def risky(self):
        if (trouble := troubles.pop(0)) is not None:
            raise trouble

    made = node(snippets.KEEP_THE_ERROR, do_risky_operation=risky)
    assert (made.step_execute(), left_in(here)["my_step"]) == (1, {"last_error": "no water"})
    assert (made.step_execute(), left_in(here)["my_step"]) == (0, {"last_error": ""})


def test_a_dictionary_is_shown_as_json(capsys, here):
    params = StepParameters()
    params.dictionary_display({"press": {"pressure": 4}})
    assert json.loads(capsys.readouterr().out) == {"press": {"pressure": 4}}
