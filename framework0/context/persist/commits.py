"""Group commit: what many threads ask for at once becomes one commit.

Whoever comes while nothing is going on leads: it performs what has gathered, its own among it, in its
own thread, so that a single writer never waits for a hand-over. Who comes meanwhile waits, and the
first of them leads next.
"""

from __future__ import annotations

from copy import copy
from threading import Lock
from time import monotonic, sleep

from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from framework0.context.change import Change, Request

    Answer = tuple[Change, ...] | ContextError


_MOMENT: Final = 0.0001
"""Seconds between two looks whether all have come."""


class Ticket:
    """What one caller asked for, and what becomes of it."""

    __slots__ = ("answers", "done", "error", "lead", "requests")

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        self.answers: list[Answer] | None = None
        self.error: Exception | None = None
        self.lead = False
        # Taken, so that who waits for it sleeps until it is given back: cheaper than any condition.
        self.done = Lock()
        self.done.acquire()


class GroupCommit:
    """Calls ``perform`` with what has gathered, never twice at once; ``after`` when all were told.

    Threads that were answered together come back one after the other, so the first of them would be
    alone with its next commit. Where one is dear, up to ``linger`` seconds are waited for the others.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[Ticket]], None],
        after: Callable[[], None],
        *,
        linger: float = 0.0,
    ) -> None:
        self._perform = perform
        self._after = after
        self._linger = linger
        # How many were answered together last.
        self._before = 0
        self._lock = Lock()
        self._waiting: list[Ticket] = []
        self._busy = False

    def submit(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the answers to ``requests`` once they are committed; raises what ``perform`` raised."""
        ticket = Ticket(requests)
        with self._lock:
            self._waiting.append(ticket)
            lead = not self._busy
            self._busy = True
        if not lead:
            ticket.done.acquire()
            lead = ticket.lead
        if lead:
            self._lead(ticket)
        if ticket.error is not None:
            # Each thread raises one of its own: a traceback grows where it is raised.
            raise copy(ticket.error)
        if ticket.answers is None:
            raise ContextError(
                "the commit was interrupted and may have happened: read before you write again"
            )
        return ticket.answers

    def _lead(self, own: Ticket) -> None:
        if self._linger and self._before > 1:
            self._wait_for_the_others(own)
        with self._lock:
            tickets, self._waiting = self._waiting, []
        self._before = len(tickets)
        try:
            try:
                self._perform(tickets)
            # Whatever it is, everybody whose requests were in it is told, and the next commit goes on.
            except Exception as error:  # noqa: BLE001
                for ticket in tickets:
                    ticket.error = error
            finally:
                for ticket in tickets:
                    if ticket is not own:
                        ticket.done.release()
            self._after()
        finally:
            self._hand_over()

    def _wait_for_the_others(self, own: Ticket) -> None:
        end = monotonic() + self._linger
        try:
            while len(self._waiting) < self._before and monotonic() < end:
                sleep(_MOMENT)
        except BaseException:
            # Interrupted: nothing of ours was begun, and the others have to be led by one of them.
            with self._lock:
                self._waiting.remove(own)
            self._hand_over()
            raise

    def _hand_over(self) -> None:
        with self._lock:
            if not self._waiting:
                self._busy = False
                return
            heir = self._waiting[0]
            heir.lead = True
        heir.done.release()
