"""Naming versions, going back to them, parting from them and coming together again."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import ABSENT, Author, Conflict, Context, MemoryStore, Write
from framework0.context.values import same
from framework0.context.versions import merging
from framework0.errors import (
    ContextError,
    HistoryTrimmed,
    MergeConflict,
    WaitTimeout,
)


def written(context, **values):
    for key, value in values.items():
        context.set(key, value)
    return context.version


def test_a_tag_stands_for_its_version_wherever_one_is_asked_for(context):
    before = written(context, a=1)
    assert context.tag("start") == before
    written(context, a=2, b=1)
    assert context.tags() == {"start": before}
    assert context.at("start") == {"a": 1}
    assert context.at("start").version == before
    assert context.get_at("a", "start") == 1
    assert context.get_at("b", "start", "none") == "none"
    assert context.diff("start").changed == {"a": (1, 2)}
    assert context.tag("start", context.version, move=True) == context.version
    assert not context.diff("start")
    assert context.untag("start") is True
    with pytest.raises(ContextError, match="'start' stands for no version"):
        context.at("start")


def test_times_stand_for_what_had_happened_until_then(context, store):
    moments = [dt.datetime(2024, 5, day, 12, tzinfo=dt.UTC) for day in (1, 2, 3)]
    for number, moment in enumerate(moments):
        store.apply((Write("a", number),), Author(), moment.timestamp())
    hour = dt.timedelta(hours=1)
    assert context.at(moments[0] - hour) == {}
    assert context.at(moments[1]) == {"a": 1}
    assert context.at(moments[1] + hour).version == 2
    assert context.at((moments[0] + hour).timestamp()) == {"a": 0}
    assert context.get_at("a", "2024-05-02T13:00:00+00:00") == 1
    assert context.at(dt.date(2024, 5, 20)) == {"a": 2}
    assert context.at("2024-04-20") == {}
    # A time is one of today, and all of this was long before.
    assert context.at(dt.time(0, 0)) == {"a": 2}
    assert context.at("3") == {"a": 2}


def test_what_a_step_left_can_be_asked_for(context):
    def step(run, name):
        return context.view(Author(name, run, name, 1))

    step("run-a1", "load").set("rows", 10)
    step("run-a1", "clean: all").set("rows", 8)
    step("run-a1", "load").set("late", True)
    step("run-b1", "load").set("rows", 20)
    assert context.at("run-a1:clean: all") == {"rows": 8}
    assert context.at("run-a1:load") == {"rows": 8, "late": True}
    assert context.at("run-b:load") == {"rows": 20, "late": True}
    assert context.at("run-a1:").version == 3
    assert context.at("latest:clean: all") == {"rows": 8}
    assert context.at("latest:load") == {"rows": 20, "late": True}
    assert context.at("latest:").version == 4
    with pytest.raises(ContextError, match=r"no change .* by a step 'other' of any run"):
        context.at("latest:other")
    # A run may be called so: then it is meant.
    step("latest-x", "load").set("rows", 30)
    step("run-c1", "load").set("rows", 40)
    assert context.at("latest:load")["rows"] == 30
    for text, told in [
        ("run-:load", "several runs: run-a1, run-b1"),
        ("run-a1:other", "no change .* by the step 'other'"),
        ("nobody:", "by a run 'nobody'"),
    ]:
        with pytest.raises(ContextError, match=told):
            context.at(text)


@pytest.mark.parametrize("moment", [-1, True, None, [1], b"1", "", "nothing", "²"])
def test_what_stands_for_no_version_is_refused(context, moment):
    for call in (context.at, context.rollback, lambda it: context.get_at("a", it)):
        with pytest.raises(ContextError, match="version"):
            call(moment)


def test_rolling_back_is_one_more_step(context):
    first = written(context, a=1, b=[1])
    context.tag("good")
    context.set("b", [2])
    context.set("c", 3)
    context.delete("a")
    broken = context.snapshot()
    version = context.rollback("good")
    assert dict(context.items()) == {"a": 1, "b": [1]}
    assert version == context.version == first + 6
    assert context.rollback("good") == version
    context.rollback(broken.version)
    assert context.snapshot() == broken


def test_rolling_back_can_be_confined_to_a_pattern(context):
    first = written(context, **{"a.x": 1, "b": 1})
    written(context, **{"a.x": 2, "a.y": 2, "b": 2})
    context.rollback(first, "a.*")
    assert dict(context.items()) == {"a.x": 1, "b": 2}


def test_a_fork_begins_with_the_same_history_and_goes_its_own_way(context, make_store):
    context.view(Author("clean", "run-1", "clean", 2)).set("a", [1])
    written(context, b=1)
    context.delete("b")
    version = written(context, c=1)
    written(context, c=2)
    for store in (None, make_store()):
        fork = context.fork(version, store)
        assert fork.version == version
        assert dict(fork.items()) == {"a": [1], "c": 1}
        assert list(fork.changes_since()) == list(context.changes_since())[:version]
        assert fork.blame("a").change.step == "clean"
        assert fork.set("a", [2]) == version + 1
        assert context["a"] == [1]
        assert context.version == version + 1
        fork.close()


def test_a_fork_of_the_kept_past_knows_what_was_forgotten_before(make_store):
    with Context(make_store(keep_changes=4)) as context:
        written(context, old=[1], other=1)
        context.tag("kept", 1)
        for number in range(20):
            context.set("n", number)
        fork = context.fork()
        assert dict(fork.items()) == dict(context.items())
        assert fork.version == context.version
        assert fork.version_of("old") == 1
        assert fork.history("n")[-1] == context.history("n")[-1]
        tagged = context.fork("kept")
        assert dict(tagged.items()) == {"old": [1]}
        assert tagged.version == 1


def test_a_fork_of_what_is_forgotten_is_refused():
    context = Context(MemoryStore(keep_changes=2))
    written(context, a=1, b=1, c=1, d=1)
    with pytest.raises(HistoryTrimmed):
        context.fork(1)
    used = MemoryStore()
    Context(used).set("a", 1)
    with pytest.raises(ContextError, match="empty store"):
        context.fork(None, used)


def test_a_fork_s_changes_are_merged_back_with_their_values(context):
    written(context, same=1, ours=1, theirs=1, gone=1, both=1)
    fork = context.fork(who="ada")
    fork.set("theirs", [2])
    fork.set("new", True)
    fork.delete("gone")
    fork.set("both", 2)
    context.set("ours", 2)
    context.set("both", 2)
    merged = context.merge(fork)
    assert merged.taken == ("gone", "new", "theirs")
    assert merged.conflicts == ()
    assert merged.version == context.version
    assert dict(context.items()) == {"both": 2, "new": True, "ours": 2, "same": 1, "theirs": [2]}
    assert context.merge(fork).taken == ()


def conflicting(context):
    written(context, a=1, b=[1], c=1)
    base = context.version
    fork = context.fork()
    written(fork, a=2, b=[2])
    fork.delete("c")
    written(context, a=3, c=2)
    context.delete("b")
    return base, fork


def test_a_merge_names_each_conflict_with_both_sides_and_changes_nothing(context):
    base, fork = conflicting(context)
    before = context.version
    with pytest.raises(MergeConflict, match=r"'a'.*'b'.*'c'") as conflict:
        context.merge(fork, base)
    assert conflict.value.conflicts == (
        Conflict("a", 1, 3, 2),
        Conflict("b", [1], ABSENT, [2]),
        Conflict("c", 1, 2, ABSENT),
    )
    assert context.version == before


@pytest.mark.parametrize(
    ("strategy", "left"),
    [
        ("ours", {"a": 3, "c": 2}),
        ("theirs", {"a": 2, "b": [2]}),
        (
            lambda it: ABSENT if it.theirs is ABSENT else [it.base, it.ours, it.theirs].count(3),
            {"a": 1, "b": 0},
        ),
    ],
)
def test_a_strategy_decides_conflicts(context, strategy, left):
    base, fork = conflicting(context)
    merged = context.merge(fork, base, strategy)
    assert dict(context.items()) == left
    assert [conflict.key for conflict in merged.conflicts] == ["a", "b", "c"]


def test_a_strategy_works_on_copies_and_returns_json(context):
    context.set("a", [1])
    fork = context.fork()
    fork.set("a", [2])
    context.set("a", [3])
    context.merge(fork, strategy=lambda it: it.ours.append(4) or it.theirs)
    assert context["a"] == [2]
    assert context.history("a")[-1].old == [3]
    fork.set("a", [5])
    with pytest.raises(ContextError, match="not JSON"):
        context.merge(fork, strategy=lambda it: {1, 2})
    with pytest.raises(ContextError, match="'mine' is no strategy"):
        context.merge(fork, strategy="mine")


def test_a_merge_needs_to_know_what_both_come_from(context):
    with pytest.raises(ContextError, match="base"):
        context.merge({"a": 1})
    assert context.merge({"a": 1}, {}).taken == ("a",)
    other = Context()
    other.set("b", 1)
    assert context.merge(other, {"a": 1}).taken == ("a", "b")
    assert dict(context.items()) == {"b": 1}


pictures = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2) | st.booleans(), max_size=3)


@given(pictures, pictures, pictures, st.sampled_from(["refuse", "ours", "theirs"]))
@settings(deadline=None, max_examples=250)
def test_merging_takes_each_key_from_the_side_that_changed_it(base, ours, theirs, strategy):
    expected, conflicts = dict(ours), set()
    for key in "abc":
        was, own, other = (side.get(key, ABSENT) for side in (base, ours, theirs))
        if same(other, was) or same(own, other):
            continue
        if same(own, was) or strategy == "theirs":
            expected.pop(key, None)
            if other is not ABSENT:
                expected[key] = other
        if not same(own, was):
            conflicts.add(key)
    if strategy == "refuse" and conflicts:
        with pytest.raises(MergeConflict) as refused:
            merging(base, ours, theirs, strategy)
        assert {each.key for each in refused.value.conflicts} == conflicts
        return
    writes, told = merging(base, ours, theirs, strategy)
    result = dict(ours)
    for write in writes:
        result.pop(write.key, None)
        if not write.removed:
            result[write.key] = write.value
    assert same(result, expected)
    assert {each.key for each in told} == conflicts


def test_a_merge_is_decided_again_when_others_wrote_meanwhile(context, store, monkeypatch):
    written(context, a=1, b=1)
    fork = context.fork()
    fork.set("a", 2)
    asked = []

    def strategy(conflict):
        asked.append(conflict.ours)
        if len(asked) == 1:
            store.apply((Write("a", 7),), Author(), 1.0)
        return conflict.ours + conflict.theirs

    context.set("a", 5)
    context.merge(fork, strategy=strategy)
    assert asked == [5, 7]
    assert context["a"] == 9


def test_blame_names_the_change_behind_each_part(context):
    ada, bob = context.view(Author("ada")), context.view(Author("bob", "run-1", "fix", 2))
    ada.set("report", {"rows": [1, 2], "title": "x", "meta": {}})
    bob.set("report", {"rows": [1, 3], "title": "x", "meta": {}})
    ada.set("report", {"rows": [1, 3], "title": "y", "meta": {}, "more": [True]})
    context.set("other", 1)
    blame = context.blame("report")
    assert (blame.key, blame.version, blame.change.version) == ("report", 3, 3)
    assert {path: (c.version, c.who) for path, c in blame.parts.items()} == {
        "rows[0]": (1, "ada"),
        "rows[1]": (2, "bob"),
        "title": (3, "ada"),
        "meta": (1, "ada"),
        "more[0]": (3, "ada"),
    }
    assert {path: c.version for path, c in context.blame("other").parts.items()} == {"": 4}
    with pytest.raises(KeyError):
        context.blame("absent")


def test_blame_ends_at_a_removal_and_at_what_is_forgotten():
    context = Context(MemoryStore(keep_changes=3))
    context.set("a", [1, 2])
    context.delete("a")
    context.set("a", [1, 2])
    assert {c.version for c in context.blame("a").parts.values()} == {3}
    context.set("a", [1, 3])
    context.set("b", 1)
    context.set("b", 2)
    blame = context.blame("a")
    assert blame.change.version == 4
    assert blame.parts["[0]"] is None
    assert blame.parts["[1]"].version == 4
    written(context, b=3, c=4, d=5)
    assert context.blame("a").change is None
    assert context.blame("a").version == 4


def test_a_value_with_very_many_parts_is_blamed_in_larger_ones():
    context = Context()
    context.set("a", {"rows": [[n] for n in range(2000)], "title": "x"})
    context.set("a", {"rows": [[n] for n in range(2001)], "title": "x"})
    parts = context.blame("a").parts
    assert {path: change.version for path, change in parts.items()} == {"rows": 2, "title": 1}


def test_a_value_that_ends_can_be_written_in_a_transaction_and_waited_for(context):
    with context.transaction() as together:
        together.set("lease", "ada", ttl=0.05)
        together.set("stays", 1)
    assert context.wait_for(lambda it: "lease" not in it, timeout=120)
    assert context.history("lease")[-1].who == "expiry"
    assert dict(context.items()) == {"stays": 1}


def test_a_run_s_private_context_offers_no_time_to_live():
    context = Context.private()
    with pytest.raises(ContextError, match="ends with its run"):
        context.set("a", 1, ttl=5)
    context.set("a", 1)
    assert dict(context.items()) == {"a": 1}
    shared = Context()
    shared.set("a", 1, ttl=5)
    with pytest.raises(ContextError, match="ends with its run"):
        Context.private().load(shared.changes_since())


def test_waiting_for_a_pattern_returns_what_matches(context):
    context.set("work.a", 1)
    assert context.wait_for("work.*", timeout=120) == {"work.a": 1}
    writer = threading.Thread(target=lambda: written(context, **{"x.y": 1, "done.b": None}))
    writer.start()
    assert context.wait_for("done.*", timeout=120) == {"done.b": None}
    writer.join()
    with pytest.raises(WaitTimeout, match=r"a context key like 'no\.\*' did not come"):
        context.wait_for("no.*", timeout=0.01)
