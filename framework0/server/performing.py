"""What a session wants done, done: reading the store, writing through the group commit, following.

The functions of the table touch nothing but the store and run where reading it may take its time.
"""

from __future__ import annotations

from functools import partial

from framework0.context import version_of
from framework0.context.wire import (
    Apply,
    At,
    CatchUp,
    Denial,
    Entries,
    Follow,
    Get,
    Grant,
    History,
    Keys,
    Load,
    Missed,
    Picture,
    Presence,
    Standing,
    Subscribe,
    Tag,
    Tags,
    Unfollow,
    Untag,
    VersionAt,
)
from framework0.server.audit import signature
from framework0.server.looking import missed_changes, picture, some_changes
from framework0.server.requests import Refused
from framework0.server.tokens import ADMIN, WRITE, may

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable
    from typing import Any, Final

    from framework0.context import Change, Store
    from framework0.context.wire import Authenticate
    from framework0.server.app import App
    from framework0.server.namespaces import Namespace
    from framework0.server.sockets import Socket
    from framework0.server.tokens import Token

_UNKNOWN: Final = "the token is missing, unknown or over: see `framework0 token --help`"


class Performing:
    """Performs the effects of one socket, once it was let in to a namespace."""

    __slots__ = ("_app", "_entering", "_namespace", "_signature", "_socket")

    def __init__(self, app: App, socket: Socket) -> None:
        self._app = app
        self._socket = socket
        self._namespace: Namespace | None = None
        self._signature = ""
        self._entering: Task[None] | None = None

    def authenticate(self, effect: Authenticate) -> None:
        """Find out who this is and open the context; a new one is made for those who may write."""
        app = self._app
        token = app.guard.token(effect.token) if effect.token else None
        if token is None:
            self._finish(effect, Denial("unauthorized", _UNKNOWN, 4401))
            return
        self._socket.let_in(token)
        found = app.namespaces.opened(effect.namespace)
        if found is not None and not found.lacks(effect.since):
            self._finish(effect, self._enter(effect, token, found))
        else:
            self._entering = app.loop.create_task(self._find_and_enter(effect, token))

    async def _find_and_enter(self, effect: Authenticate, token: Token) -> None:
        namespaces = self._app.namespaces
        outcome: Grant | Denial | Exception
        try:
            if may(token.role, WRITE):
                found = await namespaces.find_or_make(effect.namespace)
            else:
                found = await namespaces.find(effect.namespace)
            await found.reach(effect.since)
            outcome = self._enter(effect, token, found)
        except Refused as refused:
            outcome = Denial("unknown_namespace", refused.detail, 4404)
        # Whatever opening a store raises is the outcome: the session knows what to tell the client.
        except Exception as error:  # noqa: BLE001
            outcome = error
        self._finish(effect, outcome)

    def _enter(self, effect: Authenticate, token: Token, found: Namespace) -> Grant:
        app = self._app
        if not self._socket.closed:
            self._namespace = found
            self._signature = signature(token, found.name)
            found.present[self._socket] = app.presence(token, effect.client)
        claims = token.role == ADMIN
        return Grant(token.role, token.name, claims, standing(found.store), app.now())

    def perform(self, effect: Any) -> None:
        """Perform an effect; its outcome goes to the socket, now or later."""
        namespace = self._namespace
        assert namespace is not None
        kind = type(effect)
        if kind is Get:
            self._get(effect, namespace)
        elif kind is Apply:
            namespace.commits.submit(effect.request, partial(self._applied, effect))
        elif kind is Follow:
            namespace.feed.followers.add(self._socket)
        elif kind is Unfollow:
            namespace.feed.followers.discard(self._socket)
        elif kind is Presence:
            self._finish(effect, list(namespace.present.values()))
        elif kind is Subscribe and namespace.lacks(effect.since):
            freshness = namespace.freshness
            assert freshness is not None
            freshness.ask(partial(self._read_fresh, effect, namespace))
        else:
            self._look(effect, namespace)

    def _get(self, effect: Get, namespace: Namespace) -> None:
        if effect.fresh and namespace.freshness is not None:
            namespace.freshness.ask(partial(self._read_fresh, effect, namespace))
        elif (as_of := namespace.as_of()) is None:
            # Quick in every store, and the most frequent by far.
            self._finish(effect, _tried(namespace.store.get, effect.key))
        else:
            self._finish(effect, _tried(namespace.store.get, effect.key), as_of)

    def _look(self, effect: Any, namespace: Namespace) -> None:
        as_of = namespace.as_of() if type(effect) in _AS_OF else None
        call = partial(_tried, _READINGS[type(effect)], namespace.store, effect)
        namespace.read_then(call, partial(self._read, effect, as_of), asks=type(effect) in _NOTED)

    def _read_fresh(self, effect: Any, namespace: Namespace, error: Exception | None) -> None:
        if error is not None:
            self._finish(effect, error)
        else:
            call = partial(_tried, _READINGS[type(effect)], namespace.store, effect)
            self._finish(effect, call())

    def tell_latest(self) -> None:
        """Have the session notice that it was left out, after the client has read on."""
        if self._namespace is None:
            return
        feed = self._namespace.feed
        if feed.latest is not None:
            self._socket.changes(feed.latest)
        else:
            self._socket.left_out(feed.version)

    def begin_alone(self) -> None:
        """Have what this client has asked for written now, if it is the only one."""
        if self._namespace is not None:
            self._namespace.commits.begin_alone()

    def end(self) -> None:
        """Follow no more, and be no longer there."""
        if self._namespace is not None:
            self._namespace.feed.followers.discard(self._socket)
            self._namespace.present.pop(self._socket, None)

    def _applied(self, effect: Apply, outcome: tuple[Change, ...] | Exception) -> None:
        if isinstance(outcome, tuple) and self._app.audit.kept:
            self._app.note(self._signature, effect.request.writes, outcome)
        self._finish(effect, outcome)

    def _read(self, effect: Any, as_of: float | None, outcome: Any) -> None:
        if type(effect) in _NOTED and not isinstance(outcome, Exception):
            name = getattr(effect, "name", "")
            self._app.audit.note(self._signature, _NOTED[type(effect)], [name], None)
        self._finish(effect, outcome, as_of)

    def _finish(self, effect: Any, outcome: Any, as_of: float | None = None) -> None:
        behind = None if as_of is None else max(0.0, self._app.monotonic() - as_of)
        self._socket.answered(effect, outcome, behind)


