"""Several writes at once over HTTP: all of them or none."""

from __future__ import annotations

from framework0.context import Write, check_json, check_key
from framework0.errors import ContextError
from framework0.server.bodies import decode
from framework0.server.keys import LARGEST
from framework0.server.requests import Refused, json_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from framework0.server.app import App
    from framework0.server.requests import Answer, Request

WRITES: Final = 10_000
"""Writes of one transaction: what fits into one body, mostly."""

_MEMBERS: Final = frozenset({"writes", "expected", "expected_version"})
_WRITE_MEMBERS: Final = frozenset({"key", "value", "removed", "ttl"})


async def post(app: App, request: Request) -> Answer:
    """Make the writes of the body, if everything is as it expects."""
    body = decode(request.body)
    if not isinstance(body, dict) or not _MEMBERS.issuperset(body):
        raise _wrong("the body is an object with writes, expected and expected_version")
    writes = _writes(body.get("writes"))
    expected = _expected(body.get("expected", {}))
    version = body.get("expected_version")
    if version is not None and not _is_version(version):
        raise _wrong("expected_version is a version, a whole number")
    namespace = await app.namespaces.find_or_make(request.places["namespace"])
    changes = await app.write(namespace, request, writes, expected, version)
    return json_answer(
        {
            "version": changes[-1].version if changes else None,
            "changes": [{"key": change.key, "version": change.version} for change in changes],
        }
    )


def _writes(found: Any) -> list[Write]:
    if not isinstance(found, list) or not 0 < len(found) <= WRITES:
        raise _wrong(f"writes is a list of 1 to {WRITES:,} writes")
    return [_write(entry, place) for place, entry in enumerate(found)]


def _write(entry: Any, place: int) -> Write:
    if not isinstance(entry, dict) or not _WRITE_MEMBERS.issuperset(entry):
        raise _wrong(f"writes[{place}] is an object with key and value, or key and removed")
    removed = entry.get("removed", False)
    if not isinstance(removed, bool) or removed == ("value" in entry):
        raise _wrong(f"writes[{place}] has either a value or `removed: true`")
    ttl = entry.get("ttl")
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or removed):
        raise _wrong(f"writes[{place}].ttl is the number of seconds that a value stays")
    try:
        key = check_key(entry.get("key", ""))
    except ContextError as error:
        raise _wrong(f"writes[{place}].key: {error}") from None
    if removed:
        return Write(key, removed=True)
    return Write(key, check_json(entry["value"]), ttl=ttl)


def _expected(found: Any) -> dict[str, int]:
    if not isinstance(found, dict) or not all(map(_is_version, found.values())):
        raise _wrong("expected maps keys to the versions they must have, 0: absent")
    return found


def _is_version(found: Any) -> bool:
    return type(found) is int and 0 <= found <= LARGEST


def _wrong(detail: str) -> Refused:
    return Refused(422, "transaction", detail)
