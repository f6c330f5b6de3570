"""Changes that happened elsewhere, on their way into this history. Pure."""

from __future__ import annotations

from framework0.context.change import Entry
from framework0.context.history import rebase
from framework0.context.persist.reading import Overlay
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from framework0.context.change import Change
    from framework0.context.persist.cache import Cache

_ROW_CHANGES: Final = 1_000
"""Changes in one row: reading one of them decodes them all."""


def rebase_all(changes: Sequence[Change], cache: Cache) -> list[Change]:
    """Return ``changes`` with what each replaced as it is true on top of ``cache``.

    Raises ContextError when one cannot follow the one before it.
    """
    entries, removed = Overlay(cache.entries), Overlay(cache.removed)
    latest = cache.version
    rebased = []
    for change in changes:
        version, key = change.version, change.key
        if version <= latest:
            raise ContextError(
                f"version {version} of {key!r} cannot follow version {latest}: load changes in their "
                "order, each once"
            )
        latest = version
        rebased.append(rebase(change, entries.get(key), removed.get(key) or 0))
        if change.removed:
            entries.pop(key)
            removed[key] = version
        else:
            removed.pop(key)
            entries[key] = Entry(change.value, version, change.expires)
    return rebased


def in_a_row(changes: Sequence[Change]) -> list[list[Change]]:
    """Return ``changes`` in groups whose versions follow one another, as a row holds them."""
    groups: list[list[Change]] = []
    latest = -1
    for change in changes:
        if change.version != latest + 1 or len(groups[-1]) == _ROW_CHANGES:
            groups.append([])
        groups[-1].append(change)
        latest = change.version
    return groups
