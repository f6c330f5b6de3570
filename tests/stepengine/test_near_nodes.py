"""Names of nodes that one may be misspelt from, limits in numbers that are true, and who stopped a machine."""

from __future__ import annotations

import pytest

from framework0.stepengine.arrows import nearest
from framework0.stepengine.record import Record


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("step_node_laod", "did you mean step_node_load?"),
        ("laod", "did you mean step_node_load?"),
        ("step_node_next", "there are step_node_load, step_node_press"),
    ],
)
def test_what_all_names_begin_with_makes_none_of_them_alike(name, said):
    assert nearest(name, {"step_node_load": 1, "step_node_press": 1}) == said


def test_a_note_of_the_engine_is_gone_with_the_next_move(tmp_path):
    record = Record(tmp_path)
    record.create()
    record.note("stopped", "then")
    assert record.read()["step_engine"] == {"stopped": "then"}
    record.write({}, {"node": "a"})
    assert record.read()["step_engine"] == {"node": "a"}
    record.close()
