"""Shapes, colors and words of an SVG drawing, after Graphviz's attributes.

Source: https://graphviz.org/doc/info/shapes.html and colors.html. Only what is known is passed on: a
color or a number is read, never copied, so that no attribute can add to the drawing what is no drawing.
"""

from __future__ import annotations

import colorsys
import re
from math import sqrt
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEX: Final = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_NAME: Final = re.compile(r"([A-Za-z]{2,30}?)([1-4]?)")
_GRAY: Final = re.compile(r"gr[ae]y([0-9]{1,3})")
_HSV: Final = re.compile(r"([01]?\.?[0-9]*)[ ,]+([01]?\.?[0-9]*)[ ,]+([01]?\.?[0-9]*)")
_NUMBER: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")
_XML: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}

COLOR_NAMES: Final = frozenset(
    [
        "aliceblue",
        "antiquewhite",
        "aqua",
        "aquamarine",
        "azure",
        "beige",
        "bisque",
        "black",
        "blanchedalmond",
        "blue",
        "blueviolet",
        "brown",
        "burlywood",
        "cadetblue",
        "chartreuse",
        "chocolate",
        "coral",
        "cornflowerblue",
        "cornsilk",
        "crimson",
        "cyan",
        "darkblue",
        "darkcyan",
        "darkgoldenrod",
        "darkgray",
        "darkgreen",
        "darkgrey",
        "darkkhaki",
        "darkmagenta",
        "darkolivegreen",
        "darkorange",
        "darkorchid",
        "darkred",
        "darksalmon",
        "darkseagreen",
        "darkslateblue",
        "darkslategray",
        "darkslategrey",
        "darkturquoise",
        "darkviolet",
        "deeppink",
        "deepskyblue",
        "dimgray",
        "dimgrey",
        "dodgerblue",
        "firebrick",
        "floralwhite",
        "forestgreen",
        "fuchsia",
        "gainsboro",
        "ghostwhite",
        "gold",
        "goldenrod",
        "gray",
        "green",
        "greenyellow",
        "grey",
        "honeydew",
        "hotpink",
        "indianred",
        "indigo",
        "ivory",
        "khaki",
        "lavender",
        "lavenderblush",
        "lawngreen",
        "lemonchiffon",
        "lightblue",
        "lightcoral",
        "lightcyan",
        "lightgoldenrodyellow",
        "lightgray",
        "lightgreen",
        "lightgrey",
        "lightpink",
        "lightsalmon",
        "lightseagreen",
        "lightskyblue",
        "lightslategray",
        "lightslategrey",
        "lightsteelblue",
        "lightyellow",
        "lime",
        "limegreen",
        "linen",
        "magenta",
        "maroon",
        "mediumaquamarine",
        "mediumblue",
        "mediumorchid",
        "mediumpurple",
        "mediumseagreen",
        "mediumslateblue",
        "mediumspringgreen",
        "mediumturquoise",
        "mediumvioletred",
        "midnightblue",
        "mintcream",
        "mistyrose",
        "moccasin",
        "navajowhite",
        "navy",
        "oldlace",
        "olive",
        "olivedrab",
        "orange",
        "orangered",
        "orchid",
        "palegoldenrod",
        "palegreen",
        "paleturquoise",
        "palevioletred",
        "papayawhip",
        "peachpuff",
        "peru",
        "pink",
        "plum",
        "powderblue",
        "purple",
        "red",
        "rosybrown",
        "royalblue",
        "saddlebrown",
        "salmon",
        "sandybrown",
        "seagreen",
        "seashell",
        "sienna",
        "silver",
        "skyblue",
        "slateblue",
        "slategray",
        "slategrey",
        "snow",
        "springgreen",
        "steelblue",
        "tan",
        "teal",
        "thistle",
        "tomato",
        "turquoise",
        "violet",
        "wheat",
        "white",
        "whitesmoke",
        "yellow",
        "yellowgreen",
    ]
)
"""The names of colors that SVG knows (CSS Color Module Level 3); nearly all of X11's are among them."""

LETTER: Final = 0.58
"""The mean width of a letter of a sans-serif font, as a part of its size."""

ROUND: Final = frozenset({"circle", "doublecircle", "ellipse", "oval", "point"})
POLYGONS: Final = {
    "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "hexagon": ((-0.75, -1), (0.75, -1), (1, 0), (0.75, 1), (-0.75, 1), (-1, 0)),
    "house": ((0, -1), (1, -0.45), (1, 1), (-1, 1), (-1, -0.45)),
    "invhouse": ((-1, -1), (1, -1), (1, 0.45), (0, 1), (-1, 0.45)),
    "invtrapezium": ((-1, -1), (1, -1), (0.75, 1), (-0.75, 1)),
    "invtriangle": ((-1, -1), (1, -1), (0, 1)),
    "octagon": (
        *((-0.6, -1), (0.6, -1), (1, -0.5), (1, 0.5)),
        *((0.6, 1), (-0.6, 1), (-1, 0.5), (-1, -0.5)),
    ),
    "parallelogram": ((-0.75, -1), (1, -1), (0.75, 1), (-1, 1)),
    "trapezium": ((-0.75, -1), (0.75, -1), (1, 1), (-1, 1)),
    "triangle": ((0, -1), (1, 1), (-1, 1)),
}
"""Corners, as parts of half the width and half the height."""

