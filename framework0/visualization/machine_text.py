"""A machine as text for a terminal: each node with its arrows below it, from the first node on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.logs import one_line
from framework0.visualization.machine import END
from framework0.visualization.machine_dot import notes_of
from framework0.visualization.palette import PALETTE

if TYPE_CHECKING:
    from framework0.visualization.machine import Line, Picture, Spot


def draw_machine_text(picture: Picture, *, color: bool = False, signs: bool = True) -> str:
    """Return ``picture`` as lines. ``signs`` False leaves all but ASCII out of what is ours."""
    there = [spot for spot in picture.spots if not spot.missing]
    where = f", {picture.state}" if picture.state else ""
    out = [f"{one_line(picture.title)}: {_count(len(there), 'node')}{where}"]
    missing = {spot.name for spot in picture.spots if spot.missing}
    for spot in _in_order(picture):
        out.append(_node(spot, color, signs))
        own = [line for line in picture.lines if line.start == spot.name]
        out += [_arrow(line, line is own[-1], line.to in missing, color, signs) for line in own]
    return "\n".join(out) + "\n"


def _in_order(picture: Picture) -> list[Spot]:
    """Return the nodes as a walk from the first ones meets them, then those that none comes to."""
    spots = {spot.name: spot for spot in picture.spots if not spot.missing}
    after: dict[str, list[str]] = {name: [] for name in spots}
    for line in picture.lines:
        if line.start in after and line.to in spots:
            after[line.start].append(line.to)
    found = [name for name, spot in spots.items() if spot.first]
    known = set(found)
    at = 0
    for start in (None, *spots):
        if start is not None and start not in known:
            known.add(start)
            found.append(start)
        while at < len(found):
            fresh = [to for to in dict.fromkeys(after[found[at]]) if to not in known]
            known.update(fresh)
            found += fresh
            at += 1
    return [spots[name] for name in found]


def _node(spot: Spot, color: bool, signs: bool) -> str:
    look = PALETTE[spot.how] if spot.state else PALETTE["succeeded"] if spot.visits else None
    sign = (look.sign if look is not None else PALETTE["pending"].sign) if signs else "*"
    if not signs and spot.state:
        sign = ">"
    name = f"{sign} {one_line(spot.name)}"
    if look is not None and color:
        name = f"\x1b[{look.ansi}m{name}\x1b[0m"
    notes = [
        *(["first"] if spot.first else []),
        *([] if spot.active else ["not active"]),
        *([f"pauses at {spot.pauses.replace(' ', ' and ')}"] if spot.pauses else []),
        *map(one_line, notes_of(spot)),
    ]
    return f"{name}  ({'; '.join(notes)})" if notes else name


def _arrow(line: Line, last: bool, missing: bool, color: bool, signs: bool) -> str:
    branch = ("└" if last else "├") if signs else ("`" if last else "|")
    tip = "→" if signs else "->"
    to = "(the end)" if line.to == END else one_line(line.to)
    notes = [
        *(["closed"] if line.closed else []),
        *(["by name"] if line.implied and line.to != END else []),
        *(["no such node"] if missing else []),
        *([f"{line.taken:,} times" if line.taken > 1 else "once"] if line.taken else []),
    ]
    key = "" if line.implied else f"{one_line(line.key)} "
    text = f"  {branch} {key}{tip} {to}"
    if notes:
        text += f"  ({'; '.join(notes)})"
    if color and line.taken:
        return f"\x1b[{PALETTE['running'].ansi}m{text}\x1b[0m"
    return f"\x1b[2m{text}\x1b[0m" if color and line.closed else text


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
