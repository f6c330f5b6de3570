"""What decides whether a step need run again: the parts of its key, and how two of them differ. Pure.

A key is the SHA-256 of all parts as JSON, in full: two steps have one key only if everything that counts
is the same. Beside it a short form of the parts is kept, by which a person is told what has changed.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT: Final = 1
"""Grows whenever what a key is made of, or what an entry holds, changes its meaning."""

ABSENT: Final = "(absent)"
"""Stands for a file or a context key that is not there; no hash and no JSON text reads so."""

_SHOWN: Final = 60
"""Characters of a value that are kept for telling; of a longer one a piece and its hash."""

_PIECE: Final = 24

# Made once: json.dumps makes an encoder for every call that is not plain.
_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

_WORDS: Final = {
    "args": "args changed",
    "env": "env changed",
    "key": "cache.key changed",
    "context": "context changed",
    "files": "file changed",
    "code": "code changed",
    "rest": "changed",
}


class Parts(NamedTuple):
    """All that counts. ``version`` is that of the product and of Python; ``code`` the hash of the code.

    ``args``, ``env``, ``key`` and ``rest`` are JSON as rendered; ``context`` maps keys that the code
    reads to their values as JSON text, ``files`` declared paths to hashes, ``code_files`` the files
    of the code to theirs: these only tell what changed, ``code`` covers them.
    """

    version: str
    call: str
    code: str
    args: Any
    env: Mapping[str, str]
    key: tuple[Any, ...]
    rest: Mapping[str, Any]
    context: Mapping[str, str]
    files: Mapping[str, str]
    code_files: Mapping[str, str]


def text_of(value: Any) -> str:
    """Return ``value`` as JSON, the same text for the same value.

    The order of a mapping counts: code may depend on it. Raises ValueError for what is no JSON.
    """
    return _encode(value)


def key_of(parts: Parts) -> str:
    """Return the key, in hexadecimal."""
    version, call, code, args, env, key, rest, context, files, _ = parts
    counted = [FORMAT, version, call, code, *map(_as_json, (args, env, key, rest, context, files))]
    return sha256(text_of(counted).encode("ascii")).hexdigest()


def short_form(parts: Parts) -> dict[str, Any]:
    """Return what is kept of the parts for telling what has changed; bounded by their number."""
    args = parts.args
    if isinstance(args, (tuple, list)):
        args = {str(place): value for place, value in enumerate(args)}
    return {
        "version": parts.version,
        "call": parts.call,
        "code": {"": parts.code[:16], **{name: one[:16] for name, one in parts.code_files.items()}},
        "args": _shortened(args or {}),
        "env": _shortened(parts.env),
        "key": _shortened({str(place): value for place, value in enumerate(parts.key)}),
        "context": {name: _short(value) for name, value in parts.context.items()},
        "files": {name: one[:16] for name, one in parts.files.items()},
        "rest": _shortened(parts.rest),
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between two short forms, in words."""
    if before.get("version") != now["version"]:
        yield f"another version: {before.get('version')} → {now['version']}"
    if before.get("call") != now["call"]:
        yield f"it calls something else: {before.get('call')} → {now['call']}"
    for name, words in _WORDS.items():
        told = _told(name, before.get(name), now[name])
        if told:
            yield f"{words}: {told}"


def _told(name: str, before: Any, now: Mapping[str, str]) -> str:
    before = before if isinstance(before, dict) else {}
    changed = [one for one in {**before, **now} if before.get(one) != now.get(one)]
    if name in ("code", "files"):
        named = [_file(one, before, now) for one in changed if one]
        return ", ".join(named) or ("what its module is made of" if changed else "")
    return ", ".join(f"{one} {before.get(one, 'none')} → {now.get(one, 'none')}" for one in changed)


def _file(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    if now.get(name, ABSENT) == ABSENT:
        return f"{name} is gone"
    return name if before.get(name, ABSENT) != ABSENT else f"{name} is new"


def _as_json(part: Any) -> Any:
    """Return a part in a form whose text tells lists from mappings and keeps their order."""
    if not part:
        # Nothing given, an empty list and an empty mapping are one to what is called with them.
        return 0
    return list(part.items()) if hasattr(part, "items") else [list(part)]


def _shortened(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _short(text_of(value)) for name, value in values.items()}


def _short(text: str) -> str:
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_PIECE]}… ({len(text):,} characters, {sha256(text.encode()).hexdigest()[:12]})"
