"""Which change is responsible for what a key holds now, and for each part inside. Pure.

A part is followed back through the changes of its key for as long as it held the same; lists are
followed by position.
"""

from __future__ import annotations

from framework0.context.history import thawed
from framework0.context.values import format_path, same
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from framework0.context.change import Change, Entry

    Path = tuple[str | int, ...]

# Of a value with more parts only the larger ones are looked into, so that blaming stays quick.
BLAMED_PARTS = 1_000
_ABSENT = object()


class Blame(NamedTuple):
    """Who is responsible for ``key``.

    ``change`` set the value that is there; None when it is no longer kept, and only its ``version``
    is known. ``parts`` maps paths inside the value (``rows[3].when``; ``""`` for one without parts)
    to the change since which they are as they are, None where that is older than what is kept.
    """

    key: str
    version: int
    change: Change | None
    parts: dict[str, Change | None]


def blame(key: str, entry: Entry, story: Iterable[Change]) -> Blame:
    """Return who is responsible for ``entry``, given the changes of its key, oldest first.

    What comes out are copies.
    """
    changes = [change for change in story if change.version <= entry.version]
    latest = changes[-1] if changes and changes[-1].version == entry.version else None
    open_parts = _parts(entry.value)
    found: dict[Path, Change | None] = dict.fromkeys(open_parts)
    for change in reversed(changes):
        open_parts = [path for path in open_parts if _unchanged(change, path, found)]
        if not open_parts:
            break
    behind = [latest, *found.values()]
    copies = {change.version: thawed(change) for change in behind if change is not None}
    return Blame(
        key,
        entry.version,
        None if latest is None else copies[latest.version],
        {
            format_path(list(path)): None if change is None else copies[change.version]
            for path, change in found.items()
        },
    )


def _unchanged(change: Change, path: Path, found: dict[Path, Change | None]) -> bool:
    """Whether ``path`` was the same before ``change``; if not, the change is what was looked for."""
    before = _inside(change.old, path) if change.existed else _ABSENT
    if before is not _ABSENT and same(before, _inside(change.value, path)):
        return True
    found[path] = change
    return False


def _inside(value: Any, path: Path) -> Any:
    for segment in path:
        if isinstance(segment, str):
            if not isinstance(value, dict) or segment not in value:
                return _ABSENT
        elif not isinstance(value, list) or segment >= len(value):
            return _ABSENT
        value = value[segment]
    return value


def _parts(value: Any) -> list[Path]:
    """Return the paths to the smallest parts of a value, as long as there are few enough."""
    level: list[tuple[Path, Any]] = [((), value)]
    while True:
        deeper = [part for path, item in level for part in _members(path, item)]
        paths = [path for path, _ in level]
        if len(deeper) > BLAMED_PARTS or [path for path, _ in deeper] == paths:
            return paths
        level = deeper


def _members(path: Path, value: Any) -> Iterable[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        return [((*path, name), item) for name, item in value.items()]
    if isinstance(value, list) and value:
        return [((*path, index), item) for index, item in enumerate(value)]
    return [(path, value)]
