"""What the lock file holds beside the lock: who has it, what others ask of them, and one intent.

    0       text: who holds the lock, for people and for error messages
    4,096   how far the holder is: 1 once it takes what others have posted
    4,104   the intent: which file is about to be put in place, and the answers that are due then
    12,288  64 places; in each a question of its owner, and the answer of whoever held the lock

A process claims a place by a byte lock, which the kernel takes back at its death. Only the owner
writes the question; only the holder of the lock writes the answer, and what stands before the
places. Records have a checksum, so half a record is none. None of it needs to outlive a power cut.
"""

from __future__ import annotations

import json
import os
from struct import Struct
from zlib import crc32

from framework0.errors import WorkspaceError
from framework0.workspace import trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from framework0.workspace import Gate

PLACES: Final = 64

_TEXT: Final = 4096
_PHASE: Final = 4096
_INTENT: Final = 4104
_INTENT_SIZE: Final = 8184
_FIRST: Final = 12288
_PLACE: Final = 1024
_ANSWER: Final = 640
_CLAIMS: Final = 1 << 40
"""Where the bytes that are claimed lie: far behind any content."""

_HEAD: Final = Struct("<8sII")
"""Token, length, checksum of token and content."""

NOBODY: Final = bytes(8)


class Box:
    """The part of an open lock file that is written to; one for each gate."""

    __slots__ = ("_descriptor", "_gate", "_place", "_posting")

    def __init__(self, gate: Gate, *, posting: bool) -> None:
        self._gate = gate
        self._descriptor = gate.descriptor
        self._place = -1
        self._posting = posting

    def describe(self, text: bytes) -> None:
        """Say who holds the lock now, and that nothing has been taken from the places yet."""
        self._write(text.ljust(_TEXT) + b"\0", 0)

    def begin_taking(self) -> None:
        """Say that questions are taken from now on: none can be withdrawn for certain any more."""
        self._write(b"\1", _PHASE)

    def is_taking(self) -> bool:
        """Tell whether the holder of the lock may have taken questions."""
        return os.pread(self._descriptor, 1, _PHASE) == b"\1"

    def ask(self, edit: Any) -> bytes | None:
        """Post an edit and return its token; None when there is no place for it.

        Every place may be taken, the edit too large for one, or bytes not to be claimed here.
        """
        try:
            record = _record(token := os.urandom(8), edit)
        except (TypeError, ValueError, RecursionError):
            # What JSON cannot hold is refused by our own turn, in words that fit.
            return None
        if len(record) > _ANSWER or not self._claim():
            return None
        self._write(record, self._start)
        return token

    def _claim(self) -> bool:
        """Have a place of our own, for as long as the gate is open."""
        if self._posting and self._place < 0:
            for place in range(PLACES):
                if self._gate.claim(_CLAIMS + place):
                    self._place = place
                    return True
            self._posting = False
        return self._posting

    @property
    def _start(self) -> int:
        return _FIRST + self._place * _PLACE

    def withdraw(self) -> None:
        """Ask for nothing any more."""
        self._write(_record(NOBODY, None), self._start)

    def answer(self, token: bytes) -> Any:
        """Return the answer to our question, or None as long as there is none."""
        record = os.pread(self._descriptor, _PLACE - _ANSWER, self._start + _ANSWER)
        found, content = _read(record)
        return content if found == token else None

    def questions(self) -> Iterator[tuple[int, bytes, Any]]:
        """Yield (place, token, edit) of every question of a living process that has no answer."""
        found = os.pread(self._descriptor, PLACES * _PLACE, _FIRST)
        # The last record is as long as it is; what lies behind it was never written.
        for place in range(-(-len(found) // _PLACE)):
            start = place * _PLACE
            if found[start : start + 8] in (NOBODY, found[start + _ANSWER : start + _ANSWER + 8]):
                continue
            token, edit = _read(found[start : start + _ANSWER])
            if edit is None or place == self._place:
                continue
            if self._gate.is_claimed(_CLAIMS + place):
                yield place, token, edit

    def reply(self, place: int, token: bytes, answer: Any) -> None:
        """Answer a question. Long texts are cut by the caller."""
        self._write(_record(token, answer), _FIRST + place * _PLACE + _ANSWER)

    def intend(self, intent: Any) -> None:
        """Keep what is about to happen, so that whoever comes next can finish telling of it."""
        self._write(_record(b"intended", intent), _INTENT)

    def intent(self) -> Any:
        """Return the intent of a holder that did not get to its end, or None."""
        token, content = _read(os.pread(self._descriptor, _INTENT_SIZE, _INTENT))
        return content if token == b"intended" else None

    def forget_intent(self) -> None:
        """All has been told."""
        self._write(NOBODY, _INTENT)

    def _write(self, content: bytes, offset: int) -> None:
        try:
            written = os.pwrite(self._descriptor, content, offset)
        except OSError as error:
            raise trouble("write to the lock file", self._gate.path, error) from error
        if written != len(content):
            raise WorkspaceError(
                f"cannot write to the lock file {self._gate.path}: the disk is full"
            )


def _record(token: bytes, content: Any) -> bytes:
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    return _HEAD.pack(token, len(body), crc32(body, crc32(token))) + body


def _read(record: bytes) -> tuple[bytes, Any]:
    if len(record) < _HEAD.size:
        return NOBODY, None
    token, length, checksum = _HEAD.unpack_from(record)
    body = record[_HEAD.size : _HEAD.size + length]
    if token == NOBODY or len(body) != length or crc32(body, crc32(token)) != checksum:
        return NOBODY, None
    return token, json.loads(body)
