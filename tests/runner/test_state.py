"""The state machine against a model: whatever happens, in whatever order, its promises hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framework0.recipe import FINALLY, MAIN, ON_FAILURE, Foreach, Policy, Recipe, Step
from framework0.runner import MOVES, STATES, Plan, RunState, moves
from framework0.runner.moves import NUMBER

TOLERANT = Policy(continue_on_error=True)


def recipe_of(*steps: dict, order: str = "graph") -> Recipe:
    made = [Step(position=place, **fields) for place, fields in enumerate(steps)]
    return Recipe("test", tuple(made), order=order)


def start(recipe: Recipe, *, limit: int = 100, asks_status=()) -> tuple[RunState, list]:
    state = RunState(Plan(recipe), limit=limit, asks_status=asks_status)
    return state, state.handle(moves.Begin())


def launched(instructions) -> list[int]:
    return [order.node for order in instructions if isinstance(order, moves.Launch)]


def end(state: RunState, node: int, how: str = "succeeded", retry_in: float | None = None) -> list:
    return state.handle(moves.Ended(node, NUMBER[how], retry_in))


def states(state: RunState) -> list[str]:
    return [STATES[number] for number in state.state]


def test_a_chain_launches_one_after_another_and_finishes():
    state, out = start(recipe_of({"name": "a"}, {"name": "b", "depends_on": ("a",)}))
    assert launched(out) == [0]
    assert launched(end(state, 0)) == [1]
    assert end(state, 1) == [moves.Finish("succeeded")]


def test_ready_steps_start_by_idx_then_by_their_place_in_the_file():
    recipe = recipe_of({"name": "late", "idx": 9}, {"name": "none"}, {"name": "early", "idx": 1})
    assert launched(start(recipe)[1]) == [2, 0, 1]


def test_a_sequence_runs_by_idx_without_any_depends_on():
    recipe = recipe_of({"name": "b", "idx": 2}, {"name": "a", "idx": 1}, order="sequence")
    state, out = start(recipe)
    assert launched(out) == [1]
    assert launched(end(state, 1)) == [0]


def test_the_limit_bounds_what_runs_at_once():
    recipe = recipe_of(*({"name": f"s{n}"} for n in range(5)))
    state, out = start(recipe, limit=2)
    assert launched(out) == [0, 1]
    assert launched(end(state, 0)) == [2]


def test_a_failure_skips_a_chain_of_any_length():
    count = 5_000
    steps = [{"name": "s0"}]
    steps += [{"name": f"s{n}", "depends_on": (f"s{n - 1}",)} for n in range(1, count)]
    state, _ = start(recipe_of(*steps))
    out = end(state, 0, "failed")
    assert len([order for order in out if isinstance(order, moves.Skip)]) == count - 1
    assert out[0] == moves.Skip(1, "s0 failed")
    assert out[1] == moves.Skip(2, "s1 was skipped")
    assert out[-1] == moves.Finish("failed")


def test_a_tolerated_failure_taints_nobody_and_does_not_fail_the_run():
    recipe = recipe_of({"name": "a", "policy": TOLERANT}, {"name": "b", "depends_on": ("a",)})
    state, _ = start(recipe)
    assert launched(end(state, 0, "failed")) == [1]
    assert end(state, 1) == [moves.Finish("succeeded")]


def test_a_step_skipped_by_its_when_lets_those_after_it_run():
    recipe = recipe_of({"name": "a", "when": "false"}, {"name": "b", "depends_on": ("a",)})
    state, out = start(recipe)
    assert out == [moves.Decide(0, failed=False)]
    out = state.handle(moves.Decided(0, run=False, reason="when is false"))
    assert out == [moves.Skip(0, "when is false"), moves.Launch(1)]


def test_a_step_that_asks_the_status_is_decided_after_a_failure():
    recipe = recipe_of({"name": "a"}, {"name": "b", "depends_on": ("a",), "when": "failed()"})
    state, _ = start(recipe, asks_status=(1,))
    assert end(state, 0, "failed") == [moves.Decide(1, failed=True)]
    assert launched(state.handle(moves.Decided(1))) == [1]
    assert end(state, 1) == [moves.Finish("failed")]


def test_a_condition_that_cannot_be_evaluated_fails_its_step():
    recipe = recipe_of({"name": "a", "when": "x"}, {"name": "b", "depends_on": ("a",)})
    state, _ = start(recipe)
    out = state.handle(moves.Undecidable(0))
    assert out == [moves.Skip(1, "a failed"), moves.Finish("failed")]


def test_a_retry_waits_without_holding_a_worker():
    recipe = recipe_of({"name": "a"}, {"name": "b"})
    state, _ = start(recipe, limit=1)
    assert end(state, 0, "failed", retry_in=3.0) == [moves.Wait(0, 3.0), moves.Launch(1)]
    assert state.handle(moves.Waited(0)) == []
    assert launched(end(state, 1)) == [0]
    assert end(state, 0) == [moves.Finish("succeeded")]


def test_on_failure_steps_run_only_after_a_failure_and_finally_steps_always():
    steps = (
        {"name": "work"},
        {"name": "alarm", "phase": ON_FAILURE},
        {"name": "tidy", "phase": FINALLY},
    )
    state, _ = start(recipe_of(*steps))
    assert end(state, 0) == [moves.Skip(1, "nothing failed"), moves.Launch(2)]
    state, _ = start(recipe_of(*steps))
    assert launched(end(state, 0, "failed")) == [1]
    assert launched(end(state, 1)) == [2]
    assert end(state, 2) == [moves.Finish("failed")]


def test_a_failing_finally_step_does_not_keep_the_next_from_running():
    steps = ({"name": "w"}, {"name": "f1", "phase": FINALLY}, {"name": "f2", "phase": FINALLY})
    state, _ = start(recipe_of(*steps))
    assert launched(end(state, 0)) == [1]
    assert launched(end(state, 1, "failed")) == [2]
    assert end(state, 2) == [moves.Finish("failed")]


def test_foreach_opens_items_that_hold_to_their_own_limit_and_end_the_step():
    recipe = recipe_of(
        {"name": "each", "foreach": Foreach((1, 2, 3), parallel=2)},
        {"name": "after", "depends_on": ("each",)},
    )
    state, out = start(recipe)
    assert out == [moves.Decide(0, failed=False)]
    assert launched(state.handle(moves.Decided(0, items=3))) == [2, 3]
    assert state.name(2) == "each[0]"
    assert launched(end(state, 2)) == [4]
    end(state, 3)
    assert end(state, 4) == [moves.Collect(0, NUMBER["succeeded"]), moves.Launch(1)]


def test_foreach_over_nothing_succeeds_at_once():
    state, _ = start(recipe_of({"name": "each", "foreach": Foreach(())}))
    out = state.handle(moves.Decided(0, items=0))
    assert out == [moves.Collect(0, NUMBER["succeeded"]), moves.Finish("succeeded")]


def test_one_failed_item_fails_the_step_after_the_others_ended():
    state, _ = start(recipe_of({"name": "each", "foreach": Foreach((1, 2))}))
    state.handle(moves.Decided(0, items=2))
    assert end(state, 1, "failed") == []
    assert end(state, 2) == [moves.Collect(0, NUMBER["failed"]), moves.Finish("failed")]


def test_fail_fast_keeps_the_other_items_from_starting():
    recipe = recipe_of({"name": "each", "foreach": Foreach((1, 2, 3), parallel=1, fail_fast=True)})
    state, _ = start(recipe)
    state.handle(moves.Decided(0, items=3))
    out = end(state, 1, "failed")
    assert [order.node for order in out if isinstance(order, moves.Skip)] == [2, 3]
    assert out[-1] == moves.Finish("failed")


def test_cancelling_starts_nothing_new_but_the_finally_steps():
    steps = (
        {"name": "a"},
        {"name": "b", "depends_on": ("a",)},
        {"name": "alarm", "phase": ON_FAILURE},
        {"name": "tidy", "phase": FINALLY},
    )
    state, _ = start(recipe_of(*steps))
    assert state.handle(moves.CancelAsked()) == []
    out = end(state, 0, "cancelled")
    assert out == [moves.Skip(2, "the run was cancelled"), moves.Launch(3)]
    assert end(state, 3) == [moves.Finish("cancelled")]
    assert states(state) == ["cancelled", "cancelled", "skipped", "succeeded"]


def test_a_cancelled_retry_delay_ends_and_its_late_timer_means_nothing():
    state, _ = start(recipe_of({"name": "a"}))
    end(state, 0, "failed", retry_in=60.0)
    assert state.handle(moves.CancelAsked()) == [moves.Finish("cancelled")]
    assert state.handle(moves.Waited(0)) == []


def test_an_answer_that_comes_after_the_cancel_is_ignored():
    state, _ = start(recipe_of({"name": "a", "when": "x"}, {"name": "b"}))
    state.handle(moves.CancelAsked())
    assert state.handle(moves.Decided(0)) == []


def test_steps_left_out_by_the_caller_count_as_done():
    recipe = recipe_of({"name": "a"}, {"name": "b", "depends_on": ("a",)})
    state = RunState(Plan(recipe, only=("b",)), limit=1)
    out = state.handle(moves.Begin())
    assert out == [moves.Skip(0, "not named by --only"), moves.Launch(1)]


def test_a_step_after_one_that_was_left_out_is_decided_once():
    recipe = recipe_of({"name": "a"}, {"name": "b", "depends_on": ("a",), "when": "x"})
    out = RunState(Plan(recipe, skip=("a",)), limit=1).handle(moves.Begin())
    assert out == [moves.Skip(0, "left out by --skip"), moves.Decide(1, failed=False)]


def test_an_illegal_move_tells_the_story_of_the_step():
    state, _ = start(recipe_of({"name": "a"}, {"name": "b"}))
    end(state, 0)
    with pytest.raises(moves.IllegalMove, match="pending → ready → running → succeeded"):
        end(state, 0)
    with pytest.raises(moves.IllegalMove, match="decided twice"):
        state.handle(moves.Decided(0))


def test_what_was_restored_is_not_launched_again():
    recipe = recipe_of(
        {"name": "a"}, {"name": "b", "depends_on": ("a",)}, {"name": "c", "depends_on": ("b",)}
    )
    state = RunState(Plan(recipe), limit=10)
    state.restore([(0, NUMBER["succeeded"])], [])
    assert launched(state.handle(moves.Begin())) == [1]


def test_an_opened_foreach_goes_on_with_the_items_that_have_not_ended():
    recipe = recipe_of({"name": "each", "foreach": Foreach((1, 2, 3))})
    state = RunState(Plan(recipe), limit=10)
    state.restore([(2, NUMBER["succeeded"])], [(0, 1, 3, True)])
    assert launched(state.handle(moves.Begin())) == [1, 3]
    end(state, 1)
    assert end(state, 3)[0] == moves.Collect(0, NUMBER["succeeded"])


def test_items_restored_at_other_numbers_are_refused():
    state = RunState(Plan(recipe_of({"name": "each", "foreach": Foreach((1,))})), limit=1)
    with pytest.raises(moves.IllegalMove, match="items of each begin at 7"):
        state.restore([], [(0, 7, 1, True)])


def test_every_move_of_the_table_leads_to_a_known_state():
    assert len(MOVES) == len(STATES)
    for targets in MOVES:
        assert all(0 <= target < len(STATES) for target in targets)


@st.composite
def recipes(draw) -> Recipe:
    count = draw(st.integers(1, 12))
    steps = []
    for place in range(count):
        phase = draw(st.sampled_from([MAIN, MAIN, MAIN, ON_FAILURE, FINALLY]))
        earlier = [step["name"] for step in steps if step["phase"] == phase]
        depends = (
            draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        )
        steps.append(
            {
                "name": f"s{place}",
                "idx": draw(st.none() | st.integers(0, 5)),
                "phase": phase,
                "depends_on": tuple(depends),
                "when": draw(st.sampled_from([None, None, None, "x"])),
                "foreach": draw(st.sampled_from([None, None, Foreach((1, 2), parallel=1)])),
                "policy": draw(st.sampled_from([Policy(), Policy(), TOLERANT])),
            }
        )
    return recipe_of(*steps, order=draw(st.sampled_from(["graph", "graph", "sequence"])))


class AnyRun(RuleBasedStateMachine):
    """Attempts end, retry, are decided and cancelled in any order."""

    @initialize(recipe=recipes(), limit=st.integers(1, 4), asking=st.booleans())
    def begin(self, recipe, limit, asking):
        self.plan = Plan(recipe)
        asks = [step.position for step in recipe.steps if step.when and asking]
        self.state = RunState(self.plan, limit=limit, asks_status=asks)
        self.limit = limit
        self.running: set[int] = set()
        self.waiting: set[int] = set()
        self.deciding: set[int] = set()
        self.ended: set[int] = set()
        self.finished: list[str] = []
        self.cancelled = False
        self.take(self.state.handle(moves.Begin()))

    def take(self, instructions):
        for order in instructions:
            if isinstance(order, moves.Launch):
                assert order.node not in self.running | self.waiting | self.ended
                self.running.add(order.node)
            elif isinstance(order, moves.Decide):
                assert order.node not in self.deciding | self.ended
                self.deciding.add(order.node)
            elif isinstance(order, (moves.Skip, moves.Collect)):
                assert order.node not in self.ended
                self.ended.add(order.node)
            elif isinstance(order, moves.Wait):
                self.waiting.add(order.node)
            else:
                self.finished.append(order.state)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "timed_out"]))
    def attempt_ends(self, data, how):
        node = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(node)
        self.ended.add(node)
        self.take(end(self.state, node, how))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def attempt_fails_and_may_retry(self, data):
        node = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(node)
        self.take(end(self.state, node, "failed", retry_in=1.0))
        if node not in self.waiting:
            self.ended.add(node)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def delay_is_over(self, data):
        node = data.draw(st.sampled_from(sorted(self.waiting)))
        self.waiting.discard(node)
        self.take(self.state.handle(moves.Waited(node)))

    @precondition(lambda self: self.deciding)
    @rule(data=st.data(), wanted=st.booleans(), broken=st.booleans())
    def decided(self, data, wanted, broken):
        node = data.draw(st.sampled_from(sorted(self.deciding)))
        self.deciding.discard(node)
        has_items = self.plan.steps[node].foreach is not None
        if broken:
            event = moves.Undecidable(node)
            self.ended.add(node)
        else:
            event = moves.Decided(node, run=wanted, items=2 if wanted and has_items else None)
        self.take(self.state.handle(event))

    @rule()
    def cancel(self):
        self.cancelled = True
        self.take(self.state.handle(moves.CancelAsked()))

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "state"):
            return
        state = self.state
        assert len(self.running) == state.running <= self.limit
        assert len(self.finished) <= 1
        busy = self.running or self.waiting or self.deciding
        if self.finished:
            assert not self.running
            assert not state.unfinished()
            assert (self.finished[0] == "cancelled") == state.cancelled
        else:
            assert busy or self.cancelled, "nothing is going on and the run has not finished"
        for node, parents in enumerate(self.plan.parents):
            if STATES[state.state[node]] in ("running", "succeeded", "failed", "timed_out"):
                assert all(state.state[parent] in moves.ENDED for parent in parents)


TestAnyRun = AnyRun.TestCase
TestAnyRun.settings = settings(max_examples=170, stateful_step_count=50, deadline=None)


@given(recipes())
@settings(max_examples=100, deadline=None)
def test_every_run_ends_when_every_attempt_ends(recipe):
    state = RunState(Plan(recipe), limit=3)
    todo = state.handle(moves.Begin())
    while todo:
        order = todo.pop(0)
        if isinstance(order, moves.Launch):
            todo += end(state, order.node)
        elif isinstance(order, moves.Decide):
            has_items = recipe.steps[order.node].foreach is not None
            todo += state.handle(moves.Decided(order.node, items=2 if has_items else None))
    assert state.finished == "succeeded"
    assert not state.unfinished()
