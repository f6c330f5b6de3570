"""Where a machine can go: from each node the visible ways to others, to the end, or into the unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.stepengine.arrows import DIRECT
from framework0.stepengine.checking.shapes import is_on
from framework0.stepengine.nodes import COMPLETE
from framework0.stepengine.reading.literals import UNKNOWN
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framework0.errors import Place
    from framework0.stepengine.reading.literals import Read
    from framework0.stepengine.reading.nodes import ReadNode

MOST_SHOWN: Final = 12
"""Nodes of a way that are named; of a longer one its beginning and its end."""


class Way(NamedTuple):
    """A way from one node to another by the arrow ``key``; ``place`` is what shows it."""

    start: str
    to: str
    key: str
    place: Place


class Ways:
    """The ways of one node.

    ``ends`` says whether the machine can end here well, ``unknown`` why it may go elsewhere, too, and
    ``stuck`` that no way leads on and it is no end either.
    """

    def __init__(self, node: ReadNode) -> None:
        self.node = node
        self.ways: list[Way] = []
        self.ends = False
        self.unknown = ""
        self.stuck = False


def ways_of(node: ReadNode) -> Ways:
    """Return where the machine may go from ``node``."""
    ways = Ways(node)
    if "arrows" in node.reasons:
        ways.unknown = node.reasons["arrows"][0]
    choices = node.choices
    if not choices.there:
        _without_choice(node, ways)
        return ways
    if choices.reason:
        ways.unknown = ways.unknown or choices.reason
        ways.ways += open_arrows(node)
        return ways
    for choice in choices.choices:
        if choice.key is None:
            _without_choice(node, ways)
        elif choice.key in node.arrows():
            ways.ways += [way for way in open_arrows(node) if way.key == choice.key]
        elif choice.key == COMPLETE:
            ways.ends = True
        elif choice.key.startswith(DIRECT):
            to = choice.key.removeprefix(DIRECT)
            ways.ways.append(Way(node.name, to, choice.key, choice.place))
    ways.ways = list(dict.fromkeys(ways.ways))
    return ways


def _without_choice(node: ReadNode, ways: Ways) -> None:
    """Add what happens when nothing is chosen: the only open arrow, or the end."""
    if not node.arrows():
        ways.ends = ways.ends or not ways.unknown
        return
    found = open_arrows(node)
    ways.ways += found
    if any(_is_unclear(read) for _, read in node.arrows().values()):
        ways.unknown = ways.unknown or "where an arrow of it leads is not written as it should be"
        return
    ways.stuck = ways.stuck or not found


def open_arrows(node: ReadNode) -> list[Way]:
    """Return the arrows that are not closed, and lead somewhere that can be read."""
    found = []
    for key, (place, read) in node.arrows().items():
        if not isinstance(read.value, dict):
            continue
        to = read.value.get("arrow_step_name_string")
        if is_on(read.value.get("active_arrow_step_bool")) is not False and isinstance(to, str):
            found.append(Way(node.name, to, key, place))
    return found


def _is_unclear(read: Read) -> bool:
    """Tell whether an arrow is written so that it leads nowhere; that is a mistake of its own."""
    if not isinstance(read.value, dict):
        return read.value is not UNKNOWN
    to = read.value.get("arrow_step_name_string")
    return to is not UNKNOWN and not isinstance(to, str)


def computed_target(node: ReadNode) -> bool:
    """Tell whether an arrow of the node leads where only running tells."""
    return any(
        read.value is UNKNOWN
        or (
            isinstance(read.value, dict)
            and (read.open or read.value.get("arrow_step_name_string") is UNKNOWN)
        )
        for _, read in node.arrows().values()
    )


def reached(starts: Iterable[str], ways: Mapping[str, Sequence[Way]]) -> dict[str, Way | None]:
    """Return every node that can be reached, each with the last way of a shortest path to it."""
    came: dict[str, Way | None] = dict.fromkeys(starts)
    waiting = list(came)
    for name in waiting:
        for way in ways.get(name, ()):
            if way.to not in came:
                came[way.to] = way
                waiting.append(way.to)
    return came


def path_to(name: str, came: Mapping[str, Way | None]) -> list[Way]:
    """Return the shortest path to a node, as :func:`reached` has found it."""
    path: list[Way] = []
    way = came.get(name)
    while way is not None:
        path.append(way)
        way = came.get(way.start)
    path.reverse()
    return path


def told(path: Sequence[Way], start: str) -> str:
    """Return a path in words: ``a → b → c``."""
    names = [start, *[way.to for way in path]]
    if len(names) > MOST_SHOWN:
        half = MOST_SHOWN // 2
        names = [*names[:half], f"({len(names) - 2 * half} more)", *names[-half:]]
    return " → ".join(names)


def steps(path: Sequence[Way]) -> list[tuple[str, Place]]:
    """Return the arrows of a path, each with its place."""
    return [(f"{way.start} → {way.to} by {way.key!r}", way.place) for way in path]
