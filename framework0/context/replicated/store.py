"""A context behind several servers: a :class:`~framework0.context.change.Store` over a shared log.

A call is tried out on this server's replica, and what it would change is appended to the log if the
log still ends where the replica does. So every acknowledged write saw all those before it, versions
have no gaps and are the same everywhere, and whoever lost the race tries again on what has become
true meanwhile. A read is answered by the replica and may be old (:meth:`ReplicatedStore.behind`);
after :meth:`ReplicatedStore.refresh` it is not: the majority has said where the log ends.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from copy import copy
from itertools import islice

from framework0.context.admission import check_order
from framework0.context.change import Request
from framework0.context.persist.commits import GroupCommit
from framework0.context.replicated.facts import Facts, Tagging, encode
from framework0.context.replicated.following import UNKNOWN, Follower
from framework0.context.replicated.log import (
    IDLE_SECONDS,
    RECORD_BYTES,
    Away,
    Moved,
    Snapshot,
)
from framework0.context.replicated.replica import Replica, Trial
from framework0.context.replicated.rounds import Rounds
from framework0.context.tags import check_new_tag
from framework0.errors import ContextError, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Final

    from framework0.context.change import Author, Change, Write
    from framework0.context.persist.commits import Ticket
    from framework0.context.replicated.log import SharedLog

    Answers = list[tuple[Change, ...] | ContextError]

_SNAPSHOT_RECORDS: Final = 10_000
"""Records after which a snapshot replaces them: a new server then reads some seconds' worth."""

_LOADED: Final = 100
"""Changes that are loaded in one record."""

_LINGER: Final = 0.001
"""Seconds that callers who were answered together are waited for: less than an append takes."""

_PAUSE: Final = 0.05
"""At most so many seconds until an append that got no answer is tried again."""


