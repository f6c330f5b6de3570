"""The step nodes of the specification run as they stand there, with its own lines for the path."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "tests/fixtures/step_nodes"
FILE = ".octo_step_engine_parameters.json"

DRIVE = """
import importlib, random, sys
sys.path.insert(0, sys.argv[1])
random.seed(int(sys.argv[3]))
name = sys.argv[2]
node = getattr(importlib.import_module(name), name)(name, True)
for _ in range(int(sys.argv[4])):
    results = [node.step_entry(), node.step_execute(), node.step_exit()]
    assert results == [0, 0, 0]
    if hasattr(node, "step_advance"):
        print("ADVANCE", node.step_advance())
"""


@pytest.fixture
def instance(tmp_path):
    """An instance's folder beside a library three folders below ``octo``, as the nodes expect it."""
    octo = tmp_path / "octo"
    shutil.copytree(REPOSITORY / "octo/modules", octo / "modules")
    (tmp_path / "framework0").symlink_to(REPOSITORY / "framework0")
    library = octo / "libraries/examples/nodes"
    library.mkdir(parents=True)
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, library)
    folder = tmp_path / "instance"
    folder.mkdir()
    return folder


def drive(instance, name, seed=1, times=1):
    library = instance.parent / "octo/libraries/examples/nodes"
    ended = subprocess.run(
        [sys.executable, "-c", DRIVE, library, name, str(seed), str(times)],
        cwd=instance,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines(), json.loads((instance / FILE).read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_custom_node_counts_and_leaves_its_state(instance):
    printed, left = drive(instance, "step_node_custom")
    assert printed == ["Entering step, current state: INACTIVE", "Executing step_node_custom"]
    assert left["global_parameters"]["run_step_count"] == 2
    assert left["global_parameters"]["current_step_state"] == "ADVANCE"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_state_machine_comes_to_an_end_after_at_most_three_failures(seed, instance):
    printed, left = drive(instance, "step_node_statemachine", seed, times=6)
    group = left["step_node_statemachine"]
    assert group["state_machine_mode"] in {"COMPLETE", "ERROR"}
    assert group["step_results_key_last_status"] == group["state_machine_mode"]
    assert group.get("retry_count", 0) <= 3
    stays = "ADVANCE step_arrow_graph_list_key_step_node_statemachine"
    ends = "ADVANCE next_step" if group["state_machine_mode"] == "COMPLETE" else stays
    assert printed[-1] == ends
    assert left["global_parameters"]["run_step_count"] == 7


@pytest.mark.slow
def test_the_data_processor_counts_each_of_its_records(instance):
    printed, left = drive(instance, "step_node_dataprocessor")
    assert printed[-1] == "Processing complete: 100/100 records"
    assert left["step_node_dataprocessor"]["processed_records"] == 100


def test_the_lines_of_the_instance_bring_it_to_its_first_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(REPOSITORY / "octo/modules")
    exec((EXAMPLES / "instance.txt").read_text(encoding="utf-8"), {})
    left = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["global_parameters"]
    assert left["step_engine_state"] == "STARTUP"
    assert left["current_step_module"] == left["current_step_node"] == "step_node_001"
    assert left["current_step_state"] == "ENTER"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make a node whose methods are the functions of a pattern."""
    from framework0.stepengine import StepParameters

    monkeypatch.chdir(tmp_path)

    def make(pattern, **more):
        functions = {}
        exec((EXAMPLES / pattern).read_text(encoding="utf-8"), functions)
        methods = {name: found for name, found in functions.items() if name.startswith("step_")}
        node = type("Node", (), methods | more)()
        node.params_obj = StepParameters()
        node.default_dict = node.params_obj.get_default_param_dict()
        node.param_file = node.params_obj.get_default_param_file_name()
        node.lock_file = node.params_obj.get_default_param_lock_file_name()
        return node

    return make


def group_of(node, name="my_step"):
    found = node.params_obj.read_json_dict(node.default_dict, node.param_file, node.lock_file)
    return found.get(name)


def test_the_first_pattern_tries_at_most_three_times(made):
    work = []
    node = made("pattern_1.txt", do_work=lambda self: work.append(1))
    assert [node.step_execute() for _ in range(5)] == [0] * 5
    assert (len(work), group_of(node)) == (3, {"retry_count": 3})


def test_the_second_pattern_hands_a_value_from_step_to_step(made, capsys):
    node = made("pattern_2.txt")
    assert (node.step_exit(), node.step_entry()) == (0, 0)
    assert capsys.readouterr().out == "Using data from previous step: important_value\n"


def test_the_third_pattern_keeps_the_error_until_it_goes_well(made):
    troubles = [ValueError("no disk"), None]

    def risky(self):
        trouble = troubles.pop(0)
        if trouble:
            raise trouble

    node = made("pattern_3.txt", do_risky_operation=risky)
    assert (node.step_execute(), group_of(node)) == (1, {"last_error": "no disk"})
    assert (node.step_execute(), group_of(node)) == (0, {"last_error": ""})
