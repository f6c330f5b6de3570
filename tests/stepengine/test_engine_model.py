"""Random machines end in a documented state within their limit, as a naive interpreter says they do.

The interpreter knows nothing of files, states, pauses or kills: it follows arrows in a loop. The engine is
paused at random breakpoints or after each transition, or loses its process at a random moment, and has to
make the same calls in the same order all the same.
"""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework0.stepengine.record
from framework0.jsonfile import JsonFile
from framework0.stepengine import ENGINE_STATES, STEP_STATES
from framework0.stepengine.record import Record
from tests.stepengine.machines import FILE, Machine, node

LIMIT = 9
NAMES = ("a", "b", "c", "d", "e")
KEYS = ("one", "two", "three")
DIRECT = "step_arrow_graph_list_key_"

TARGETS = st.sampled_from([*NAMES, *NAMES, "nobody"])
ARROWS = st.dictionaries(
    st.sampled_from(KEYS), st.tuples(TARGETS, st.sampled_from([1, 1, 1, 0])), max_size=3
)
CHOICES = st.lists(
    st.one_of(
        st.sampled_from([*KEYS, *KEYS, None, "COMPLETE", "nonsense"]),
        st.sampled_from(NAMES).map(DIRECT.__add__),
    ),
    min_size=1,
    max_size=3,
)
FLAGS = st.sampled_from([0, 0, 0, 1])
NODES = st.fixed_dictionaries(
    {
        "arrows": ARROWS,
        "choices": st.none() | CHOICES,
        "active": st.sampled_from([1, 1, 1, 1, 0]),
        "skips": FLAGS,
        "entry_breakpoint": FLAGS,
        "exit_breakpoint": FLAGS,
        "refuses_at": st.sampled_from([0, 0, 0, 0, 3, 6]),
        "fails": st.integers(0, 2),
        "attempts": st.integers(1, 3),
        "max_visits": st.sampled_from([None, None, 2]),
    }
)
MACHINES = st.lists(NODES, min_size=1, max_size=len(NAMES)).map(
    lambda found: dict(zip(NAMES, found, strict=False))
)


def interpret(machine):
    """Return how the machine ends, and every call that is made: (node, method, visit)."""
    calls, here, visit, visits = [], "a", 0, {}
    if not machine["a"]["active"]:
        return "REFUSED", []
    while True:
        visit += 1
        one = machine[here]
        if visit > LIMIT or visits.get(here, 0) == one["max_visits"]:
            return "COMPLETE_ERROR", calls
        visits[here] = visits.get(here, 0) + 1
        calls.append((here, "step_entry", visit))
        if one["refuses_at"] == visit:
            return "COMPLETE_ERROR", calls
        if not one["skips"]:
            tried = min(one["fails"] + 1, one["attempts"])
            calls += [(here, "step_execute", visit)] * tried
            if one["fails"] >= one["attempts"]:
                return "COMPLETE_ERROR", calls
        calls.append((here, "step_exit", visit))
        chosen = None
        if one["choices"] is not None:
            calls.append((here, "step_advance", visit))
            chosen = one["choices"][visit % len(one["choices"])]
        if chosen == "COMPLETE" or (chosen is None and not one["arrows"]):
            return "COMPLETE_SUCCESS", calls
        here = follow(machine, one, chosen)
        if here is None:
            return "COMPLETE_ERROR", calls


def follow(machine, one, chosen):
    """Return the node that a choice leads to, None when it leads nowhere."""
    arrows = one["arrows"]
    if chosen is None:
        opened = [to for to, is_open in arrows.values() if is_open]
        to = opened[0] if len(opened) == 1 else None
    elif chosen in arrows:
        to = arrows[chosen][0] if arrows[chosen][1] else None
    else:
        to = chosen.removeprefix(DIRECT) if chosen.startswith(DIRECT) else None
    return to if to in machine and machine[to]["active"] else None


def classes(machine):
    return [made(name, **one) for name, one in machine.items()]


def made(
    name,
    arrows,
    choices,
    *,
    active,
    skips,
    entry_breakpoint,
    exit_breakpoint,
    refuses_at,
    fails,
    attempts,
    max_visits,
):
    def visit():
        return int(os.environ["OCTO_STEP_VISIT"])

    return node(
        name,
        {
            key: {"arrow_step_name_string": to, "active_arrow_step_bool": is_open}
            for key, (to, is_open) in arrows.items()
        },
        entry=lambda _: int(visit() == refuses_at),
        execute=lambda _: int(int(os.environ["OCTO_STEP_ATTEMPT"]) <= fails),
        leave=0,
        advance=None if choices is None else lambda _: choices[visit() % len(choices)],
        first_node_step_bool=int(name == "a"),
        active_node_step_bool=active,
        skip_step_node_execute_bool=skips,
        node_entry_breakpoint=entry_breakpoint,
        node_exit_breakpoint=exit_breakpoint,
        retry=attempts,
        max_visits=max_visits,
    )


