"""What is logged of clients that are turned away: a line for each, and one for all that are too many.

Whoever can be turned away can be so a thousand times a second: a log that took a line for each would
be one more thing to fill. So a kind of refusal has a number of lines in a stretch of time; the rest is
counted, and the count is one line at the end of that time. Nobody is left out, and nobody is in twice.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

LINES: Final = 100
"""Lines of one kind in a stretch of time."""

STRETCH_SECONDS: Final = 10.0


class _Stretch:
    """The lines of one kind since ``began``: how many were written, how many only counted."""

    __slots__ = ("began", "counted", "written")

    def __init__(self, began: float) -> None:
        self.began = began
        self.written = 0
        self.counted = 0


class Noting:
    """Writes lines by ``write``; ``monotonic`` gives seconds. Kinds are few: none is a client's text."""

    def __init__(self, write: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._write = write
        self._monotonic = monotonic
        self._stretches: dict[str, _Stretch] = {}

    def note(self, kind: str, line: str) -> None:
        """Write the line, or count it when its kind has had its lines."""
        stretch = self._stretches.get(kind)
        if stretch is None:
            stretch = self._stretches[kind] = _Stretch(self._monotonic())
        if stretch.written < LINES:
            stretch.written += 1
            self._write(line)
        else:
            stretch.counted += 1

    def end_stretches(self, before: float) -> None:
        """Write what was only counted in stretches that began before that time, and forget them."""
        for kind, stretch in list(self._stretches.items()):
            if stretch.began < before:
                del self._stretches[kind]
                if stretch.counted:
                    self._write(f"and {stretch.counted} more: {kind}")

    def tell_overdue(self) -> None:
        """Write the counts whose time has come."""
        self.end_stretches(self._monotonic() - STRETCH_SECONDS)

    def tell_all(self) -> None:
        """Write every count there is: the server ends."""
        self.end_stretches(float("inf"))
