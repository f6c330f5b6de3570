from __future__ import annotations

import threading

import pytest

from framework0.context import Author, Context
from framework0.errors import ContextError, ValueRefused, VersionConflict

BEFORE = {"a": [1], "b": "text", "keep": 0}


@pytest.fixture
def view(context, author):
    for key, value in BEFORE.items():
        context.set(key, value)
    return context.view(author)


def test_every_write_of_a_view_is_signed_and_collected(context, view, author):
    view.set("a", [2])
    view.delete("b")
    with view.transaction() as together:
        together.set("c", together.get("a"))
    view.modify("n", lambda n: n + 1, 0)
    view["d"] = 1
    del view["d"]
    assert [(change.key, change.removed) for change in view.changes] == [
        ("a", False),
        ("b", True),
        ("c", False),
        ("n", False),
        ("d", False),
        ("d", True),
    ]
    assert {Author(*change[6:10]) for change in view.changes} == {author}
    assert list(context.changes_since(3)) == view.changes
    assert view.restore({}) == context.version
    assert len(view.changes) == 10


def test_a_view_reads_everything_the_context_holds(context, view):
    assert view.get("a") == [1]
    assert view.get("input_data", []) == []
    assert view.keys("**") == context.keys()
    assert view.items() == context.items()
    assert view["b"] == "text"
    assert "b" in view
    assert len(view) == 3
    assert view.history("a") == context.history("a")
    assert view.wait_for("a", 0) == [1]
    assert view.snapshot() == context.snapshot()
    assert view.version == 3
    assert "clean" in repr(view)


def test_a_view_can_subscribe(context, view):
    seen = []
    undo = view.subscribe("x", callback=seen.append)
    view.set("x", 1)
    assert context.flush(10)
    undo()
    assert [change.step for change in seen] == ["clean"]


def test_on_change_is_told_in_the_writing_thread(context, author):
    told = []
    view = context.view(
        author, on_change=lambda change: told.append((change, threading.get_ident()))
    )
    view.set("a", 1)
    view.set("b", 2)
    assert told == [(change, threading.get_ident()) for change in view.changes]


def test_on_change_may_write_itself(context, author):
    def note(change):
        if change.key != "log":
            view.set("log", change.key)

    view = context.view(author, note)
    view.set("a", 1)
    assert context.get("log") == "a"


def test_compensation_brings_back_what_was_before(context, view, author):
    view.set("a", 5)
    view.set("a", 6)
    view.delete("b")
    view.set("new", 1)
    view.set("gone", 1)
    view.delete("gone")
    view.delete("keep")
    view.set("keep", 9)
    made = view.compensate()
    assert context.snapshot() == BEFORE
    assert view.left == ()
    assert {change.key for change in made} == {"a", "b", "new", "keep"}
    assert {Author(*change[6:10]) for change in made} == {author}
    assert view.changes[-len(made) :] == list(made)
    assert [change.value for change in context.history("a")] == [[1], 5, 6, [1]]


def test_a_key_that_somebody_else_wrote_since_is_left_and_named(context, view):
    view.set("a", 5)
    view.set("b", 5)
    view.set("c", 5)
    view.delete("keep")
    context.set("a", "mine")
    context.delete("c")
    context.set("keep", 1)
    context.delete("keep")
    view.compensate()
    assert view.left == ("a", "c", "keep")
    assert context.items() == [("a", "mine"), ("b", "text")]


def test_what_another_wrote_between_two_own_writes_comes_back(context, view):
    view.set("a", 5)
    context.set("a", "theirs")
    view.set("a", 6)
    view.compensate()
    assert context.get("a") == "theirs"
    assert view.left == ()


def test_a_removal_by_another_between_two_own_writes_stays(context, view):
    view.delete("a")
    context.set("a", 7)
    context.delete("a")
    view.set("a", 6)
    view.compensate()
    assert "a" not in context
    assert view.left == ()


def test_a_removal_whose_later_history_is_forgotten_is_left(author):
    from framework0.context import MemoryStore

    context = Context(MemoryStore(keep_changes=1))
    context.set("a", 1)
    view = context.view(author)
    view.delete("a")
    context.set("b", 1)
    context.set("c", 1)
    assert view.compensate() == ()
    assert view.left == ("a",)


def test_a_key_written_while_compensation_is_under_way_is_left(context, view):
    view.set("a", 5)
    view.set("b", 5)
    write_as, times = type(context).write_as, []

    def raced(self, author, writes, expected=None, expected_version=None):
        if not times:
            times.append(1)
            context.set("a", "just now")
        return write_as(self, author, writes, expected, expected_version)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(context), "write_as", raced)
        # The patched write of the other one goes through the same door: it must not race itself.
        made = view.compensate()
    assert [change.key for change in made] == ["b"]
    assert view.left == ("a",)
    assert context.get("a") == "just now"


def test_compensation_takes_back_once_and_closes_the_view(context, view):
    view.set("a", 5)
    assert len(view.compensate()) == 1
    assert view.compensate() == ()
    with pytest.raises(ContextError, match=r"'clean', attempt 1, is over"):
        view.set("a", 6)
    assert context.snapshot() == BEFORE


def test_nothing_written_needs_nothing_taken_back(view):
    assert view.compensate() == ()
    assert view.changes == []


def test_a_closed_view_refuses_writes_and_still_reads(context, view):
    view.set("a", 2)
    view.close()
    for call in (
        lambda: view.set("a", 1),
        lambda: view.delete("a"),
        lambda: view.restore({}),
        lambda: view.modify("a", str),
    ):
        with pytest.raises(ContextError, match="over"):
            call()
    assert view.get("a") == 2
    assert len(view.changes) == 1


def test_a_refused_write_leaves_no_trace(view):
    with pytest.raises(ValueRefused):
        view.set("a", object())
    with pytest.raises(VersionConflict), view.transaction({"a": 99}) as together:
        together.set("a", 1)
    assert view.changes == []


def test_two_attempts_write_side_by_side(context):
    first = context.view(Author("s", "r", "s", 1))
    second = context.view(Author("t", "r", "t", 1))
    first.set("x", 1)
    second.set("y", 2)
    first.set("z", 3)
    first.compensate()
    assert context.items() == [("y", 2)]
    assert [change.key for change in second.changes] == ["y"]


def test_a_view_is_a_step_context():
    from framework0.context import ContextView
    from framework0.runner.seams import StepContext

    wanted = [name for name in vars(StepContext) if not name.startswith("_")]
    assert sorted(wanted) == ["delete", "get", "keys", "set"]
    assert all(callable(getattr(ContextView, name)) for name in wanted)
