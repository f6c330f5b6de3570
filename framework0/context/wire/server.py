"""The server's end of one connection: text and outcomes go in, effects come out.

It never raises, whatever a client sends. The feed of changes is in :mod:`~.feed`; here are the
greeting, the requests and their answers.
"""

from __future__ import annotations

import re
from contextlib import suppress

from framework0.context.limits import VALUE_LIMITS
from framework0.context.wire.answering import error_fields, reply_fields
from framework0.context.wire.asking import Asking
from framework0.context.wire.checking import SHAPES, Wrong, check_fields, is_whole
from framework0.context.wire.codec import STRICT, Malformed
from framework0.context.wire.codes import (
    CLOSE_FORBIDDEN,
    CLOSE_HELLO,
    CLOSE_SLOW,
    CLOSE_TOO_LARGE,
    CLOSE_UNAUTHORIZED,
)
from framework0.context.wire.effects import (
    Apply,
    Authenticate,
    CatchUp,
    Close,
    Denial,
    Follow,
    Grant,
    Missed,
    Picture,
    Send,
    Subscribe,
    Unfollow,
)
from framework0.context.wire.feed import Feed
from framework0.context.wire.limits import ID_MOST, PROTOCOL, WIRE_LIMITS
from framework0.context.wire.messages import may

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from framework0.context.limits import ValueLimits
    from framework0.context.wire.codec import Codec
    from framework0.context.wire.effects import Effect, Standing
    from framework0.context.wire.frames import Batch
    from framework0.context.wire.limits import WireLimits

_NEW, _ASKED, _OPEN, _CLOSED = range(4)
# Messages that may come before the token was looked up; a client that pipelines more is odd.
_EARLY = 64
_FRONT = 80
_ID = re.compile(r'\{"type":"[a-z_]{1,20}","id":([0-9]{1,15})[,}]')
_OF_THE_FEED = (CatchUp, Picture, Missed)
_APPLIED = b'{"type":"reply","id":%d,"version":%d,"count":%d}'


def _id_in_front(data: str | bytes) -> int | None:
    """Return the id of a message that could not be read, if it begins with its type and id.

    Only there: further on, it could be part of a value.
    """
    start = data[:_FRONT].decode("ascii", "replace") if isinstance(data, bytes) else data[:_FRONT]
    found = _ID.match(start)
    return int(found[1]) if found else None


