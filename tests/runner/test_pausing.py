"""Runs that stop for a person: where they stop, that they are over then, and that they go on from there."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from framework0.errors import UsageError
from framework0.recipe import FINALLY, Foreach, Policy
from framework0.runner import (
    MOVES,
    STATES,
    PausableLimitedState,
    PausableState,
    Plan,
    Stops,
    breakpoint_of,
    moves,
    now_standing,
    stops_of,
)
from framework0.runner.moves import ENDED, NUMBER, PAUSED
from tests.runner.test_state import AnyRun, end, launched, recipe_of, recipes, states


def stopping(*, before=(), after=(), asking=(), items=None):
    stops = Stops()
    stops.before, stops.after, stops.asking = set(before), set(after), set(asking)
    stops.items = items or {}
    return stops


def start(recipe, stops, *, limit=100, kind=PausableState, **options):
    state = kind(Plan(recipe), stops=stops, limit=limit, **options)
    return state, state.handle(moves.Begin())


CHAIN = (
    {"name": "a"},
    {"name": "b", "depends_on": ("a",)},
    {"name": "c", "depends_on": ("b",)},
    {"name": "beside"},
)


def test_paused_has_the_number_the_journal_knows_and_leads_to_an_end_only():
    assert (STATES[10], PAUSED, NUMBER["paused"]) == ("paused", 10, 10)
    assert MOVES[PAUSED] <= ENDED
    assert PAUSED not in ENDED


def test_before_a_step_all_that_does_not_need_it_goes_on_and_then_the_run_is_over():
    state, out = start(recipe_of(*CHAIN), stopping(before={1}))
    assert launched(out) == [0, 3]
    assert end(state, 0) == []
    assert end(state, 3) == [moves.Finish("paused", ((1, "before"),))]
    assert states(state) == ["succeeded", "paused", "pending", "succeeded"]


def test_after_a_step_its_dependents_have_not_begun():
    state, _ = start(recipe_of(*CHAIN), stopping(after={0}))
    assert end(state, 3) == []
    assert end(state, 0) == [moves.Finish("paused", ((0, "after"),))]
    assert states(state) == ["succeeded", "pending", "pending", "succeeded"]


def test_nobody_stops_after_a_step_that_left_nothing_to_look_at():
    state, _ = start(recipe_of(*CHAIN), stopping(after={0}))
    end(state, 3)
    assert end(state, 0, "failed")[-1] == moves.Finish("failed")


def test_a_retry_that_is_to_come_is_waited_for_before_the_run_pauses():
    state, _ = start(recipe_of({"name": "a"}, {"name": "b"}), stopping(before={1}))
    assert end(state, 0, "failed", retry_in=5.0) == [moves.Wait(0, 5.0)]
    assert launched(state.handle(moves.Waited(0))) == [0]
    assert end(state, 0) == [moves.Finish("paused", ((1, "before"),))]


def test_a_breakpoint_comes_before_the_condition_is_asked():
    recipe = recipe_of({"name": "a", "when": "x"})
    assert start(recipe, stopping(before={0}))[1] == [moves.Finish("paused", ((0, "before"),))]


def test_a_step_that_a_failure_skips_does_not_stop():
    state, _ = start(recipe_of(*CHAIN), stopping(before={1}, asking={2}))
    end(state, 3)
    out = end(state, 0, "failed")
    assert [type(order) for order in out] == [moves.Skip, moves.Skip, moves.Finish]


def test_a_question_is_put_into_words_before_the_run_pauses_for_its_answer():
    state, out = start(recipe_of({"name": "ask"}, {"name": "b"}), stopping(asking={0}))
    assert out == [moves.Decide(0, failed=False), moves.Launch(1)]
    assert end(state, 1) == []
    assert state.handle(moves.Decided(0)) == [moves.Finish("paused", ((0, "asked"),))]


def test_a_question_whose_condition_is_false_is_not_asked():
    state, _ = start(recipe_of({"name": "ask", "when": "x"}), stopping(asking={0}))
    out = state.handle(moves.Decided(0, run=False, reason="no"))
    assert out == [moves.Skip(0, "no"), moves.Finish("succeeded")]


def test_a_question_that_cannot_be_put_fails_its_step():
    state, _ = start(recipe_of({"name": "ask"}), stopping(asking={0}))
    assert state.handle(moves.Undecidable(0)) == [moves.Finish("failed")]


def test_one_item_stops_and_the_others_go_on():
    recipe = recipe_of(
        {"name": "each", "foreach": Foreach((1, 2, 3), parallel=1)},
        {"name": "after", "depends_on": ("each",)},
    )
    state, _ = start(recipe, stopping(items={0: {1}}))
    assert launched(state.handle(moves.Decided(0, items=3))) == [2]
    assert launched(end(state, 2)) == [4]
    assert end(state, 4) == [moves.Finish("paused", ((3, "before"),))]


def test_a_paused_item_is_skipped_when_another_fails_and_fail_fast_is_set():
    recipe = recipe_of({"name": "each", "foreach": Foreach((1, 2), fail_fast=True)})
    state, _ = start(recipe, stopping(items={0: {1}}))
    state.handle(moves.Decided(0, items=2))
    out = end(state, 1, "failed")
    assert [type(order) for order in out] == [moves.Skip, moves.Collect, moves.Finish]
    assert out[-1].state == "failed"


def test_a_cancelled_run_lets_go_of_its_stops_and_makes_no_others():
    steps = (*CHAIN, {"name": "tidy", "phase": FINALLY})
    state, _ = start(recipe_of(*steps), stopping(before={1, 4}, after={0}))
    end(state, 0)
    state.handle(moves.CancelAsked())
    assert launched(end(state, 3, "cancelled")) == [4]
    assert end(state, 4) == [moves.Finish("cancelled")]
    assert not state.paused


def test_cancelling_ends_a_foreach_whose_item_is_paused():
    recipe = recipe_of({"name": "each", "foreach": Foreach((1, 2))})
    state, _ = start(recipe, stopping(items={0: {1}}))
    state.handle(moves.Decided(0, items=2))
    state.handle(moves.CancelAsked())
    out = end(state, 1, "cancelled")
    assert [type(order) for order in out] == [moves.Collect, moves.Finish]


def test_what_was_restored_stops_again_unless_the_stop_was_passed():
    for stops, expected in ((stopping(after={0}), "paused"), (stopping(), None)):
        state = PausableState(Plan(recipe_of(*CHAIN)), stops=stops, limit=9)
        state.restore([(0, NUMBER["succeeded"]), (3, NUMBER["succeeded"])], [])
        out = state.handle(moves.Begin())
        assert state.finished == expected
        assert launched(out) == ([] if expected else [1])


def test_a_restored_skip_that_a_failure_caused_still_keeps_others_from_running():
    state = PausableState(Plan(recipe_of(*CHAIN)), stops=stopping(before={3}), limit=9)
    ended = [(0, NUMBER["failed"]), (1, NUMBER["skipped"])]
    state.restore(ended, [], tainting={1})
    out = state.handle(moves.Begin())
    assert out == [moves.Skip(2, "b was skipped"), moves.Finish("paused", ((3, "before"),))]


def test_halting_a_run_leaves_nothing_that_waits_for_a_person():
    recipe = recipe_of(*CHAIN, {"name": "d"}, {"name": "e", "depends_on": ("d",)})
    state, _ = start(
        recipe, stopping(before={1}, after={4}), kind=PausableLimitedState, fail_fast=True
    )
    end(state, 0)
    end(state, 4)
    out = end(state, 3, "failed")
    assert out[-1] == moves.Finish("failed")
    assert states(state) == ["succeeded", "skipped", "skipped", "failed", "succeeded", "skipped"]


def planned(*steps):
    return Plan(recipe_of(*steps))


def test_breakpoints_are_read_as_people_write_them():
    plan = planned({"name": "a"}, {"name": "each", "foreach": Foreach((1,))}, {"name": "odd:after"})
    assert breakpoint_of(plan, "a") == (0, None, "before")
    assert breakpoint_of(plan, "a:before") == (0, None, "before")
    assert breakpoint_of(plan, "a:after") == (0, None, "after")
    assert breakpoint_of(plan, "each[3]") == (1, 3, "before")
    assert breakpoint_of(plan, "odd:after") == (2, None, "before")
    assert breakpoint_of(plan, "odd:after:after") == (2, None, "after")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("loud", "did you mean 'load'"),
        ("xyz", "framework0 plan"),
        ("load[1]", "'load' has no foreach"),
        ("each[1]:after", "write 'each:after'"),
        ("each[x]", "no step named"),
        ("", "no step named"),
    ],
)
def test_a_breakpoint_of_no_step_is_refused_with_what_comes_near(text, hint):
    plan = planned({"name": "load"}, {"name": "each", "foreach": Foreach((1,))})
    with pytest.raises(UsageError, match=hint.replace("[", r"\[")):
        breakpoint_of(plan, text)


def test_stops_are_those_of_the_recipe_and_the_person_without_those_passed():
    plan = planned(
        {"name": "a", "policy": Policy(breakpoint="after")},
        {"name": "b"},
        {"name": "each", "foreach": Foreach((1, 2))},
        {"name": "ask", "kind": "approval"},
    )
    stops = stops_of(plan, ["b", "each[1]"], decisions={})
    assert (stops.after, stops.before, stops.items, stops.asking) == ({0}, {1}, {2: {1}}, {3})
    assert stops_of(plan, [], of_recipe=False, decisions={}).after == set()
    passed = {(0, "passed"): ["after"], (1, "passed"): ["before"], (2, "passed"): [1]}
    answered = {**passed, (3, "answer"): {"answer": "approve"}}
    assert not any(
        getattr(stops_of(plan, ["b"], decisions=answered), way)
        for way in ("after", "before", "asking")
    )
    assert not stops_of(planned({"name": "a"}), [], decisions={})


def test_a_run_stands_where_it_stopped_and_did_not_go_on():
    stop = {"way": "before", "owner": 1, "item": None}
    item = {"way": "before", "owner": 2, "item": 1}
    asked = {"way": "asked", "owner": 3, "item": None}
    decisions = {(1, "paused"): stop, (5, "paused"): item, (3, "paused"): asked}
    assert now_standing(decisions) == {1: stop, 3: asked, 5: item}
    decisions |= {(1, "passed"): ["before"], (2, "passed"): [1], (3, "answer"): {"answer": "x"}}
    assert now_standing(decisions) == {}
    decisions[3, "answer"] = None
    assert now_standing(decisions) == {3: asked}


class AnyPausingRun(AnyRun):
    """A run that stops anywhere, in any order with all else, and is continued until it ends."""

    @initialize(recipe=recipes(), limit=st.integers(1, 4), asking=st.booleans(), data=st.data())
    def begin(self, recipe, limit, asking, data):
        nodes = st.sets(st.sampled_from(range(len(recipe.steps))))
        each = [step.position for step in recipe.steps if step.foreach is not None]
        plain = [step.position for step in recipe.steps if step.foreach is None]
        self.stops = stopping(
            before=data.draw(nodes),
            after=data.draw(nodes),
            asking=data.draw(st.sets(st.sampled_from(plain))) if plain else (),
            items={
                node: {data.draw(st.integers(0, 1))} for node in each if data.draw(st.booleans())
            },
        )
        self.stops.after -= self.stops.asking
        self.asks = [step.position for step in recipe.steps if step.when and asking]
        self.plan = Plan(recipe)
        self.limit = limit
        self.running, self.waiting, self.deciding = set(), set(), set()
        self.ended = set()
        self.opened = {}
        self.cancelled = False
        self.fresh()
        self.take(self.state.handle(moves.Begin()))

    def fresh(self):
        self.finished = []
        self.state = PausableState(
            self.plan, stops=self.stops, limit=self.limit, asks_status=self.asks
        )

    @precondition(lambda self: self.finished == ["paused"])
    @rule()
    def goes_on(self):
        before = self.state
        for node, way in before.paused.items():
            owner = before.owner.get(node)
            if owner is not None:
                self.stops.items[owner].discard(before.item_index(node))
            else:
                getattr(self.stops, {"asked": "asking"}.get(way, way)).discard(node)
        opened = [
            (owner, first, len(before.items_of(owner)), True)
            for first, owner in sorted((min(before.items_of(node)), node) for node in before._items)
        ]
        ended = [(node, now) for node, now in enumerate(before.state) if now in ENDED]
        tainting = {
            node
            for node, now in ended
            if STATES[now] == "skipped"
            and node < len(self.plan)
            and before.tainted_by(node) is not None
        }
        # What was decided stays decided: the shell answers from the journal.
        self.fresh()
        self.state.restore(ended, opened, tainting)
        self.take(self.state.handle(moves.Begin()))

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "state"):
            return
        state = self.state
        assert len(self.running) == state.running <= self.limit
        if self.finished == ["paused"]:
            assert state.paused
            assert not self.running | self.waiting | self.deciding
            assert not state.cancelled or state.phase == moves.FINALLY_PHASE
        elif self.finished:
            assert not state.paused
            assert not state.unfinished()
        else:
            assert self.running or self.waiting or self.deciding or self.cancelled


TestAnyPausingRun = AnyPausingRun.TestCase
TestAnyPausingRun.settings = settings(max_examples=170, stateful_step_count=60, deadline=None)
