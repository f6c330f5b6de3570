"""One contract, both clocks: the real one, and the one that stands still until something is waited for."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

import pytest

from framework0.runner import SystemClock
from framework0.stepengine import SystemClock as MachineClock
from framework0.stepengine.stopping import Stop
from framework0.testing import FakeClock

SHORT = 0.02
"""Seconds; waited for really on the real clock."""


class Real:
    """The system's clock; what is to happen later is done by a thread."""

    def __init__(self):
        self.clock = SystemClock()

    def later(self, seconds, action):
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()


class Fake:
    """The fake clock; what is to happen later is an appointment."""

    def __init__(self):
        self.clock = FakeClock()

    def later(self, seconds, action):
        self.clock.at(self.clock.monotonic() + seconds, action)


@pytest.fixture(params=[Real, Fake])
def scene(request):
    return request.param()


@pytest.fixture
def queue():
    return SimpleQueue()


def first():
    """One action, told from others by being itself."""


def second():
    """Another."""


def test_what_waits_already_is_taken_in_order_and_at_once(scene, queue):
    queue.put(first)
    queue.put(second)
    before = scene.clock.monotonic()
    assert scene.clock.take(queue, 3600.0) is first
    assert scene.clock.take(queue, 3600.0) is second
    assert scene.clock.monotonic() - before < 600.0


def test_waiting_in_vain_takes_the_time_asked_for(scene, queue):
    before = scene.clock.monotonic()
    assert scene.clock.take(queue, SHORT) is None
    assert scene.clock.monotonic() - before >= SHORT - 1e-6


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_to_wait_is_a_look(scene, queue, seconds):
    assert scene.clock.take(queue, seconds) is None
    queue.put(first)
    assert scene.clock.take(queue, seconds) is first


def test_what_comes_while_waiting_ends_the_wait(scene, queue):
    before = scene.clock.monotonic()
    scene.later(SHORT, lambda: queue.put(first))
    assert scene.clock.take(queue, 3600.0) is first
    assert SHORT - 0.005 <= scene.clock.monotonic() - before < 600.0


def test_durations_never_run_backward_and_stamps_are_epoch_seconds(scene, queue):
    seen = [scene.clock.monotonic()]
    for _ in range(5):
        scene.clock.take(queue, 0.001)
        seen.append(scene.clock.monotonic())
    assert seen == sorted(seen)
    # A year in the middle of this century: seconds, not milliseconds, and not since the start.
    assert 1_600_000_000 < scene.clock.now() < 4_000_000_000


def test_stamps_go_on_with_the_durations(scene, queue):
    # Each stamp lies between two readings, however long the machine pauses from one to the next.
    moments = [scene.clock.monotonic()]
    stamp = scene.clock.now()
    moments.append(scene.clock.monotonic())
    scene.clock.take(queue, SHORT)
    moments.append(scene.clock.monotonic())
    passed = scene.clock.now() - stamp
    moments.append(scene.clock.monotonic())
    # Half a second for a wall clock that is being set meanwhile.
    assert moments[2] - moments[1] - 0.5 <= passed <= moments[3] - moments[0] + 0.5


def test_the_real_clock_is_the_system_s():
    first, shown, last = time.monotonic(), SystemClock().monotonic(), time.monotonic()
    assert first <= shown <= last
    first, shown, last = time.time(), SystemClock().now(), time.time()
    assert first - 0.5 <= shown <= last + 0.5


def test_a_jump_of_the_fake_wall_clock_moves_no_duration(queue):
    clock = FakeClock()
    clock.at(10.0, lambda: queue.put(first))
    before = clock.now()
    clock.jump(-3600.0)
    assert clock.now() == before - 3600.0
    assert clock.monotonic() == 0.0
    assert clock.take(queue, 60.0) is first
    assert clock.monotonic() == 10.0


def test_appointments_are_kept_in_order_and_on_time(queue):
    clock, kept = FakeClock(), []
    for moment in (5.0, 1.0, 3.0, 3.0):
        clock.at(moment, lambda moment=moment: kept.append((moment, clock.monotonic())))
    assert clock.take(queue, 4.0) is None
    assert kept == [(1.0, 1.0), (3.0, 3.0), (3.0, 3.0)]
    assert clock.monotonic() == 4.0
    # One for the past is kept as soon as somebody waits; time does not run back for it.
    clock.at(0.5, lambda: kept.append((0.5, clock.monotonic())))
    clock.take(queue, 0.0)
    assert kept[-1] == (0.5, 4.0)


def test_an_appointment_may_make_another(queue):
    clock = FakeClock()
    clock.at(1.0, lambda: clock.at(2.0, lambda: queue.put(second)))
    assert clock.take(queue, 10.0) is second
    assert clock.monotonic() == 2.0


class MachineReal(Real):
    """The system's clock as the step engine has it."""

    def __init__(self):
        self.clock = MachineClock()


@pytest.mark.parametrize("kind", [MachineReal, Fake])
def test_a_wait_of_a_machine_lasts_as_long_as_asked_or_until_it_is_stopped(kind):
    scene, stop = kind(), Stop()
    start = scene.clock.monotonic()
    assert not scene.clock.wait(SHORT, stop.wait)
    assert scene.clock.monotonic() - start >= SHORT * 0.9
    assert not scene.clock.wait(-1.0, stop.wait)
    scene.later(SHORT, stop.ask)
    assert scene.clock.wait(3600.0, stop.wait)
    assert scene.clock.wait(3600.0, stop.wait)
    assert scene.clock.monotonic() - start < 600
    assert scene.clock.now() > 1_000_000_000
