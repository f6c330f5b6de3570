"""Signals as a run hears them: the first asks it to end well, the second to end at once."""

from __future__ import annotations

import signal
from time import monotonic

from framework0.runner.warden import SAME_SIGNAL, ended_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Final, Self

ENDING: Final = tuple(
    number
    for number in (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    if number is not None
)


class Signals:
    """While entered, SIGINT, SIGTERM and SIGHUP end the run instead of the process.

    The first calls ``request_cancel(name)`` with the signal's name, the second ``abandon()``; further
    ones within 0.2 s of the first count as the same. Both are called on the main thread between two
    of its bytecodes, so they may only set flags and wake others. ``received`` names the first signal.
    A signal that was ignored (``nohup``) stays ignored. Outside the main thread Python allows no
    handlers, and entering changes nothing.
    """

    def __init__(
        self,
        request_cancel: Callable[[str], object],
        abandon: Callable[[], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._request_cancel = request_cancel
        self._abandon = abandon
        self._clock = clock
        self._before: dict[signal.Signals, Any] = {}
        self._first_at = 0.0
        self.received: str | None = None

    def __enter__(self) -> Self:
        for number in ENDING:
            before = signal.getsignal(number)
            # None: installed by C code, which Python could not put back.
            if before is None or before == signal.SIG_IGN:
                continue
            try:
                signal.signal(number, self._heard)
            except ValueError:
                break
            self._before[number] = before
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        now = self._clock()
        if self.received is None:
            self.received, self._first_at = signal.Signals(number).name, now
            self._request_cancel(self.received)
        elif now - self._first_at > SAME_SIGNAL:
            self._abandon()


def exit_code_for(name: str) -> int:
    """Return the exit code of a run ended by the signal ``name``: 130 for SIGINT, else 143."""
    return ended_by(signal.Signals[name])
