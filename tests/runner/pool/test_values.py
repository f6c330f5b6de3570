"""What steps hand each other through the pool: any value, large ones once, unchanged ones not at all."""

from __future__ import annotations

import datetime as dt
import gc
import os
import pickle

import numpy as np
import pytest

from framework0.runner import FAILED, SUCCEEDED
from framework0.runner.jobs import NotKept
from framework0.runner.pool.parcel import (
    OUTSIDE,
    CannotTravel,
    Opened,
    Parcel,
    pack,
    pack_arguments,
    unpack_arguments,
)
from framework0.segments import Segment, share

LARGE = OUTSIDE * 4


def open_segments():
    gc.collect()
    return sum(
        1
        for name in os.listdir("/proc/self/fd")
        if os.path.islink(f"/proc/self/fd/{name}")
        and "memfd:framework0 " in os.readlink(f"/proc/self/fd/{name}")
    )


VALUES = [
    {1, 2},
    b"few",
    b"many" * LARGE,
    bytearray(b"x" * LARGE),
    dt.date(2026, 11, 24),
    float("inf"),
    {"rows": [1, (2, 3)], "seen": {4}},
    ["a" * 10] * LARGE + [1j],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_packed_value_is_the_same_when_it_is_opened(value):
    packed = pack(value)
    assert packed.open() == value
    assert type(packed.open()) is type(value)
    assert (packed.segment is not None) == (packed.size >= OUTSIDE)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_step_gets_any_value_and_the_next_gets_its_result(pool, value):
    pool.write("def same(value): return value\ndef kind(value): return type(value).__name__\n")
    came = pool.result("same", {"value": value})
    assert came.open() == value
    assert pool.result("kind", {"value": came}) == type(value).__name__


def test_plain_data_stays_plain_even_when_it_is_large(pool):
    pool.write("def give(n): return [n, 'é', (1, 2), None] * n\n")
    assert pool.result("give", {"n": 100_000}) == [100_000, "é", (1, 2), None] * 100_000
    pool.write("def length(text): return len(text)\n", "other")
    assert pool.result("length", {"text": "x" * 10**7}, module="other") == 10**7


def test_a_class_of_a_plain_type_becomes_the_plain_type(pool):
    pool.write(
        "import enum\nclass Color(enum.IntEnum): RED = 3\ndef give(): return {'color': Color.RED}\n"
    )
    result = pool.result("give")
    assert result == {"color": 3}
    assert type(result["color"]) is int


def test_an_array_that_is_passed_on_unchanged_is_the_same_memory(pool):
    pool.write(
        "import numpy as np\n"
        "def make(n): return np.arange(n, dtype=float)\n"
        "def look(a): assert a.sum() > 0; return a\n"
        "def wrap(a): return {'part': a[10:], 'n': 3}\n"
    )
    made = pool.result("make", {"n": LARGE})
    passed = pool.result("look", {"a": made})
    wrapped = pool.result("wrap", {"a": passed})
    assert made.segment is passed.segment is wrapped.segment
    opened = wrapped.open()
    assert opened["n"] == 3
    np.testing.assert_array_equal(opened["part"], np.arange(LARGE, dtype=float)[10:])


def test_an_array_is_changed_in_a_copy_and_nowhere_else(pool):
    pool.write(
        "def change(a): a[5] = 99\ndef copy(a): a = a.copy(); a[5] = 99; return a\n"
        "def look(a): return float(a[5])\n"
    )
    given = pack(np.zeros(LARGE))
    outcome = pool.run("change", {"a": given})
    assert (outcome.state, outcome.failure.kind) == (FAILED, "ValueError")
    assert "read-only" in outcome.failure.message
    changed = pool.result("copy", {"a": given})
    assert changed.segment is not given.segment
    assert [pool.result("look", {"a": each}) for each in (given, changed)] == [0.0, 99.0]


def test_what_stands_beside_an_array_may_change_while_the_array_is_passed_on():
    opened = Opened()
    value = opened.open(pack({"rows": np.ones(LARGE), "n": 1}))
    value["n"] = 2
    packed = pack(value, opened)
    assert packed.open()["n"] == 2


def test_an_arrow_table_is_passed_on_without_a_copy(pool):
    import pyarrow as pa

    pool.write("def same(table): return table\n")
    table = pa.table({"x": list(range(LARGE))})
    given = pack(table)
    came = pool.result("same", {"table": given})
    assert came.open() == table
    assert came.segment is given.segment


def test_arguments_keep_their_shape_around_parcels():
    parcel = pack({1, 2})
    structure, parcels = pack_arguments({"a": [parcel, 1], "b": ({3},), "c": "text"})
    values = [each.open() for each in parcels]
    assert unpack_arguments(structure, values) == {"a": [{1, 2}, 1], "b": ({3},), "c": "text"}


def test_what_cannot_be_pickled_says_what_it_is():
    with pytest.raises(CannotTravel, match=r"generator cannot be pickled"):
        pack(value for value in ())


def test_an_argument_that_cannot_travel_fails_the_step_that_needs_it(pool):
    pool.write("def take(value): return 1\n")
    outcome = pool.run("take", {"value": (each for each in ())})
    assert (outcome.state, outcome.failure.kind) == (FAILED, "args")
    assert "generator" in outcome.failure.message


def test_a_result_that_cannot_travel_fails_its_step_only_if_somebody_reads_it(pool):
    pool.write("import threading\ndef lock(): return threading.Lock()\n")
    outcome = pool.run("lock")
    assert outcome.state == SUCCEEDED
    assert type(outcome.result) is NotKept
    assert "cannot be pickled" in outcome.result.why
    pool.executor._pool._reader_of = {"step 2": "the reader"}.get
    outcome = pool.run("lock")
    assert (outcome.state, outcome.failure.kind) == (FAILED, "result")
    assert "'the reader', which uses it" in outcome.failure.message


def test_a_result_whose_class_fails_to_open_fails_the_reader_with_the_class_s_error(pool):
    pool.write(
        "class Odd:\n"
        "    def __reduce__(self): return (refuse, ())\n"
        "def refuse(): raise RuntimeError('not here')\n"
        "def give(): return Odd()\n"
        "def take(value): return 1\n"
    )
    came = pool.result("give")
    outcome = pool.run("take", {"value": came})
    assert (outcome.state, outcome.failure.message) == (FAILED, "not here")


def test_the_runner_loads_no_array_library_and_no_class_of_the_user_s(tmp_path):
    import subprocess
    import sys

    (tmp_path / "work.py").write_text(
        "import numpy as np\nclass Own: pass\ndef make(): return [Own(), np.ones(100000)]\n"
        "def take(value): return len(value)\n"
    )
    (tmp_path / "recipe.yaml").write_text(
        "defaults: {executor: process}\nsteps:\n"
        "  - {name: a, module: work, function: make}\n"
        '  - {name: b, module: work, function: take, args: {value: "${{ steps.a.result }}"}}\n'
    )
    program = (
        "import sys\nfrom framework0.runner.executors import PoolExecutor, ProcessExecutor\n"
        "from framework0.runner import Job\nfrom framework0.recipe import Step\n"
        "from queue import SimpleQueue\n"
        f"ex = PoolExecutor([{str(tmp_path)!r}], ProcessExecutor([]), lambda s: None)\n"
        "ends = SimpleQueue()\n"
        "def run(function, args):\n"
        "    job = Job('r', 1, 's', Step('s', 1, module='work', function=function), 1)\n"
        "    job.args = args\n"
        "    ex.submit(job, lambda j, o: ends.put(o))\n"
        "    return ends.get(timeout=60)\n"
        "made = run('make', None)\n"
        "assert run('take', {'value': made.result}).result == 2\n"
        "assert not {'numpy', 'work'} & set(sys.modules)\n"
        "ex.close()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_segments_end_with_the_last_who_holds_them(pool):
    before = open_segments()
    pool.write(
        "import numpy as np\ndef make(n): return np.ones(n)\ndef take(a): return float(a[0])\n"
    )
    made = pool.result("make", {"n": LARGE})
    assert open_segments() == before + 1
    assert pool.result("take", {"a": made}) == 1.0
    del made
    # The pool lets go of a job when it hears of the next.
    pool.result("make", {"n": 1})
    assert open_segments() == before


def test_more_segments_than_may_be_open_become_private_memory(monkeypatch):
    monkeypatch.setattr("framework0.segments.HELD", 3)
    before = open_segments()
    held = [share([bytes([number]) * LARGE])[0] for number in range(10)]
    assert open_segments() <= before + 3
    assert [each.map()[5] for each in held] == list(range(10))
    assert all(each.size >= LARGE for each in held)


def test_a_segment_is_seen_by_all_and_changed_by_none():
    whole, places = share([b"abc", b"defg"])
    assert places == [(0, 3), (64, 4)]
    assert isinstance(whole, Segment)
    one, other = whole.map(), whole.map()
    with pytest.raises(TypeError):
        one[0:3] = b"xyz"
    assert other[0:3] == b"abc"


def test_a_parcel_is_described_by_plain_data_alone():
    import marshal

    packed = pack(np.ones(LARGE))
    assert marshal.loads(marshal.dumps(packed.told())) == packed.told()
    assert "ndarray" in repr(packed)
    assert pickle.loads(packed.pickle, buffers=[bytes(LARGE * 8)]).shape == (LARGE,)
    assert isinstance(packed, Parcel)
