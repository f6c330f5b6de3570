"""How a state looks: one table for every kind of drawing.

The colors keep apart under the common color-vision deficiencies, and no drawing says by color
alone what it does not also say in words (palette after Okabe and Ito, "Color Universal Design", 2008).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Look(NamedTuple):
    """``sign`` is one character for text; ``fill`` and ``line`` are RGB; ``ansi`` a terminal color."""

    sign: str
    fill: str
    line: str
    ansi: str


PALETTE: Final[Mapping[str, Look]] = {
    "succeeded": Look("✓", "#d5f0e3", "#009e73", "32"),
    "cached": Look("≡", "#d5f0e3", "#009e73", "32"),
    "failed": Look("✗", "#f9dcc4", "#d55e00", "31"),
    "timed_out": Look("✗", "#f9dcc4", "#d55e00", "31"),
    "cancelled": Look("■", "#f3dcea", "#cc79a7", "35"),
    "interrupted": Look("!", "#fbf3c0", "#b38f00", "33"),
    "skipped": Look("-", "#eeeeee", "#888888", "2"),
    "running": Look("▶", "#cfe6f7", "#0072b2", "34"),
    "waiting": Look("…", "#fbf3c0", "#b38f00", "33"),
    "paused": Look("‖", "#fbf3c0", "#b38f00", "33"),
    "pending": Look("·", "#ffffff", "#888888", "2"),
}
"""The look of every state a step of a run can be shown in."""
