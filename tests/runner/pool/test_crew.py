"""Which worker gets a job: one that will soon be done, an idle one, or the one with least to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from framework0.runner.pool import crew as crew_module
from framework0.runner.pool.crew import DEEPEST, DEPTH, SOON, Crew


@pytest.fixture
def crew():
    made = Crew([], [])
    yield made
    made.members.clear()
    made.close()


def worker(waiting, pace=0.0, *, quick=True, fit=True, alone=False):
    """Return what the choice looks at of a worker."""
    given = [None] * waiting
    return SimpleNamespace(given=given, pace=pace, quick=quick, fit=fit, alone=alone)


def choice(crew, *workers, timeout=None):
    """Return the place of the worker that gets the next job, None without one."""
    crew.members[:] = workers
    found = crew.room_for(SimpleNamespace(job=SimpleNamespace(timeout=timeout)))
    return None if found is None else workers.index(found)


def test_jobs_of_no_length_keep_to_the_worker_that_is_awake(crew):
    tiny = SOON / DEEPEST / 2
    assert choice(crew, worker(0), worker(5, tiny)) == 1
    assert choice(crew, worker(0), worker(DEEPEST - 1, tiny)) == 1
    assert choice(crew, worker(0), worker(DEEPEST, tiny)) == 0


def test_a_job_wakes_an_idle_worker_rather_than_wait_longer_than_waking_takes(crew):
    assert choice(crew, worker(1, SOON / 2), worker(0)) == 0
    assert choice(crew, worker(2, SOON / 2), worker(0)) == 1
    assert choice(crew, worker(1, 9 * SOON), worker(0)) == 1


def test_with_no_worker_idle_the_one_with_least_to_do_gets_the_job_up_to_a_limit(crew):
    assert choice(crew, worker(3, SOON), worker(2, SOON), worker(3, SOON)) == 1
    assert choice(crew, worker(DEPTH, SOON), worker(DEPTH, SOON)) is None


def test_nothing_is_put_behind_a_long_step_or_in_a_worker_that_ends(crew):
    assert choice(crew, worker(1, quick=False), worker(1, fit=False)) is None
    assert choice(crew, worker(0, fit=False), worker(0)) == 1


def test_a_step_with_a_timeout_shares_its_worker_with_nobody(crew):
    assert choice(crew, worker(1), timeout=1.0) is None
    assert choice(crew, worker(1), worker(0), timeout=1.0) == 1
    assert choice(crew, worker(1, alone=True)) is None


def test_there_are_never_more_workers_than_may_be(crew, monkeypatch):
    monkeypatch.setattr(crew_module, "MOST", 3)
    crew._cores = 2
    crew.members[:] = []
    assert crew.wanted(9, 0.0) == 2
    busy = [worker(1, quick=False) for _ in range(3)]
    for each in busy:
        each.ready, each.since = True, 0.0
    crew.members[:] = busy[:2]
    assert crew.wanted(9, 0.0) == 1
    crew.members[:] = busy
    assert crew.wanted(9, 0.0) == 0
