"""What a returned value says about success."""

from __future__ import annotations

import pytest

from framework0.scriptlets import failure_in


@pytest.mark.parametrize(
    "result",
    [
        None,
        0,
        True,
        False,
        1.5,
        "error",
        [],
        {},
        {"status": "success"},
        {"status": 1},
        {"error": "x"},
    ],
)
def test_these_are_well(result):
    assert failure_in(result) == ""


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (3, "returned 3, and a return code other than 0 is a failure"),
        (-1, "returned -1, and a return code other than 0 is a failure"),
        ({"status": "error"}, "returned status 'error'"),
        ({"status": "FAILED"}, "returned status 'FAILED'"),
        ({"status": "error", "message": "m", "error": "e"}, "m"),
        ({"status": "error", "message": "", "error": "e"}, "e"),
        ({"status": "failed", "reason": 7}, "7"),
    ],
)
def test_these_are_failures_with_their_words(result, reason):
    assert failure_in(result) == reason