class ReplicatedStore:
    """One server's part of a context that several servers share.

    ``timeout`` is how many seconds a call waits for the engine's majority before it raises
    :class:`~framework0.errors.StoreUnavailable`; ``bounds`` are those of
    :class:`~framework0.context.memory.MemoryStore`.
    """

    def __init__(self, log: SharedLog, *, timeout: float = 10.0, **bounds: Any) -> None:
        self._log = log
        self._timeout = timeout
        self._name = uuid.uuid4().hex
        self._made = 0
        self._snapshot_due = _SNAPSHOT_RECORDS
        # One appends at a time: the next one needs to know how the one before it ended.
        self._appending = threading.Lock()
        self._commits = GroupCommit(self._perform, lambda: None, linger=_LINGER)
        self._rounds = Rounds(self._ask_where_it_ends)
        replica = self._replica = Replica(**bounds)
        self._follower = Follower(log, replica)
        self._keeper = threading.Thread(
            target=self._keep_house, name="framework0-replica-keeper", daemon=True
        )
        # Reading is the replica's matter, as of what it has been told.
        self.version = replica.version
        self.kept_since = replica.kept_since
        self.get = replica.get
        self.keys = replica.keys
        self.entries = replica.entries
        self.at = replica.at
        self.get_at = replica.get_at
        self.version_at = replica.version_at
        self.tags = replica.tags
        self.epoch = replica.epoch
        self.changes = replica.changes
        self.watch = replica.watch
        try:
            self._follower.start(Facts(self._next_id(), epoch=uuid.uuid4().hex), timeout)
        except BaseException:
            log.close()
            raise
        self._keeper.start()

    def refresh(self) -> None:
        """Make everything readable here that was acknowledged anywhere before this call.

        Raises :class:`~framework0.errors.StoreUnavailable` when no majority says where the log ends.
        """
        self._follower.require_following()
        end = self._end_of_patience()
        while True:
            try:
                head = self._rounds.one_that_begins_now()
                break
            except Away as error:
                # Machines that choose another leader answer again soon.
                if time.monotonic() > end or self._follower.is_stopped():
                    raise StoreUnavailable(f"cannot read fresh: {error}", happened=False) from error
                time.sleep(random.uniform(0, _PAUSE))  # noqa: S311
        if not self._follower.reached(head, end):
            raise StoreUnavailable(
                f"cannot read fresh: the log goes on to {head}, and this server has got "
                f"{self._follower.position} of it within {self._timeout:g} s",
                happened=False,
            )

    def behind(self) -> float:
        """Return the seconds since this server was last known to have everything."""
        return self._follower.behind()

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes``, in order, or none, agreed by the engine's majority.

        Raises :class:`~framework0.errors.StoreUnavailable` when the majority cannot be asked; with
        its ``happened`` None, repeat the call under the same ``operation``.
        """
        request = Request(writes, author, at, expected, expected_version, operation)
        answer = self.apply_all((request,))[0]
        if isinstance(answer, ContextError):
            raise answer
        return answer

    def apply_all(self, requests: Sequence[Request]) -> Answers:
        """Do what each request asks, in order, each wholly or not at all, in one record."""
        if self._follower.is_stopped():
            raise ContextError("the context is closed: write before close()")
        self._follower.require_following()
        return self._commits.submit(requests)

    def tag(self, name: str, version: int, *, move: bool = False) -> None:
        """Name ``version``, at every server."""

        def check() -> Facts:
            check_new_tag(self.tags(), name, version, move=move)
            self.get_at("", version)
            return Facts(self._next_id(), tagging=Tagging(name, version))

        self._append_until_it_stands(check, self._end_of_patience())

    def untag(self, name: str) -> bool:
        """Forget the name, at every server; False when there is none such."""
        self.refresh()
        if name not in self.tags():
            return False
        self._append_until_it_stands(
            lambda: Facts(self._next_id(), tagging=Tagging(name, None)), self._end_of_patience()
        )
        return True

    def load(self, changes: Iterable[Change]) -> None:
        """Take over changes that happened elsewhere, oldest first, at every server."""
        waiting = list(changes)
        for start in range(0, len(waiting), _LOADED):
            some = tuple(waiting[start : start + _LOADED])

            def check(some: tuple[Change, ...] = some) -> Facts:
                version = self.version()
                for change in some:
                    check_order(change, version)
                    version = change.version
                return Facts(self._next_id(), some)

            self._append_until_it_stands(check, self._end_of_patience())

    def close(self) -> None:
        """Leave: the log and the other servers go on."""
        self._follower.stop(self._timeout)
        if self._keeper.is_alive():
            self._keeper.join(self._timeout)
        self._replica.close()

    def _perform(self, tickets: Sequence[Ticket]) -> None:
        """Do in one record what many callers asked for while the record before was on its way."""
        requests = [request for ticket in tickets for request in ticket.requests]
        with self._appending:
            answers = iter(self._apply_together(requests, self._end_of_patience()))
        for ticket in tickets:
            ticket.answers = list(islice(answers, len(ticket.requests)))

    def _apply_together(self, requests: Sequence[Request], end: float) -> Answers:
        while True:
            position, trial, answers = self._try_out(requests)
            try:
                if not (trial.changes or trial.done):
                    # Nothing to append, but is what the answers rest on still so?
                    if self._is_head(position, end):
                        return answers
                    continue
                facts = Facts(self._next_id(), tuple(trial.changes), tuple(trial.done))
                data = encode(facts)
                if len(data) > RECORD_BYTES:
                    return self._apply_in_parts(requests, len(data), end)
                if self._append(position, facts.id, data, end):
                    return answers
            except StoreUnavailable as error:
                return _told_apart(requests, trial.repeated, answers, error)

    def _apply_in_parts(self, requests: Sequence[Request], size: int, end: float) -> Answers:
        if len(requests) == 1:
            return [
                ContextError(
                    f"these writes are {size:,} bytes when packed, and a record of the cluster's log "
                    f"holds {RECORD_BYTES:,}: store a smaller value, or the path of a file"
                )
            ]
        half = len(requests) // 2
        first = self._apply_together(requests[:half], end)
        return first + self._apply_together(requests[half:], end)

    def _try_out(
        self, requests: Sequence[Request], over: Iterable[str] = ()
    ) -> tuple[int, Trial, Answers]:
        """Return where the replica is, what the requests would change there, and their answers."""
        answers: Answers = []
        with self._follower.changed:
            trial = Trial(self._replica, time.time())
            for key in over:
                trial.look(key)
            for request in requests:
                try:
                    answers.append(trial.make(request))
                except ContextError as error:
                    answers.append(error)
            return self._follower.position, trial, answers

    def _append_until_it_stands(self, check: Callable[[], Facts], end: float) -> None:
        """Append what ``check`` returns, which is asked again when the log has gone on."""
        with self._appending:
            while True:
                with self._follower.changed:
                    position, facts = self._follower.position, check()
                if self._append(position, facts.id, encode(facts), end):
                    return

    def _append(self, position: int, maker: str, data: bytes, end: float) -> bool:
        """Return whether the record now stands behind ``position``; False: another one does.

        When it returns False, or says that nothing was written, this record can never stand there or
        anywhere: an engine accepts it behind that position only, which is taken.
        """
        asked = False
        while True:
            began = time.monotonic()
            try:
                self._log.append(position, data)
            except Moved:
                if not self._follower.reached(position + 1, end):
                    raise self._gave_up(asked) from None
                found = self._follower.maker(position + 1)
                if asked and found == UNKNOWN:
                    # A snapshot has taken the place of the record that may be this one.
                    raise self._gave_up(asked) from None
                return found == maker
            except Away as error:
                # It may have been appended all the same. Asking again is safe, because only one
                # record can follow this position, and it says who made it.
                asked = True
                if time.monotonic() > end or self._follower.is_stopped():
                    raise self._gave_up(asked, error) from error
                # No secret: only so that servers do not ask in step.
                time.sleep(random.uniform(0, _PAUSE))  # noqa: S311
            else:
                self._follower.take_over(position + 1, data)
                self._follower.confirm(position + 1, began)
                return True

    def _is_head(self, position: int, end: float) -> bool:
        """Return whether nothing has happened behind ``position``, by the majority's word."""
        while True:
            try:
                head = self._log.head(position)
                break
            except Away as error:
                # Machines that choose another leader answer again soon.
                if time.monotonic() > end or self._follower.is_stopped():
                    raise self._gave_up(False, error) from error
                time.sleep(random.uniform(0, _PAUSE))  # noqa: S311
        if not self._follower.reached(head, end):
            raise self._gave_up(False)
        # An engine may prove its end by a record of its own, which says nothing.
        return not any(self._follower.maker(each) for each in range(position + 1, head + 1))

    def _ask_where_it_ends(self) -> int:
        asked = time.monotonic()
        head = self._log.head(self._follower.position)
        self._follower.reached(head, asked + self._timeout)
        self._follower.confirm(head, asked)
        return head

    def _keep_house(self) -> None:
        """End what is over, and let a snapshot take the place of many records."""
        follower = self._follower
        while True:
            with follower.changed:
                if not follower.is_stopped():
                    follower.changed.wait(self._until_something_is_due())
                if follower.is_stopped():
                    return
                over = follower.deadlines.over(time.time())
                due = follower.position - follower.snapshot_position >= self._snapshot_due
            # Each server tries; what the others have done is found done.
            with contextlib.suppress(ContextError):
                if over:
                    self._end_values(over)
                if due:
                    self._keep_snapshot()

    def _until_something_is_due(self) -> float:
        end = self._follower.deadlines.next()
        return IDLE_SECONDS if end is None else min(IDLE_SECONDS, max(0.0, end - time.time()))

    def _end_values(self, keys: Sequence[str]) -> None:
        with self._appending:
            position, trial, _ = self._try_out((), keys)
            if trial.changes:
                facts = Facts(self._next_id(), tuple(trial.changes))
                try:
                    self._append(position, facts.id, encode(facts), self._end_of_patience())
                except StoreUnavailable:
                    with self._follower.changed:
                        for key in keys:
                            self._follower.deadlines.set(key, time.time() + IDLE_SECONDS)
                    raise

    def _keep_snapshot(self) -> None:
        follower = self._follower
        with follower.changed:
            snapshot = Snapshot(follower.position, self._replica.saved())
        if self._log.keep_snapshot(snapshot, follower.snapshot_position):
            follower.snapshot_position = snapshot.position
        elif (kept := self._log.snapshot()) is not None:
            follower.snapshot_position = kept.position
        # Servers that count alike would all write the same one.
        self._snapshot_due = int(_SNAPSHOT_RECORDS * random.uniform(1, 2))  # noqa: S311

    def _gave_up(self, asked: bool, error: Exception | None = None) -> StoreUnavailable:
        reason = str(error) if error else "this server hears nothing of the log"
        if asked:
            return StoreUnavailable(
                f"whether this was written is not known: {reason}; repeat it under the same "
                "operation id, then it counts once",
                happened=None,
            )
        return StoreUnavailable(f"nothing was written: {reason}", happened=False)

    def _next_id(self) -> str:
        self._made += 1
        return f"{self._name}.{self._made}"

    def _end_of_patience(self) -> float:
        return time.monotonic() + self._timeout


def _told_apart(
    requests: Sequence[Request],
    repeated: Sequence[Request],
    answers: Answers,
    error: StoreUnavailable,
) -> Answers:
    """Return what each request is answered when nobody answers for the log: only what it says already."""
    known = {id(request) for request in repeated}
    return [
        answer if id(request) in known else copy(error)
        for request, answer in zip(requests, answers, strict=True)
    ]
