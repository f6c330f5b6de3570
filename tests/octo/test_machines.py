"""The example libraries run under the engine, by the command, as a person runs them."""

from __future__ import annotations

import json
import shutil

import pytest

from framework0.stepengine import StepParameters
from tests.conftest import REPOSITORY
from tests.octo.conftest import LIBRARIES

pytestmark = pytest.mark.slow


def state_of(made):
    return made.read()["global_parameters"]["step_engine_state"]


def test_the_custom_node_runs_and_counts(instance):
    made = instance()
    made.step("run", "--library", LIBRARIES / "custom")
    assert state_of(made) == "COMPLETE_SUCCESS"
    assert made.read()["global_parameters"]["run_step_count"] == 2


def test_a_machine_remembers_the_library_it_was_run_with(instance):
    made = instance()
    made.step("run", "--library", LIBRARIES / "custom")
    made.step("reset", "--yes")
    made.step("run")
    assert made.read()["global_parameters"]["run_step_count"] == 3


@pytest.mark.parametrize(("seed", "failures"), [(0, 0), (2, 2), (3, 0), (9, 1)])
def test_the_state_machine_stays_in_itself_until_its_work_is_done(seed, failures, instance):
    made = instance()
    made.set("step_node_statemachine", "seed", seed)
    made.step("run", "--library", LIBRARIES / "statemachine")
    left = made.read()
    group = left["step_node_statemachine"]
    assert (group["state_machine_mode"], group["retry_count"]) == ("COMPLETE", failures)
    visits = left["step_engine"]["visits"]
    assert visits == {"step_node_statemachine": failures + 2, "step_node_next": 1}
    again = left["step_engine"]["arrows"]
    itself = "step_arrow_graph_list_key_step_node_statemachine"
    assert again[f"step_node_statemachine>{itself}>step_node_statemachine"] == failures + 1


def test_the_state_machine_ends_with_an_error_when_it_gives_up(instance):
    made = instance()
    made.set("step_node_statemachine", "seed", 4)
    ended = made.step("run", "--library", LIBRARIES / "statemachine", code=1)
    assert "step_exit returned 1" in ended.stderr
    left = made.read()
    assert left["global_parameters"]["step_engine_state"] == "COMPLETE_ERROR"
    assert left["step_node_statemachine"]["step_results_key_last_status"] == "ERROR"
    assert left["step_engine"]["last_error"]["node"] == "step_node_statemachine"


def test_the_data_processor_writes_its_summary_beside_its_data(instance):
    made = instance("dataprocessor")
    made.step("run", "--library", LIBRARIES / "dataprocessor")
    left = made.read()["step_node_dataprocessor"]
    assert (left["processed_records"], left["incomplete_records"]) == (24, 1)
    summary = json.loads((made.folder / "by_region.json").read_text(encoding="utf-8"))
    assert sorted(summary) == ["east", "north", "south", "west"]


def test_what_was_set_before_a_machine_runs_is_not_overwritten(instance):
    made = instance("dataprocessor")
    made.set("step_node_dataprocessor", "output_file", "elsewhere.json")
    made.step("run", "--library", LIBRARIES / "dataprocessor")
    assert (made.folder / "elsewhere.json").exists()
    assert not (made.folder / "by_region.json").exists()


def test_a_data_processor_without_its_file_goes_on_when_it_has_one(instance):
    made = instance()
    made.step("run", "--library", LIBRARIES / "dataprocessor", code=1)
    assert made.read()["global_parameters"]["current_step_state"] == "ENTER"
    shutil.copy(REPOSITORY / "octo/instances/dataprocessor/deliveries.csv", made.folder)
    made.step("resume")
    assert state_of(made) == "COMPLETE_SUCCESS"


def test_the_patterns_come_from_an_order_to_a_payment(instance):
    made = instance("patterns")
    made.step("run", "--library", LIBRARIES / "patterns")
    left = made.read()
    assert left["shared_data"] == {"order_total": 4.0}
    assert (made.folder / "invoice.txt").read_text(encoding="utf-8") == "to pay: 4.0\n"
    assert left["step_node_tracked"] == {"last_error": ""}
    assert left["step_engine"]["visits"] == dict.fromkeys(
        ("step_node_conditional", "step_node_store", "step_node_use", "step_node_tracked"), 1
    )


def test_without_an_order_the_machine_looks_three_times_and_ends_well(instance):
    made = instance("patterns")
    (made.folder / "order.json").unlink()
    made.step("run", "--library", LIBRARIES / "patterns")
    left = made.read()
    assert left["step_engine"]["visits"] == {"step_node_conditional": 3}
    assert left["step_node_conditional"] == {"retry_count": 3, "found": False}
    assert state_of(made) == "COMPLETE_SUCCESS"


def test_a_tracked_error_stays_until_a_resume_goes_well(instance):
    made = instance("patterns")
    payment = made.folder / "payment.json"
    payment.write_text('{"amount": 3.5}', encoding="utf-8")
    made.step("run", "--library", LIBRARIES / "patterns", code=1)
    left = made.read()
    assert left["step_node_tracked"]["last_error"] == "ValueError: 3.5 was paid where 4.0 is owed"
    assert "step_node_tracked in EXECUTE" in left["global_parameters"]["last_error"]
    payment.write_text('{"amount": 4.0}', encoding="utf-8")
    made.step("resume")
    left = made.read()
    assert left["step_node_tracked"]["last_error"] == ""
    assert left["step_engine"]["visits"]["step_node_store"] == 1


def test_an_instance_that_was_brought_to_its_first_node_by_hand_begins_there(instance):
    from tests.octo.test_documented_forms import FORMS

    made = instance()
    for form in FORMS.glob("step_node_*.py"):
        shutil.copy(form, made.folder)
    params = StepParameters()
    place = (
        params.get_default_param_dict(),
        str(made.folder / params.get_default_param_file_name()),
        str(made.folder / params.get_default_param_lock_file_name()),
    )
    for key, value in {
        "step_engine_state": "STARTUP",
        "current_step_module": "step_node_heater",
        "current_step_node": "step_node_heater",
        "current_step_state": "ENTER",
    }.items():
        params.update_json_dict(*place, "global_parameters", key, value)
    made.step("run")
    assert made.read()["step_engine"]["visits"] == {"step_node_heater": 1}


def test_nodes_in_the_documented_form_run_with_their_chance_seeded_from_outside(instance):
    from tests.octo.test_documented_forms import FORMS

    lefts = []
    for number in range(2):
        made = instance(f"seeded{number}")
        for form in FORMS.glob("step_node_*.py"):
            shutil.copy(form, made.folder)
        # Everything of a library is imported in one process before its first node is called.
        (made.folder / "step_node_zero.py").write_text(
            "import random\n\nrandom.seed(5)\n\n\nclass step_node_zero:\n    def step_execute(self):\n        pass\n",
            encoding="utf-8",
        )
        made.step("run")
        lefts.append(made.read()["step_node_boiler"])
    assert lefts[0] == lefts[1]
    assert lefts[0]["mode"] == "HOT"


@pytest.mark.parametrize("library", sorted(folder.name for folder in LIBRARIES.glob("[!_]*")))
def test_an_example_library_has_no_mistake_and_can_be_drawn(library, instance):
    made = instance()
    made.command("step", "check", LIBRARIES / library)
    drawn = made.command("step", "draw", LIBRARIES / library).stdout
    for node in (LIBRARIES / library).glob("step_node_*.py"):
        assert node.stem in drawn
