"""Large arrays move into shared memory: never twice in memory, never taken from who else holds them."""

from __future__ import annotations

import numpy as np
import pytest

from framework0.runner import FAILED
from framework0.runner.pool import moving
from framework0.runner.pool.moving import moved

MANY = moving.LARGE // 8 + 12_345


@pytest.mark.parametrize(
    "array",
    [
        np.arange(MANY, dtype=float),
        np.arange(4 * MANY, dtype="i2").reshape(2, 2, -1),
        np.arange(MANY // 2).astype("c16"),
        np.arange(8 * MANY) % 2 == 0,
    ],
    ids=["floats", "three dimensions", "complex", "truths"],
)
def test_a_moved_array_is_the_same_and_its_box_is_empty(array):
    box = [array.copy()]
    parcel = moved(box)
    assert not box
    opened = parcel.open()
    assert opened.dtype == array.dtype
    assert np.array_equal(opened, array)


@pytest.mark.parametrize(
    "hold",
    [
        lambda array: array,
        lambda array: array[5:],
        memoryview,
        lambda array: [array],
    ],
    ids=["by name", "a view", "its memory", "in a list"],
)
def test_an_array_that_somebody_else_holds_stays_as_it_is(hold):
    box = [np.arange(MANY, dtype=float)]
    held = hold(box[0])
    assert moved(box) is None
    assert np.array_equal(box[0], np.arange(MANY, dtype=float))
    assert held is not None


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1},
        np.ones(100),
        np.ones((3_000, 3_000), order="F"),
        np.full(MANY, "2026-11-24", dtype="M8[s]"),
        np.full(MANY, None),
        np.ones(2 * MANY)[::2],
        np.ones(2 * MANY).view(np.recarray),
    ],
    ids=["no array", "small", "by columns", "dates", "objects", "every second", "of another class"],
)
def test_what_is_no_large_array_of_numbers_stays_in_its_box(value):
    box = [value]
    assert moved(box) is None
    assert box[0] is value


def test_a_step_that_returns_a_large_array_holds_it_once(pool):
    pool.write("import numpy as np\ndef make(n): return np.ones(n)\ndef warm(): return 1\n")
    pool.result("warm")
    small = pool.run("make", {"n": 10})
    outcome = pool.run("make", {"n": 20_000_000})
    assert np.array_equal(outcome.result.open(), np.ones(20_000_000))
    assert outcome.peak_memory - small.peak_memory < 1.3 * 160_000_000


def test_an_array_that_the_step_s_module_keeps_is_there_for_its_next_step(pool):
    pool.write(
        "import numpy as np\nkept = np.arange(4_000_000)\n"
        "def give(): return kept\n"
        "def look(): return [len(kept), int(kept[-1]), os.getpid()]\n"
    )
    assert pool.result("give").open()[-1] == 3_999_999
    worker = pool.result("look")[2]
    assert pool.result("look") == [4_000_000, 3_999_999, worker]


def test_an_array_that_there_is_no_memory_for_fails_its_step_alone(pool):
    pool.write(
        "import numpy as np, resource\n"
        "def make(limited):\n"
        "    if limited:\n"
        "        resource.setrlimit(1, (1_000_000, resource.getrlimit(1)[1]))\n"
        "    return np.ones(4_000_000)\n"
    )
    outcome = pool.run("make", {"limited": True})
    assert (outcome.state, outcome.failure.kind) == (FAILED, "result")
    assert "no memory to hand the result on" in outcome.failure.message
    assert pool.result("make", {"limited": False}).open().sum() == 4_000_000
