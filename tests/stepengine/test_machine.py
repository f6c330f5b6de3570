"""The two tables are whole: every documented state, every move allowed once, and the rest refused."""

from __future__ import annotations

import pytest

from framework0.errors import UsageError
from framework0.stepengine import ENGINE_STATES, STEP_STATES
from framework0.stepengine.machine import (
    DONE,
    ENGINE_MOVES,
    MEANINGS,
    METHODS,
    STEP_MOVES,
    engine_after,
    step_after,
)

TABLES = [(ENGINE_MOVES, engine_after), (STEP_MOVES, step_after)]


def reached(table):
    found, waiting = set(), ["INACTIVE"]
    while waiting:
        state = waiting.pop()
        if state not in found:
            found.add(state)
            waiting += table[state].values()
    return found


def test_the_states_are_those_that_are_documented():
    assert set(ENGINE_MOVES) == set(ENGINE_STATES)
    assert set(STEP_MOVES) == set(STEP_STATES)


@pytest.mark.parametrize("table", [ENGINE_MOVES, STEP_MOVES])
def test_every_state_is_reached_and_none_is_the_last(table):
    assert reached(table) == set(table)
    for state, moves in table.items():
        assert moves, state
        assert set(moves.values()) <= set(table)


def test_the_life_of_a_node_is_enter_execute_exit_advance_jump():
    state, life = step_after("INACTIVE", "arrive"), []
    while state != "JUMP":
        life.append(state)
        state = step_after(state, DONE.get(state, "chosen"))
    assert life == ["ENTER", "EXECUTE", "EXIT", "ADVANCE"]
    assert [METHODS[each] for each in life] == [
        "step_entry", "step_execute", "step_exit", "step_advance",
    ]  # fmt: skip
    assert step_after("JUMP", "arrive") == "ENTER"


def test_every_event_has_a_meaning_and_no_meaning_is_of_none():
    events = {event for table, _ in TABLES for moves in table.values() for event in moves}
    assert set(MEANINGS) == events


@pytest.mark.parametrize(("table", "after"), TABLES)
def test_what_is_not_in_the_table_is_refused_and_the_allowed_events_are_listed(table, after):
    for state, moves in table.items():
        for event in MEANINGS:
            if event in moves:
                assert after(state, event) == moves[event]
                continue
            with pytest.raises(UsageError) as refused:
                after(state, event)
            assert all(allowed in str(refused.value) for allowed in (event, state, *moves))


@pytest.mark.parametrize(("table", "after"), TABLES)
def test_an_unknown_state_is_refused_and_the_known_ones_are_listed(table, after):
    with pytest.raises(UsageError) as refused:
        after("WAITING", "arrive")
    assert "'WAITING'" in str(refused.value)
    assert all(state in str(refused.value) for state in table)


def test_from_every_state_but_the_first_the_engine_can_be_reset():
    assert {state for state, moves in ENGINE_MOVES.items() if moves.get("reset") == "INACTIVE"} == (
        set(ENGINE_STATES) - {"INACTIVE"}
    )