class ServerSession:
    """One client as the server sees it; ``limits`` are told to it, ``values`` bound what it writes.

    ``known`` is the token's text when the HTTP request brought it: it stands for one in ``hello``.
    """

    def __init__(
        self,
        codec: Codec = STRICT,
        limits: WireLimits = WIRE_LIMITS,
        values: ValueLimits = VALUE_LIMITS,
        known: str | None = None,
    ) -> None:
        self._codec = codec
        self._limits = limits
        self._values = values
        self._known = known
        self._state = _NEW
        self._hello: dict[str, Any] = {}
        self._early: list[tuple[str | bytes, float]] = []
        self._role = ""
        self._asking: Asking | None = None
        self._feed = Feed(codec)
        self._waiting = 0
        self._begin_later: list[tuple[Subscribe, Standing]] = []
        # The code of the first message that could not be, empty as long as all could.
        self.refused = ""

    @property
    def open(self) -> bool:
        """Whether the client has been let in and not been closed."""
        return self._state == _OPEN

    @property
    def closed(self) -> bool:
        """Whether this machine has told to close; nothing it is given does anything any more."""
        return self._state == _CLOSED

    @property
    def position(self) -> int:
        """Everything up to this version that the client follows has been given out for it."""
        return self._feed.position

    @property
    def waiting(self) -> int:
        """How many requests wait for their answers."""
        return self._waiting

    def receive(self, data: str | bytes, at: float) -> list[Effect]:
        """Take one text message that came ``at`` (epoch seconds); return what to do."""
        if self._state == _CLOSED:
            return []
        if self._state == _ASKED:
            return self._keep(data, at)
        identity: Any = None
        try:
            message = self._decode(data)
            identity = message.get("id")
            if not is_whole(identity, 0, ID_MOST):
                identity = None
            if self._state == _NEW:
                return self._greet(message)
            return self._do(message, identity, at)
        except Malformed as error:
            facts = {} if error.offset is None else {"offset": error.offset}
            if self._state == _OPEN:
                identity = _id_in_front(data)
            return self._refuse(identity, error.code, error.message, facts)
        except Wrong as error:
            return self._refuse(identity, error.code, error.message, error.facts)

    def too_often(self, data: str | bytes, wait: float) -> list[Effect]:
        """Refuse a message that comes before its time, which is in ``wait`` seconds."""
        identity: Any = _id_in_front(data)
        if identity is None:
            # What is no message at all is told so when it comes again in time.
            with suppress(Malformed, Wrong):
                identity = self._decode(data).get("id")
        if not is_whole(identity, 0, ID_MOST):
            identity = None
        words = f"too many requests: wait {wait:.2f} s, then send it again"
        return self._refuse(identity, "rate", words, {"retry_after": round(wait, 3)})

    def answered(self, effect: Any, outcome: Any, behind: float | None = None) -> list[Effect]:
        """Take the outcome of an effect, or the error it raised; return what to do.

        ``behind`` is by how many seconds the outcome may be old, None when it cannot be.
        """
        if self._state == _CLOSED:
            return []
        if type(effect) is Apply and type(outcome) is tuple and outcome and not effect.full:
            # The answer given most often is written as the codec would write it.
            self._waiting -= 1
            return [Send(_APPLIED % (effect[0], outcome[-1][0], len(outcome)))]
        if type(effect) is Authenticate:
            return self._let_in(outcome)
        if isinstance(effect, _OF_THE_FEED):
            return self._fed(self._feed.answered(effect, outcome))
        self._waiting -= 1
        if type(effect) is Subscribe and not isinstance(outcome, BaseException):
            return self._subscribed(effect, outcome)
        return [self._told(effect, outcome, behind)]

    def _told(self, effect: Any, outcome: Any, behind: float | None) -> Send:
        """Return the answer to a request: an error, or a reply."""
        if isinstance(outcome, BaseException):
            if type(effect) is Subscribe:
                self._feed.give_up(effect.id)
            return self._error(effect.id, **error_fields(outcome))
        fields = reply_fields(effect, outcome)
        if behind is not None:
            fields["behind"] = round(behind, 3)
        return self._reply(effect.id, fields)

    def changes(self, batch: Batch) -> list[Effect]:
        """Take what was committed; return the frames for this client, or a request to catch up."""
        return self._feed.changes(batch)

    def left_out(self, version: int) -> list[Effect]:
        """Take note that batches up to ``version`` were not told (a slow client); return what to do."""
        return [] if self._state == _CLOSED else self._feed.left_out(version)

    def streamed(self) -> list[Effect]:
        """Take note that a Stream has been sent to its end; return what to do."""
        return [] if self._state == _CLOSED else self._feed.streamed()

    def goodbye(self, code: int, reason: str) -> list[Effect]:
        """Return how to end the connection with a code of ``CLOSES``."""
        if self._state == _CLOSED:
            return []
        self._state = _CLOSED
        self._feed.end()
        message = {"type": "goodbye", "code": code, "reason": reason}
        return [Send(self._codec.encode(message)), Close(code, reason)]

    def _decode(self, data: str | bytes) -> dict[str, Any]:
        message = self._codec.decode(data)
        if type(message) is not dict:
            raise Wrong("bad_message", "a message is a JSON object with a `type`")
        return message

    def _keep(self, data: str | bytes, at: float) -> list[Effect]:
        if len(self._early) >= _EARLY:
            return self.goodbye(CLOSE_HELLO, "wait for `welcome` before sending so much")
        self._early.append((data, at))
        return []

    def _greet(self, message: dict[str, Any]) -> list[Effect]:
        fields = dict(message)
        kind = fields.pop("type", None)
        if kind != "hello":
            raise Wrong("hello_first", "the first message is `hello`")
        protocol = fields.get("protocol", PROTOCOL)
        if protocol != PROTOCOL:
            raise Wrong(
                "wrong_protocol",
                f"this server speaks version {PROTOCOL} of the protocol, not {protocol!a:.40}",
                protocol=PROTOCOL,
            )
        check_fields(SHAPES["hello"], fields)
        self._state = _ASKED
        token = fields.pop("token", self._known)
        self._hello = fields
        return [
            Authenticate(
                token,
                fields.get("namespace", "default"),
                fields.get("client", "client"),
                fields.get("since"),
            )
        ]

    def _let_in(self, outcome: Grant | Denial | BaseException) -> list[Effect]:
        if isinstance(outcome, BaseException):
            facts = error_fields(outcome)
            code, words = facts.pop("code"), facts.pop("message")
            self._state = _NEW
            return self._refuse(None, code, words, facts)
        if isinstance(outcome, Denial):
            error = self._error(None, code=outcome.code, message=outcome.message)
            return [error, *self.goodbye(outcome.close, outcome.message)]
        self._state = _OPEN
        self._role = outcome.role
        self._asking = Asking(outcome, self._limits, self._values)
        resume, why, begin = self._feed.begin(self._hello, outcome.standing)
        effects: list[Effect] = [self._welcome(outcome, resume, why), *begin]
        early, self._early = self._early, []
        for data, at in early:
            effects += self.receive(data, at)
        return effects

    def _welcome(self, grant: Grant, resume: str, why: str | None) -> Send:
        welcome = {
            "type": "welcome",
            "protocol": PROTOCOL,
            "epoch": grant.standing.epoch,
            "version": grant.standing.version,
            "role": grant.role,
            "who": grant.who,
            "namespace": self._hello.get("namespace", "default"),
            "limits": self._limits._asdict(),
            "resume": resume,
            "now": grant.now,
        }
        if why is not None:
            welcome["why"] = why
        return Send(self._codec.encode(welcome))

    def _do(self, fields: dict[str, Any], identity: int | None, at: float) -> list[Effect]:
        kind = fields.pop("type", None)
        shape = SHAPES.get(kind) if type(kind) is str else None
        if shape is None:
            raise Wrong("unknown_type", f"there is no message of type {kind!a:.80}")
        if kind == "hello":
            raise Wrong("hello_first", "`hello` comes first, and once")
        if not may(self._role, shape.role):
            raise Wrong(
                "forbidden",
                f"{shape.name} needs a token with the role {shape.role!r}; this one has "
                f"{self._role!r}",
                needed=shape.role,
            )
        check_fields(shape, fields)
        if identity is None or self._asking is None:
            raise Wrong("bad_message", f"{shape.name} has no usable `id`", field="id")
        if kind == "ping":
            pong = {"type": "pong", "id": identity, "version": self._feed.position, "now": at}
            return [Send(self._codec.encode(pong))]
        if kind == "unsubscribe":
            return self._unsubscribe(identity, fields["subscription"])
        if self._waiting >= self._limits.in_flight:
            raise Wrong("busy", f"{self._waiting:,} requests wait for their answers: wait for some")
        effect = (
            self._subscribe(identity, fields)
            if kind == "subscribe"
            else self._asking.effect(str(kind), fields, at)
        )
        self._waiting += 1
        if kind == "subscribe" and self._feed.follow():
            return [Follow(), effect]
        return [effect]

    def _subscribe(self, identity: int, fields: dict[str, Any]) -> Subscribe:
        if self._feed.subscriptions >= self._limits.subscriptions:
            raise Wrong(
                "too_many_subscriptions",
                f"a connection has at most {self._limits.subscriptions} subscriptions: end one, or "
                "take a wider pattern",
            )
        if self._feed.expect(identity):
            return Subscribe(identity, fields["pattern"], fields.get("since"), fields.get("epoch"))
        raise Wrong("bad_message", f"there is a subscription with the id {identity}", field="id")

    def _fed(self, effects: list[Effect]) -> list[Effect]:
        """Return the effects of the feed, and those of subscriptions that had to wait for it."""
        if effects and type(effects[-1]) is Close:
            self._state = _CLOSED
        elif self._begin_later and not self._feed.jumping:
            later, self._begin_later = self._begin_later, []
            for effect, standing in later:
                effects = [*effects, *self._subscribed(effect, standing)]
        return effects

    def _subscribed(self, effect: Subscribe, standing: Standing) -> list[Effect]:
        if self._feed.jumping:
            self._begin_later.append((effect, standing))
            return []
        version = max(standing.version, self._feed.position)
        resume, why, begin = self._feed.subscribed(effect, standing._replace(version=version))
        fields = {"version": version, "resume": resume, "epoch": standing.epoch}
        if why is not None:
            fields["why"] = why
        return [self._reply(effect.id, fields), *begin]

    def _unsubscribe(self, identity: int, subscription: int) -> list[Effect]:
        if not self._feed.unsubscribe(subscription):
            raise Wrong("not_found", f"there is no subscription {subscription}")
        reply = self._reply(identity, {})
        return [reply] if self._feed.wanted else [reply, Unfollow()]

    def _reply(self, identity: int, fields: dict[str, Any]) -> Send:
        return Send(self._codec.encode({"type": "reply", "id": identity, **fields}))

    def _error(self, identity: int | None, **fields: Any) -> Send:
        message = {"type": "error"} if identity is None else {"type": "error", "id": identity}
        return Send(self._codec.encode({**message, **fields}))

    def _refuse(
        self, identity: int | None, code: str, words: str, facts: dict[str, Any]
    ) -> list[Effect]:
        """Answer an error; nothing but a ``hello`` opens a conversation."""
        self.refused = self.refused or code
        error = self._error(identity, code=code, message=words, **facts)
        if self._state == _OPEN:
            if code == "too_large":
                return [error, *self.goodbye(CLOSE_TOO_LARGE, words)]
            return [error]
        closes = {
            "hello_first": CLOSE_UNAUTHORIZED,
            "forbidden": CLOSE_FORBIDDEN,
            # No fault of the greeting: the client shall come again.
            "unavailable": CLOSE_SLOW,
        }
        return [error, *self.goodbye(closes.get(code, CLOSE_HELLO), words)]
