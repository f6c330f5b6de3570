"""The keys of a context over HTTP: a value is the body, its version the ETag."""

from __future__ import annotations

from math import isfinite

from framework0.context import Write, check_json, check_key, matcher, version_of, weigh
from framework0.errors import ContextError, VersionConflict
from framework0.server.bodies import decode
from framework0.server.limits import PAGE_BYTES, PAGE_ITEMS, PAGE_ITEMS_MOST
from framework0.server.looking import changes_that_set, picture
from framework0.server.requests import Answer, Refused, json_answer
from framework0.server.values import authored, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from framework0.context import Entry, Store
    from framework0.server.app import App
    from framework0.server.namespaces import Namespace
    from framework0.server.requests import Request

EVERYTHING: Final = "**"
LARGEST: Final = 2**63 - 1
_YES_OR_NO: Final = {"true": True, "1": True, "false": False, "0": False}


async def list_keys(app: App, request: Request) -> Answer:
    """List the keys in their order, a page at a time."""
    namespace = await space_of(app, request)
    limit = number(request, "limit", PAGE_ITEMS, 1, PAGE_ITEMS_MOST)
    after = request.parameters.get("after", "")
    pattern = pattern_of(request)
    values, authors = yes_or_no(request, "values"), yes_or_no(request, "authors")
    found, version, more = await namespace.read(
        page, namespace.store, pattern, after, limit, PAGE_BYTES if values else None
    )
    made = await namespace.read(changes_that_set, namespace.store, dict(found)) if authors else {}
    listed = []
    for key, entry in found:
        about: dict[str, Any] = {"key": key, "version": entry.version}
        if values:
            about["value"] = entry.value
        if authors:
            about["change"] = authored(made[key]) if key in made else None
        listed.append(about)
    told = {"keys": listed, "version": version, "next": found[-1][0] if more else None}
    return Answer(200, encode(told))


async def get_key(app: App, request: Request) -> Answer:
    """Answer with the value of a key, now or at a moment of the past."""
    namespace = await space_of(app, request)
    key = key_of(request)
    version = await moment_of(namespace, request)
    if version is None:
        entry = await namespace.read(namespace.store.get, key)
    else:
        entry = await namespace.read(namespace.store.get_at, key, version)
    if entry is None:
        raise Refused(404, "key", f"there is no key {key!r:.200}")
    headers = (("ETag", etag(entry.version)), ("Cache-Control", "no-cache"))
    if request.header("if-none-match") in {etag(entry.version), "*"}:
        return Answer(304, headers=headers)
    return Answer(200, encode(entry.value), headers=headers)


async def put_key(app: App, request: Request) -> Answer:
    """Set a key to the value that is the body."""
    key = key_of(request)
    value = check_json(decode(request.body))
    expected = expected_of(request, key)
    namespace = await app.namespaces.find_or_make(request.places["namespace"])
    write = Write(key, value, ttl=_ttl_of(request))
    changes = await _written(app, namespace, request, write, expected)
    change = changes[-1]
    said = {"key": key, "version": change.version, "created": not change.existed}
    status = 200 if change.existed else 201
    return json_answer(said, status, (("ETag", etag(change.version)),))


async def delete_key(app: App, request: Request) -> Answer:
    """Remove a key; removing what is absent changes nothing."""
    key = key_of(request)
    expected = expected_of(request, key)
    namespace = await space_of(app, request)
    changes = await _written(app, namespace, request, Write(key, removed=True), expected)
    version = changes[-1].version if changes else None
    return json_answer({"key": key, "removed": bool(changes), "version": version})


async def _written(
    app: App, namespace: Namespace, request: Request, write: Write, expected: int | None
) -> tuple[Any, ...]:
    wanted = None if expected is None else {write.key: expected}
    try:
        return await app.write(namespace, request, [write], wanted)
    except VersionConflict as conflict:
        if "expect_version" in request.parameters:
            raise
        found = {"key": conflict.key, "current_version": conflict.actual}
        raise Refused(412, "conflict", str(conflict), extra=found) from None