WIDENED: Final = {"diamond": 1.7, "triangle": 1.8, "invtriangle": 1.8, "hexagon": 1.25}
"""How much more room words need in a shape than in a box."""

BARE: Final = frozenset({"none", "plain", "plaintext"})


def escaped(text: str) -> str:
    """Return ``text`` for XML, in content or in quotes; what XML cannot hold becomes U+FFFD."""
    kept = (letter if letter.isprintable() or letter == " " else "�" for letter in text)
    return "".join(_XML.get(letter, letter) for letter in kept)


def color_of(value: str, default: str) -> str:
    """Return an SVG color for one of Graphviz's, the default for one that is not understood."""
    word = value.split(":", maxsplit=1)[0].strip()
    if word.lower() in {"transparent", "none"}:
        return "none"
    if _HEX.fullmatch(word):
        return word
    if found := _GRAY.fullmatch(word.lower()):
        level = (min(int(found[1]), 100) * 255 + 50) // 100
        return f"#{level:02x}{level:02x}{level:02x}"
    if found := _HSV.fullmatch(word):
        return _from_hsv(found[1], found[2], found[3], default)
    found = _NAME.fullmatch(word)
    return found[1].lower() if found and found[1].lower() in COLOR_NAMES else default


def _from_hsv(hue: str, saturation: str, value: str, default: str) -> str:
    try:
        parts = [min(float(part), 1.0) for part in (hue, saturation, value)]
    except ValueError:
        return default
    red, green, blue = (round(part * 255) for part in colorsys.hsv_to_rgb(*parts))
    return f"#{red:02x}{green:02x}{blue:02x}"


def number_of(attributes: Mapping[str, str], name: str, default: float, most: float) -> float:
    """Return a number among the attributes, at most ``most``."""
    found = attributes.get(name, "").strip()
    return min(float(found), most) if _NUMBER.fullmatch(found) else default


def styles_of(attributes: Mapping[str, str]) -> frozenset[str]:
    """Return the words of ``style``."""
    return frozenset(word.strip() for word in attributes.get("style", "").lower().split(","))


def width_of(text: str, size: float) -> float:
    """Return about how wide a line of text is."""
    cells = sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
    return cells * size * LETTER


def dashes(styles: frozenset[str]) -> str:
    """Return the attribute that draws a line dashed or dotted, empty for a whole one."""
    if "dotted" in styles:
        return ' stroke-dasharray="2 4"'
    return ' stroke-dasharray="6 4"' if "dashed" in styles else ""


def outline(shape: str, x: float, y: float, width: float, height: float, look: str) -> str:
    """Return the element of a shape around (x, y); ``look`` is its attributes."""
    if shape in ROUND:
        inner = ""
        if shape == "doublecircle":
            inner = f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{width / 2 - 4:.1f}" ry="{height / 2 - 4:.1f}"{look}/>'
        return (
            f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{width / 2:.1f}" ry="{height / 2:.1f}"{look}/>'
            + inner
        )
    if shape in POLYGONS:
        corners = " ".join(
            f"{x + across * width / 2:.1f},{y + down * height / 2:.1f}"
            for across, down in POLYGONS[shape]
        )
        return f'<polygon points="{corners}"{look}/>'
    radius = ' rx="8"' if "stroke-linejoin" in look else ""
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}"{radius}{look}/>'
    )


def edge_of(shape: str, width: float, height: float, off: float, *, above: bool) -> float:
    """Return how far above or below its middle a shape reaches, ``off`` to the side of it."""
    part = min(abs(off) / (width / 2), 1.0) if width else 0.0
    if shape in ROUND:
        return height / 2 * sqrt(1 - part * part)
    if shape == "diamond":
        return height / 2 * (1 - part)
    if shape == ("triangle" if above else "invtriangle"):
        return height / 2 * (1 - 2 * part)
    if shape == ("house" if above else "invhouse"):
        return height / 2 * (1 - 0.55 * part)
    return height / 2


def side_of(shape: str, width: float, height: float, off: float) -> float:
    """Return how far right of its middle a shape reaches, ``off`` below it."""
    part = max(min(off / (height / 2), 1.0), -1.0) if height else 0.0
    if shape in ROUND:
        return width / 2 * sqrt(1 - part * part)
    slopes = {
        "diamond": 1 - abs(part),
        "hexagon": 1 - 0.25 * abs(part),
        "invtrapezium": 0.875 - 0.125 * part,
        "invtriangle": (1 - part) / 2,
        "parallelogram": 0.875 - 0.125 * part,
        "trapezium": 0.875 + 0.125 * part,
        "triangle": (1 + part) / 2,
    }
    return width / 2 * slopes.get(shape, 1.0)
