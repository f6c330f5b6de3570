from __future__ import annotations

import threading

import pytest

from framework0.context import Context, Snapshot
from framework0.errors import ContextError, ValueRefused, VersionConflict, WaitTimeout


def test_a_context_reads_like_the_specification_shows(context):
    assert context.get("input_data", []) == []
    context.set("processed_data", [1, 2])
    context.set("clean.completed", True)
    context.set("global_config", {"timeout": 30, "retries": 3})
    assert context.get("global_config") == {"timeout": 30, "retries": 3}
    assert context.keys() == ["clean.completed", "global_config", "processed_data"]


def test_set_returns_ever_growing_versions(context):
    versions = [context.set("a", 1), context.set("a", 1), context.set("b", 1)]
    assert versions == sorted(set(versions))
    assert context.version == versions[-1]
    assert context.version_of("a") == versions[1]
    assert context.version_of("absent") == 0


def test_a_value_of_none_is_a_value(context):
    context.set("a", None)
    assert "a" in context
    assert context.get("a", "default") is None
    assert context["a"] is None


def test_delete_says_whether_there_was_something(context):
    context.set("a", 1)
    assert context.delete("a") is True
    assert context.delete("a") is False
    assert context.get("a", "gone") == "gone"
    assert context.version == 2


def test_a_context_speaks_the_language_of_mappings(context):
    context["a"] = 1
    context["b"] = [2]
    assert (len(context), list(context), "a" in context) == (2, ["a", "b"], True)
    assert dict(context.items()) == {"a": 1, "b": [2]}
    assert 3 not in context
    del context["a"]
    for call in (lambda: context["a"], lambda: context.__delitem__("a")):
        with pytest.raises(KeyError, match="a"):
            call()


def test_an_empty_context_is_still_a_context(context):
    assert (context or None) is context


def test_items_and_keys_take_a_pattern(context):
    for key in ("a", "a.x", "a.y.z", "b"):
        context.set(key, key)
    assert context.keys("a.**") == ["a.x", "a.y.z"]
    assert context.items("**.z") == [("a.y.z", "a.y.z")]
    assert context.keys("nothing.*") == []


def test_history_tells_who_and_what(make_store):
    context = Context(make_store(), who="ada")
    context.set("a", [1])
    context.set("b", 0)
    context.delete("a")
    first, second = context.history("a")
    assert (first.who, first.value, first.existed, first.run, first.step) == (
        "ada",
        [1],
        False,
        None,
        None,
    )
    assert (second.removed, second.old, second.version) == (True, [1], 3)
    assert second.at >= first.at > 1_600_000_000
    assert context.history("never") == []
    first.value.append(2)
    assert context.history("a")[0].value == [1]


def test_changes_since_a_version_are_complete_and_copies(context):
    context.set("a", [1])
    context.set("b", 2)
    changes = list(context.changes_since())
    assert [change.key for change in changes] == ["a", "b"]
    changes[0].value.clear()
    assert context.get("a") == [1]
    assert [change.key for change in context.changes_since(1)] == ["b"]


def test_the_past_can_be_read_as_a_picture(context):
    context.set("a", [1])
    context.set("b.x", 2)
    then = context.at(context.version)
    context.delete("a")
    assert then == {"a": [1], "b.x": 2}
    assert (then.version, list(then), "a" in then, len(then)) == (2, ["a", "b.x"], True, 2)
    assert then.matching("b.*") == {"b.x": 2}
    then["a"].clear()
    assert then["a"] == [1]
    assert then.get("zz") is None
    assert context.at(0) == {}
    assert "version=2" in repr(then)


@pytest.mark.parametrize("version", [-1, True, 1.0, "1", None])
def test_a_version_is_a_whole_number(context, version):
    with pytest.raises(ContextError, match="whole number"):
        context.changes_since(version)


def test_a_snapshot_is_not_moved_by_later_writes(context):
    context.set("a", {"x": 1})
    snapshot = context.snapshot()
    context.set("a", {"x": 2})
    context.delete("a")
    assert snapshot == {"a": {"x": 1}}
    assert context.snapshot() == {}
    assert context.snapshot().version == 3


