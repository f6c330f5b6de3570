"""A plan as text for a terminal: level by level, each step with those it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.logs import one_line
from framework0.visualization.flow import heading
from framework0.visualization.palette import PALETTE

if TYPE_CHECKING:
    from framework0.visualization.flow import Box, Flow

NAMED = 8
"""Parents named in full; a step may wait for thousands, and their number then says more."""


def draw_text(flow: Flow, *, color: bool = False, signs: bool = True) -> str:
    """Return ``flow`` as lines. ``signs`` False leaves all but ASCII out of what is ours."""
    names = {box.node: box.name for box in flow.boxes}
    arrow, bar = ("←", "│") if signs else ("<-", "|")
    lines = [f"{one_line(flow.title)}: {_count(len(flow.boxes), 'step')}"]
    for phase in flow.phases:
        if heading(phase):
            lines.append(f"{heading(phase)}:")
        levels = flow.levels(phase)
        wide = len(str(len(levels)))
        for number, boxes in enumerate(levels, 1):
            for place, box in enumerate(boxes):
                head = f"{number:>{wide}}" if not place else " " * wide
                lines.append(f"{head} {bar} {_box(box, names, arrow, color, signs)}")
    return "\n".join(lines) + "\n"


def _box(box: Box, names: dict[int, str], arrow: str, color: bool, signs: bool) -> str:
    name = one_line(box.name)
    look = PALETTE.get(box.state)
    if look is not None:
        name = f"{look.sign} {name}" if signs else name
        name = f"\x1b[{look.ansi}m{name}\x1b[0m" if color else name
    parts = [name]
    if box.after:
        some = ", ".join(one_line(names[node]) for node in box.after[:NAMED])
        more = len(box.after) - NAMED
        parts.append(f"{arrow} {some}{f' and {more} more' if more > 0 else ''}")
    notes = [*([box.state.replace("_", " ")] if box.state else []), *map(one_line, box.notes)]
    if notes:
        parts.append(f"({'; '.join(notes)})")
    return "  ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
