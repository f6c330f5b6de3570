"""The thread that keeps a client connected: it connects, hears, and after a cut begins again.

What is asked for while there is no connection waits here in its order, and goes out when there is one.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from logging import getLogger
from random import uniform
from threading import Event, Lock, Thread, current_thread
from time import monotonic

from framework0.context.remote.address import find_token
from framework0.context.remote.fitting import Room
from framework0.context.remote.limits import (
    BACKOFF_FIRST,
    BACKOFF_LONGEST,
    CLOSE_SECONDS,
    CONNECT_SECONDS,
    IN_FLIGHT,
    PING_SECONDS,
    SILENCE_SECONDS,
)
from framework0.context.remote.line import Line, LineLost
from framework0.context.remote.refusals import AGAIN, refusal
from framework0.context.wire.client import (
    Answer,
    Broken,
    ClientSession,
    Failed,
    Farewell,
    Happened,
    Part,
    Welcome,
)
from framework0.context.wire.codec import Malformed
from framework0.context.wire.codes import CLOSE_TOO_LARGE
from framework0.errors import ContextError, Framework0Error, RefusedError, ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from framework0.context.change import Entry
    from framework0.context.remote.address import Address
    from framework0.context.remote.calls import Call, Calls
    from framework0.context.remote.replica import Replica
    from framework0.context.wire.client import Event as Told

_WRITES = frozenset({"set", "delete", "transaction"})
_HOPELESS = frozenset({4400, 4401, 4403, 4404})


class Link:
    """One client's connection through all its cuts; every method may be called by any thread."""

    def __init__(
        self,
        address: Address,
        replica: Replica,
        calls: Calls,
        token: str | None,
        name: str,
        ca: str | None,
    ) -> None:
        self.address = address
        self._replica = replica
        self._calls = calls
        self._token = token
        self._name = name
        self._ca = ca
        self._lock = Lock()
        self._queue: deque[Call] = deque()
        self._kept_on_way: Call | None = None
        self._session = ClientSession()
        self._line: Line | None = None
        self._stop = Event()
        self._parts: dict[str, Entry] = {}
        self._pause = 0.0
        self._room = Room()
        self._afresh = False
        self._heard = 0.0
        self._asked = 0.0
        # Set when the first attempt to connect has ended, well or not.
        self.tried = Event()
        # What a status shows.
        self.connected = False
        self.welcomes = 0
        self.pictures = 0
        self.why: str | None = None
        self.role = ""
        self.who = ""
        self.server_version = 0
        self.trouble: str | None = None
        self.refusal: Framework0Error | None = None
        self._thread = Thread(target=self._run, name="framework0-remote", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    @property
    def silent_seconds(self) -> float | None:
        """How long ago the server was last heard; None when it never was."""
        return monotonic() - self._heard if self._heard else None

    def send(self, call: Call) -> None:
        """Send a request, now or when it can be."""
        with self._lock:
            if self._stop.is_set():
                raise ContextError("the context is closed: ask before close()")
            if self.refusal is not None and not self.connected:
                raise self.refusal
            self._queue.append(call)
            self._pump()

    def give_up(self, call: Call) -> None:
        """Forget a request whose caller waits no longer."""
        with self._lock, suppress(ValueError):
            self._queue.remove(call)
        self._calls.give_up(call)

    def close(self) -> None:
        """End the thread; what waits is refused."""
        with self._lock:
            self._stop.set()
            queued, self._queue = list(self._queue), deque()
            if self._line is not None:
                self._line.wake()
        for call in queued:
            call.error = ContextError("the context was closed before this could be sent")
            call.finish()
        if self._thread.is_alive() and self._thread is not current_thread():
            self._thread.join(CLOSE_SECONDS)
        self._calls.end("the context was closed before the server answered")

    # The thread.

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            before = self.welcomes
            try:
                self._converse()
            except LineLost as lost:
                self._note_loss(lost)
            except Malformed as odd:
                # What is known here cannot be right: the next time, everything is asked for.
                self._afresh = True
                self.trouble = odd.message
            except Framework0Error as error:
                # A missing library or a bad certificate: it will not get better by itself soon.
                self.trouble = str(error)
                self._refuse_all(error)
            # Whatever else goes wrong: without this thread, the context would stand still for good.
            except Exception as error:
                self._afresh = True
                self.trouble = f"{type(error).__name__}: {error}"
                getLogger("framework0.context").exception(
                    "the connection to a context server failed"
                )
            finally:
                self._hang_up()
            tries = 0 if self.welcomes > before else tries + 1
            longest = min(BACKOFF_LONGEST, BACKOFF_FIRST * 2 ** min(tries, 16))
            # Not all clients of a server that was restarted come at the same moment.
            self._stop.wait(uniform(longest / 2, longest))  # noqa: S311

    def _converse(self) -> None:
        """Connect, greet and listen until the connection is lost or closed here."""
        line = Line(self.address, self._ca)
        try:
            with self._lock:
                # Ids go on: an answer to a request of an earlier connection is nobody's.
                self._session = ClientSession(first=self._session.next_id)
                self._line = line
            began = monotonic()
            known = self._replica.known and not self._afresh
            line.send(
                self._session.hello(
                    token=find_token(self.address, self._token),
                    namespace=self.address.namespace,
                    client=self._name,
                    follow="**",
                    since=self._replica.version if known else None,
                    epoch=self._replica.epoch if known else None,
                    patches=True,
                )
            )
            self._heard = self._asked = began
            self._parts = {}
            while not self._stop.is_set():
                for message in line.receive(self._next_duty() - monotonic()):
                    self._heard = monotonic()
                    for event in self._session.receive(message):
                        self._take(event, began)
                self._do_duty(line)
        finally:
            line.close()

    def _next_duty(self) -> float:
        """Return when, by the monotonic clock, something must be done unasked."""
        duty = max(self._heard, self._asked) + PING_SECONDS
        if not self.connected:
            duty = min(duty, self._heard + CONNECT_SECONDS)
        return min(duty, self._pause) if self._pause else duty

    def _do_duty(self, line: Line) -> None:
        now = monotonic()
        if now - self._heard > SILENCE_SECONDS:
            raise LineLost(f"the server has not been heard for {SILENCE_SECONDS:g} seconds")
        if not self.connected and now - self._heard > CONNECT_SECONDS:
            raise LineLost("the server did not answer the greeting in time")
        if self.connected and now - max(self._heard, self._asked) >= PING_SECONDS:
            self._asked = now
            line.send(self._session.request("ping")[1])
        if self._pause and now >= self._pause:
            with self._lock:
                self._pause = 0.0
                self._pump()

    def _take(self, event: Told, began: float) -> None:
        match event:
            case Happened():
                self._replica.take(event.changes)
                self._note_known()
            case Answer(identity, fields):
                self._note_answer(identity, fields)
            case Part():
                self._note_part(event)
            case Welcome():
                self._note_welcome(event, began)
            case Failed():
                self._note_refusal(event)
            case Farewell(code, reason):
                self.trouble = f"the server said goodbye ({code}): {reason}"
            case Broken(reason):
                raise Malformed("malformed", reason)

    def _note_welcome(self, welcome: Welcome, began: float) -> None:
        self._replica.set_clock(welcome.now, began)
        self.role, self.who = welcome.role, welcome.who
        self.server_version = welcome.version
        self._room = Room(welcome.limits)
        if welcome.resume == "changes":
            self._replica.resume()
        with self._lock:
            self.refusal = self.trouble = None
            self.welcomes += 1
            self.connected = True
            self.tried.set()
            # All that has no answer yet goes first, in its order.
            again = self._calls.take_all()
            for call in again:
                if call.kind in _WRITES:
                    # From here on it is one that was sent before.
                    call.fields["full"] = True
            self._queue.extendleft(reversed(again))
            self._kept_on_way = None
            self._pump()

    def _note_part(self, part: Part) -> None:
        self._parts.update(part.entries)
        if part.why is not None:
            self.why = part.why
        if not part.more:
            parts, self._parts = self._parts, {}
            self._replica.replace(part.version, part.epoch, parts)
            self._afresh = False
            self.pictures += 1
            self._note_known()

    def _note_known(self) -> None:
        """Let go on who waited for what has just become known here."""
        self._calls.known(self._replica.version)
        if self._queue:
            with self._lock:
                self._pump()

    def _note_answer(self, identity: int, fields: dict[str, Any]) -> None:
        version = fields.get("version")
        if type(version) is int:
            self.server_version = max(self.server_version, version)
        self._calls.answered(identity, fields, self._replica.version)
        with self._lock:
            self._pump()

    def _note_refusal(self, failed: Failed) -> None:
        if failed.id is None:
            self.trouble = f"{failed.code}: {failed.message}"
            # What keeps the context cannot be asked now: that is no refusal, the next attempt may do.
            if not self.connected and failed.code != "unavailable":
                error = refusal(failed.fields)
                self._refuse_all(error)
            return
        if failed.code in AGAIN:
            self._send_later(failed.id, failed.fields.get("retry_after"))
            return
        self._calls.refused(
            failed.id,
            lambda call: refusal(
                failed.fields, call.fields.get("operation"), again="full" in call.fields
            ),
        )
        with self._lock:
            self._pump()

    def _send_later(self, identity: int, wait: Any) -> None:
        """Put a request that came too soon back to where it was, and wait a little."""
        with self._lock:
            call = self._calls.take(identity)
            if call is not None:
                if call is self._kept_on_way:
                    self._kept_on_way = None
                self._queue.appendleft(call)
            seconds = float(wait) if type(wait) in {int, float} else BACKOFF_FIRST
            self._pause = monotonic() + min(seconds, BACKOFF_LONGEST)

    def _pump(self) -> None:
        """Send what waits and may be sent; the lock is held."""
        line = self._line
        if line is None or not self.connected or self._pause:
            return
        while self._queue and len(self._calls) < IN_FLIGHT:
            call = self._queue[0]
            if call.kept:
                # Nobody sees how these end: each waits for the one before, so that order is kept.
                if self._kept_on_way is not None and not self._kept_on_way.finished:
                    return
                self._kept_on_way = call
            self._queue.popleft()
            identity, data = self._session.request(call.kind, **call.fields)
            call.error = self._room.refusal(call.fields, data)
            if call.error is not None:
                call.finish()
                continue
            self._calls.add(identity, call)
            call.sent = True
            try:
                line.send(data)
            except LineLost:
                # The thread finds out by itself; the request is among those that go again.
                return

    def _note_loss(self, lost: LineLost) -> None:
        if self._stop.is_set():
            return
        self.trouble = lost.reason
        if lost.code == CLOSE_TOO_LARGE:
            for call in self._calls.take_all():
                call.error = ValueRefused(
                    "the server closed the connection: a message was too large"
                )
                call.finish()
        elif lost.code in _HOPELESS and not self.connected and self.refusal is None:
            self._refuse_all(RefusedError(f"the context server at {self.address}: {lost.reason}"))

    def _refuse_all(self, error: Framework0Error) -> None:
        """Refuse what waits and what comes, until the server lets this client in."""
        with self._lock:
            self.refusal = error
            queued, self._queue = list(self._queue), deque()
        for call in [*queued, *self._calls.take_all()]:
            call.error = error
            call.finish()

    def _hang_up(self) -> None:
        with self._lock:
            self.connected = False
            self._line = None
            self._pause = 0.0
            self.tried.set()
