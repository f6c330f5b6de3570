"""JSON as the protocol takes it: strict, so that both ends and every language read the same.

Refused are what parsers disagree about or choke on: NaN and Infinity, numbers beyond a double, integers
beyond 64 bits, the same key twice, halves of surrogate pairs, endless nesting. The checks that
look at every character run only where a quick look at the text says that they could find something.

A server may hand in another :class:`Codec`, on a faster library, if it is as strict:
``tests/context/wire/test_codec.py`` says what that means.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder, JSONEncoder
from math import isfinite

from framework0.context.wire.limits import (
    INTEGER_HIGH,
    INTEGER_LOW,
    MESSAGE_BYTES,
    MESSAGE_DEPTH,
    MESSAGE_KEYS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol
else:
    Protocol = object

# Only with so many digits in a row can an integer be beyond 64 bits.
_DIGITS = 19
_LONG = b"0" * _DIGITS
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CONTAINERS = frozenset({dict, list})


class Malformed(Exception):
    """The text is not what may be sent; ``code`` is one of ``ERRORS``, ``offset`` counts characters."""

    def __init__(self, code: str, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = offset


class Codec(Protocol):
    """Text to values and back; both raise :class:`Malformed` and nothing else."""

    def decode(self, data: str | bytes) -> Any:
        """Return the value that the JSON text ``data`` (bytes: UTF-8) stands for."""

    def encode(self, value: Any) -> bytes:
        """Return ``value`` as JSON in UTF-8, without spaces."""


class StrictCodec:
    """A :class:`Codec` on the standard library; the limits are those of one message.

    ``digits`` bounds integers where they may be longer than 64 bits: a server refuses those, a client
    takes what a context may hold.
    """

    def __init__(
        self,
        most_bytes: int = MESSAGE_BYTES,
        depth: int = MESSAGE_DEPTH,
        keys: int = MESSAGE_KEYS,
        digits: int | None = None,
    ) -> None:
        self._bytes = most_bytes
        self._depth = depth
        self._keys = keys
        whole = _whole if digits is None else int
        self._digits = digits
        # The hook for integers costs a call for each: it is left out where none can be too long.
        self._quick = _decoder(int)
        self._careful = _decoder(whole)

    def decode(self, data: str | bytes) -> Any:
        """Return the value that the JSON text ``data`` (bytes: UTF-8) stands for."""
        if len(data) > self._bytes:
            raise Malformed(
                "too_large",
                f"the message has {len(data):,} bytes, more than {self._bytes:,}: send less at a "
                "time, or put the data into a file whose path is the value",
            )
        data, text = (_bytes(data), data) if isinstance(data, str) else (data, _text(data))
        # Ten times quicker than a regular expression.
        long = _LONG in data.translate(_ZEROS)
        try:
            value = _decoded(self._careful if long else self._quick, text)
        except JSONDecodeError as error:
            raise Malformed("malformed", f"not JSON: {error.msg}", error.pos) from None
        except RecursionError:
            raise self._too_deep() from None
        except ValueError:
            # Python itself refuses integers of thousands of digits.
            raise _beyond_64_bits() from None
        # A text without so many braces or colons cannot hold too many.
        if text.count("{") + text.count("[") > self._depth:
            self._check_depth(value)
        if text.count(":") > self._keys:
            self._check_keys(value)
        if "\\u" in text and _SURROGATE.search(text):
            _check_surrogates(value)
        return value

    def encode(self, value: Any) -> bytes:
        """Return ``value`` as JSON in UTF-8, without spaces; a reference as what it looks like in JSON."""
        try:
            return _encode(value).encode()
        except (UnicodeEncodeError, ValueError, TypeError, RecursionError) as error:
            raise Malformed("bad_value", f"the value has no JSON form ({error})") from None

    def _check_depth(self, value: Any) -> None:
        level = [value]
        for _ in range(self._depth):
            level = [
                part
                for parent in level
                for part in (parent.values() if type(parent) is dict else parent)
                if type(part) in _CONTAINERS
            ]
            if not level:
                return
        raise self._too_deep()

    def _check_keys(self, value: Any) -> None:
        count = 0
        level = [value]
        while level:
            count += sum(len(part) for part in level if type(part) is dict)
            level = [
                part
                for parent in level
                for part in (parent.values() if type(parent) is dict else parent)
                if type(part) in _CONTAINERS
            ]
        if count > self._keys:
            raise Malformed(
                "too_many_keys",
                f"the message has {count:,} keys, more than {self._keys:,}: send less at a time, or "
                "keep the data in a file whose path is the value",
            )

    def _too_deep(self) -> Malformed:
        return Malformed("too_deep", f"the message is nested deeper than {self._depth} levels")


def _decoded(decoder: JSONDecoder, text: str) -> Any:
    # Without blanks around it, as programs send it, a text needs no search for where it begins and ends.
    try:
        # What raw_decode() calls too, at no text's end.
        value, end = decoder.scan_once(text, 0)  # type: ignore[attr-defined]
    except StopIteration:
        end = -1
    return value if end == len(text) else decoder.decode(text)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(
            "malformed", f"not UTF-8: byte 0x{data[error.start]:02x}", error.start
        ) from None


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed(
            "not_json_value", "the message holds half of a surrogate pair", error.start
        ) from None


def _decoder(whole: Any) -> JSONDecoder:
    return JSONDecoder(
        object_pairs_hook=_object,
        parse_float=_real,
        parse_int=whole,
        parse_constant=_no_constant,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise Malformed("duplicate_key", f"an object has the key {key!a:.80} twice")
            seen.add(key)
    return made


def _real(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise Malformed("not_json_value", f"the number {text:.40} is out of range")
    return number


def _whole(text: str) -> int:
    # A sign and a hair more than needed: then the comparison decides.
    if len(text) > _DIGITS + 1:
        raise _beyond_64_bits()
    number = int(text)
    if not INTEGER_LOW <= number <= INTEGER_HIGH:
        raise _beyond_64_bits()
    return number


def _no_constant(name: str) -> Any:
    raise Malformed("not_json_value", f"{name} is not JSON: send null instead")


def _beyond_64_bits() -> Malformed:
    return Malformed("number_too_large", "an integer does not fit into 64 bits: send it as text")


def _check_surrogates(value: Any) -> None:
    try:
        _encode(value).encode()
    except UnicodeEncodeError:
        raise Malformed("not_json_value", "a text holds half of a surrogate pair") from None


def _reference(leaf: Any) -> Any:
    """Return what an artifact's reference looks like in JSON."""
    to_json = getattr(leaf, "to_json", None)
    if to_json is None:
        raise TypeError(f"a {type(leaf).__name__} is not JSON")
    return to_json()


_encode = JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_reference
).encode

STRICT = StrictCodec()
