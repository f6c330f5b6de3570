"""A shared log on etcd: one key for each record, one that holds where the log ends.

An append is one transaction: if the key ``head`` still holds the position, it becomes the next one
and the record stands beside it. Reading ``head`` is linearizable, as etcd's plain reads are. The
JSON gateway of etcd 3.4 and later is spoken through etcd3gw.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from base64 import b64decode, b64encode

from framework0.context.replicated.access import Access
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
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Final

    from etcd3gw import Etcd3Client
    from requests import Response

_DIGITS: Final = 20
_LOGGED_IN: Final = "Authorization"
# What etcd says of tokens and users: its gateway has no codes for it.
_LOGGED_OUT: Final = ("invalid auth token", "revision of auth store is old")
_NOBODY: Final = "user name is empty"
_WRONG: Final = "invalid user ID or password"
_NO_LOGINS: Final = "authentication is not enabled"
_PAGE: Final = 64
"""Records asked for at once: with the largest records still an answer of some 50 MB."""


OPEN: Final = Access()
"""A cluster that lets everybody in."""


class Endpoints:
    """The members of a cluster, asked one at a time; who does not answer is left for the next.

    Used by one thread at a time, which its lock sees to: sessions are not for sharing.
    """

    def __init__(
        self, addresses: Sequence[tuple[str, int]], timeout: float, access: Access
    ) -> None:
        try:
            from etcd3gw import Etcd3Client
        except ImportError:
            raise ContextError(
                "a context on etcd needs a client library: pip install 'framework0[etcd]'"
            ) from None
        self._clients = [
            Etcd3Client(
                host,
                port,
                protocol="https" if access.secure else "http",
                ca_cert=access.ca or None,
                cert_cert=access.cert or None,
                # One file may hold both.
                cert_key=access.key or access.cert or None,
                timeout=timeout,
                api_path="/v3/",
            )
            for host, port in addresses
        ]
        for client in self._clients:
            # No proxy, no login and no authority of the environment comes between: some of them would go
            # before what the address says.
            client.session.trust_env = False
        self._access = access
        self._lock = threading.Lock()
        self._timeout = timeout
        self._streaming: Response | None = None
        self._closed = False

    def ask(self, path: str, body: dict[str, Any], *, everybody: bool = True) -> dict[str, Any]:
        """Return the answer of the first member that gives one.

        With ``everybody`` False only one is asked, for what must not be sent twice unseen.
        """
        from etcd3gw.exceptions import Etcd3Exception
        from requests.exceptions import RequestException

        with self._lock:
            if self._closed:
                raise Away("the connection to etcd is closed")
            for left in range(len(self._clients) if everybody else 1, 0, -1):
                client = self._clients[0]
                try:
                    return self._post(client, path, body)
                except (Etcd3Exception, RequestException, ValueError) as error:
                    self._clients.append(self._clients.pop(0))
                    if left == 1:
                        raise _away(client, error) from error
        raise Away("no member of the etcd cluster is known")

    def _post(self, client: Etcd3Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
        from etcd3gw.exceptions import Etcd3Exception

        if self._access.user and _LOGGED_IN not in client.session.headers:
            self._log_in(client)
        try:
            answer: dict[str, Any] = client.post(client.get_url(path), json=body)
        except Etcd3Exception as error:
            words = error.detail_text or ""
            if _NOBODY in words:
                raise Barred(
                    f"etcd at {client.host}:{client.port} wants a user: write etcd://USER@HOST:PORT/…"
                ) from None
            if not self._access.user or not any(sign in words for sign in _LOGGED_OUT):
                raise
            # Refused before anything was done: a token that has ended, or is of another history.
            self._log_in(client)
            answer = client.post(client.get_url(path), json=body)
        return answer

    def _log_in(self, client: Etcd3Client) -> None:
        from etcd3gw.exceptions import Etcd3Exception

        user = self._access.user
        client.session.headers.pop(_LOGGED_IN, None)
        try:
            said = client.post(
                client.get_url("auth/authenticate"),
                json={"name": user, "password": self._access.password},
            )
            client.session.headers[_LOGGED_IN] = said["token"]
        except Etcd3Exception as error:
            words = error.detail_text or ""
            if _WRONG not in words and _NO_LOGINS not in words:
                raise
            why = "it has no logins" if _NO_LOGINS in words else "wrong name or password"
            raise Barred(
                f"etcd at {client.host}:{client.port} does not let in the user {user!r}: {why}"
            ) from None

    def stream(self, path: str, body: dict[str, Any], idle: float) -> Iterator[dict[str, Any]]:
        """Yield what the first member streams, until nothing came for ``idle`` seconds."""
        from requests.exceptions import RequestException

        client = self._clients[0]
        if self._closed:
            return
        try:
            with client.session.post(
                client.get_url(path), json=body, stream=True, timeout=(self._timeout, idle)
            ) as answer:
                self._streaming = answer
                # Lines, not chunks: a chunk of the connection may end within a message.
                for line in answer.iter_lines():
                    if line:
                        yield json.loads(line)
        except (RequestException, ValueError):
            # Silence and a lost connection look alike from here; the next question tells.
            return
        finally:
            self._streaming = None

    def close(self) -> None:
        """Close the sessions, and wake up who waits for a stream."""
        self._closed = True
        streaming = self._streaming
        if streaming is not None:
            # It may have ended by itself at this moment, which is as good.
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                streaming.raw.shutdown()
        for client in self._clients:
            client.session.close()


class EtcdLog:
    """A :class:`~framework0.context.replicated.log.SharedLog` under one prefix of an etcd cluster."""

    def __init__(
        self,
        addresses: Sequence[tuple[str, int]],
        prefix: str,
        *,
        timeout: float = 2.0,
        access: Access = OPEN,
    ) -> None:
        self.silence_proves_the_end = True
        self._prefix = prefix.rstrip("/") + "/"
        # One for each kind of caller, so that a slow follower holds no writer up.
        self._writer = Endpoints(addresses, timeout, access)
        self._reader = Endpoints(addresses, timeout, access)
        self._follower = Endpoints(addresses, timeout, access)

    def append(self, after: int, data: bytes) -> None:
        """Append ``data`` if the log ends at ``after``."""
        head = self._key("head")
        compare: dict[str, Any] = (
            {"key": head, "target": "VALUE", "result": "EQUAL", "value": _text(str(after))}
            if after
            else {"key": head, "target": "CREATE", "result": "EQUAL", "create_revision": 0}
        )
        puts = [
            {"request_put": {"key": head, "value": _text(str(after + 1))}},
            {"request_put": {"key": self._at(after + 1), "value": b64encode(data).decode("ascii")}},
        ]
        # Asked once: whether an append that got no answer has happened, the log itself tells.
        answer = self._writer.ask(
            "kv/txn", {"compare": [compare], "success": puts}, everybody=False
        )
        if not answer.get("succeeded"):
            raise Moved

    # The seam's other engine needs to be told what is known; here a read is proof enough.
    def head(self, known: int) -> int:  # noqa: ARG002
        """Return the position that ``head`` holds: a linearizable read, so ``known`` is no help."""
        found = self._reader.ask("kv/range", {"key": self._key("head")}).get("kvs")
        return int(b64decode(found[0]["value"])) if found else 0

    def begun(self) -> bool:
        """Return whether there is a ``head``."""
        return self.head(0) > 0

    def follow(self, after: int, stopped: Callable[[], bool]) -> Iterator[Record | None]:
        """Yield records as they are appended: pages of what is there, then a watch from its end."""
        while not stopped():
            records, revision = self._page(after)
            for record in records:
                after = _next(record, after)
                yield record
            if records:
                continue
            yield None
            for record in self._watch(revision + 1):
                if stopped():
                    return
                if record.position > after:
                    after = _next(record, after)
                    yield record

    def snapshot(self) -> Snapshot | None:
        """Return the latest snapshot, put together from its parts."""
        while (pointer := self._pointer()) is not None:
            kept = json.loads(pointer)
            parts = [self._part(kept["position"], number) for number in range(kept["parts"])]
            data = b"".join(part for part in parts if part is not None)
            if hashlib.sha256(data).hexdigest() == kept["sha256"]:
                return Snapshot(kept["position"], data)
            if pointer == self._pointer():
                raise ContextError(
                    f"the snapshot of position {kept['position']} under {self._prefix} on etcd is "
                    "not what was written: restore the cluster from its backup"
                )
        return None

    def keep_snapshot(self, snapshot: Snapshot, before: int) -> bool:
        """Write the parts, move the pointer if nobody else has, drop what is no longer needed."""
        position, data = snapshot
        parts = [data[at : at + RECORD_BYTES] for at in range(0, len(data), RECORD_BYTES)] or [b""]
        for number, part in enumerate(parts):
            self._reader.ask(
                "kv/put",
                {
                    "key": self._key(f"snapshot/{position:0{_DIGITS}}/{number:06}"),
                    "value": b64encode(part).decode("ascii"),
                },
            )
        pointer = self._pointer()
        if before != (json.loads(pointer)["position"] if pointer else 0):
            return False
        mine = json.dumps(
            {
                "position": position,
                "parts": len(parts),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
        key = self._key("snapshot")
        compare: dict[str, Any] = (
            {"key": key, "target": "VALUE", "result": "EQUAL", "value": _text(pointer)}
            if pointer
            else {"key": key, "target": "CREATE", "result": "EQUAL", "create_revision": 0}
        )
        moved = self._reader.ask(
            "kv/txn",
            {
                "compare": [compare],
                "success": [{"request_put": {"key": key, "value": _text(mine)}}],
            },
        )
        if not moved.get("succeeded"):
            return False
        self._drop("log/", f"log/{position + 1:0{_DIGITS}}")
        self._drop("snapshot/", f"snapshot/{position:0{_DIGITS}}")
        return True

    def close(self) -> None:
        """Close all sessions."""
        for endpoints in (self._writer, self._reader, self._follower):
            endpoints.close()

    def _page(self, after: int) -> tuple[list[Record], int]:
        """Return what stands behind ``after``, a page at most, and the revision of that look."""
        page = self._look(after)
        # Where the log goes on and nothing is found at a second look, it was trimmed.
        if not page[0] and self.head(after) > after and not (page := self._look(after))[0]:
            raise Trimmed
        return page

    def _look(self, after: int) -> tuple[list[Record], int]:
        answer = self._follower.ask(
            "kv/range",
            {"key": self._at(after + 1), "range_end": self._key("log0"), "limit": _PAGE},
        )
        records = [self._record(kv) for kv in answer.get("kvs", ())]
        return records, int(answer["header"]["revision"])

    def _watch(self, revision: int) -> Iterator[Record]:
        wish = {
            "create_request": {
                "key": self._key("log/"),
                "range_end": self._key("log0"),
                "start_revision": revision,
                "filters": ["NODELETE"],
            }
        }
        for message in self._follower.stream("watch", wish, IDLE_SECONDS):
            result = message.get("result", {})
            if "error" in message or result.get("canceled"):
                return
            for event in result.get("events", ()):
                yield self._record(event["kv"])

    def _record(self, kv: dict[str, str]) -> Record:
        position = int(b64decode(kv["key"]).rsplit(b"/", 1)[1])
        return Record(position, b64decode(kv.get("value", "")))

    def _pointer(self) -> str | None:
        found = self._reader.ask("kv/range", {"key": self._key("snapshot")}).get("kvs")
        return b64decode(found[0]["value"]).decode("ascii") if found else None

    def _part(self, position: int, number: int) -> bytes | None:
        key = self._key(f"snapshot/{position:0{_DIGITS}}/{number:06}")
        found = self._reader.ask("kv/range", {"key": key}).get("kvs")
        return b64decode(found[0].get("value", "")) if found else None

    def _drop(self, first: str, end: str) -> None:
        self._reader.ask("kv/deleterange", {"key": self._key(first), "range_end": self._key(end)})

    def _at(self, position: int) -> str:
        return self._key(f"log/{position:0{_DIGITS}}")

    def _key(self, name: str) -> str:
        return _text(self._prefix + name)


def _next(record: Record, after: int) -> int:
    if record.position != after + 1:
        raise Trimmed
    return record.position


def _text(text: str) -> str:
    return b64encode(text.encode("utf-8")).decode("ascii")


def _away(client: Etcd3Client, error: Exception) -> Away:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Away(f"etcd at {client.host}:{client.port} does not answer: {reason}")