@pytest.fixture(scope="module", autouse=True)
def _without_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            framework0.stepengine.record, "JsonFile", lambda *at: JsonFile(*at, durable=False)
        )
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Fresh folders, one for each example."""
    root = tmp_path_factory.mktemp("machines")
    numbers = iter(range(10**9))

    def fresh():
        folder = root / str(next(numbers))
        folder.mkdir()
        return folder

    return fresh


def calls_of(host):
    return [(call.node, call.method, call.visit) for call in host.calls]


def run_to_the_end(instance, **options):
    """Run and resume until the machine stands; return how, the calls, and the pauses."""
    ended = instance.run(max_visits=LIMIT, **options)
    calls, pauses = calls_of(instance.host), []
    while ended.state == "PAUSED":
        pauses.append((ended.paused_at, ended.node, ended.visit))
        check_file(instance)
        ended = instance.resume(max_visits=LIMIT, **options)
        calls += calls_of(instance.host)
    check_file(instance)
    return ended, calls, pauses


def check_file(instance):
    assert instance.shown["step_engine_state"] in ENGINE_STATES
    assert instance.shown["current_step_state"] in STEP_STATES


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(machine=MACHINES)
def test_a_machine_does_what_the_interpreter_says(folders, machine):
    instance = Machine(folders(), *classes(machine))
    state, expected = interpret(machine)
    if state == "REFUSED":
        with pytest.raises(Exception, match="not active"):
            instance.run()
        return
    ended, calls, pauses = run_to_the_end(instance)
    assert (ended.state, calls) == (state, expected)
    assert ended.visit <= LIMIT
    entered = [(name, visit) for name, method, visit in expected if method == "step_entry"]
    left = {(name, visit) for name, method, visit in expected if method == "step_exit"}
    assert pauses == [
        (at, name, visit)
        for name, visit in entered
        for at in ("entry", "exit")
        if machine[name][f"{at}_breakpoint"] and (at == "entry" or (name, visit) in left)
    ]
    counted = {name: [n for n, _ in entered].count(name) for name, _ in entered}
    assert instance.own["visits"] == counted


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(machine=MACHINES)
def test_single_steps_change_nothing_but_the_pauses(folders, machine):
    state, expected = interpret(machine)
    if state != "REFUSED":
        ended, calls, _ = run_to_the_end(Machine(folders(), *classes(machine)), single_step=True)
        assert (ended.state, calls) == (state, expected)


class Killed(BaseException):
    """The process is gone: nothing after this moment has happened."""


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(machine=MACHINES, moments=st.lists(st.integers(1, 25), min_size=1, max_size=3))
def test_whenever_it_is_killed_it_goes_on_and_calls_nothing_less_and_nothing_else(
    folders, machine, moments
):
    for one in machine.values():
        # A retry after a kill is another matter: attempts go on counting.
        one.update(fails=0, attempts=1, entry_breakpoint=0, exit_breakpoint=0)
    state, expected = interpret(machine)
    if state == "REFUSED":
        return
    instance = Machine(folders(), *classes(machine))
    calls = []
    for moment in (*moments, None):
        with dying_at(moment), contextlib.suppress(Killed):
            instance.run(max_visits=LIMIT, resume=stands(instance) != "INACTIVE")
        calls += calls_of(instance.host)
        if stands(instance).startswith("COMPLETE"):
            break
    assert stands(instance) == state
    assert [call for at, call in enumerate(calls) if call != calls[at - 1] or at == 0] == expected


def stands(instance):
    there = (instance.folder / FILE).exists()
    return instance.shown["step_engine_state"] if there else "INACTIVE"


@contextlib.contextmanager
def dying_at(moment):
    """Have the process die at a change of the file: right before it is made, or right behind it."""
    real = Record.write
    changes = iter(range(1, 10**9))

    def write(record, *args, **more):
        change = next(changes)
        if moment == 2 * change:
            raise Killed
        real(record, *args, **more)
        if moment == 2 * change + 1:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Record, "write", write)
        yield
