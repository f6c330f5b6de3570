"""Pools, ``fail_fast`` and the deadline in the state machine, against a model and one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from framework0.recipe import FINALLY, MAIN, ON_FAILURE, Foreach, Policy
from framework0.runner import LimitedState, Plan, moves
from framework0.runner.limited_moves import (
    Ask,
    GiveBack,
    Granted,
    Halt,
    HaltAsked,
    Leave,
    MayBeFree,
    Refused,
)
from framework0.runner.moves import NUMBER
from tests.runner.test_state import AnyRun, end, launched, recipe_of, recipes, states

GPU = Policy(pool=("gpu", 1))
BOTH = Policy(pool=("gpu", 2))


def begun(recipe, *, limit=100, size=2, fail_fast=False):
    state = LimitedState(Plan(recipe), limit=limit, pools={"gpu": size}, fail_fast=fail_fast)
    return state, state.handle(moves.Begin())


def steps(count, **fields):
    return recipe_of(*({"name": f"s{n}", **fields} for n in range(count)))


def granted(state, node):
    return state.handle(Granted(node))


def test_a_step_asks_for_its_slots_before_it_is_launched():
    state, out = begun(steps(1, policy=GPU))
    assert out == [Ask(0, "gpu", 1)]
    assert granted(state, 0) == [moves.Launch(0)]
    assert end(state, 0) == [GiveBack(0), moves.Finish("succeeded")]


def test_a_refused_step_holds_no_worker_and_the_others_go_on():
    recipe = recipe_of({"name": "waits", "policy": GPU}, {"name": "a"}, {"name": "b"})
    state, out = begun(recipe, limit=1)
    assert out == [Ask(0, "gpu", 1)]
    assert launched(state.handle(Refused(0))) == [1]
    assert launched(end(state, 1)) == [2]
    assert end(state, 2) == []
    assert state.handle(MayBeFree("gpu")) == [Ask(0, "gpu", 1)]
    assert launched(granted(state, 0)) == [0]


def test_the_run_never_asks_for_more_than_the_pool_has():
    state, out = begun(steps(3, policy=GPU), size=2)
    assert out == [Ask(0, "gpu", 1)]
    assert granted(state, 0) == [moves.Launch(0), Ask(1, "gpu", 1)]
    assert granted(state, 1) == [moves.Launch(1)]
    assert end(state, 0) == [GiveBack(0), Ask(2, "gpu", 1)]


def test_priority_goes_before_idx_and_the_file_in_a_line_too():
    recipe = recipe_of(
        {"name": "a", "idx": 1, "policy": GPU},
        {"name": "b", "idx": 2, "policy": GPU._replace(priority=5)},
        {"name": "c", "idx": 3},
        {"name": "d", "policy": Policy(priority=9)},
    )
    state, out = begun(recipe, size=1)
    assert out == [moves.Launch(3), Ask(1, "gpu", 1), moves.Launch(2)]
    granted(state, 1)
    assert end(state, 1) == [GiveBack(1), Ask(0, "gpu", 1)]


def test_nobody_overtakes_a_step_that_needs_many_slots():
    recipe = recipe_of(
        {"name": "one", "policy": GPU._replace(priority=2)},
        {"name": "two", "policy": BOTH._replace(priority=1)},
        {"name": "last", "policy": GPU},
    )
    state, _ = begun(recipe)
    assert granted(state, 0) == [moves.Launch(0)]
    assert end(state, 0) == [GiveBack(0), Ask(1, "gpu", 2)]


def test_a_retry_gives_its_slot_back_and_asks_again():
    state, _ = begun(steps(1, policy=GPU), size=1)
    granted(state, 0)
    assert end(state, 0, "failed", retry_in=9.0) == [GiveBack(0), moves.Wait(0, 9.0)]
    assert state.handle(moves.Waited(0)) == [Ask(0, "gpu", 1)]


def test_each_item_of_a_foreach_takes_slots_of_its_own():
    state, _ = begun(steps(1, policy=GPU, foreach=Foreach((1, 2, 3))), size=1)
    assert state.handle(moves.Decided(0, items=3)) == [Ask(1, "gpu", 1)]
    granted(state, 1)
    assert end(state, 1) == [GiveBack(1), Ask(2, "gpu", 1)]


def test_what_is_cancelled_while_it_waits_leaves_the_queue():
    state, _ = begun(steps(1, policy=GPU))
    state.handle(Refused(0))
    assert state.handle(moves.CancelAsked()) == [moves.Finish("cancelled"), Leave("gpu")]


def test_slots_granted_to_a_cancelled_step_go_back():
    state, _ = begun(steps(1, policy=GPU))
    state.handle(moves.CancelAsked())
    assert granted(state, 0)[0] == GiveBack(0)
    assert state.running == 0


# ---------------------------------------------------------------------- fail_fast and the deadline


def test_after_the_first_failure_nothing_starts_and_the_rest_is_stopped():
    recipe = recipe_of(
        {"name": "bad"},
        {"name": "runs"},
        {"name": "after", "depends_on": ("runs",)},
        {"name": "alarm", "phase": ON_FAILURE},
        {"name": "tidy", "phase": FINALLY},
    )
    state, _ = begun(recipe, fail_fast=True)
    reason = "bad failed and fail_fast is set"
    assert end(state, 0, "failed") == [moves.Skip(2, reason), Halt(reason)]
    assert launched(end(state, 1, "cancelled")) == [3]
    assert launched(end(state, 3)) == [4]
    assert end(state, 4) == [moves.Finish("failed")]


def test_a_tolerated_failure_stops_nothing():
    recipe = recipe_of({"name": "bad", "policy": Policy(continue_on_error=True)}, {"name": "b"})
    state, _ = begun(recipe, fail_fast=True)
    assert end(state, 0, "failed") == []
    assert end(state, 1) == [moves.Finish("succeeded")]


def test_the_first_failed_item_stops_its_siblings():
    state, _ = begun(steps(1, foreach=Foreach((1, 2, 3), parallel=2)), fail_fast=True)
    state.handle(moves.Decided(0, items=3))
    out = end(state, 1, "timed_out")
    assert Halt("s0[0] timed out and fail_fast is set") in out
    assert states(state)[3] == "cancelled"
    assert moves.Collect(0, NUMBER["failed"]) in end(state, 2, "cancelled")


def test_a_failure_that_would_be_retried_is_not_once_all_is_stopped():
    state, _ = begun(steps(2), fail_fast=True)
    end(state, 0, "failed")
    assert end(state, 1, "failed", retry_in=1.0) == [moves.Finish("failed")]
    assert states(state) == ["failed", "cancelled"]


def test_at_the_deadline_waiting_steps_end_and_the_run_has_failed():
    recipe = recipe_of({"name": "waits"}, {"name": "needs", "policy": GPU})
    state, _ = begun(recipe)
    state.handle(Refused(1))
    end(state, 0, "failed", retry_in=60.0)
    assert state.handle(HaltAsked("too late")) == [
        moves.Skip(1, "too late"),
        Halt("too late"),
        moves.Finish("failed"),
        Leave("gpu"),
    ]


def test_a_deadline_that_passes_during_clean_up_changes_nothing():
    state, _ = begun(recipe_of({"name": "a"}, {"name": "tidy", "phase": FINALLY}))
    assert launched(end(state, 0)) == [1]
    assert state.handle(HaltAsked("too late")) == []
    assert end(state, 1) == [moves.Finish("succeeded")]


def test_an_answer_that_comes_after_all_was_stopped_is_not_taken():
    state, _ = begun(steps(1, foreach=Foreach((1, 2))))
    state.handle(HaltAsked("too late"))
    assert state.handle(moves.Decided(0, items=2)) == []
    assert len(state.state) == 1


def test_a_foreach_restored_but_not_begun_is_skipped_whole():
    state = LimitedState(Plan(steps(2, foreach=Foreach((1, 2)))), limit=1)
    state.restore([], [(1, 2, 2, True)])
    assert moves.Skip(1, "too late") in state.handle(HaltAsked("too late"))


class AnyLimitedRun(AnyRun):
    """As any run, with slots that others use too, and a halt at any time."""

    @initialize(
        recipe=recipes(),
        limit=st.integers(1, 4),
        needs=st.lists(st.sampled_from([None, ("p", 1), ("p", 2), ("q", 1)]), min_size=12),
        fail_fast=st.booleans(),
        others=st.integers(0, 2),
    )
    def begin_limited(self, recipe, limit, needs, fail_fast, others):
        for step, need in zip(recipe.steps, needs, strict=False):
            step.policy = step.policy._replace(pool=need)
        self.plan = Plan(recipe)
        self.sizes = {"p": 2, "q": 1}
        self.state = LimitedState(self.plan, limit=limit, pools=self.sizes, fail_fast=fail_fast)
        self.limit = limit
        self.running, self.waiting, self.deciding = set(), set(), set()
        self.ended, self.finished, self.cancelled = set(), [], False
        self.halted = False
        self.held = {}
        self.elsewhere = {"p": others, "q": min(others, 1)}
        self.take(self.state.handle(moves.Begin()))

    def begin(self, recipe, limit, asking):
        raise AssertionError("replaced")

    def take(self, instructions):
        for order in instructions:
            if isinstance(order, Ask):
                assert order.node not in self.held
                free = self.sizes[order.pool] - self.used(order.pool)
                if free >= order.slots:
                    self.held[order.node] = (order.pool, order.slots)
                    self.take(self.state.handle(Granted(order.node)))
                else:
                    self.take(self.state.handle(Refused(order.node)))
            elif isinstance(order, GiveBack):
                del self.held[order.node]
            elif isinstance(order, Halt):
                self.halted = True
            elif not isinstance(order, Leave):
                if isinstance(order, moves.Launch):
                    home = self.state.owner.get(order.node, order.node)
                    assert self.plan.steps[home].policy.pool == self.held.get(order.node)
                super().take([order])

    def used(self, pool):
        mine = sum(slots for name, slots in self.held.values() if name == pool)
        return mine + self.elsewhere[pool]

    @rule(pool=st.sampled_from(["p", "q"]))
    def others_end(self, pool):
        self.elsewhere[pool] = max(0, self.elsewhere[pool] - 1)
        if pool in self.state.lines:
            self.take(self.state.handle(MayBeFree(pool)))

    @rule()
    def halt(self):
        self.take(self.state.handle(HaltAsked("too late")))

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "state"):
            return
        state = self.state
        assert len(self.running) == state.running <= self.limit
        assert all(self.used(pool) <= size for pool, size in self.sizes.items())
        assert set(self.held) <= self.running
        assert len(self.finished) <= 1
        if self.finished:
            assert not self.running
            # Items of a foreach that was skipped whole have no end of their own.
            assert all(node in state.owner for node in state.unfinished())
            wanted = "cancelled" if state.cancelled else "failed" if self.halted else None
            assert wanted in (None, self.finished[0])
        elif not (self.running or self.waiting or self.deciding or self.cancelled or self.halted):
            blocked = [pool for pool, line in state.lines.items() if line.blocked]
            assert any(
                self.elsewhere[pool] for pool in blocked
            ), "nothing goes on and nothing waits"


TestAnyLimitedRun = AnyLimitedRun.TestCase
TestAnyLimitedRun.settings = settings(max_examples=170, stateful_step_count=50, deadline=None)


@given(recipes(), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_every_run_ends_when_slots_are_granted_and_attempts_end(recipe, size):
    for step in recipe.steps:
        if step.phase == MAIN:
            step.policy = step.policy._replace(pool=("gpu", 1))
    state = LimitedState(Plan(recipe), limit=3, pools={"gpu": size})
    todo = state.handle(moves.Begin())
    while todo:
        order = todo.pop(0)
        if isinstance(order, Ask):
            todo += granted(state, order.node)
        elif isinstance(order, moves.Launch):
            todo += end(state, order.node)
        elif isinstance(order, moves.Decide):
            has_items = recipe.steps[order.node].foreach is not None
            todo += state.handle(moves.Decided(order.node, items=2 if has_items else None))
    assert state.finished == "succeeded"
    assert not state.unfinished()
