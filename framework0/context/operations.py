"""Calls that count once although they are repeated: what was asked for, and what was answered.

Whoever loses the answer to a write (a connection was cut) repeats it under the same operation id.
The store remembers what a call of that id did, and returns it instead of doing it again.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from json import JSONEncoder

from framework0.context.limits import (
    HISTORY_BYTES,
    OPERATION_CHARACTERS,
    OPERATION_SECONDS,
    OPERATIONS,
)
from framework0.context.values import weigh
from framework0.errors import ContextError, OperationReused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from framework0.context.change import Change, Write

# An artifact stands for itself by its reference.
_encode = JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=lambda leaf: leaf.to_json()
).encode
_CHANGE_BYTES = 256


def fingerprint(
    writes: Sequence[Write],
    expected: Mapping[str, int] | None = None,
    expected_version: int | None = None,
) -> bytes:
    """Return 16 bytes that stand for what a call asks for, the same in every process and release."""
    asked = [[list(write) for write in writes], dict(expected or {}), expected_version]
    return blake2b(_encode(asked).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def check_operation(operation: Any) -> str:
    """Return ``operation`` if it can be an operation id; raises ContextError otherwise."""
    if (
        isinstance(operation, str)
        and 0 < len(operation) <= OPERATION_CHARACTERS
        and operation.isprintable()
    ):
        return operation
    raise ContextError(
        f"an operation id is printable text of 1 to {OPERATION_CHARACTERS} characters, such as "
        f"a UUID, not {operation!r:.80}"
    )


class Operations:
    """The latest calls that had an id, with their answers; bounded by count, age and weight."""

    def __init__(
        self,
        keep: int = OPERATIONS,
        seconds: float = OPERATION_SECONDS,
        keep_bytes: int = HISTORY_BYTES,
    ) -> None:
        self._keep = keep
        self._seconds = seconds
        self._keep_bytes = keep_bytes
        self._bytes = 0
        self._known: OrderedDict[str, tuple[bytes, tuple[Change, ...], float, int]] = OrderedDict()

    def answer(self, operation: str, asked: bytes, now: float) -> tuple[Change, ...] | None:
        """Return the changes that ``operation`` made, None when it is not known.

        Raises :class:`~framework0.errors.OperationReused` when it asked for something else.
        """
        self._forget(now)
        known = self._known.get(operation)
        if known is None:
            return None
        if known[0] != asked:
            raise OperationReused(operation)
        return known[1]

    def remember(
        self, operation: str, asked: bytes, changes: tuple[Change, ...], now: float
    ) -> None:
        """Keep what ``operation`` did; ``now`` is seconds of a clock that is never set back."""
        weight = sum(_CHANGE_BYTES + weigh(change.value) for change in changes)
        self._known[operation] = (asked, changes, now, weight)
        self._bytes += weight
        while len(self._known) > self._keep or (
            self._bytes > self._keep_bytes and len(self._known) > 1
        ):
            self._drop_oldest()

    def _forget(self, now: float) -> None:
        while self._known and next(iter(self._known.values()))[2] <= now - self._seconds:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, known = self._known.popitem(last=False)
        self._bytes -= known[3]