def test_diff_takes_versions_snapshots_and_dicts(context):
    context.set("a", 1)
    context.set("b", 2)
    before = context.snapshot()
    context.set("b", 3)
    context.delete("a")
    context.set("c", 4)
    diff = context.diff(before.version)
    assert diff == ({"c": 4}, {"a": 1}, {"b": (2, 3)})
    assert context.diff(before) == context.diff(2, context.version) == diff
    assert context.diff({"b": 3, "c": 4}) == ({}, {}, {})
    assert not context.diff(context.version)
    with pytest.raises(ValueRefused, match="'b'"):
        context.diff({"b": {1}})


def test_restore_makes_the_context_what_it_was_in_one_step(context):
    context.set("a", [1])
    context.set("b", 2)
    context.set("same", 0)
    before = context.snapshot()
    context.set("a", [1, 2])
    context.delete("b")
    context.set("c", 3)
    version = context.restore(before)
    assert context.snapshot() == before
    assert version == context.version == 9
    assert context.restore(before.version) == version
    assert [change.key for change in context.changes_since(6)] == ["a", "b", "c"]
    assert context.version_of("same") == 3
    context.restore({"only": (1, 2)})
    assert context.items() == [("only", [1, 2])]
    context.restore(0)
    assert len(context) == 0


def test_restore_gives_up_when_others_never_stop_writing(make_store, monkeypatch):
    monkeypatch.setattr("framework0.context.writing.CONFLICT_RETRIES", 3)
    store = make_store()
    context, other = Context(store), Context(store, who="other")
    context.set("a", 1)
    snapshot = context.snapshot

    def disturbed():
        before = snapshot()
        other.set("b", other.version)
        return before

    monkeypatch.setattr(type(context), "snapshot", lambda _: disturbed())
    with pytest.raises(ContextError, match="being restored"):
        context.restore({})
    assert context.get("a") == 1


def test_restoring_too_much_at_once_is_refused(context, monkeypatch):
    monkeypatch.setattr("framework0.context.writing.TRANSACTION_WRITES", 2)
    with pytest.raises(ContextError, match="3 keys"):
        context.restore({"a": 1, "b": 2, "c": 3})
    assert context.version == 0


def test_modify_loses_no_write_of_others(make_store):
    store = make_store()
    context, other = Context(store), Context(store)
    calls = []

    def add_one(value):
        calls.append(value)
        if len(calls) == 1:
            other.set("n", 10)
        return value + 1

    assert context.modify("n", add_one, 0) == 11
    assert calls == [0, 10]
    assert context.modify("rows", lambda rows: [*rows, 1], []) == [1]
    assert context.get("n") == 11


def test_modify_gives_up_when_others_always_come_first(make_store, monkeypatch):
    monkeypatch.setattr("framework0.context.writing.CONFLICT_RETRIES", 3)
    store = make_store()
    context, other = Context(store), Context(store)
    with pytest.raises(ContextError, match="written by others 3 times"):
        context.modify("n", lambda _: other.set("n", 0))


def test_wait_for_returns_at_once_what_is_there(context):
    context.set("a", [1])
    value = context.wait_for("a", timeout=0)
    value.append(2)
    assert context.get("a") == [1]
    assert context.wait_for(lambda now: now.get("a"), 0) == [1]


def test_wait_for_wakes_when_the_key_comes(context):
    writer = threading.Thread(
        target=lambda: [context.set("noise", 1), context.set("a", 7), context.set("b", 8)]
    )
    writer.start()
    assert context.wait_for("a", 120) == 7
    assert context.wait_for(lambda now: now.get("b", 0) > 7 and "b is there") == "b is there"
    writer.join()


def test_wait_for_says_what_did_not_come(context):
    with pytest.raises(WaitTimeout, match=r"'a' did not come within 0 seconds"):
        context.wait_for("a", 0)
    with pytest.raises(TimeoutError, match=r"condition did not come within 0\.01 seconds"):
        context.wait_for(lambda now: "a" in now, timeout=0.01)


def test_waiting_ends_when_the_context_is_closed(context):
    threading.Timer(0.01, context.close).start()
    with pytest.raises(ContextError, match="closed while waiting"):
        context.wait_for("never")
    with pytest.raises(ContextError, match="closed while waiting"):
        context.wait_for("never")


