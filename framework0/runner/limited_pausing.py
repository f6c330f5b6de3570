"""The machine of a run that has both limits and stops. Pure."""

from __future__ import annotations

from framework0.runner.limited_state import LimitedState
from framework0.runner.moves import MAIN_PHASE
from framework0.runner.pausing import AFTER, PausableState


class PausableLimitedState(PausableState, LimitedState):
    """A :class:`LimitedState` with stops. When all is halted, nothing waits for a person any more."""

    def _halt(self, reason: str) -> None:
        before = self.halted
        super()._halt(reason)
        if before or not self.halted or self.phase != MAIN_PHASE:
            return
        paused, self.paused = self.paused, {}
        for node, way in paused.items():
            if way == AFTER or node in self.owner:
                self._leave(node, way)
            else:
                self._skip(node, reason)
