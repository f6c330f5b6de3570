"""Changes as frames: made once, short where they can be, read back the same."""

from __future__ import annotations

import json

import pytest

from framework0.context import MemoryStore, Write
from framework0.context.change import Author
from framework0.context.wire.codec import STRICT, Malformed
from framework0.context.wire.frames import (
    Batch,
    full_change,
    read_changes,
    read_full_change,
)
from framework0.context.wire.patching import Patch

BY = Author("ann", "run-1", "clean", 2)


@pytest.fixture
def store():
    return MemoryStore()


def arrays(batch, **wish):
    return [json.loads(send.data)["changes"] for send in batch.sends(**wish)]


def bare(change):
    return change._replace(old=None, existed=False, previous=0)


def test_changes_made_together_say_once_who_and_when(store):
    made = store.apply([Write("a", 1), Write("b", 2), Write("a", removed=True)], BY, 9.5)
    made += store.apply([Write("c", 3)], Author("bob"), 10.0)
    ((first, *others),) = arrays(Batch(made))
    assert first == [1, "a", 0, 1, 9.5, "ann", "run-1", "clean", 2]
    assert others == [[2, "b", 0, 2], [3, "a", 1, None], [4, "c", 0, 3, 10.0, "bob"]]
    assert read_changes([first, *others]) == list(map(bare, made))


def test_an_end_of_its_own_is_told(store):
    made = store.apply([Write("a", 1, ttl=5.0), Write("b", 1, ttl=5.0)], BY, 9.5)
    ((first, second),) = arrays(Batch(made))
    assert first[-1] == second[-1] == 14.5
    assert read_changes([first, second]) == list(map(bare, made))
    store.close()


def test_the_same_wish_gets_the_same_objects(store):
    batch = Batch(store.apply([Write("a", 1), Write("b", 2)], BY, 1.0))
    assert batch.sends()[0] is batch.sends()[0]
    assert batch.sends(patches=True) is batch.sends()
    some = frozenset({"a", "c*"})
    assert batch.sends(some) is batch.sends(frozenset({"c*", "a"}))
    assert arrays(batch, patterns=some)[0][0][:2] == [1, "a"]
    assert batch.sends(frozenset({"x"})) == ()
    assert json.loads(batch.sends(subscription=4)[0].data)["subscription"] == 4


def test_what_comes_after_a_version_is_a_batch_too(store):
    batch = Batch(store.apply([Write("a", 1), Write("b", 2), Write("c", 3)], BY, 1.0)).after(1)
    assert (batch.first, batch.last) == (2, 3)
    assert arrays(batch)[0][0][5] == "ann"


def test_many_changes_go_into_several_frames_each_readable_alone(store):
    made = store.apply([Write(f"k{n}", "x" * 40_000) for n in range(10)], BY, 1.0)
    frames = arrays(Batch(made))
    assert len(frames) == 4
    assert [change for frame in frames for change in read_changes(frame)] == list(map(bare, made))
    made = store.apply([Write(f"k{n}", 1) for n in range(2_500)], BY, 1.0)
    assert [len(frame) for frame in arrays(Batch(made))] == [1_000, 1_000, 500]


def test_a_large_value_that_changed_a_little_is_patched_for_who_asks(store):
    value = {"rows": list(range(2_000))}
    store.apply([Write("a", value)], BY, 1.0)
    batch = Batch(store.apply([Write("a", {"rows": [*range(1_999), -1]})], BY, 2.0))
    ((change,),) = arrays(batch, patches=True)
    assert change[2:4] == [2, [["=", ["rows", 1999], -1]]]
    (read,) = read_changes([change])
    assert isinstance(read.value, Patch)
    assert len(batch.sends()[0].data) > 5_000


def test_a_delta_of_ten_keys_in_a_transaction_is_small(store):
    keys = [f"config.service-{number:04}.setting" for number in range(10)]
    made = store.apply([Write(key, f"value of {key}") for key in keys], BY, 1_700_000_000.123)
    (send,) = Batch(made).sends()
    assert len(send.data) < 1_000


def test_a_whole_change_is_an_object_without_what_says_nothing(store):
    (made,) = store.apply([Write("a", False)], Author("ann"), 1.0)
    assert full_change(made) == {"version": 1, "key": "a", "value": False, "who": "ann", "at": 1.0}
    (again,) = store.apply([Write("a", removed=True)], BY, 2.0)
    assert full_change(again)["old"] is False
    for change in (made, again):
        assert read_full_change(STRICT.decode(STRICT.encode(full_change(change)))) == change


@pytest.mark.parametrize(
    "fields", [{}, {"version": 1}, {"version": 0, "key": "a", "who": "x", "at": 1}, 5, {"x": 1}]
)
def test_what_is_no_change_is_malformed(fields):
    with pytest.raises(Malformed):
        read_full_change(fields)
