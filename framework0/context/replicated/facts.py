"""What stands in a record of a shared log: facts, not wishes. Pure.

Whoever appended has already decided; every replica takes the same changes over, whatever release it
is of. A record is compressed JSON, and an empty one only proves where the log ended.
"""

from __future__ import annotations

import json
import zlib

from framework0.context.change import Change
from framework0.errors import JournalFromTheFuture
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

FORMAT: Final = 1
_QUICK: Final = 1
"""The level of compression that costs least: records wait for a network and a disk anyway."""


class Done(NamedTuple):
    """A call with an operation id: its fingerprint, and how many changes it made from which version."""

    operation: str
    asked: bytes
    first: int
    made: int


class Tagging(NamedTuple):
    """A name for a version; None takes the name away."""

    name: str
    version: int | None


class Facts(NamedTuple):
    """One record: made by one replica (``id``), taken over by all."""

    id: str
    changes: tuple[Change, ...] = ()
    done: tuple[Done, ...] = ()
    tagging: Tagging | None = None
    epoch: str = ""


def encode(facts: Facts) -> bytes:
    """Return ``facts`` as the bytes of a record."""
    parts: dict[str, Any] = {"format": FORMAT, "id": facts.id}
    if facts.changes:
        parts["changes"] = [change_row(change) for change in facts.changes]
    if facts.done:
        parts["done"] = [
            [done.operation, done.asked.hex(), done.first, done.made] for done in facts.done
        ]
    if facts.tagging:
        parts["tag"] = list(facts.tagging)
    if facts.epoch:
        parts["epoch"] = facts.epoch
    return pack(parts)


def decode(data: bytes) -> Facts:
    """Return what the record ``data`` says; an empty one says nothing, by nobody.

    Raises :class:`~framework0.errors.JournalFromTheFuture` for what a later release wrote.
    """
    if not data:
        return Facts("")
    parts = unpack(data)
    tag = parts.get("tag")
    return Facts(
        parts["id"],
        tuple(map(row_change, parts.get("changes", ()))),
        tuple(
            Done(operation, bytes.fromhex(asked), first, made)
            for operation, asked, first, made in parts.get("done", ())
        ),
        None if tag is None else Tagging(*tag),
        parts.get("epoch", ""),
    )


def pack(parts: dict[str, Any]) -> bytes:
    """Return JSON, compressed."""
    text = json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8"), _QUICK)


def unpack(data: bytes) -> dict[str, Any]:
    """Return what :func:`pack` was given; refuses other formats."""
    try:
        parts: dict[str, Any] = json.loads(zlib.decompress(data))
        known = parts["format"] == FORMAT
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise JournalFromTheFuture(
            f"a record of the shared log is not of this program's making ({error}): "
            "give the context a name of its own on the cluster"
        ) from error
    if not known:
        raise JournalFromTheFuture(
            f"a record of the shared log has format {parts.get('format')}, this release reads "
            f"{FORMAT}: upgrade this server"
        )
    return parts


def change_row(change: Change) -> list[Any]:
    """Return what must be kept of a change: what it replaced follows from those before it."""
    _, key, value, removed, _, _, who, run, step, attempt, at, _, expires = change
    return [change.version, key, value, int(removed), who, run, step, attempt, at, expires]


def row_change(row: Sequence[Any]) -> Change:
    """Return the change of a row; ``old``, ``existed`` and ``previous`` are for the store to fill."""
    version, key, value, removed, who, run, step, attempt, at, expires = row
    return Change(
        version, key, value, bool(removed), None, False, who, run, step, attempt, at, 0, expires
    )
