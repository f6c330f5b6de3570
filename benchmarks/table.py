"""One line of the results, and the table they make."""

from __future__ import annotations

from typing import NamedTuple

HEADINGS = ("work", "ours", "floor or peer", "ratio", "reach", "reached?")
NOT_ASKED = "–"


class Row(NamedTuple):
    """``ratio`` is ours : the other's, as the reach is worded; ``reached`` is yes, NO or –."""

    work: str
    ours: str
    other: str
    ratio: str = NOT_ASKED
    reach: str = NOT_ASKED
    reached: str = NOT_ASKED


def verdict(good: bool) -> str:
    return "yes" if good else "NO"


def longer(work, ours, name, other, most=None):
    """Compare durations: ours over the other's, which may be ``most`` at the most."""
    ratio = ours.median / other.median
    return Row(
        work,
        str(ours),
        f"{name} {other}",
        f"{ratio:.2f} ×",
        NOT_ASKED if most is None else f"≤ {most:g} ×",
        NOT_ASKED if most is None else verdict(ratio <= most),
    )


def faster(work, count, ours, name, other, least=None):
    """Compare rates of ``count`` things: ours over the other's, which must be ``least`` at least."""
    ratio = other.median / ours.median
    return Row(
        work,
        ours.rate(count),
        f"{name} {other.rate(count)}",
        f"{ratio:.2f} ×",
        NOT_ASKED if least is None else f"≥ {least:g} ×",
        NOT_ASKED if least is None else verdict(ratio >= least),
    )


def bounded(work, figure, most, unit, other=NOT_ASKED, note=""):
    """Hold a figure against a number that the reach names outright."""
    shown = f"{figure:.3g} {unit}{note}"
    return Row(work, shown, other, NOT_ASKED, f"≤ {most:g} {unit}", verdict(figure <= most))


def render(rows):
    """Return the rows as a Markdown table whose columns also line up in a terminal."""
    lines = [HEADINGS, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADINGS))]
    shown = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    return "\n".join(
        [shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]]
    )
