"""A machine as an SVG picture, laid out here: no other program is needed.

The nodes' and arrows' own Graphviz attributes are honored as far as :mod:`~framework0.visualization.svg_shapes`
knows them: label, shape, style, color, fillcolor, fontcolor, fontsize, penwidth, width, height, tooltip of
nodes; label, style, color, fontcolor, penwidth, tooltip of arrows. Nothing in the picture is run, loaded or
linked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.errors import UsageError
from framework0.tuples import NamedTuple
from framework0.visualization.layers import Layered
from framework0.visualization.machine import END
from framework0.visualization.machine_dot import label_of, notes_of
from framework0.visualization.machine_mermaid import label_lines
from framework0.visualization.palette import PALETTE
from framework0.visualization.placing import place_across, place_down
from framework0.visualization.svg_lines import LOOP_HIGH, arrow_path, loop_path
from framework0.visualization.svg_shapes import (
    BARE,
    ROUND,
    WIDENED,
    color_of,
    dashes,
    edge_of,
    escaped,
    number_of,
    outline,
    side_of,
    styles_of,
    width_of,
)

if TYPE_CHECKING:
    from framework0.visualization.machine import Line, Picture, Spot

MOST_SPOTS: Final = 1_000
MOST_LINES: Final = 4_000
"""What is laid out at most: a larger picture shows a person nothing."""

SIZE: Final = 14.0
SMALL: Final = 11.0
GAP: Final = 34.0
DOWN: Final = 26.0
MARGIN: Final = 16.0
LOOP: Final = 30.0
LOOP_STEP: Final = 30.0
INCH: Final = 72.0
MOST_INCHES: Final = 10.0
PAD: Final = 5.0


class _Box(NamedTuple):
    """A node with its size, and how far its loops reach to the right of it."""

    spot: Spot | None
    shape: str
    lines: tuple[tuple[str, str], ...]
    width: float
    height: float
    loops: tuple[Line, ...] = ()
    reach: float = 0.0


def draw_machine_svg(picture: Picture) -> str:
    """Return ``picture`` as an SVG document.

    Raises :class:`~framework0.errors.UsageError` for one that is too large to be looked at.
    """
    if len(picture.spots) > MOST_SPOTS or len(picture.lines) > MOST_LINES:
        raise UsageError(
            f"a picture of {len(picture.spots):,} nodes and {len(picture.lines):,} arrows is too large: "
            "draw it with --format dot and Graphviz (sfdp)"
        )
    return _Drawing(picture).document()


class _Drawing:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._number = {spot.name: at for at, spot in enumerate(picture.spots)}
        self._boxes = [self._box(spot) for spot in picture.spots]
        starts = [at for at, spot in enumerate(picture.spots) if spot.first]
        self._lines: list[Line | None] = [line for line in picture.lines if line.to != line.start]
        edges = [(self._number[line.start], self._end_of(line)) for line in self._lines if line]
        if starts:
            # A point above the first nodes, from which an arrow without words leads to each.
            self._boxes.append(_Box(None, "point", (), 12.0, 12.0))
            edges += [(len(self._boxes) - 1, first) for first in starts]
            self._lines += [None] * len(starts)
        if picture.ends:
            self._boxes.append(_Box(None, "doublecircle", (), 22.0, 22.0))
        self._edges = edges
        self._layered = Layered(
            len(self._boxes), edges, [len(picture.spots), *starts] if starts else []
        )
        self._place()

    @property
    def _end(self) -> int:
        """The number of the box that is the end: behind those of the nodes and of the beginning."""
        return len(self._picture.spots) + any(spot.first for spot in self._picture.spots)

    def _end_of(self, line: Line) -> int:
        return self._end if line.to == END else self._number[line.to]

    def _box(self, spot: Spot) -> _Box:
        shape = spot.attributes.get("shape", "box").strip().lower()
        size = number_of(spot.attributes, "fontsize", SIZE, 60.0)
        lines: tuple[tuple[str, str], ...] = tuple(
            label_lines(spot.attributes.get("label", spot.name), spot.name)
        )
        wide = max(width_of(text, size) for text, _ in lines)
        notes = "; ".join(_notes(spot))
        factor = WIDENED.get(shape, 1.35 if shape in ROUND else 1.0)
        width = max(wide * factor + 26, 54.0)
        height = max(len(lines) * size * 1.25 * (factor if factor > 1 else 1.0) + 18, 34.0)
        width = max(width, number_of(spot.attributes, "width", 0, MOST_INCHES) * INCH)
        height = max(height, number_of(spot.attributes, "height", 0, MOST_INCHES) * INCH)
        if shape in {"circle", "doublecircle", "square"}:
            width = height = max(width, height)
        if notes:
            height += SMALL * 1.4
            width = max(width, width_of(notes, SMALL) * factor + 20)
        loops = tuple(line for line in self._picture.lines if line.start == line.to == spot.name)
        reach = 0.0
        height = max(height, len(loops) * LOOP_STEP)
        if shape == "point":
            lines, width, height = (), 14.0, 14.0
        if loops:
            reach = LOOP + max(width_of(label_of(line), SMALL) for line in loops) + 8
        return _Box(spot, shape, lines, width, height, loops, reach)

    def _place(self) -> None:
        layered = self._layered
        items = len(layered.layer_of)
        left = [box.width / 2 for box in self._boxes] + [2.0] * (items - len(self._boxes))
        right = [box.width / 2 + box.reach for box in self._boxes]
        right += [2.0] * (items - len(self._boxes))
        heights = [max(box.height, len(box.loops) * LOOP_STEP) for box in self._boxes]
        heights += [0.0] * (items - len(self._boxes))
        for number, line in enumerate(self._lines):
            words = label_of(line) if line is not None else ""
            if words:
                item = layered.label_item[number]
                right[item] = max(width_of(text, SMALL) for text, _ in label_lines(words)) + 10
                heights[item] = SMALL * 1.3 * len(label_lines(words)) + 6
        self._x = place_across(layered, left, right, GAP)
        self._bands = place_down(layered.layers, heights, DOWN)
        self._width = max((x + reach for x, reach in zip(self._x, right, strict=True)), default=0.0)
        self._height = self._bands[-1][1] if self._bands else 0.0

    def document(self) -> str:
        """Return the picture."""
        parts = [
            *self._arrows(),
            *[part for at in range(len(self._boxes)) for part in self._node(at)],
        ]
        wide, high = self._width + 2 * MARGIN, self._height + 2 * MARGIN + 30
        title = escaped(self._picture.title)
        state = f" ({escaped(self._picture.state)})" if self._picture.state else ""
        wide = max(
            wide, width_of(self._picture.title + self._picture.state, SIZE) + 3 * MARGIN + 20
        )
        size = f'width="{wide:.0f}" height="{high:.0f}" viewBox="0 0 {wide:.1f} {high:.1f}"'
        heading = f'font-size="{SIZE:g}" font-weight="bold" fill="#222222"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" role="img">',
                f"<title>{title}{state}</title>",
                f'<rect width="{wide:.1f}" height="{high:.1f}" fill="#ffffff"/>',
                f'<text x="{MARGIN}" y="{MARGIN + 8}" {heading}>{title}{state}</text>',
                f'<g transform="translate({MARGIN},{MARGIN + 30})">',
                *parts,
                "</g>",
                "</svg>",
                "",
            ]
        )

    def _middle(self, box: int) -> float:
        top, bottom = self._bands[self._layered.layer_of[box]]
        return (top + bottom) / 2

    def _node(self, at: int) -> list[str]:
        box, x, y = self._boxes[at], self._x[at], self._middle(at)
        if box.spot is None:
            fill = "#222222" if box.shape == "point" else "#ffffff"
            look = f' fill="{fill}" stroke="#222222"'
            return [outline(box.shape, x, y, box.width, box.height, look)]
        spot = box.spot
        tip = spot.attributes.get("tooltip", spot.name)
        size = number_of(spot.attributes, "fontsize", SIZE, 60.0)
        ink = "#888888" if not spot.active else "#d55e00" if spot.missing else "#222222"
        ink = color_of(spot.attributes.get("fontcolor", ""), ink)
        parts = ["<g>", f"<title>{escaped(tip)}</title>", self._outline(box, x, y)]
        notes = "; ".join(_notes(spot))
        high = len(box.lines) * size * 1.25
        top = y - (high + (SMALL * 1.4 if notes else 0)) / 2 + size * 0.95
        for number, (text, side) in enumerate(box.lines):
            parts.append(_words(text, x, top + number * size * 1.25, size, ink, side, box.width))
        if notes:
            parts.append(_words(notes, x, top + high, SMALL, "#444444", "c", box.width))
        return [*parts, "</g>", *self._loops(box, x, y)]

    def _outline(self, box: _Box, x: float, y: float) -> str:
        spot = box.spot
        assert spot is not None
        own = spot.attributes
        styles = styles_of(own) if "style" in own else frozenset({"rounded"})
        shown = PALETTE[spot.how] if spot.state else PALETTE["succeeded"] if spot.visits else None
        fill = own.get("fillcolor") or (own.get("color", "") if "filled" in styles else "")
        fill = color_of(fill, "#ffffff") if "filled" in styles or "fillcolor" in own else "#ffffff"
        stroke = color_of(own.get("color", ""), "#333333")
        pen = number_of(own, "penwidth", 3.0 if "bold" in styles else 1.3, 20.0)
        if not spot.active or spot.missing:
            styles |= {"dashed"}
            stroke = "#d55e00" if spot.missing else "#888888"
        if shown is not None:
            fill, stroke, pen = shown.fill, shown.line, 3.5 if spot.state else 1.6
        if box.shape in BARE and shown is None:
            fill, stroke = "none", "none"
        rounded = ' stroke-linejoin="round"' if "rounded" in styles else ""
        look = f' fill="{fill}" stroke="{stroke}" stroke-width="{pen:g}"{dashes(styles)}{rounded}'
        return outline(box.shape, x, y, box.width, box.height, look)

    def _loops(self, box: _Box, x: float, y: float) -> list[str]:
        parts = []
        count = len(box.loops)
        for number, line in enumerate(box.loops):
            middle = y + (number - (count - 1) / 2) * LOOP_STEP
            off = middle - y
            side = min(
                side_of(box.shape, box.width, box.height, off + d) for d in (-LOOP_HIGH, LOOP_HIGH)
            )
            # What of the shape stands out between the two ends, as the tip of a diamond does. A curve
            # comes three quarters as far as the points that bend it.
            out = max(side_of(box.shape, box.width, box.height, off) - side, 0.0)
            path, tip = loop_path(x + side, middle, LOOP + out * 4 / 3)
            parts += self._arrow(line, path, tip, x + side + out + LOOP + 2, middle)
        return parts

    def _arrows(self) -> list[str]:
        ports = self._ports()
        parts: list[str] = []
        for number, line in enumerate(self._lines):
            chain = self._layered.chains[number]
            points: list[tuple[float, float, float]] = []
            for at, item in enumerate(chain):
                if item < len(self._boxes):
                    points.append(
                        self._end_point(item, ports[number][0 if at == 0 else 1], at == 0)
                    )
                else:
                    top, bottom = self._bands[self._layered.layer_of[item]]
                    points.append((self._x[item], top, bottom))
            path, tip = arrow_path(points, upward=self._layered.turned[number])
            item = self._layered.label_item[number]
            top, bottom = self._bands[self._layered.layer_of[item]]
            parts += self._arrow(line, path, tip, self._x[item] + 6, (top + bottom) / 2)
        return parts

    def _end_point(self, box: int, off: float, is_upper: bool) -> tuple[float, float, float]:
        shape = self._boxes[box].shape
        wide, high = self._boxes[box].width, self._boxes[box].height
        half = edge_of(shape, wide, high, off, above=not is_upper)
        y = self._middle(box) + (half if is_upper else -half)
        return (self._x[box] + off, y, y)

    def _ports(self) -> list[tuple[float, float]]:
        """Return for each edge how far beside the middle it leaves its upper and meets its lower box."""
        found = [[0.0, 0.0] for _ in self._edges]
        for end in (0, 1):
            at_box: dict[int, list[int]] = {}
            for number, chain in enumerate(self._layered.chains):
                at_box.setdefault(chain[-1 if end else 0], []).append(number)
            for box, numbers in at_box.items():
                step = min(self._boxes[box].width * 0.6 / max(len(numbers) - 1, 1), 26.0)
                numbers.sort(key=lambda n: self._x[self._layered.chains[n][-2 if end else 1]])
                for place, number in enumerate(numbers):
                    found[number][end] = (place - (len(numbers) - 1) / 2) * step
        return [(upper, lower) for upper, lower in found]

    def _arrow(self, line: Line | None, path: str, tip: str, x: float, y: float) -> list[str]:
        if line is None:
            return [
                f'<path d="{path}" fill="none" stroke="#333333" stroke-width="1.3"/>',
                f'<path d="{tip}" fill="#333333"/>',
            ]
        own = line.attributes
        styles = styles_of(own)
        gray = "#888888" if line.closed else "#333333"
        stroke = color_of(own.get("color", ""), gray)
        pen = number_of(own, "penwidth", 3.0 if "bold" in styles else 1.3, 20.0)
        if line.closed:
            styles |= {"dashed"}
        elif line.implied:
            styles |= {"dotted"}
        if line.taken:
            stroke, pen = PALETTE["running"].line, max(pen, 2.4)
        ink = color_of(own.get("fontcolor", ""), gray)
        told = own.get("tooltip") or f"{line.start} → {line.to or 'the end'} by {line.key}"
        words = label_lines(label_of(line))
        size = SMALL
        top = y - (len(words) - 1) * size * 0.65 + size * 0.36
        return [
            "<g>",
            f"<title>{escaped(told)}</title>",
            f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="{pen:g}"{dashes(styles)}/>',
            f'<path d="{tip}" fill="{stroke}"/>',
            *[
                f'<text x="{x:.1f}" y="{top + at * size * 1.3:.1f}" font-size="{size:g}" '
                f'fill="{ink}">{escaped(text)}</text>'
                for at, (text, _) in enumerate(words)
                if text
            ],
            "</g>",
        ]


def _notes(spot: Spot) -> list[str]:
    """Return the words below a node's name: a look alone tells nobody what it means."""
    return [
        *(["no such node"] if spot.missing else []),
        *([] if spot.active else ["not active"]),
        *([f"pauses at {spot.pauses.replace(' ', ' and ')}"] if spot.pauses else []),
        *notes_of(spot),
    ]


def _words(text: str, x: float, y: float, size: float, ink: str, side: str, width: float) -> str:
    anchor = {"l": "start", "r": "end"}.get(side, "middle")
    x += {"l": -width / 2 + PAD * 2, "r": width / 2 - PAD * 2}.get(side, 0.0)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" '
        f'fill="{ink}">{escaped(text)}</text>'
    )
