"""Whether a store may make the writes asked for: what was expected holds, and there is room. Pure."""

from __future__ import annotations

from framework0.errors import ContextError, VersionConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.context.change import Change, Entry, Write


def check_expected(
    entries: Mapping[str, Entry],
    version: int,
    expected: Mapping[str, int] | None,
    expected_version: int | None,
) -> None:
    """Raise VersionConflict when a key, or the whole, is at another version than expected."""
    if expected_version is not None and expected_version != version:
        raise VersionConflict("*", expected_version, version)
    for key, wanted in (expected or {}).items():
        entry = entries.get(key)
        actual = 0 if entry is None else entry.version
        if actual != wanted:
            raise VersionConflict(key, wanted, actual)


def check_order(change: Change, version: int) -> None:
    """Raise ContextError when ``change``, which happened elsewhere, cannot follow ``version``."""
    if change.version <= version:
        raise ContextError(
            f"version {change.version} of {change.key!r} cannot follow version {version}: load "
            "changes in their order, each once"
        )


def check_room(entries: Mapping[str, Entry], writes: Sequence[Write], room: int) -> None:
    """Raise ContextError when the writes would lead to more than ``room`` keys."""
    if len(entries) + len(writes) <= room:
        return
    present = set(entries)
    for write in writes:
        if write.removed:
            present.discard(write.key)
        else:
            present.add(write.key)
    if len(present) > room:
        raise ContextError(
            f"the context would hold more than {room:,} keys; "
            "store one value with many parts, or a file's path"
        )


def check_times(writes: Sequence[Write]) -> None:
    """Raise ContextError when a write has a time to live that is none."""
    for write in writes:
        if write.ttl is not None:
            from framework0.context.expiry import check_ttl

            check_ttl(write.ttl, write.key)
