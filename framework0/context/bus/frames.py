"""How a message looks on its way to another process: JSON text, and the memory it refers to beside it.

Where an array or bytes stand in a value, the text says ``{"$shared": n}``. Nothing in it is ever run.
"""

from __future__ import annotations

import json

from framework0.context.bus.inbox import Message
from framework0.context.bus.shared import Shared, can_be_shared, from_told, share
from framework0.context.patterns import check_key
from framework0.errors import BusError, ContextError, ValueRefused
from framework0.segments import MOST_DESCRIPTORS, can_seal
from framework0.segments import share as in_segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from framework0.segments import Segment

MARK: Final = "$shared"

INLINE: Final = 32 * 1024
"""Bytes of text in the socket, which holds about 200 kB; longer text goes as memory beside it."""

LARGEST: Final = INLINE + 1024
"""Bytes of one message in the socket, at most."""

TEXT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of JSON in one message: reading them takes about a second and ten times the memory. Numbers by
the million travel better as an array."""

_SHORT: Final = b"s"
_LONG: Final = b"l"


def encoded(topic: str, value: Any) -> tuple[bytes, list[Segment]]:
    """Return a message as bytes and the segments that go beside it.

    Raises ValueRefused for what cannot travel, OSError when there is not enough memory.
    """
    found: list[Shared] = []

    def aside(part: Any) -> dict[str, int]:
        if not can_be_shared(part):
            raise ValueRefused(
                f"a {type(part).__module__}.{type(part).__qualname__} cannot travel between processes: "
                "send JSON, arrays of NumPy and bytes"
            )
        found.append(share(part))
        return {MARK: len(found) - 1}

    try:
        text = _encoder(aside)(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueRefused(f"the message on {topic!r} is not JSON: {error}") from error
    if found and text.count(f'"{MARK}"') != len(found):
        raise ValueRefused(
            f"the word {MARK!r} stands for shared memory: use another one in messages"
        )
    head = _encoder()([topic, [shared.told() for shared in found]])
    data = f"{head}\n{text}".encode()
    segments = [shared.segment for shared in found]
    mark = _SHORT
    if len(data) >= INLINE:
        if len(data) > TEXT_BYTES:
            raise ValueRefused(
                f"the message on {topic!r} is {len(data):,} bytes of JSON, more than {TEXT_BYTES:,}: "
                "send numbers as an array, text as bytes"
            )
        whole, [(_, length)] = in_segment([data])
        segments.insert(0, whole)
        mark, data = _LONG, str(length).encode()
    if len(segments) > MOST_DESCRIPTORS:
        raise ValueRefused(
            f"the message on {topic!r} holds more than {MOST_DESCRIPTORS - 1} arrays: send one array "
            "of them, or several messages"
        )
    return mark + data, segments


def decoded(data: bytes, segments: list[Segment]) -> Message:
    """Return the message, its arrays and bytes opened; raises BusError for what is none."""
    if segments and can_seal() and not all(segment.sealed() for segment in segments):
        raise BusError(
            "the memory that came from the other process could still be changed or cut there: it is "
            "not looked at"
        )
    try:
        text = _text_of(data, segments)
        head, _, body = text.partition(b"\n")
        topic, described = json.loads(head)
        found = _described(described, segments)
        value = json.loads(
            body, object_hook=_put_back(found) if found else None, parse_constant=_refuse
        )
        return Message(check_key(topic), value)
    except (ContextError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise BusError(f"what came from the other process is no message: {error}") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _text_of(data: bytes, segments: list[Segment]) -> bytes:
    mark, text = data[:1], data[1:]
    if mark == _SHORT:
        return text
    if mark != _LONG:
        raise ValueError("it begins with an unknown mark")
    whole, length = segments.pop(0), int(text)
    if length > TEXT_BYTES:
        raise ValueError(f"it has {length:,} bytes of text, more than {TEXT_BYTES:,}")
    with whole.map() as content:
        return content[:length]


def _described(described: Any, segments: list[Segment]) -> list[Shared]:
    if len(described) != len(segments):
        raise ValueError(
            f"{len(described)} arrays are described and {len(segments)} came (this process may have "
            "too many files open)"
        )
    return [from_told(told, segment) for told, segment in zip(described, segments, strict=True)]


def _put_back(found: list[Shared]) -> Callable[[dict[str, Any]], Any]:
    def put_back(part: dict[str, Any]) -> Any:
        if len(part) == 1 and MARK in part:
            return found[part[MARK]].open()
        return part

    return put_back


def _encoder(default: Callable[[Any], Any] | None = None) -> Callable[[Any], str]:
    return json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=default).encode