def page(
    store: Store, pattern: str, after: str, limit: int, most_bytes: int | None = None
) -> tuple[list[tuple[str, Entry]], int, bool]:
    """Return a page of the entries by key, the version they are of, and whether more follow.

    With ``most_bytes`` it ends before the values grow beyond about so many, but holds one always.
    """
    matches = matcher(pattern)
    version, entries = picture(store)
    wanted = sorted(key for key in entries if key > after and matches(key))
    found: list[tuple[str, Entry]] = []
    room = most_bytes
    for key in wanted[:limit]:
        if room is not None:
            room -= weigh(entries[key].value)
            if room < 0 and found:
                break
        found.append((key, entries[key]))
    return found, version, len(wanted) > len(found)


async def space_of(app: App, request: Request) -> Namespace:
    """Return the namespace that the path names; with ``fresh=true``, when it has all there is."""
    namespace = await app.namespaces.find(request.places["namespace"])
    if yes_or_no(request, "fresh") and namespace.freshness is not None:
        await namespace.freshness.asked()
    request.as_of = namespace.as_of()
    return namespace


def key_of(request: Request) -> str:
    """Return the key in the path; refuse what cannot be one (400)."""
    try:
        return check_key(request.places["key"])
    except ContextError as error:
        raise Refused(400, "key", str(error)) from None


def pattern_of(request: Request) -> str:
    """Return the pattern of the query, everything if there is none."""
    pattern = request.parameters.get("pattern", EVERYTHING)
    try:
        matcher(pattern)
    except ContextError as error:
        raise Refused(422, "pattern", str(error)) from None
    return pattern


def etag(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def number(request: Request, name: str, usual: int, least: int, most: int) -> int:
    """Return a whole number of the query, ``usual`` when it is left out; refuse another thing (422)."""
    text = request.parameters.get(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:30]) <= most:
        raise Refused(422, name, f"{name} is a whole number from {least} to {most}")
    return int(text)


def yes_or_no(request: Request, name: str) -> bool:
    """Return a truth of the query; refuse another thing (422)."""
    text = request.parameters.get(name, "false")
    if text not in _YES_OR_NO:
        raise Refused(422, name, f"{name} is true or false")
    return _YES_OR_NO[text]


async def moment_of(namespace: Namespace, request: Request) -> int | None:
    """Return the version that ``version``, ``time`` or ``moment`` mean; None when none is given."""
    given = [name for name in ("version", "time", "moment") if name in request.parameters]
    if len(given) > 1:
        raise Refused(422, "moment", f"{' and '.join(given)} each name a moment: leave one out")
    if not given:
        return None
    if given == ["version"]:
        return number(request, "version", 0, 0, LARGEST)
    if given == ["time"]:
        seconds = _real(request.parameters["time"], "time")
        return int(await namespace.read(namespace.store.version_at, seconds))
    return int(await namespace.read(version_of, namespace.store, request.parameters["moment"]))


def _real(text: str, name: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise Refused(422, name, f"{name} is a number of seconds")
    return found


def _ttl_of(request: Request) -> float | None:
    text = request.parameters.get("ttl")
    return None if text is None else _real(text, "ttl")


def expected_of(request: Request, key: str) -> int | None:
    """Return the version that the key must have for the write to happen, None: any.

    ``If-Match: *`` asks for a key that is there, which only a version can: it is refused.
    """
    wanted = []
    if "expect_version" in request.parameters:
        text = request.parameters["expect_version"]
        # As large as a version can be said to be: such a one is no mistake of form, and never there.
        wanted.append(number(request, "expect_version", 0, 0, 2**64) if text else -1)
    match = request.header("if-match")
    if match is not None:
        digits = match[1:-1]
        if match != f'"{digits}"' or not digits.isdecimal() or not digits.isascii():
            raise Refused(400, "if_match", 'If-Match is one ETag of this key, such as "12"')
        wanted.append(int(digits[:30]))
    if request.header("if-none-match") is not None:
        if request.header("if-none-match") != "*":
            raise Refused(
                400, "if_none_match", "If-None-Match of a write is `*`: the key is absent"
            )
        wanted.append(0)
    if len(wanted) > 1:
        raise Refused(400, "conditions", f"two conditions on the version of {key!r:.100}: use one")
    if wanted == [-1]:
        raise Refused(422, "expect_version", "expect_version is a whole number")
    return wanted[0] if wanted else None
