"""Signals in a run: the first asks, the second insists, and what was there before comes back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from framework0.runner.signals import Signals, exit_code_for
from framework0.runner.warden import SAME_SIGNAL


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_asks_to_end_and_the_second_insists(name):
    calls, time = [], Time()
    number = signal.Signals[name]
    before = signal.getsignal(number)
    with Signals(calls.append, lambda: calls.append("abandon"), time) as signals:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert calls == [name]
        time.now += SAME_SIGNAL + 0.01
        os.kill(os.getpid(), number)
        assert calls == [name, "abandon"]
    assert signals.received == name
    assert signal.getsignal(number) == before


def test_handlers_come_back_after_an_error_too():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), Signals(print, print):
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_ignored_signal_is_left_alone():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(print, print) as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_nothing_changes():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def elsewhere():
        with Signals(print, print):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


def test_exit_codes_by_signal():
    assert [exit_code_for(name) for name in ("SIGINT", "SIGTERM", "SIGHUP")] == [130, 143, 143]
