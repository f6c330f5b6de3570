"""What a machine wants done: it touches nothing itself.

A server performs the effects of :class:`~framework0.context.wire.server.ServerSession` in order. Of
those marked *answered*, it hands the outcome to ``session.answered(effect, outcome)``, at once or
later, in any order; an outcome may be the :class:`~framework0.errors.Framework0Error` that the call
raised.
"""

from __future__ import annotations

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework0.context.change import Change, Request


class Send(NamedTuple):
    """Send this as one text frame; ``data`` is UTF-8.

    Frames that go to many connections are one and the same object: what is made of it can be kept.
    """

    data: bytes


class Stream(NamedTuple):
    """Send these one after another, no faster than the client reads; then call ``session.streamed()``.

    ``parts`` yields UTF-8 of one text frame each, made when it is asked for.
    """

    parts: Iterator[bytes]


class Close(NamedTuple):
    """Close the connection with this code, after everything before was sent."""

    code: int
    reason: str


class Authenticate(NamedTuple):
    """Find out who this is, and open the context. Answered with a :class:`Grant` or a :class:`Denial`.

    The client has been told ``since`` already, by this server or another one of its cluster.
    """

    token: str | None
    namespace: str
    client: str
    since: int | None = None


class Grant(NamedTuple):
    """Who the client is. ``who`` signs what it writes; ``claims`` lets it say otherwise."""

    role: str
    who: str
    claims: bool
    standing: Standing
    now: float


class Denial(NamedTuple):
    """Why not: a code of ``ERRORS``, words for people, and the code to close with."""

    code: str
    message: str
    close: int


class Standing(NamedTuple):
    """Where a context is: identity, latest version, kept since, and how many keys it has."""

    epoch: str
    version: int
    kept_since: int
    keys: int


class Follow(NamedTuple):
    """From now on call ``session.changes`` with what is committed, in order.

    A batch may be left out or come twice: the session notices, and asks with :class:`CatchUp`.
    """


class Unfollow(NamedTuple):
    """Nobody on this connection wants changes any more."""


class CatchUp(NamedTuple):
    """Up to ``limit`` changes after ``since``, oldest first. Answered with them, or HistoryTrimmed."""

    since: int
    limit: int


class Picture(NamedTuple):
    """All entries, consistent. Answered with ``(Standing, entries)``; the mapping must not change."""

    why: str
    pattern: str
    subscription: int | None = None


class Subscribe(NamedTuple):
    """Answered with the :class:`Standing`, after what :class:`Follow` asks for is under way."""

    id: int
    pattern: str
    since: int | None
    epoch: str | None


class Missed(NamedTuple):
    """The changes of one subscription after ``since``, up to ``upto``; answered like CatchUp."""

    subscription: int
    pattern: str
    since: int
    upto: int
    limit: int


class Apply(NamedTuple):
    """Make a change durable. Answered with the changes made, or the error."""

    id: int
    request: Request
    full: bool = False


class Get(NamedTuple):
    """Answered with the entry, or None."""

    id: int
    key: str
    fresh: bool = False


class History(NamedTuple):
    """Answered with changes after ``since`` (None: all kept), whether there are more, and ``kept_since``.

    It may be fewer than ``limit``, but not none if there are any.
    """

    id: int
    key: str | None
    since: int | None
    limit: int


class At(NamedTuple):
    """Answered with the version meant, and the entry (or None) of ``key`` there, or all values.

    ``moment`` is a version, a time (float), a tag or ``run:step``.
    """

    id: int
    moment: int | float | str
    key: str | None
    pattern: str
    after: str | None
    limit: int


class VersionAt(NamedTuple):
    """Answered with the version."""

    id: int
    time: float


class Keys(NamedTuple):
    """Answered with ``(version, keys)``: any order, unfiltered is fine."""

    id: int
    pattern: str
    after: str | None
    limit: int


class Entries(NamedTuple):
    """Answered with ``(version, entries)``: a mapping that must not change; unfiltered is fine."""

    id: int
    pattern: str
    after: str | None
    limit: int


class Tags(NamedTuple):
    """Answered with a mapping from names to versions."""

    id: int


class Tag(NamedTuple):
    """Answered with None."""

    id: int
    name: str
    version: int
    move: bool


class Untag(NamedTuple):
    """Answered with whether there was such a tag."""

    id: int
    name: str


class Load(NamedTuple):
    """Answered with the version afterward."""

    id: int
    changes: Sequence[Change]


class Presence(NamedTuple):
    """Answered with a list of mappings: ``client``, ``who``, ``role``, ``since`` (epoch seconds)."""

    id: int


Effect = (
    Send | Stream | Close | Authenticate | Follow | Unfollow | CatchUp | Picture | Subscribe | Missed
    | Apply | Get | History | At | VersionAt | Keys | Entries | Tags | Tag | Untag | Load | Presence
)  # fmt: skip
