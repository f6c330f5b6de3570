"""Questions to a majority that many callers share."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Rounds:
    """Asks one question at a time; each caller gets the answer of one that began after it came."""

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._begun = 0
        self._ended = 0
        self._answer = 0

    def one_that_begins_now(self) -> int:
        """Return the answer of a question asked after this call began; raises what asking raises."""
        needed = self._begun + 1
        with self._asking:
            if self._ended < needed:
                self._begun += 1
                self._answer = self._ask()
                self._ended = self._begun
            return self._answer
