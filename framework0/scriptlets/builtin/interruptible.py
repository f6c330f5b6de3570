"""Work that blocks (a name looked up, a socket read), in a thread that can be walked away from.

The caller looks every :data:`PATIENCE` seconds whether its step was told to stop or the time is up.
Then what the work holds open is cut, so that the thread ends soon by itself.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from framework0.errors import StepCancelled, StepError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE: Final = 0.02
"""Seconds between two looks: sooner than a person notices, and next to no work."""

LAST_WORDS: Final = 1.0
"""Seconds that work which was cut may take to tidy up, before the step ends without it."""


class Line:
    """What a piece of work holds open; ``cut`` closes it and everything that is put on it later."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._closers: list[Callable[[], object]] = []
        self.is_cut = False

    def holds(self, close: Callable[[], object]) -> None:
        """Have ``close`` called when the line is cut; at once, if it was."""
        with self._lock:
            if not self.is_cut:
                self._closers.append(close)
                return
        _quietly(close)

    def check(self, what: str) -> None:
        """Raise StepError, with ``what`` as its beginning, if the line is cut: nothing more is begun."""
        if self.is_cut:
            raise StepError(f"{what}: interrupted")

    def cut(self) -> None:
        """Close everything. A second call does nothing."""
        with self._lock:
            self.is_cut = True
            closers, self._closers = self._closers, []
        for close in closers:
            _quietly(close)


def run_interruptibly(
    work: Callable[[Line], T], *, cancelled: Callable[[], bool], timeout: float, what: str
) -> T:
    """Return what ``work`` returns, or raise what it raises.

    Raises :class:`~framework0.errors.StepCancelled` soon after ``cancelled()`` holds, and TimeoutError
    after ``timeout`` seconds, with ``what`` as the beginning of its sentence.
    """
    line, done, outcome = Line(), Event(), _Outcome()
    thread = Thread(
        target=_work, args=(work, line, outcome, done), name="framework0-io", daemon=True
    )
    thread.start()
    ends = monotonic() + timeout
    try:
        while not done.wait(min(PATIENCE, max(0.0, ends - monotonic()))):
            if cancelled():
                raise StepCancelled("the step was told to stop")
            if monotonic() >= ends:
                raise TimeoutError(
                    f"{what} took longer than {timeout:g} s: give it more with `timeout`"
                )
    finally:
        # Also when a signal ends the step: what the work holds open must not outlive it.
        line.cut()
        thread.join(LAST_WORDS)
    if outcome.error is not None:
        raise outcome.error
    result: T = outcome.value
    return result


class _Outcome:
    __slots__ = ("error", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None


def _work(work: Callable[[Line], Any], line: Line, outcome: _Outcome, done: Event) -> None:
    try:
        outcome.value = work(line)
    # Raised again in the thread of the step, which is the one to tell it.
    except BaseException as error:  # noqa: BLE001
        outcome.error = error
    finally:
        done.set()


def _quietly(close: Callable[[], object]) -> None:
    # Whatever is already closed, or was never connected, needs no closing.
    with suppress(OSError):
        close()
