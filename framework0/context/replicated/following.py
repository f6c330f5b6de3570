"""Keeping one replica where the shared log is: from its snapshot or its beginning on, for ever."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from framework0.context.expiry import Deadlines
from framework0.context.replicated.facts import Facts, decode, encode
from framework0.context.replicated.log import Away, Barred, Moved, Trimmed
from framework0.errors import JournalFromTheFuture, RefusedError, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from framework0.context.replicated.log import SharedLog, Snapshot
    from framework0.context.replicated.replica import Replica

_MAKERS: Final = 4_096
"""Records whose makers are remembered: many more than can come between a try and its answer."""

UNKNOWN: Final = "?"
"""In place of the maker of a record that was not seen here, or too long ago."""

_PAUSE: Final = 0.05
"""Seconds until an engine that did not answer is asked again."""


class Follower:
    """The thread that brings records to a replica, and what it knows of the log.

    ``changed`` guards the replica against everybody but readers; it is notified when the replica has
    moved on, and when the follower ends.
    """

    def __init__(self, log: SharedLog, replica: Replica) -> None:
        self.changed = threading.Condition()
        self.position = 0
        self.snapshot_position = 0
        self.deadlines = Deadlines()
        self._log = log
        self._replica = replica
        self._makers: OrderedDict[int, str] = OrderedDict()
        self._confirmed = time.monotonic()
        self._trouble = ""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="framework0-replica", daemon=True)

    def start(self, first: Facts, patience: float) -> None:
        """Bring the replica to where the log ends, and follow it from there.

        A log that nobody has begun begins with ``first``. Raises
        :class:`~framework0.errors.StoreUnavailable` when nobody answers within ``patience`` seconds, and
        :class:`~framework0.errors.RefusedError` when this server is not let in.
        """
        end = time.monotonic() + patience
        while True:
            try:
                self._begin(first)
                break
            except Barred as error:
                raise RefusedError(f"the context cannot be opened: {error}") from error
            except Away as error:
                # A cluster that is just starting chooses its leaders first.
                if time.monotonic() > end:
                    raise StoreUnavailable(
                        f"the context cannot be opened: {error}", happened=False
                    ) from error
                time.sleep(_PAUSE)
        self._confirmed = time.monotonic()
        self._thread.start()

    def _begin(self, first: Facts) -> None:
        snapshot = self._log.snapshot()
        if snapshot is not None and snapshot.position > self.position:
            self._start_from(snapshot)
        elif snapshot is None and not self._log.begun():
            # To ask for its head could begin it without an epoch: an engine may prove that by a record.
            try:
                self._log.append(0, encode(first))
            except Moved:
                # Another server has begun it at this moment, and may even have a snapshot by now.
                self._begin(first)
                return
        head = self._log.head(self.position)
        for record in self._log.follow(self.position, self.is_stopped):
            if record is not None:
                self.take_over(*record)
            if self.position >= head:
                break

    def stop(self, patience: float) -> None:
        """End the thread, and wake up everybody who waits for it."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()
        self._log.close()
        if self._thread.is_alive():
            self._thread.join(patience)

    def is_stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopped

    def require_following(self) -> None:
        """Raise :class:`~framework0.errors.StoreUnavailable` when this follower had to give up."""
        if self._trouble:
            raise StoreUnavailable(
                f"this server no longer follows the log: {self._trouble}", happened=False
            )

    def take_over(self, position: int, data: bytes) -> None:
        """Let the replica go on to ``position``, unless it has been there."""
        with self.changed:
            if position != self.position + 1:
                return
            facts = decode(data)
            self._replica.take_over(facts)
            self.position = position
            self._makers[position] = facts.id
            if len(self._makers) > _MAKERS:
                self._makers.popitem(last=False)
            for change in facts.changes:
                if change.expires is None:
                    self.deadlines.drop(change.key)
                else:
                    self.deadlines.set(change.key, change.expires)
            self.changed.notify_all()

    def maker(self, position: int) -> str:
        """Return who made the record at ``position``: "" nobody (it is empty), or ``UNKNOWN``."""
        with self.changed:
            return self._makers.get(position, UNKNOWN)

    def reached(self, position: int, end: float) -> bool:
        """Wait until the replica is at ``position`` or beyond; False when ``end`` came first."""
        with self.changed:
            while self.position < position:
                left = end - time.monotonic()
                if left <= 0 or self._stopped:
                    return False
                self.changed.wait(left)
        return True

    def confirm(self, position: int, asked: float) -> None:
        """Remember that the majority said at ``asked`` or later that the log ended at ``position``."""
        if self.position >= position:
            self._confirmed = max(self._confirmed, asked)

    def behind(self) -> float:
        """Return the seconds since the replica was last known to be complete."""
        return time.monotonic() - self._confirmed

    def _start_from(self, snapshot: Snapshot) -> None:
        self._replica.restore(snapshot.data)
        self.position = self.snapshot_position = snapshot.position
        for key, entry in self._replica.standing_all().items():
            if entry.expires is not None:
                self.deadlines.set(key, entry.expires)

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._follow()
            except Away:
                with self.changed:
                    self.changed.wait_for(self.is_stopped, _PAUSE)
            except Trimmed:
                self._jump()
            except JournalFromTheFuture as error:
                # Others go on with a later release; what this one says would be of the past.
                self._trouble = str(error)
                self._replica.close()
                return

    def _follow(self) -> None:
        for record in self._log.follow(self.position, self.is_stopped):
            if record is not None:
                self.take_over(*record)
            elif self._log.silence_proves_the_end:
                self._confirmed = time.monotonic()

    def _jump(self) -> None:
        """Go on from the snapshot that has replaced the records this server has not seen."""
        snapshot = self._log.snapshot()
        if snapshot is None or snapshot.position <= self.position:
            return
        with self.changed:
            self._replica.jump(snapshot.data)
            self.position = self.snapshot_position = snapshot.position
            self.changed.notify_all()
