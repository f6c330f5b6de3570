"""A machine as a Mermaid flowchart, which GitHub and many editors draw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from framework0.logs import one_line
from framework0.visualization.machine import END
from framework0.visualization.machine_dot import label_of, notes_of
from framework0.visualization.mermaid import entities
from framework0.visualization.palette import PALETTE

if TYPE_CHECKING:
    from framework0.visualization.machine import Picture, Spot

_SHAPES: Final = {
    "box": ("[", "]"),
    "rect": ("[", "]"),
    "rectangle": ("[", "]"),
    "square": ("[", "]"),
    "circle": ("((", "))"),
    "cylinder": ("[(", ")]"),
    "diamond": ("{", "}"),
    "doublecircle": ("(((", ")))"),
    "ellipse": ("([", "])"),
    "hexagon": ("{{", "}}"),
    "oval": ("([", "])"),
    "parallelogram": ("[/", "/]"),
}
_DEFAULT: Final = ("(", ")")
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{3,8}|[A-Za-z]{1,30}")


def draw_machine_mermaid(picture: Picture) -> str:
    """Return ``picture`` as a flowchart from top to bottom."""
    ids = {spot.name: f"n{number}" for number, spot in enumerate(picture.spots, 1)}
    lines = ["flowchart TD"]
    if any(spot.first for spot in picture.spots):
        lines.append('    begin((" "))')
    lines += [f"    {ids[spot.name]}{_body(spot)}" for spot in picture.spots]
    if picture.ends:
        lines.append('    finish(((" ")))')
    lines += [f"    begin --> {ids[spot.name]}" for spot in picture.spots if spot.first]
    taken = []
    first_drawn = sum(spot.first for spot in picture.spots)
    for number, line in enumerate(picture.lines, first_drawn):
        arrow = "-.->" if line.closed or line.implied else "-->"
        to = "finish" if line.to == END else ids[line.to]
        words = entities(_shown(label_of(line)) + (" (closed)" if line.closed else ""))
        lines.append(
            f'    {ids[line.start]} {arrow}|"{words}"| {to}'
            if words.strip()
            else f"    {ids[line.start]} {arrow} {to}"
        )
        if line.taken:
            taken.append(str(number))
    lines += [style for spot in picture.spots for style in _styles(spot, ids[spot.name])]
    if taken:
        lines.append(
            f"    linkStyle {','.join(taken)} stroke:{PALETTE['running'].line},stroke-width:3px"
        )
    return "\n".join(lines) + "\n"


def _body(spot: Spot) -> str:
    opening, closing = _SHAPES.get(spot.attributes.get("shape", ""), _DEFAULT)
    words = [_shown(spot.attributes.get("label", spot.name), spot.name), *notes_of(spot)]
    if spot.missing:
        words.append("no such node")
    elif not spot.active:
        words.append("not active")
    label = "<br/>".join(entities(word) for text in words for word in text.split("\n"))
    return f'{opening}"{label}"{closing}'


def _shown(text: str, name: str = "") -> str:
    return "\n".join(one_line(line) for line, _ in label_lines(text, name))


def label_lines(text: str, name: str = "") -> list[tuple[str, str]]:
    r"""Return the lines of a Graphviz label, each with ``c``, ``l`` or ``r`` for where it stands.

    ``\N`` is the node's own name; a backslash before any other letter means that letter.
    """
    lines: list[tuple[str, str]] = []
    line: list[str] = []
    letters = iter(text)
    for letter in letters:
        if letter == "\n":
            lines.append(("".join(line), "c"))
            line = []
        elif letter != "\\":
            line.append(letter)
        else:
            meant = next(letters, "\\")
            if meant in "nlr":
                lines.append(("".join(line), {"n": "c"}.get(meant, meant)))
                line = []
            else:
                line.append(name if meant == "N" else meant)
    if line or not lines:
        lines.append(("".join(line), lines[-1][1] if lines and lines[-1][1] != "c" else "c"))
    return lines


def _styles(spot: Spot, node: str) -> list[str]:
    """Return the colors of a node: those of its state before its own."""
    found = []
    look = PALETTE[spot.how] if spot.state else PALETTE["succeeded"] if spot.visits else None
    fill, stroke = spot.attributes.get("fillcolor", ""), spot.attributes.get("color", "")
    if look is not None:
        fill, stroke = look.fill, look.line
    if _COLOR.fullmatch(fill):
        found += [f"fill:{fill}", "color:#000000"]
    if _COLOR.fullmatch(stroke):
        found.append(f"stroke:{stroke}")
    if spot.state:
        found.append("stroke-width:3px")
    if not spot.active or spot.missing:
        found.append("stroke-dasharray:4")
    return [f"    style {node} {','.join(found)}"] if found else []
