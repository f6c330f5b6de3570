"""From the outcome of an effect to the message that tells it, and from an error to its code."""

from __future__ import annotations

from framework0.context.patterns import EVERYTHING, matcher
from framework0.context.values import weigh
from framework0.context.wire.effects import (
    Apply,
    At,
    Entries,
    Get,
    History,
    Keys,
    Load,
    Presence,
    Tag,
    Tags,
    Untag,
    VersionAt,
)
from framework0.context.wire.frames import full_change
from framework0.context.wire.limits import PAGE_BYTES
from framework0.errors import (
    ContextError,
    Framework0Error,
    HistoryTrimmed,
    OperationReused,
    StoreUnavailable,
    ValueRefused,
    VersionConflict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Change, Entry

# Seconds after which something that was not available may be tried again.
_AGAIN = 1.0


def reply_fields(effect: Any, outcome: Any) -> dict[str, Any]:
    """Return the fields of the ``reply`` to the request behind ``effect``."""
    return _FIELDS[type(effect)](effect, outcome)


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return ``code``, ``message`` and further facts of what the server could not do."""
    fields: dict[str, Any] = {"code": "refused", "message": str(error)}
    match error:
        case VersionConflict():
            fields.update(
                code="conflict", key=error.key, expected=error.expected, actual=error.actual
            )
        case OperationReused():
            fields["code"] = "operation_reused"
        case HistoryTrimmed():
            fields.update(code="history_trimmed", asked=error.asked, kept_since=error.kept_since)
        case ValueRefused():
            fields.update(code="bad_value", path=error.path)
        case StoreUnavailable():
            fields.update(code="unavailable", retry_after=_AGAIN)
            if error.happened is not None:
                fields["happened"] = error.happened
        case ContextError():
            if "not happened" in fields["message"]:
                fields["code"] = "not_yet"
        case Framework0Error() | OSError():
            fields.update(code="unavailable", retry_after=_AGAIN)
        case _:
            fields.update(code="internal", message="the server made a mistake: see its log")
    return fields


def entry_part(key: str, entry: Entry) -> list[Any]:
    """Return an entry as the array of a message."""
    value, version, expires = entry
    return [key, value, version] if expires is None else [key, value, version, expires]


def chosen(keys: Iterable[str], pattern: str, after: str | None = None) -> list[str]:
    """Return the keys that match and come after ``after``, sorted."""
    if pattern != EVERYTHING:
        keys = filter(matcher(pattern), keys)
    if after is not None:
        keys = (key for key in keys if key > after)
    return sorted(keys)


def _applied(effect: Apply, changes: Sequence[Change]) -> dict[str, Any]:
    if not changes:
        return {"count": 0}
    fields: dict[str, Any] = {"version": changes[-1].version, "count": len(changes)}
    if effect.full:
        fields["changes"] = list(map(full_change, changes))
    return fields


def _got(_: Any, entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {"version": 0}
    value, version, expires = entry
    if expires is None:
        return {"version": version, "value": value}
    return {"version": version, "value": value, "expires": expires}


def _history(effect: History, outcome: tuple[Any, ...]) -> dict[str, Any]:
    changes, *told, kept_since = outcome
    more = any(told)
    page = _page(changes, effect.limit, lambda change: weigh(change.value) + weigh(change.old))
    return {
        "changes": list(map(full_change, page)),
        "more": more or len(changes) > len(page),
        "kept_since": kept_since,
    }


def _at(effect: At, outcome: tuple[int, Any]) -> dict[str, Any]:
    moment, found = outcome
    if effect.key is not None:
        return {"moment": moment, **_got(effect, found)}
    keys = chosen(found, effect.pattern, effect.after)
    page = _page(keys, effect.limit, lambda key: weigh(found[key]))
    return {
        "moment": moment,
        "values": [[key, found[key]] for key in page],
        "more": len(keys) > len(page),
    }


def _keys(effect: Keys, outcome: tuple[int, Iterable[str]]) -> dict[str, Any]:
    version, keys = outcome
    found = chosen(keys, effect.pattern, effect.after)
    return {"version": version, "keys": found[: effect.limit], "more": len(found) > effect.limit}


def _entries(effect: Entries, outcome: tuple[int, Mapping[str, Entry]]) -> dict[str, Any]:
    version, entries = outcome
    keys = chosen(entries, effect.pattern, effect.after)
    page = _page(keys, effect.limit, lambda key: weigh(entries[key].value))
    return {
        "version": version,
        "entries": [entry_part(key, entries[key]) for key in page],
        "more": len(keys) > len(page),
    }


def _page(items: Sequence[Any], limit: int, weight: Callable[[Any], int]) -> Sequence[Any]:
    """Return the first of ``items``: at most ``limit``, and no more than a page weighs, but one."""
    total = 0
    for count, item in enumerate(items[:limit]):
        total += weight(item)
        if total > PAGE_BYTES and count:
            return items[:count]
    return items[:limit]


_FIELDS: dict[type, Callable[[Any, Any], dict[str, Any]]] = {
    Apply: _applied,
    At: _at,
    Entries: _entries,
    Get: _got,
    History: _history,
    Keys: _keys,
    Load: lambda _, version: {"version": version},
    Presence: lambda _, clients: {"clients": list(clients)},
    Tag: lambda _, __: {},
    Tags: lambda _, tags: {"tags": dict(tags)},
    Untag: lambda _, existed: {"existed": existed},
    VersionAt: lambda _, version: {"version": version},
}
