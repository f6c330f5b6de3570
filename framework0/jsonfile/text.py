"""The text of such a file: one JSON object, laid out for people, and located mistakes."""

from __future__ import annotations

import json

from framework0.errors import JsonFileBroken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read; more is not settings but something else."""

_INDENT: Final = 4
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_TEXT: Final = frozenset({str})
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def parse_object(content: bytes, name: str) -> dict[str, Any]:
    """Return the object that ``content`` is; ``name`` is the file's name, for messages.

    Raises :class:`~framework0.errors.JsonFileBroken` with the offset in bytes and the line, for
    anything else: nothing at all, NULs, a byte order mark, another encoding, a name given twice,
    numbers that JSON does not have.
    """
    if not content.strip():
        what = f"has nothing but {len(content)} blanks" if content else "is empty"
        raise _broken(name, content, 0, what)
    if content.startswith(_BYTE_ORDER_MARK):
        raise _broken(name, content, 0, "begins with a byte order mark: save it without one")
    nul = content.find(0)
    if nul >= 0:
        raise _broken(name, content, nul, "holds a NUL, as files do after a power cut")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(name, content, error.start, "is not UTF-8 text") from error
    return _parsed(text, content, name)


def _parsed(text: str, content: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode("utf-8"))
        ended = error.pos >= len(text.rstrip())
        what = "ends too early" if ended else f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise _broken(name, content, offset, what) from error
    except _Twice as error:
        at = _second(content, json.dumps(error.key, ensure_ascii=False).encode("utf-8"))
        raise _broken(name, content, at, f"gives {error.key!r:.80} twice in one object") from None
    except _NoNumber as error:
        at = max(content.find(error.word.encode("ascii")), 0)
        raise _broken(name, content, at, f"has {error.word}, which JSON does not have") from None
    except RecursionError:
        raise _broken(name, content, 0, "is nested too deep to be read") from None
    except ValueError as error:
        # Python refuses numbers of more than 4,300 digits.
        raise _broken(name, content, 0, f"has a number that is too long: {error}") from error
    if not isinstance(found, dict):
        offset = len(content) - len(content.lstrip())
        raise _broken(name, content, offset, f"holds {kind_of(found)}, where an object is needed")
    return found


def render_object(document: dict[str, Any]) -> bytes:
    """Return the text of ``document``: one line for each value of each group.

    Python's encoder is an order of magnitude slower when it indents, so the groups that are flat,
    nearly all, are written by the quick one with a line break for a separator.

    Raises ``ValueError`` or ``TypeError`` for what JSON cannot hold.
    """
    pad = " " * _INDENT
    parts = []
    for key, value in document.items():
        name = json.dumps(key, ensure_ascii=False)
        if isinstance(value, dict) and value and is_flat(value):
            inner = pad * 2
            body = json.dumps(
                value, ensure_ascii=False, allow_nan=False, separators=(f",\n{inner}", ": ")
            )
            parts.append(f"{pad}{name}: {{\n{inner}{body[1:-1]}\n{pad}}}")
        else:
            body = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=_INDENT)
            parts.append(f"{pad}{name}: " + body.replace("\n", f"\n{pad}"))
    return ("{\n" + ",\n".join(parts) + "\n}\n" if parts else "{}\n").encode("utf-8")


def is_flat(group: dict[str, Any]) -> bool:
    """Tell whether a group holds plain values alone, so that a copy of it is its own."""
    return _PLAIN.issuperset(map(type, group.values()))


def is_plain(document: dict[str, Any]) -> bool:
    """Tell whether a document holds flat groups and plain values alone, under keys that are text.

    Its text is then read as just what it is.
    """
    return _TEXT.issuperset(map(type, document)) and all(
        type(value) in _PLAIN
        or (type(value) is dict and is_flat(value) and _TEXT.issuperset(map(type, value)))
        for value in document.values()
    )


def kind_of(value: object) -> str:
    """Name the JSON type of a value, with its article."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    more = {int: "an integer", float: "a fraction", type(None): "null"}
    return {**kinds, **more}.get(type(value), f"a {type(value).__name__}")


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


class _NoNumber(Exception):
    def __init__(self, word: str) -> None:
        self.word = word


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(key)
            seen.add(key)
    return made


def _refuse_constant(word: str) -> None:
    raise _NoNumber(word)


def _second(content: bytes, quoted: bytes) -> int:
    first = content.find(quoted)
    return max(content.find(quoted, first + 1), 0)


def _broken(name: str, content: bytes, offset: int, what: str) -> JsonFileBroken:
    line = content.count(b"\n", 0, offset) + 1
    column = offset - (content.rfind(b"\n", 0, offset) + 1) + 1
    return JsonFileBroken(
        f"{name}:{line}:{column}: the file {what} (byte {offset:,} of {len(content):,})",
        offset=offset,
        line=line,
    )
