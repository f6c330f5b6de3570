"""What a watcher is told when changes were forgotten before this process could read them. Pure.

A process that was stopped for so long that others have trimmed what it has not read yet cannot tell
its watchers each change. It tells them the last state of each key that differs, as one change a key.
"""

from __future__ import annotations

from framework0.context.change import Change
from framework0.context.values import same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from framework0.context.change import Entry

TRIMMED: Final = "history trimmed"
"""Who is said to have made a change whose author is forgotten."""


def missed_changes(
    before: Mapping[str, Entry], start: Mapping[str, Entry], since: int, made: Sequence[Change]
) -> list[Change]:
    """Return what makes ``before`` the present.

    From it to ``start``, the picture at ``since``, one change a key; then the changes ``made`` behind.
    """
    gone = before.keys() - start.keys()
    found = [_change(since, key, None, before[key]) for key in gone]
    for key, entry in start.items():
        old = before.get(key)
        if old is None or old.version != entry.version or not same(old.value, entry.value):
            found.append(_change(entry.version, key, entry, old))
    return [*sorted(found, key=lambda change: change[:2]), *made]


def _change(version: int, key: str, entry: Entry | None, old: Entry | None) -> Change:
    return Change(
        version,
        key,
        None if entry is None else entry.value,
        entry is None,
        None if old is None else old.value,
        old is not None,
        TRIMMED,
        None,
        None,
        None,
        0.0,
        0 if old is None else old.version,
        None if entry is None else entry.expires,
    )
