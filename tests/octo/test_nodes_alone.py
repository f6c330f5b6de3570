"""The example nodes run alone, as scripts that find their modules by the documented lines."""

from __future__ import annotations

import json

import pytest

from tests.octo.conftest import LIBRARIES


def lines_of(ended, code=0):
    assert (ended.returncode, ended.stderr) == (code, "")
    return ended.stdout.splitlines()


@pytest.mark.slow
def test_the_custom_node_counts_and_leaves_the_state_it_wrote(instance):
    made = instance()
    printed = lines_of(made.script(LIBRARIES / "custom/step_node_custom.py"))
    assert printed == [
        "entered in the state INACTIVE",
        "step_node_custom has counted to 2",
    ]
    left = made.read()["global_parameters"]
    assert (left["run_step_count"], left["current_step_state"]) == (2, "ADVANCE")


@pytest.mark.slow
def test_the_state_machine_fails_as_often_as_its_seed_says(instance):
    made = instance()
    lines_of(made.script(LIBRARIES / "statemachine/step_node_statemachine.py"))
    left = made.read()
    assert left["step_node_statemachine"] == {
        "state_machine_mode": "COMPLETE",
        "retry_count": 2,
        "max_retries": 3,
        "seed": 2,
        "step_results_key_last_status": "COMPLETE",
        "execution_count": 4,
    }
    assert left["global_parameters"]["run_step_count"] == 5


@pytest.mark.slow
def test_the_state_machine_gives_up_after_as_many_failures_as_it_may_have(instance):
    made = instance()
    (made.folder / ".octo_step_engine_parameters.json").write_text(
        json.dumps({"step_node_statemachine": {"seed": 4, "state_machine_mode": "INIT"}}),
        encoding="utf-8",
    )
    printed = lines_of(made.script(LIBRARIES / "statemachine/step_node_statemachine.py"), code=1)
    assert printed[-1] == "given up: it has failed as often as it may"
    left = made.read()["step_node_statemachine"]
    assert (left["step_results_key_last_status"], left["retry_count"]) == ("ERROR", 3)


@pytest.mark.slow
def test_the_data_processor_counts_each_record_and_writes_a_summary(instance):
    made = instance("dataprocessor")
    printed = lines_of(made.script(LIBRARIES / "dataprocessor/step_node_dataprocessor.py"))
    assert printed[-1] == "24 of 24 records processed, 1 of them incomplete"
    assert made.read()["step_node_dataprocessor"]["processed_records"] == 24
    summary = json.loads((made.folder / "by_region.json").read_text(encoding="utf-8"))
    assert summary["east"] == {"deliveries": 4, "mean_minutes": 65.2}
    assert sum(region["deliveries"] for region in summary.values()) == 23


@pytest.mark.slow
def test_a_record_that_cannot_be_read_is_named_and_no_summary_is_written(instance):
    made = instance("dataprocessor")
    file = made.folder / "deliveries.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",35\n", ",soon\n"), encoding="utf-8")
    lines_of(made.script(LIBRARIES / "dataprocessor/step_node_dataprocessor.py"), code=1)
    left = made.read()["step_node_dataprocessor"]
    assert left["last_error"].startswith("deliveries.csv:5: ValueError(")
    assert left["processed_records"] == 3
    assert not (made.folder / "by_region.json").exists()


@pytest.mark.slow
def test_the_data_processor_refuses_to_enter_without_its_file(instance):
    made = instance()
    lines_of(made.script(LIBRARIES / "dataprocessor/step_node_dataprocessor.py"), code=1)
    assert made.read()["step_node_dataprocessor"]["last_error"].startswith("there is no deliveries")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("times", "answer"), [(1, "look_again"), (2, "look_again"), (3, "COMPLETE")]
)
def test_the_conditional_node_looks_three_times_and_no_more(times, answer, instance):
    made = instance()
    script = LIBRARIES / "patterns/step_node_conditional.py"
    printed = [lines_of(made.script(script)) for _ in range(times)]
    assert printed[-1] == [answer]
    assert made.read()["step_node_conditional"]["retry_count"] == times


@pytest.mark.slow
def test_the_conditional_node_goes_on_when_there_is_an_order(instance):
    made = instance("patterns")
    assert lines_of(made.script(LIBRARIES / "patterns/step_node_conditional.py")) == ["found"]
