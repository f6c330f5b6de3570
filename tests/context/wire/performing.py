"""A server of one store, without sockets: it performs what its sessions want, at once or when told."""

from __future__ import annotations

from collections import deque

from framework0.context import Context
from framework0.context.wire.effects import (
    Apply,
    At,
    Authenticate,
    CatchUp,
    Close,
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
    Send,
    Standing,
    Stream,
    Subscribe,
    Tag,
    Tags,
    Unfollow,
    Untag,
    VersionAt,
)
from framework0.context.wire.frames import Batch
from framework0.context.wire.server import ServerSession
from framework0.errors import ContextError

ROLE_OF = {"r": "read", "w": "write", "a": "admin"}
NOW = 1_700_000_000.0


def standing(store):
    return Standing(store.epoch(), store.version(), store.kept_since(), len(store.keys()))


def first(changes, count):
    found = []
    for change in changes:
        if len(found) == count:
            break
        found.append(change)
    return found


class Connection:
    """One client of the store: ``sent`` are the frames, ``closed`` the code, if any.

    With ``lazy``, frames of the feed and outcomes wait until :meth:`run` is called.
    """

    def __init__(self, store, *, lazy=False, claims=True, tokens=ROLE_OF, now=None, **options):
        self.store = store
        self.session = ServerSession(**options)
        self.sent = deque()
        self.closed = None
        self.lazy = lazy
        self.claims = claims
        self.now = now or (lambda: NOW)
        self.tokens = tokens
        self.undo = None
        self.work = deque()
        self.seen = []

    def receive(self, data):
        self.perform(self.session.receive(data, self.now()))
        if not self.lazy:
            self.run()

    def perform(self, effects):
        for effect in effects:
            self.seen.append(effect)
            if self.closed is not None:
                return
            if type(effect) is Send:
                self.sent.append(effect.data)
            elif type(effect) is Close:
                self.closed = effect
                self.cut()
            elif type(effect) is Follow:
                self.undo = self.store.watch(self.told)
            elif type(effect) is Unfollow:
                self.cut()
            elif type(effect) is Stream:
                self.work.append(("stream", effect))
            else:
                self.work.append(("ask", effect))

    def told(self, changes):
        if changes:
            self.work.append(("batch", Batch(list(changes))))

    def step(self):
        kind, what = self.work.popleft()
        if kind == "stream":
            self.sent.extend(what.parts)
            self.perform(self.session.streamed())
        elif kind == "batch":
            self.perform(self.session.changes(what))
        else:
            try:
                outcome = self.outcome(what)
            except ContextError as error:
                outcome = error
            self.perform(self.session.answered(what, outcome))

    def run(self, most=None):
        while self.work and most != 0:
            self.step()
            most = None if most is None else most - 1

    def cut(self):
        if self.undo is not None:
            self.undo()
            self.undo = None

    # One branch for each kind of effect.
    def outcome(self, effect):  # noqa: C901, PLR0911, PLR0912
        store = self.store
        match effect:
            case Authenticate(token, namespace, _, _):
                if namespace != "default":
                    return Denial("unknown_namespace", f"there is no context {namespace}", 4404)
                if token not in self.tokens:
                    return Denial("unauthorized", "no such token", 4401)
                role = self.tokens[token]
                return Grant(role, f"token-{token}", self.claims, standing(store), self.now())
            case Subscribe():
                return standing(store)
            case Picture():
                return standing(store), store.entries()
            case CatchUp(since, limit) | Missed(since=since, limit=limit):
                return first(store.changes(since), limit)
            case Apply(_, request, _):
                (outcome,) = store.apply_all([request])
                return outcome
            case Get(_, key, _):
                return store.get(key)
            case History(_, key, since, limit):
                found = first(store.changes(since, key), limit + 1)
                return found[:limit], len(found) > limit, store.kept_since()
            case At(_, moment, key, _, _, _):
                version = moment if isinstance(moment, int) else Context(store).at(moment).version
                if key is not None:
                    return version, store.get_at(key, version)
                return version, store.at(version)
            case VersionAt(_, time):
                return store.version_at(time)
            case Keys():
                return store.version(), store.keys()
            case Entries():
                return store.version(), store.entries()
            case Tags():
                return store.tags()
            case Tag(_, name, version, move):
                return store.tag(name, version, move=move)
            case Untag(_, name):
                return store.untag(name)
            case Load(_, changes):
                store.load(changes)
                return store.version()
            case Presence():
                return [{"client": "me", "who": "token-r", "role": "read", "since": NOW}]
        raise AssertionError(effect)
