"""The context in warm workers: values that are no JSON go in and come out as they do in threads."""

from __future__ import annotations

import os
from textwrap import dedent

import numpy as np
import pytest

from framework0 import run_recipe
from framework0.artifacts import Artifact
from framework0.runner import Journal
from framework0.workspace import find_workspace

STEPS = """
import os
import threading
import numpy
import pyarrow

VALUES = {
    "array": numpy.arange(100_000.0).reshape(1000, 100),
    "few": numpy.array([1, 2, 3], dtype="int16"),
    "bytes": b"x" * 200_000,
    "table": pyarrow.table({"n": list(range(1000))}),
    "deep": {"a": [1, {"b": numpy.arange(5)}], "text": "t", "large": numpy.zeros(50_000)},
    "plain": {"a": [1, 2.5, None, "t"]},
}

class Own:
    pass

def put(context):
    for key, value in VALUES.items():
        context.set(key, value)
    context.set("pid", os.getpid())

def same(one, other):
    if isinstance(other, numpy.ndarray):
        return one.dtype == other.dtype and numpy.array_equal(one, other)
    if isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in other)
    if isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other

def look(context):
    wrong = [key for key, value in VALUES.items() if not same(context.get(key), value)]
    assert not wrong, wrong
    assert not context.get("array").flags.writeable
    return os.getpid() != context.get("pid")

def refused(context):
    said = []
    for value in (Own(), {"a": [Own()]}, threading.Lock(), numpy.array([Own()])):
        try:
            context.set("no", value)
        except Exception as error:
            said.append([type(error).__name__, getattr(error, "path", None), str(error)])
    return said

def hand_on(context, value):
    context.set("handed", value)
    context.set("again", value[10:20])

def fail_once(context):
    context.set("array", numpy.ones(3))
    context.set("lost", numpy.ones(3))
    raise OSError("no")

def give():
    return numpy.arange(100_000)
"""


def told(workspace, run_id):
    journal = Journal(workspace.journal)
    try:
        return journal.read(run_id)
    finally:
        journal.close()


@pytest.fixture
def run(tmp_path):
    """Write the steps and a recipe, run it in a workspace, and return workspace and result."""

    def start(steps):
        (tmp_path / "steps.py").write_text(STEPS)
        text = "order: graph\nsteps:\n" + dedent(steps)
        (tmp_path / "recipe.yaml").write_text(text)
        (tmp_path / ".framework0").mkdir(exist_ok=True)
        space = find_workspace(explicit=tmp_path)
        return space, run_recipe(tmp_path / "recipe.yaml", workspace=space)

    return start


@pytest.mark.slow
@pytest.mark.parametrize("writer", ["process", "thread"])
@pytest.mark.parametrize("reader", ["process", "thread"])
def test_arrays_tables_and_bytes_are_the_same_wherever_they_are_set_and_read(run, writer, reader):
    space, result = run(f"""
        - {{name: put, module: steps, function: put, executor: {writer}}}
        - {{name: look, module: steps, function: look, executor: {reader}, depends_on: [put]}}
        """)
    assert result.state == "succeeded", result.steps["look"].failure
    kept = {change.key: change.value for change in told(space, result.id).changes}
    assert type(kept["array"]) is type(kept["few"]) is Artifact
    assert kept["array"].format == "npy"
    assert kept["table"].format == "arrow"
    assert type(kept["deep"]["a"][1]["b"]) is Artifact
    assert kept["plain"] == {"a": [1, 2.5, None, "t"]}
    assert all(change.step == "put" for change in told(space, result.id).changes)
    pid = result.context.get("pid")
    assert (pid != os.getpid()) is (writer == "process")
    assert np.array_equal(result.context.get("few"), [1, 2, 3])


def test_what_no_file_keeps_is_refused_in_a_process_as_in_a_thread(run):
    _, result = run("""
        - {name: there, module: steps, function: refused, executor: process}
        - {name: here, module: steps, function: refused}
        """)
    assert result.state == "succeeded"
    assert len(result.steps["there"].result) == 4
    assert result.steps["there"].result == result.steps["here"].result
    assert "no" not in result.context


def test_an_array_of_an_argument_is_set_without_being_copied(run):
    space, result = run("""
        - {name: give, module: steps, function: give, executor: process}
        - {name: hand_on, module: steps, function: hand_on, executor: process,
           args: {value: "${{ steps.give.result }}"}, depends_on: [give]}
        """)
    assert result.state == "succeeded", result.steps["hand_on"].failure
    assert np.array_equal(result.context.get("again"), np.arange(10, 20))
    changes = {change.key: change.value for change in told(space, result.id).changes}
    made, *_ = told(space, result.id).attempts
    # One content, one file.
    assert changes["handed"].digest == made.outcome.result.digest


def test_a_failed_attempt_takes_its_arrays_back(run):
    space, result = run("""
        - {name: put, module: steps, function: put, executor: process}
        - {name: fail, module: steps, function: fail_once, executor: process, depends_on: [put]}
        - {name: look, module: steps, function: look, executor: process, depends_on: [fail]}
        """)
    assert result.state == "failed"
    assert result.context.get("array").shape == (1000, 100)
    assert "lost" not in result.context
    # History keeps the write and its being taken back.
    first, other, again = (
        change.value for change in told(space, result.id).changes if change.key == "array"
    )
    assert first == again != other


def test_a_step_with_a_fresh_process_is_told_why_it_gets_no_array(run):
    _, result = run("""
        - {name: put, module: steps, function: put}
        - {name: look, module: steps, function: look, memory: 512 MiB, depends_on: [put]}
        """)
    failure = result.steps["look"].failure
    assert failure.kind == "framework0.errors.ContextError"
    assert "a fresh process of its own" in failure.message