def test_a_closed_context_can_be_read_but_not_written(context):
    context.set("a", 1)
    context.close()
    context.close()
    assert context.get("a") == 1
    for call in (lambda: context.set("a", 2), lambda: context.delete("a")):
        with pytest.raises(ContextError, match="closed"):
            call()


def test_a_journal_s_changes_can_be_taken_over(make_store, context):
    context.set("a", 1)
    context.set("b", 2)
    copy = Context(make_store())
    copy.load(context.changes_since())
    assert copy.snapshot() == context.snapshot()
    assert copy.set("c", 3) == 3


def test_a_snapshot_is_taken_again_when_its_version_was_forgotten_meanwhile(context, monkeypatch):
    from framework0.errors import HistoryTrimmed

    context.set("a", 1)
    store = context._store
    calls = []

    def forgetful(version):
        calls.append(version)
        if len(calls) == 1:
            raise HistoryTrimmed(version, version + 1)
        return {"a": 1}

    monkeypatch.setattr(store, "at", forgetful)
    assert context.snapshot() == {"a": 1}
    assert len(calls) == 2


def test_representations_name_what_matters(context):
    context.set("a", 1)
    assert repr(context) == "Context(1 keys, version=1)"
    assert isinstance(context.snapshot(), Snapshot)


def test_a_transaction_happens_as_a_whole(context):
    context.set("a", 1)
    with context.transaction() as together:
        together.set("b", together.get("a") + 1)
        together.delete("a")
        together.set("c", [1])
        assert "b" not in context
        assert together.get("c") == [1]
        assert ("a" in together, "b" in together, "zz" in together) == (False, True, False)
        assert together.get("a", "gone") == "gone"
        assert together.keys() == ["b", "c"]
        assert together.delete("zz") is False
    assert context.items() == [("b", 2), ("c", [1])]
    assert together.version == context.version == 4


def test_an_exception_gives_a_transaction_up(context):
    together = context.transaction()

    def fail():
        with together:
            together.set("a", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert context.version == 0
    assert together.version == 0


def test_what_a_transaction_read_must_still_hold_at_its_end(context):
    context.set("a", 1)

    def add():
        with context.transaction() as together:
            together.set("sum", together.get("a") + together.get("b", 0))
            context.set("b", 5)

    with pytest.raises(VersionConflict) as conflict:
        add()
    assert (conflict.value.key, conflict.value.expected) == ("b", 0)
    assert "sum" not in context


def test_a_transaction_that_listed_keys_conflicts_with_any_change(context):
    def count(disturb):
        with context.transaction() as together:
            together.set("count", len(together.keys()))
            together.keys("x.*")
            disturb()

    with pytest.raises(VersionConflict):
        count(lambda: context.set("unrelated", 1))
    count(lambda: None)
    assert context.get("count") == 1


def test_expected_versions_guard_a_transaction(context):
    version = context.set("a", 1)
    with context.transaction({"a": version, "b": 0}) as together:
        together.set("a", 2)
    with pytest.raises(VersionConflict, match="read it again"), context.transaction({"a": 1}) as t:
        t.set("c", 1)
    assert context.get("c") is None


def test_a_transaction_without_effect_makes_no_change(context):
    with context.transaction({"a": 0}) as together:
        together.delete("a")
    assert together.version == context.version == 0


def test_an_ended_transaction_refuses_everything(context):
    with context.transaction() as together:
        pass
    for call in (
        lambda: together.get("a"),
        lambda: together.set("a", 1),
        lambda: together.delete("a"),
        together.keys,
        lambda: together.__exit__(None, None, None),
    ):
        with pytest.raises(ContextError, match="ended"):
            call()


def test_a_transaction_is_bounded(context, monkeypatch):
    monkeypatch.setattr("framework0.context.transaction.TRANSACTION_WRITES", 2)
    with context.transaction() as together:
        for number in range(5):
            together.set("a", number)
        together.set("b", 1)
        with pytest.raises(ContextError, match="more than 2 writes"):
            together.set("c", 1)
