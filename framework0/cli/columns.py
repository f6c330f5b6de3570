"""Tables of text: columns as wide as what stands in them, lines no wider than the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

GAP = "  "


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    columns: int,
    right: str = "",
    colors: Mapping[str, str] | None = None,
) -> str:
    """Return rows as aligned lines below a header; the last column takes what is left.

    ``right`` names the columns whose text stands to the right. A line that is too long is cut in its
    last column, which ends in ``…``; foreign text is shown harmless. ``colors`` maps what a cell of
    the column ``STATE`` says to the number of a terminal's color; a line that is cut has none.
    """
    from framework0.logs import one_line
    from framework0.recipe import text_width

    lines = [tuple(header), *(tuple(one_line(cell) for cell in row) for row in rows)]
    widths = [max(text_width(line[place]) for line in lines) for place in range(len(header))]
    to_the_right = [name in right.split() for name in header]
    state = header.index("STATE") if colors else -1
    shown = []
    for line in lines:
        cells = []
        for place, cell in enumerate(line):
            space = " " * (widths[place] - text_width(cell))
            cells.append(space + cell if to_the_right[place] else cell + space)
        text = GAP.join(cells).rstrip()
        fitting = cut(text, columns)
        if colors and fitting == text and line[state] in colors:
            cells[state] = f"\x1b[{colors[line[state]]}m{cells[state]}\x1b[0m"
            fitting = GAP.join(cells).rstrip()
        shown.append(fitting)
    return "\n".join(shown) + "\n"


def state_colors(stream: TextIO) -> Mapping[str, str] | None:
    """Return the colors of states for a stream that wants colors, else None."""
    from framework0.cli.streams import wants_color

    if not wants_color(stream):
        return None
    from framework0.visualization import PALETTE

    return {state.replace("_", " "): look.ansi for state, look in PALETTE.items()}


def cut(text: str, columns: int) -> str:
    """Return ``text`` if it fits, else its beginning with a ``…`` at the end."""
    from framework0.recipe import text_width

    if len(text) <= columns and text_width(text) <= columns:
        return text
    taken = 0
    for place, character in enumerate(text):
        taken += text_width(character)
        if taken > columns - 1:
            return text[:place] + "…"
    return text
