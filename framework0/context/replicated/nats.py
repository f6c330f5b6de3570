"""A shared log on NATS JetStream: one stream, whose sequence numbers are the positions.

An append is a publication that names the sequence it expects to follow. What a stream's leader says
of its end may be old, when the others have chosen another leader: the end is proved by appending an
empty record, which only a majority can accept. Needs a stream of replicas with
``sync_interval: always`` in the servers' configuration; with the default of two minutes an
acknowledged record can be lost when machines fail together (Jepsen, NATS 2.12.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import queue
import threading
from concurrent.futures import CancelledError

from framework0.context.replicated.log import (
    IDLE_SECONDS,
    RECORD_BYTES,
    Away,
    Barred,
    Moved,
    Record,
    Snapshot,
    Trimmed,
)
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from typing import Any, Final, TypeVar

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext
    from nats.js.kv import KeyValue

    from framework0.context.replicated.access import Access

    T = TypeVar("T")

_WRONG_LAST_SEQUENCE: Final = 10071
_EXPECTED: Final = "Nats-Expected-Last-Sequence"
_BARRED: Final = "authorization violation"
_POINTER: Final = "latest"
_LOOK_AGAIN: Final = 0.05
"""Seconds between two attempts to reach a stream that is choosing its leader."""


class NatsLog:
    """A :class:`~framework0.context.replicated.log.SharedLog` as a stream of a NATS cluster.

    ``name`` names the stream and the bucket of its snapshots: letters, digits, ``-`` and ``_``.
    The client library speaks asyncio only, so a thread of this log's own runs its loop.
    """

    def __init__(
        self,
        servers: Sequence[str],
        name: str,
        *,
        replicas: int = 3,
        timeout: float = 2.0,
        access: Access | None = None,
        **options: Any,
    ) -> None:
        try:
            import nats
        except ImportError:
            raise ContextError(
                "a context on NATS needs a client library: pip install 'framework0[nats]'"
            ) from None
        self.silence_proves_the_end = False
        self._connect = nats.connect
        self._options = {"servers": list(servers), **options}
        if access is not None:
            logins = {"user": access.user, "password": access.password} if access.user else {}
            self._options.update(tls=access.tls(), **logins)
        self._user = access.user if access is not None else ""
        # Whether the servers refuse this client: to connect tries on, and only this tells why.
        self._barred = False
        self._stream = f"framework0_{name}"
        self._subject = f"framework0.{name}.log"
        self._replicas = replicas
        self._timeout = timeout
        self._client: Client | None = None
        self._stream_known = False
        # Of the follower that is waiting, so that closing can wake it up.
        self._inbox: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="framework0-nats", daemon=True
        )
        self._thread.start()
        # No call may be handed to the loop once it is being ended.
        self._scheduling = threading.Lock()
        self._closing = False
        # Two callers must not both find that there is no connection yet.
        self._connecting = asyncio.Lock()

    def append(self, after: int, data: bytes) -> None:
        """Append ``data`` if the stream ends at ``after``."""
        self._do(self._append(after, data))

    def head(self, known: int) -> int:
        """Return where the log ends: behind ``known`` an empty record is tried until one is taken."""
        expected = known
        while True:
            try:
                self.append(expected, b"")
            except Moved:
                expected = max(expected, self._do(self._bounds())[1])
            else:
                return expected + 1

    def begun(self) -> bool:
        """Return whether the stream is there and holds a record."""
        return self._do(self._has_records())

    def follow(self, after: int, stopped: Callable[[], bool]) -> Iterator[Record | None]:
        """Yield records as they come, from a consumer that keeps their order."""
        while not stopped():
            inbox = self._inbox = queue.SimpleQueue()
            unsubscribe = self._do(self._subscribe(after, inbox))
            try:
                for record in self._arriving(inbox, stopped):
                    if record is None:
                        yield None
                        # A consumer on a server that was cut off is silent for ever.
                        if self._do(self._bounds())[1] > after:
                            break
                    elif record.position > after + 1:
                        if self._do(self._bounds())[0] > after + 1:
                            raise Trimmed
                        break
                    elif record.position > after:
                        after = record.position
                        yield record
            finally:
                with contextlib.suppress(Away):
                    self._do(unsubscribe())

    def snapshot(self) -> Snapshot | None:
        """Return the latest snapshot of the bucket beside the stream."""
        return self._do(self._load())

    def keep_snapshot(self, snapshot: Snapshot, before: int) -> bool:
        """Keep ``snapshot`` if the one of ``before`` is still the latest, then purge what it covers."""
        return self._do(self._keep(snapshot, before))

    def close(self) -> None:
        """Close the connection and end the thread; what is being asked ends with :class:`Away`."""
        with self._scheduling:
            if self._closing:
                return
            self._closing = True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._inbox.put(None)
        with contextlib.suppress(Exception):
            # Whatever goes wrong about a connection that nobody needs any more.
            ending.result(self._timeout)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _arriving(
        self, inbox: queue.SimpleQueue[Record | None], stopped: Callable[[], bool]
    ) -> Iterator[Record | None]:
        while not stopped():
            try:
                yield inbox.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                yield None

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run ``what`` on the loop's thread; whatever its reason, no answer is :class:`Away`."""
        from nats.errors import Error

        with self._scheduling:
            if self._closing:
                what.close()
                raise Away("the connection to NATS is closed")
            future = asyncio.run_coroutine_threadsafe(what, self._loop)
        # One call may be several questions; each has its own time limit, this is the last resort.
        try:
            return future.result(self._timeout * 10)
        except CancelledError:
            raise Away("the connection to NATS is closed") from None
        except (Error, OSError, TimeoutError) as error:
            future.cancel()
            if self._barred:
                who = f"the user {self._user!r}" if self._user else "who gives no user"
                raise Barred(
                    f"NATS does not let in {who}: natss://USER@HOST:PORT/… and its password"
                ) from None
            reason = str(error) or type(error).__name__
            raise Away(f"NATS does not answer for the stream {self._stream}: {reason}") from error

    async def _jetstream(self) -> JetStreamContext:
        """Return what speaks to the stream, which is made if there is none."""
        jetstream = await self._connected()
        if not self._stream_known:
            await jetstream.add_stream(
                name=self._stream,
                subjects=[self._subject],
                num_replicas=self._replicas,
                deny_delete=True,
            )
            self._stream_known = True
        return jetstream

    async def _connected(self) -> JetStreamContext:
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                connecting = self._connect(
                    connect_timeout=self._timeout,
                    reconnect_time_wait=0.1,
                    max_reconnect_attempts=-1,
                    ping_interval=2,
                    max_outstanding_pings=2,
                    error_cb=self._heed,
                    **self._options,
                )
                # It tries for ever on its own: good once there was a connection, not before.
                self._client = await asyncio.wait_for(connecting, self._timeout)
                self._barred = False
            return self._client.jetstream(timeout=self._timeout)

    async def _heed(self, error: Exception) -> None:
        """Reconnecting is the client's own matter; what could not be done is told by each call."""
        self._barred = self._barred or _BARRED in str(error).lower()

    async def _has_records(self) -> bool:
        from nats.js.errors import NotFoundError

        try:
            found = await (await self._connected()).stream_info(self._stream)
        except NotFoundError:
            return False
        return found.state.last_seq > 0

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if self._client is not None:
            await self._client.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _append(self, after: int, data: bytes) -> None:
        from nats.js.errors import APIError, NoStreamResponseError

        jetstream = await self._jetstream()
        end = self._loop.time() + self._timeout
        while True:
            try:
                await jetstream.publish(
                    self._subject, data, stream=self._stream, headers={_EXPECTED: str(after)}
                )
            except NoStreamResponseError:
                # Nobody has got it: the stream has no leader, as it has none when it is new.
                if self._loop.time() > end:
                    raise
                await asyncio.sleep(_LOOK_AGAIN)
            except APIError as error:
                if error.err_code == _WRONG_LAST_SEQUENCE:
                    raise Moved from error
                raise
            else:
                return

    async def _bounds(self) -> tuple[int, int]:
        """Return the first and the last position, as the stream's leader knows them."""
        state = (await (await self._jetstream()).stream_info(self._stream)).state
        return state.first_seq, state.last_seq

    async def _subscribe(
        self, after: int, inbox: queue.SimpleQueue[Record | None]
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        from nats.js.api import ConsumerConfig, DeliverPolicy

        async def arrived(message: Msg) -> None:
            inbox.put(Record(message.metadata.sequence.stream, message.data))

        jetstream = await self._jetstream()
        subscription = await jetstream.subscribe(
            self._subject,
            stream=self._stream,
            cb=arrived,
            ordered_consumer=True,
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1
            ),
        )
        return subscription.unsubscribe

    async def _bucket(self) -> KeyValue:
        from nats.js.api import KeyValueConfig
        from nats.js.errors import BucketNotFoundError

        jetstream = await self._jetstream()
        try:
            return await jetstream.key_value(self._stream)
        except BucketNotFoundError:
            return await jetstream.create_key_value(
                KeyValueConfig(bucket=self._stream, history=1, replicas=self._replicas)
            )

    async def _pointer(self, bucket: KeyValue) -> tuple[dict[str, Any], int]:
        from nats.js.errors import KeyNotFoundError

        try:
            entry = await bucket.get(_POINTER)
        except KeyNotFoundError:
            return {"position": 0}, 0
        return json.loads(entry.value or b"{}"), entry.revision or 0

    async def _load(self) -> Snapshot | None:
        from nats.js.errors import KeyNotFoundError

        bucket = await self._bucket()
        while True:
            kept, revision = await self._pointer(bucket)
            if not revision:
                return None
            try:
                parts = [
                    (await bucket.get(f"{kept['position']}.{number}")).value or b""
                    for number in range(kept["parts"])
                ]
            except KeyNotFoundError:
                parts = []
            data = b"".join(parts)
            if hashlib.sha256(data).hexdigest() == kept["sha256"]:
                return Snapshot(kept["position"], data)
            if (await self._pointer(bucket))[1] == revision:
                raise ContextError(
                    f"the snapshot of position {kept['position']} in the bucket {self._stream} on "
                    "NATS is not what was written: restore the cluster from its backup"
                )

    async def _keep(self, snapshot: Snapshot, before: int) -> bool:
        from nats.js.errors import KeyWrongLastSequenceError

        position, data = snapshot
        bucket = await self._bucket()
        kept, revision = await self._pointer(bucket)
        if kept["position"] != before:
            return False
        parts = [data[at : at + RECORD_BYTES] for at in range(0, len(data), RECORD_BYTES)] or [b""]
        for number, part in enumerate(parts):
            await bucket.put(f"{position}.{number}", part)
        pointer = {
            "position": position,
            "parts": len(parts),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        try:
            await bucket.update(_POINTER, json.dumps(pointer).encode("ascii"), last=revision)
        except KeyWrongLastSequenceError:
            return False
        jetstream = await self._jetstream()
        await jetstream.purge_stream(self._stream, seq=position + 1)
        for number in range(kept.get("parts", 0)):
            await bucket.purge(f"{before}.{number}")
        return True
