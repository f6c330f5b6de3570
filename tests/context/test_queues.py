from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Change
from framework0.context.queues import BLOCK, CONFLATE, DROP_OLDEST, make_queue
from framework0.errors import ContextError

LIMIT = 5


def change(version, key):
    return Change(version, key, version, False, None, False, "user", None, None, None, 0.0)


# A number is a key to put a change of, None takes the two oldest out.
scripts = st.lists(st.none() | st.integers(0, 7), max_size=60)


def play(queue, script):
    """Return what was offered, what was taken, and how many were given up."""
    offered, taken, lost = [], [], 0
    for version, move in enumerate(script, 1):
        if move is None:
            taken += queue.take(2)
        else:
            offered.append(change(version, f"k{move}"))
            lost += queue.put(offered[-1])
    return offered, taken + queue.take(len(queue)), lost


@given(scripts, st.sampled_from([CONFLATE, DROP_OLDEST, BLOCK]))
@settings(deadline=None, max_examples=150)
def test_every_change_is_delivered_once_in_order_or_counted_as_lost(script, overflow):
    offered, taken, lost = play(make_queue(overflow, LIMIT), script)
    versions = [each.version for each in taken]
    assert versions == sorted(set(versions))
    assert set(taken) <= set(offered)
    assert lost == len(offered) - len(taken)
    if overflow == BLOCK:
        assert taken == offered


@given(scripts)
@settings(deadline=None, max_examples=150)
def test_a_bounded_queue_never_holds_more_than_its_limit(script):
    for overflow in (CONFLATE, DROP_OLDEST):
        queue = make_queue(overflow, LIMIT)
        for version, move in enumerate(script, 1):
            if move is None:
                queue.take(1)
            else:
                queue.put(change(version, f"k{move}"))
            assert len(queue) <= LIMIT
            assert not queue.full()


@given(st.lists(st.integers(0, LIMIT - 1), max_size=60))
@settings(deadline=None, max_examples=100)
def test_conflation_keeps_the_latest_of_every_key(keys):
    queue = make_queue(CONFLATE, LIMIT)
    latest = {}
    for version, key in enumerate(keys, 1):
        latest[f"k{key}"] = version
        queue.put(change(version, f"k{key}"))
    delivered = {each.key: each.version for each in queue.take(len(queue))}
    assert delivered == latest


def test_conflation_ends_when_the_subscriber_has_caught_up():
    queue = make_queue(CONFLATE, 2)
    for version in range(1, 6):
        queue.put(change(version, "a"))
    assert [each.version for each in queue.take(10)] == [5]
    assert queue.put(change(6, "a")) == queue.put(change(7, "a")) == 0
    assert [each.version for each in queue.take(10)] == [6, 7]


def test_blocking_is_full_only_beyond_its_limit():
    queue = make_queue(BLOCK, 1)
    queue.put(change(1, "a"))
    assert not queue.full()
    queue.put(change(2, "a"))
    assert queue.full()


@pytest.mark.parametrize(("overflow", "limit"), [("lose", 1), (BLOCK, 0), (CONFLATE, -1)])
def test_an_unknown_policy_or_an_empty_queue_is_refused(overflow, limit):
    with pytest.raises(ContextError):
        make_queue(overflow, limit)


def test_when_more_keys_wait_than_the_limit_the_oldest_are_given_up():
    queue = make_queue(CONFLATE, 2)
    lost = [queue.put(change(version, f"k{version}")) for version in range(1, 6)]
    assert lost == [0, 0, 1, 1, 1]
    assert [each.version for each in queue.take(10)] == [4, 5]
