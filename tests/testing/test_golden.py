"""What a golden file compares: to the point, and nothing that differs by itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.testing import Golden, run_in_scratch
from framework0.testing.golden import ABSENT, _differences

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(values)
def test_a_value_does_not_differ_from_itself(value):
    assert list(_differences("", value, json.loads(json.dumps(value)))) == []


@given(values, values)
def test_values_differ_exactly_when_their_json_does(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (not list(_differences("x", one, other))) is same


@pytest.mark.parametrize(
    ("kept", "now", "difference"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ("b", 2, 3)),
        ({"a": [1, {"x": 2}]}, {"a": [1, {"x": None}]}, ("a[1].x", 2, None)),
        ({"a": 1}, {}, ("a", 1, ABSENT)),
        ({}, {"a": [1]}, ("a", ABSENT, [1])),
        ({"a": [1, 2]}, {"a": [1]}, ("a[1]", 2, ABSENT)),
        ({"a": 1}, {"a": True}, ("a", 1, True)),
        ({"a": {}}, {"a": []}, ("a", {}, [])),
    ],
)
def test_the_first_difference_has_its_path_and_both_values(kept, now, difference):
    assert next(_differences("", kept, now)) == difference


@pytest.fixture
def run(tmp_path):
    """A run whose results hold its own places, something that is no JSON, and a failure."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "framework0.toml").write_text("")
    (folder / "places.py").write_text(
        "import os\n"
        "def here():\n    return {'file': os.path.abspath(__file__), 'set': {1}}\n"
        "def fail():\n    raise KeyError('x')\n"
    )
    (folder / "places.yaml").write_text(
        "order: graph\nsteps:\n"
        "  - {name: here, module: places, function: here}\n"
        "  - {name: fail, module: places, function: fail}\n"
    )
    return run_in_scratch(folder / "places.yaml", tmp_path / "state")


def test_places_ids_and_times_are_no_part_of_it(run, tmp_path):
    golden = Golden(tmp_path / "golden" / "it.json")
    golden.compare(run, update=True)
    text = golden.path.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert run.result.id not in text
    kept = json.loads(text)
    assert kept["steps"]["here"]["result"]["file"] == "<workspace>/places.py"
    assert kept["steps"]["fail"] == {
        "state": "failed",
        "attempts": 1,
        "result": None,
        "failure": "KeyError",
    }
    golden.compare(run)


@pytest.mark.parametrize(
    ("pattern", "path"), [("steps.*.state", "here"), ("context", None), ("steps.here*", "here")]
)
def test_what_is_declared_to_differ_is_not_compared(run, tmp_path, pattern, path):
    golden = Golden(tmp_path / "it.json", [pattern])
    golden.compare(run, update=True)
    kept = json.loads(golden.path.read_text(encoding="utf-8"))
    part = kept["context"] if path is None else kept["steps"][path]
    assert "(not compared)" in json.dumps(part)
    golden.compare(run)


def test_a_file_that_is_no_json_is_said_to_be_none(run, tmp_path):
    (tmp_path / "it.json").write_text("{")
    with pytest.raises(AssertionError, match="is no JSON"):
        Golden(tmp_path / "it.json").compare(run)


def test_long_values_and_many_differences_are_told_shortly(run, tmp_path):
    golden = Golden(tmp_path / "it.json")
    golden.compare(run, update=True)
    kept = json.loads(golden.path.read_text(encoding="utf-8"))
    kept["context"] = {f"key {number}": "x" * 10_000 for number in range(10)}
    golden.path.write_text(json.dumps(kept))
    with pytest.raises(AssertionError) as raised:
        golden.compare(run)
    told = str(raised.value)
    assert "(10,002 characters)" in told
    assert "and at 9 more: " in told
    assert len(told) < 1_000


def test_a_recipe_run_tells_what_failed(run):
    assert (run.ok, run.state) == (False, "failed")
    assert "fail: KeyError: 'x' (at " in repr(run)
    with pytest.raises(AssertionError, match="step 'fail' failed"):
        run.check()
    with pytest.raises(KeyError):
        run.log("nobody")
