"""A shared log in memory that can be told to fail as a cluster does: silence, lost answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from framework0.context.replicated import Away, Moved, Record, Snapshot, Trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Machines:
    """What the machines of one engine hold together; the logs of one context all have the same."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.records: list[bytes] = []
        self.trimmed = 0
        self.snapshot: Snapshot | None = None


class FakeLog:
    """Implements :class:`framework0.context.replicated.SharedLog` in memory.

    Logs that are given the same ``machines`` are one log. Each of the ``troubles`` happens to one
    append, in order: "away" (nothing is appended, no answer), "unheard" (appended, no answer), None.
    While ``cut`` is true nothing is answered at all.
    """

    def __init__(
        self, machines: Machines | None = None, troubles: tuple[str | None, ...] = ()
    ) -> None:
        self.machines = Machines() if machines is None else machines
        self.troubles = list(troubles)
        self.silence_proves_the_end = True
        self._cut = False
        self._closed = False

    @property
    def cut(self) -> bool:
        """Whether this log reaches no machine."""
        return self._cut

    @cut.setter
    def cut(self, cut: bool) -> None:
        with self.machines.changed:
            self._cut = cut
            self.machines.changed.notify_all()

    def append(self, after: int, data: bytes) -> None:
        """Append ``data`` if the log ends at ``after``, or let the next trouble happen."""
        machines = self.machines
        with machines.changed:
            self._require_contact()
            trouble = self.troubles.pop(0) if self.troubles else None
            if trouble == "away":
                raise Away("no answer")
            if after != machines.trimmed + len(machines.records):
                raise Moved
            machines.records.append(data)
            machines.changed.notify_all()
            if trouble == "unheard":
                raise Away("no answer")

    def head(self, known: int) -> int:
        """Return where the log ends."""
        with self.machines.changed:
            self._require_contact()
            return max(known, self.machines.trimmed + len(self.machines.records))

    def begun(self) -> bool:
        """Return whether there is a record."""
        return self.head(0) > 0

    def follow(self, after: int, stopped: Callable[[], bool]) -> Iterator[Record | None]:
        """Yield records as they are appended."""
        machines = self.machines
        while not stopped():
            with machines.changed:
                self._require_contact()
                if after < machines.trimmed:
                    raise Trimmed
                found = machines.records[after - machines.trimmed :]
                if not found:
                    machines.changed.wait(0.05)
            if not found:
                yield None
            for data in found:
                after += 1
                yield Record(after, data)

    def snapshot(self) -> Snapshot | None:
        """Return the latest snapshot."""
        with self.machines.changed:
            self._require_contact()
            return self.machines.snapshot

    def keep_snapshot(self, snapshot: Snapshot, before: int) -> bool:
        """Keep ``snapshot`` in place of the one of ``before``, then drop what it covers."""
        machines = self.machines
        with machines.changed:
            self._require_contact()
            if before != (machines.snapshot.position if machines.snapshot else 0):
                return False
            machines.snapshot = snapshot
            del machines.records[: max(0, snapshot.position - machines.trimmed)]
            machines.trimmed = max(machines.trimmed, snapshot.position)
            machines.changed.notify_all()
            return True

    def close(self) -> None:
        """End what waits."""
        with self.machines.changed:
            self._closed = True
            self.machines.changed.notify_all()

    def _require_contact(self) -> None:
        if self._cut or self._closed:
            raise Away("no answer")
