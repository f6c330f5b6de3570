"""Several observers of one run, and observers whose own trouble must not become the run's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.runner import AttemptRecord, Observer


class Several:
    """Implements :class:`framework0.runner.Observer`: tells each of ``observers``, in their order.

    What one of them raises is the run's trouble, as with a single observer, and the others after it
    are not told: put those that must not hurt into :class:`Harmless`.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = tuple(observers)

    def run_started(self, run_id: str, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""
        for observer in self.observers:
            observer.run_started(run_id, total)

    def step_started(self, name: str, attempt: int) -> None:
        """See :class:`framework0.runner.Observer`."""
        for observer in self.observers:
            observer.step_started(name, attempt)

    def step_progress(self, name: str, done: int, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""
        for observer in self.observers:
            observer.step_progress(name, done, total)

    def step_waiting(self, name: str, text: str) -> None:
        """See :class:`framework0.runner.Observer`; for those that have this call."""
        for observer in self.observers:
            tell = getattr(observer, "step_waiting", None)
            if tell is not None:
                tell(name, text)

    def step_overdue(self, name: str, attempt: int, timeout: float, at: float) -> None:
        """See :class:`framework0.runner.Observer`; for those that have this call."""
        for observer in self.observers:
            tell = getattr(observer, "step_overdue", None)
            if tell is not None:
                tell(name, attempt, timeout, at)

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """See :class:`framework0.runner.Observer`."""
        for observer in self.observers:
            observer.step_finished(records)

    def run_finished(self, state: str, seconds: float) -> None:
        """See :class:`framework0.runner.Observer`."""
        for observer in self.observers:
            observer.run_finished(state, seconds)


class Harmless:
    """Passes on what happens until ``observer`` fails once; ``tell`` then gets one sentence.

    For what watches on the side: a run that could be done is done, watched or not.
    """

    def __init__(self, observer: Any, tell: Callable[[str], object]) -> None:
        self._observer = observer
        self._tell = tell
        self._works = True

    def run_started(self, run_id: str, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""
        self._pass_on("run_started", run_id, total)

    def step_started(self, name: str, attempt: int) -> None:
        """See :class:`framework0.runner.Observer`."""
        self._pass_on("step_started", name, attempt)

    def step_progress(self, name: str, done: int, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""
        self._pass_on("step_progress", name, done, total)

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """See :class:`framework0.runner.Observer`."""
        self._pass_on("step_finished", records)

    def run_finished(self, state: str, seconds: float) -> None:
        """See :class:`framework0.runner.Observer`."""
        self._pass_on("run_finished", state, seconds)

    def close(self) -> None:
        """Have the observer end, however the run ended and whether or not it has failed before."""
        try:
            self._observer.close()
        # As below.
        except Exception as error:  # noqa: BLE001
            self._give_up(error)

    def _pass_on(self, call: str, *facts: Any) -> None:
        if not self._works:
            return
        try:
            getattr(self._observer, call)(*facts)
        # Libraries of others and disks are behind it: nothing they raise may reach the run.
        except Exception as error:  # noqa: BLE001
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if self._works:
            self._works = False
            who = type(self._observer).__name__
            self._tell(f"{who} gave up watching the run: {type(error).__name__}: {error}")
