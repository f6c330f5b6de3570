"""Calls that had an id, so that one that is repeated counts once: by every process, after any kill.

Ids are kept in the row of the batch that did what they asked for, so they are as durable as that. In
memory stand the latest ones, with the versions that each call made.
"""

from __future__ import annotations

from collections import OrderedDict
from json import loads

from framework0.context.limits import OPERATION_SECONDS, OPERATIONS
from framework0.context.persist.texts import encode
from framework0.errors import OperationReused
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Final


ANSWERED: Final = -1
"""No version: the changes of such a call are not in the history any more, its answer is kept apart."""


class Call(NamedTuple):
    """What a call asked for (a fingerprint), and which changes it made: so many after ``since``."""

    asked: str
    since: int
    made: int


class Calls:
    """The latest calls by their ids; bounded by number and age (``now`` is epoch seconds)."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Call, float]] = OrderedDict()
        # Most stores are opened and closed without one call that has an id.
        self.read = False

    def answer(self, operation: str, asked: str, now: float) -> Call | None:
        """Return the call that had the id ``operation``, None when none is known.

        Raises :class:`~framework0.errors.OperationReused` when it asked for something else.
        """
        known = self._known.get(operation)
        if known is None or known[1] < now - OPERATION_SECONDS:
            return None
        if known[0].asked != asked:
            raise OperationReused(operation)
        return known[0]

    def take(self, text: str | None) -> int:
        """Take in the ids in the row of the next batch; return how many there are."""
        if text is None:
            return 0
        at, *named = loads(text)
        if self.read:
            self.add([(operation, Call(*call)) for operation, *call in named], at)
        return len(named)

    def add(self, named: Sequence[tuple[str, Call]], at: float) -> None:
        """Take in the calls of one batch, made at that time."""
        known = self._known
        for operation, call in named:
            # One that has been forgotten and is made again comes last.
            known.pop(operation, None)
            known[operation] = (call, at)
        while len(self._known) > OPERATIONS:
            self._known.popitem(last=False)

    def read_all(self, connection: sqlite3.Connection, now: float) -> None:
        """Take in what the file holds: the latest batches that are young enough, at their time."""
        self._known.clear()
        self.read = True
        for operation, at, asked in connection.execute(
            "SELECT operation, at, asked FROM answers ORDER BY at"
        ):
            self._known[operation] = (Call(asked, ANSWERED, 0), at)
        found: list[str] = []
        count = 0
        for (text,) in connection.execute("SELECT operations FROM batches ORDER BY number DESC"):
            if text is None:
                continue
            found.append(text)
            at, *named = loads(text)
            count += len(named)
            if count > OPERATIONS or at < now - OPERATION_SECONDS:
                break
        for text in reversed(found):
            self.take(text)


def write_calls(named: Sequence[tuple[str, Call]], now: float) -> str | None:
    """Return the ids of a batch as its row holds them."""
    if not named:
        return None
    return encode([now, *([operation, *call] for operation, call in named)])
