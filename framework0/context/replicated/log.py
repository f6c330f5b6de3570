"""The seam to an engine that several machines agree through: one totally ordered, durable log.

A :class:`SharedLog` knows nothing of keys and values. It appends a record if the log still ends
where the caller thinks it does, tells where the log ends as the engine's majority knows it, and
hands records out in order. Everything a context promises is built on these three.
"""

from __future__ import annotations

from framework0.errors import ContextError
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, Protocol
else:
    Protocol = object

RECORD_BYTES: Final = 768 * 1024
"""Largest record: below the 1 MiB of a NATS message and the 1.5 MiB of an etcd request."""

IDLE_SECONDS: Final = 1.0
"""How long a follower hears nothing before it asks the majority whether there is something."""


class Record(NamedTuple):
    """One entry of the log. Positions count from 1 without gaps; no data: a mark of a reader."""

    position: int
    data: bytes


class Moved(Exception):
    """The log did not end where the caller thought: nothing was appended."""


class Away(ContextError):
    """The engine's majority did not answer in time; an append may or may not have happened."""


class Barred(Away):
    """The engine is there, and does not let this server in: nothing was done."""


class Trimmed(Exception):
    """The records asked for are gone; the snapshot of ``position`` or a later one replaces them."""


class Snapshot(NamedTuple):
    """What the records up to ``position`` amount to."""

    position: int
    data: bytes


class SharedLog(Protocol):
    """One log on one engine. :meth:`append` comes from one thread at a time, the others from any."""

    silence_proves_the_end: bool
    """Whether a None of :meth:`follow` means that the majority was asked and has no more."""

    def append(self, after: int, data: bytes) -> None:
        """Append ``data`` behind position ``after``, durably on a majority.

        Raises :class:`Moved` when the log ends elsewhere, :class:`Away` when nobody answers for it.
        """

    def head(self, known: int) -> int:
        """Return where the log ends, ``known`` or later, agreed by the majority after this call began.

        An engine that can only prove this by writing appends an empty record. Raises :class:`Away`.
        """

    def begun(self) -> bool:
        """Return whether anybody has begun this log; asking makes nothing. Raises :class:`Away`."""

    def follow(self, after: int, stopped: Callable[[], bool]) -> Iterator[Record | None]:
        """Yield the records behind ``after`` in order, waiting for more; None when none came for a while.

        Ends soon after ``stopped()``. Raises :class:`Trimmed` and :class:`Away`.
        """

    def snapshot(self) -> Snapshot | None:
        """Return the latest snapshot, None when there is none."""

    def keep_snapshot(self, snapshot: Snapshot, before: int) -> bool:
        """Keep ``snapshot`` in place of the one at position ``before`` (0: none), then drop what it covers.

        Returns False, and keeps nothing, when somebody else has kept one meanwhile.
        """

    def close(self) -> None:
        """Release the connections; calls that wait end with :class:`Away`."""
