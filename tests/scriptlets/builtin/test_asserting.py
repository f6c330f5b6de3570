from __future__ import annotations

import pytest

from framework0.errors import StepError, UsageError


def test_conditions_that_hold_are_counted(do, context):
    context.set("rows", [1, 2])
    found = do(
        "assert",
        that=["len(context['rows']) == 2", {"check": "inputs.x > 1"}, True],
        inputs={"x": 2},
    )
    assert found == {"checked": 3}


def test_all_that_do_not_hold_are_told_at_once_with_their_values(do, context):
    context.set("rows", ["x" * 500])
    with pytest.raises(StepError) as told:
        do(
            "assert",
            inputs={"wanted": 3, "name": "pens"},
            that=[
                {"check": "inputs.wanted < 2", "message": "too many"},
                "inputs.name in ['ink'] or inputs.wanted == 4",
                "context['rows'] == []",
                "context.get('nothing', 1) == 2",
                False,
                "context['missing'] == 1",
                "inputs.wantd == 3",
                "1 +",
                "true",
            ],
        )
    lines = str(told.value).splitlines()
    assert lines[0] == "8 of 9 conditions do not hold:"
    assert lines[1] == "- too many: inputs.wanted < 2 (inputs.wanted = 3)"
    assert '(inputs.name = "pens", inputs.wanted = 3)' in lines[2]
    assert lines[3].endswith("…)")
    assert len(lines[3]) < 300
    assert lines[4] == "- context.get('nothing', 1) == 2"
    assert "condition 5" in lines[5]
    assert "missing" in lines[6]
    assert "did you mean `wanted`" in lines[7]
    assert lines[8].startswith("- 1 +: ")


@pytest.mark.parametrize(
    ("that", "words"),
    [
        ([], "empty list"),
        ([3], r"that\[1\] is a int"),
        (["true", {}], r"that\[2\] has no check"),
        ([{"check": "true", "mesage": "x"}], "'mesage': known are check and message"),
    ],
)
def test_what_is_no_condition_is_refused(do, that, words):
    with pytest.raises(UsageError, match=words):
        do("assert", that=that)
