"""Versions that part and come together again: forks, and merging three pictures into one. Pure."""

from __future__ import annotations

from framework0.context.change import Change, Write
from framework0.context.values import freeze, same, thaw
from framework0.errors import ContextError, MergeConflict
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from framework0.context.change import Author, Entry

    Strategy = str | Callable[["Conflict"], Any]

STRATEGIES = ("refuse", "ours", "theirs")


class Absent:
    """The side of a conflict that has no such key; there is one of it, :data:`ABSENT`."""

    __name__ = "ABSENT"

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


class Conflict(NamedTuple):
    """One key that both sides changed since ``base``, each in its way; a side may be ABSENT."""

    key: str
    base: Any
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.key!r} (ours {self.ours!r:.60}, theirs {self.theirs!r:.60})"


class Merged(NamedTuple):
    """What a merge did: the version afterward, the keys taken over, and the conflicts decided."""

    version: int
    taken: tuple[str, ...]
    conflicts: tuple[Conflict, ...]


def _keep(key: str, value: Any) -> Any:
    return freeze(value, key=key)


def merging(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    strategy: Strategy,
    keep: Callable[[str, Any], Any] = _keep,
) -> tuple[list[Write], tuple[Conflict, ...]]:
    """Return the writes that bring into ``ours`` what ``theirs`` changed since ``base``.

    Values are frozen, and whole: a value that both sides changed is a conflict, whatever is inside.
    ``keep`` freezes what a strategy made for a key. Raises MergeConflict with all conflicts when the
    strategy is to refuse.
    """
    if not callable(strategy) and strategy not in STRATEGIES:
        raise ContextError(
            f"{strategy!r:.40} is no strategy: use 'refuse', 'ours', 'theirs', or a function of a "
            "conflict that returns the value to keep (ABSENT: no such key)"
        )
    writes, conflicts = [], []
    for key in sorted(base.keys() | ours.keys() | theirs.keys()):
        was, own, other = (side.get(key, ABSENT) for side in (base, ours, theirs))
        if _equal(own, other) or _equal(other, was):
            continue
        if _equal(own, was):
            writes.append(_write(key, other))
            continue
        conflict = Conflict(key, *map(_copy, (was, own, other)))
        conflicts.append(conflict)
        if callable(strategy):
            chosen = strategy(conflict)
            chosen = chosen if chosen is ABSENT else keep(key, chosen)
        else:
            chosen = other if strategy == "theirs" else own
        if not _equal(own, chosen):
            writes.append(_write(key, chosen))
    if conflicts and strategy == "refuse":
        raise MergeConflict(tuple(conflicts))
    return writes, tuple(conflicts)


def story_until(
    version: int,
    since: int,
    beginning: Mapping[str, Entry],
    changes: Iterable[Change],
    author: Author,
    at: float,
) -> Iterator[Change]:
    """Yield the changes that lead to ``version``, for another store to load.

    What happened up to ``since`` is no longer known but for the entries it left, ``beginning``:
    they come first, each with its version, in ``author``'s name.
    """
    for key, entry in sorted(beginning.items(), key=lambda pair: pair[1].version):
        value, made, expires = entry
        yield Change(made, key, value, False, None, False, *author, at, 0, expires)
    for change in changes:
        if change.version > version:
            return
        if change.version > since:
            yield change


def _copy(value: Any) -> Any:
    return value if value is ABSENT else thaw(value)


def _equal(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)


def _write(key: str, value: Any) -> Write:
    return Write(key, removed=True) if value is ABSENT else Write(key, value)
