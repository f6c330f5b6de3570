"""The client's end of one connection: text goes in, events come out; requests become text.

It never raises on what a server sends: what cannot be understood is one last event, :class:`Broken`.
What it does not know (a newer server's fields and messages) it passes over.
"""

from __future__ import annotations

from framework0.context.change import Entry
from framework0.context.limits import INTEGER_DIGITS, VALUE_DEPTH
from framework0.context.wire.checking import is_number, is_whole
from framework0.context.wire.codec import Malformed, StrictCodec
from framework0.context.wire.codes import RESUMES
from framework0.context.wire.frames import read_changes
from framework0.context.wire.limits import ID_MOST, INTEGER_HIGH, INTEGER_LOW, PROTOCOL
from framework0.context.wire.messages import ROLES
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from framework0.context.change import Change
    from framework0.context.wire.codec import Codec

# A single value may fill a message of a server that allows large ones; more is a mistake.
MESSAGE_BYTES = 128 * 1024 * 1024
_KEYS = 50_000_000
# Of a frame, its changes, one of them and its patch, around the value.
_DEPTH = VALUE_DEPTH + 8

CLIENT_CODEC = StrictCodec(MESSAGE_BYTES, _DEPTH, _KEYS, INTEGER_DIGITS)


class Welcome(NamedTuple):
    """The server let the client in; ``resume`` and ``why`` are as in the table of messages."""

    epoch: str
    version: int
    role: str
    who: str
    resume: str
    why: str | None
    now: float
    limits: dict[str, Any]


class Part(NamedTuple):
    """Entries of a snapshot of ``version``; the last part has no ``more``, the first a ``why``."""

    version: int
    entries: list[tuple[str, Entry]]
    more: bool
    why: str | None
    epoch: str
    subscription: int | None


class Happened(NamedTuple):
    """Changes, oldest first, none twice; what was before each is not known."""

    changes: list[Change]
    subscription: int | None


class Answer(NamedTuple):
    """The answer to the request ``id``; of a ``ping`` too."""

    id: int
    fields: dict[str, Any]


class Failed(NamedTuple):
    """The request ``id`` was refused; None: something that was sent could not be made out."""

    id: int | None
    code: str
    message: str
    fields: dict[str, Any]


class Farewell(NamedTuple):
    """The server is about to close."""

    code: int
    reason: str


class Broken(NamedTuple):
    """The server said what no server says: close the connection."""

    reason: str


Event = Welcome | Part | Happened | Answer | Failed | Farewell | Broken