def standing(store: Store) -> Standing:
    """Return where a context is."""
    return Standing(store.epoch(), store.version(), store.kept_since(), len(store.keys()))


def _tried(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    # Whatever the store raises is the outcome: the session knows what to tell the client.
    except Exception as error:  # noqa: BLE001
        return error


def _pictured(store: Store, _: Picture) -> Any:
    version, entries = picture(store)
    found = Standing(store.epoch(), version, store.kept_since(), len(entries))
    return found, entries


def _history(store: Store, effect: History) -> Any:
    found = some_changes(store, effect.since, effect.key, effect.limit)
    more = bool(found) and next(store.changes(found[-1].version, effect.key), None) is not None
    return found, more, store.kept_since()


def _at(store: Store, effect: At) -> Any:
    version = version_of(store, effect.moment)
    if effect.key is not None:
        return version, store.get_at(effect.key, version)
    return version, store.at(version)


def _load(store: Store, effect: Load) -> int:
    store.load(effect.changes)
    return store.version()


_READINGS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    At: _at,
    CatchUp: lambda store, effect: some_changes(store, effect.since, None, effect.limit),
    Entries: lambda store, _: picture(store),
    Get: lambda store, effect: store.get(effect.key),
    History: _history,
    Keys: lambda store, _: (store.version(), store.keys()),
    Load: _load,
    Missed: missed_changes,
    Picture: _pictured,
    Subscribe: lambda store, _: standing(store),
    Tag: lambda store, effect: store.tag(effect.name, effect.version, move=effect.move),
    Tags: lambda store, _: store.tags(),
    Untag: lambda store, effect: store.untag(effect.name),
    VersionAt: lambda store, effect: store.version_at(effect.time),
}
# Reads of what may be old at a server of a cluster: their answers say how old.
_AS_OF: Final = frozenset({At, Entries, History, Keys, Tags, VersionAt})
_NOTED: Final[dict[type, str]] = {Load: "load", Tag: "tag", Untag: "untag"}
