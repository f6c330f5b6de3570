"""The paths of arrows in an SVG drawing: smooth from layer to layer, straight past words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

TIP: Final = 9.0
"""How long the head of an arrow is, and nearly twice its half width."""


LOOP_HIGH: Final = 9.0
"""How far above and below its middle an arrow leaves and meets the side of its own box."""


def arrow_path(points: Sequence[tuple[float, float, float]], *, upward: bool) -> tuple[str, str]:
    """Return the path of an edge and that of its head, both for the attribute ``d``.

    ``points`` are from top to bottom: x, and the y where the edge comes in and goes out. ``upward`` has the
    head at the top.
    """
    first, last = points[0], points[-1]
    start, stop = first[2], last[1]
    if upward:
        start += TIP
    else:
        stop -= TIP
    parts = [f"M{first[0]:.1f},{start:.1f}"]
    x, y = first[0], start
    for at, (next_x, comes, goes) in enumerate(points[1:], 1):
        reached = stop if at == len(points) - 1 else comes
        middle = (y + reached) / 2
        parts.append(f"C{x:.1f},{middle:.1f} {next_x:.1f},{middle:.1f} {next_x:.1f},{reached:.1f}")
        x, y = next_x, reached
        if goes > reached and at < len(points) - 1:
            parts.append(f"V{goes:.1f}")
            y = goes
    tip = _tip(first[0], first[2], -1) if upward else _tip(last[0], last[1], 1)
    return "".join(parts), tip


def loop_path(x: float, y: float, reach: float) -> tuple[str, str]:
    """Return the path of an arrow from a box's right side back to it, and that of its head."""
    high = LOOP_HIGH
    path = (
        f"M{x:.1f},{y - high:.1f}C{x + reach:.1f},{y - high - 6:.1f} "
        f"{x + reach:.1f},{y + high + 6:.1f} {x + TIP:.1f},{y + high:.1f}"
    )
    half = TIP * 0.42
    tip = (
        f"M{x:.1f},{y + high:.1f}L{x + TIP:.1f},{y + high - half:.1f}"
        f"L{x + TIP:.1f},{y + high + half:.1f}Z"
    )
    return path, tip


def _tip(x: float, y: float, down: int) -> str:
    half = TIP * 0.42
    base = y - down * TIP
    return f"M{x:.1f},{y:.1f}L{x - half:.1f},{base:.1f}L{x + half:.1f},{base:.1f}Z"