class ClientSession:
    """One connection as its client sees it.

    ``epoch`` and ``position`` are what to go on from after a cut: everything up to that version of
    that history was handed out. ``first`` is the id of the first request. They change together, with the last part of a snapshot: one that was
    cut off leaves the client where it was.
    """

    def __init__(self, codec: Codec = CLIENT_CODEC, first: int = 0) -> None:
        self._codec = codec
        self._next = first
        self._welcomed = False
        self._broken = False
        self.epoch: str | None = None
        self.position = 0

    @property
    def broken(self) -> bool:
        """Whether the server said what no server says; nothing is heard of it any more."""
        return self._broken

    @property
    def next_id(self) -> int:
        """The id of the next request."""
        return self._next

    def hello(self, **fields: Any) -> bytes:
        """Return the first message; fields that are None are left out."""
        self.epoch = fields.get("epoch")
        self.position = fields.get("since") or 0
        given = {name: value for name, value in fields.items() if value is not None}
        return self._codec.encode({"type": "hello", "protocol": PROTOCOL, **given})

    def request(self, kind: str, **fields: Any) -> tuple[int, bytes]:
        """Return a new id and the message; raises Malformed when a value cannot be sent.

        Fields that are None are left out, but a ``value``.
        """
        identity = self._next
        self._next += 1
        given = {
            name: value for name, value in fields.items() if value is not None or name == "value"
        }
        return identity, self._codec.encode({"type": kind, "id": identity, **given})

    def receive(self, data: str | bytes) -> list[Event]:
        """Take one text message; return what it tells."""
        if self._broken:
            return []
        try:
            message = self._codec.decode(data)
            if type(message) is not dict:
                raise _odd("a message is an object")
            kind = message.get("type")
            read = _READERS.get(kind) if type(kind) is str else None
            if read is None:
                return []
            if not self._welcomed and kind not in _BEFORE_WELCOME:
                raise _odd(f"{kind!r} before `welcome`")
            return read(self, message)
        except Malformed as error:
            self._broken = True
            return [Broken(error.message)]

    def _welcome(self, message: dict[str, Any]) -> list[Event]:
        if self._welcomed:
            raise _odd("a second `welcome`")
        version, resume = message.get("version"), message.get("resume")
        if not (
            message.get("protocol") == PROTOCOL
            and is_whole(version)
            and _is_text(message.get("epoch"))
            and message.get("role") in ROLES
            and type(resume) is str
            and resume in RESUMES
            and is_number(message.get("now"))
        ):
            raise _odd("a `welcome` that lacks something")
        limits, who, why = message.get("limits"), message.get("who"), message.get("why")
        self._welcomed = True
        return [
            Welcome(
                message["epoch"],
                message["version"],
                message["role"],
                who if type(who) is str else "",
                resume,
                why if type(why) is str else None,
                float(message["now"]),
                limits if type(limits) is dict else {},
            )
        ]

    def _snapshot(self, message: dict[str, Any]) -> list[Event]:
        version, more, why = message.get("version"), message.get("more"), message.get("why")
        epoch, entries = message.get("epoch"), message.get("entries")
        if not (is_whole(version) and type(more) is bool and _is_text(epoch)):
            raise _odd("a `snapshot` that lacks something")
        if type(entries) is not list:
            raise _odd("a `snapshot` without entries")
        found = [read_entry(entry) for entry in entries]
        subscription = _subscription(message)
        if subscription is None and not more:
            self.epoch = message["epoch"]
            self.position = message["version"]
        return [
            Part(
                message["version"],
                found,
                more,
                why if type(why) is str else None,
                message["epoch"],
                subscription,
            )
        ]

    def _changes(self, message: dict[str, Any]) -> list[Event]:
        changes = read_changes(message.get("changes"))
        subscription = _subscription(message)
        if subscription is None:
            position = self.position
            if changes and changes[0].version <= position:
                changes = [change for change in changes if change.version > position]
            for change in changes:
                if change.version <= position:
                    raise _odd("changes out of order")
                position = change.version
            self.position = position
        return [Happened(changes, subscription)] if changes else []

    def _reply(self, message: dict[str, Any]) -> list[Event]:
        identity = message.get("id")
        if not is_whole(identity, 0, ID_MOST):
            raise _odd("a reply without the id of a request")
        return [Answer(message["id"], message)]

    def _error(self, message: dict[str, Any]) -> list[Event]:
        identity = message.get("id")
        code, words = message.get("code"), message.get("message")
        if not (type(code) is str and type(words) is str):
            raise _odd("an error without a code")
        return [Failed(identity if is_whole(identity, 0, ID_MOST) else None, code, words, message)]

    def _goodbye(self, message: dict[str, Any]) -> list[Event]:
        code, reason = message.get("code"), message.get("reason")
        if not is_whole(code, 1000, 4999):
            raise _odd("a goodbye without a code")
        return [Farewell(message["code"], reason if type(reason) is str else "")]


_READERS: dict[str, Callable[[ClientSession, dict[str, Any]], list[Event]]] = {
    # The table belongs to the class; it stands here because it names its methods.
    "welcome": ClientSession._welcome,  # noqa: SLF001
    "snapshot": ClientSession._snapshot,  # noqa: SLF001
    "changes": ClientSession._changes,  # noqa: SLF001
    "reply": ClientSession._reply,  # noqa: SLF001
    "pong": ClientSession._reply,  # noqa: SLF001
    "error": ClientSession._error,  # noqa: SLF001
    "goodbye": ClientSession._goodbye,  # noqa: SLF001
}
_BEFORE_WELCOME = frozenset({"welcome", "error", "goodbye"})


def read_entry(parts: Any) -> tuple[str, Entry]:
    """Return the entry that the array of a message stands for; raises Malformed."""
    if type(parts) is list and len(parts) in {3, 4}:
        key, value, version, *expires = parts
        if type(key) is str and is_whole(version, 1) and (not expires or is_number(expires[0])):
            return key, Entry(value, version, expires[0] if expires else None)
    raise _odd(f"{parts!a:.80} is not an entry")


def must_fit(value: Any) -> None:
    """Prove that the integers of a frozen value fit the protocol; raises Malformed."""
    kind = type(value)
    if kind is int:
        if not INTEGER_LOW <= value <= INTEGER_HIGH:
            raise Malformed(
                "number_too_large", "an integer does not fit into 64 bits: store it as text"
            )
    elif kind is list:
        for part in value:
            must_fit(part)
    elif kind is dict:
        for part in value.values():
            must_fit(part)
    elif kind is not str and kind is not float and kind is not bool and value is not None:
        raise Malformed(
            "bad_value",
            "a reference to a file of this workspace means nothing to a server: store the data "
            "itself, or a path that others can read",
        )


def _is_text(value: Any) -> bool:
    return type(value) is str and bool(value)


def _subscription(message: dict[str, Any]) -> int | None:
    subscription = message.get("subscription")
    if subscription is None:
        return None
    if not is_whole(subscription, 0, ID_MOST):
        raise _odd("a subscription that is no id")
    return int(subscription)


def _odd(what: str) -> Malformed:
    return Malformed("malformed", f"the server sent {what}")
