"""From a message that was found to be right to the effect that does what it asks."""

from __future__ import annotations

from framework0.context.change import Author, Request, Write
from framework0.context.patterns import EVERYTHING
from framework0.context.values import MARK, SCALARS, freeze
from framework0.context.wire.checking import Wrong
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
from framework0.context.wire.frames import read_full_change
from framework0.context.wire.limits import PAGE
from framework0.errors import ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar

    from framework0.context.limits import ValueLimits
    from framework0.context.wire.effects import Effect, Grant
    from framework0.context.wire.limits import WireLimits

# What these say about a value is a matter of its size, not of its kind.
_SIZES = ("items", "characters of text")
# Making a tuple of a class this way saves the call of its constructor.
_new = tuple.__new__
# The shortest member of an object: a name of no characters, a number, a comma.
_MEMBER_BYTES = len('"":0,')


class Asking:
    """What one client's requests become; ``grant`` says who it is."""

    def __init__(self, grant: Grant, limits: WireLimits, values: ValueLimits) -> None:
        self._grant = grant
        self._limits = limits
        self._values = values
        self._itself = Author(grant.who)
        # Where a value may be as large as a message, one without depth needs no counting.
        self._roomy = (
            values.depth > 0
            and values.characters >= limits.message_bytes
            and values.items * _MEMBER_BYTES >= limits.message_bytes
        )

    def effect(self, kind: str, fields: dict[str, Any], at: float) -> Effect:
        """Return what must be done for a message of type ``kind``; raises Wrong."""
        return self._EFFECTS[kind](self, fields, at)

    def _get(self, fields: dict[str, Any], _: float) -> Effect:
        return Get(fields["id"], fields["key"], fields.get("fresh", False))

    def _set(self, fields: dict[str, Any], at: float) -> Effect:
        key = fields["key"]
        write = (key, self._value(key, fields["value"]), False, fields.get("ttl"))
        return self._apply(fields, at, (_new(Write, write),))

    def _delete(self, fields: dict[str, Any], at: float) -> Effect:
        return self._apply(fields, at, (Write(fields["key"], None, True),))

    def _transaction(self, fields: dict[str, Any], at: float) -> Effect:
        wanted = fields["writes"]
        if len(wanted) > self._limits.writes:
            raise Wrong(
                "too_many_writes",
                f"a transaction has at most {self._limits.writes:,} writes, not {len(wanted):,}: "
                "make several of it",
            )
        writes = [
            (
                Write(write["key"], None, True)
                if write.get("removed")
                else Write(
                    write["key"],
                    self._value(write["key"], write["value"]),
                    False,
                    write.get("ttl"),
                )
            )
            for write in wanted
        ]
        return self._apply(fields, at, writes)

    def _history(self, fields: dict[str, Any], _: float) -> Effect:
        return History(fields["id"], fields.get("key"), fields.get("since"), self._limit(fields))

    def _at(self, fields: dict[str, Any], _: float) -> Effect:
        moment = fields["moment"]
        if type(moment) is dict:
            moment = float(moment["time"])
        return At(
            fields["id"],
            moment,
            fields.get("key"),
            fields.get("pattern", EVERYTHING),
            fields.get("after"),
            self._limit(fields),
        )

    def _version_at(self, fields: dict[str, Any], _: float) -> Effect:
        return VersionAt(fields["id"], float(fields["time"]))

    def _keys(self, fields: dict[str, Any], _: float) -> Effect:
        return Keys(*self._page(fields))

    def _entries(self, fields: dict[str, Any], _: float) -> Effect:
        return Entries(*self._page(fields))

    def _tags(self, fields: dict[str, Any], _: float) -> Effect:
        return Tags(fields["id"])

    def _tag(self, fields: dict[str, Any], _: float) -> Effect:
        return Tag(fields["id"], fields["name"], fields["version"], fields.get("move", False))

    def _untag(self, fields: dict[str, Any], _: float) -> Effect:
        return Untag(fields["id"], fields["name"])

    def _load(self, fields: dict[str, Any], _: float) -> Effect:
        changes = [
            change._replace(
                value=self._value(change.key, change.value),
                old=self._value(change.key, change.old),
            )
            for change in map(read_full_change, fields["changes"])
        ]
        return Load(fields["id"], changes)

    def _presence(self, fields: dict[str, Any], _: float) -> Effect:
        return Presence(fields["id"])

    def _apply(self, fields: dict[str, Any], at: float, writes: Sequence[Write]) -> Effect:
        grant = self._grant
        if grant.claims:
            at = float(fields.get("at", at))
        expected = fields.get("expected")
        if "expect" in fields:
            expected = {fields["key"]: fields["expect"]}
        by = fields.get("by")
        request = (
            writes,
            self._author(by) if by else self._itself,
            at,
            expected,
            fields.get("expected_version"),
            fields.get("operation"),
        )
        return _new(Apply, (fields["id"], _new(Request, request), fields.get("full", False)))

    def _author(self, by: dict[str, Any]) -> Author:
        grant = self._grant
        who = by.get("who", grant.who) if grant.claims else grant.who
        return Author(who, by.get("run"), by.get("step"), by.get("attempt"))

    def _value(self, key: str, value: Any) -> Any:
        """Return a value that was read from a message as the context keeps it; raises Wrong."""
        # The codec has proved that it is JSON, and nobody else has it.
        if (
            type(value) is dict
            and self._roomy
            and MARK not in value
            and SCALARS.issuperset(map(type, value.values()))
        ):
            return value
        try:
            return freeze(value, self._values, key)
        except ValueRefused as refused:
            words = str(refused)
            code = "bad_value"
            if "nested deeper" in words:
                code = "too_deep"
            elif any(size in words for size in _SIZES):
                code = "value_too_large"
            raise Wrong(code, words, key=key, path=refused.path) from None

    def _page(self, fields: dict[str, Any]) -> tuple[int, str, str | None, int]:
        return (
            fields["id"],
            fields.get("pattern", EVERYTHING),
            fields.get("after"),
            self._limit(fields),
        )

    def _limit(self, fields: dict[str, Any]) -> int:
        wanted: int = fields.get("limit", PAGE)
        return min(wanted, self._limits.page)

    _EFFECTS: ClassVar[dict[str, Callable[[Asking, dict[str, Any], float], Effect]]] = {
        "get": _get,
        "set": _set,
        "delete": _delete,
        "transaction": _transaction,
        "history": _history,
        "at": _at,
        "version_at": _version_at,
        "keys": _keys,
        "entries": _entries,
        "tags": _tags,
        "tag": _tag,
        "untag": _untag,
        "load": _load,
        "presence": _presence,
    }
