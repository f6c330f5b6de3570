"""The engine of a machine is killed at its transitions, through the command, and goes on from the recorded state."""

from __future__ import annotations

from random import Random

import pytest

from tests.reliability.machine_kills import Machine

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

NODES = 12
KILLS = 10


def test_a_machine_goes_on_from_the_recorded_node_and_state_wherever_its_engine_is_killed(tmp_path):
    machine = Machine(tmp_path, NODES)
    random = Random(5)
    for kill in range(KILLS):
        # Each state is met as often, from either side of the change.
        machine.run_and_kill(random.choice((1, 3, 7)), "before" if kill % 3 == 2 else "after")
    machine.run_and_kill(0, "after")
    assert machine.judge() == []
    assert machine.kills == KILLS


def test_an_engine_that_forgets_its_transitions_is_noticed(tmp_path):
    machine = Machine(tmp_path, 3)
    machine.run_and_kill(4, "forget")
    machine.run_and_kill(0, "after")
    assert machine.judge() != []
