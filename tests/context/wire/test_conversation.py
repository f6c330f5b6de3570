"""Server and client over a connection that may be cut anywhere, against a naive model.

Whatever happens, a client sees each change of what it follows once and in order, or a snapshot that
says why; what it has then is what the store had at that version.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framework0.context import MemoryStore, Write
from framework0.context.change import Author
from framework0.context.patterns import matcher
from framework0.context.wire.client import (
    Answer,
    Broken,
    ClientSession,
    Failed,
    Happened,
    Part,
    Welcome,
)
from framework0.context.wire.codes import WHYS
from framework0.context.wire.patching import Patch, patched
from tests.context.wire.performing import Connection

BY = Author("model")
LARGE = [{"name": f"row {number}", "value": number} for number in range(80)]
keys = st.sampled_from(["a", "a.b", "b", "c"])


@st.composite
def large_values(draw):
    value = [dict(row) for row in LARGE]
    value[draw(st.integers(0, 79))]["value"] = draw(st.integers(0, 3))
    return value


values = st.integers(0, 5) | st.none() | st.text(max_size=3) | large_values()


class Seen:
    """What one feed has shown: its picture, and up to where."""

    def __init__(self, pattern):
        self.matches = matcher(pattern)
        self.picture = {}
        self.position = None
        self.parts = {}
        self.whys = []

    def happened(self, changes, past):
        for change in changes:
            if not self.matches(change.key) or change.version <= self.position:
                continue
            between = past[self.position : change.version - 1]
            assert not [missed for missed in between if self.matches(missed.key)]
            value = change.value
            if isinstance(value, Patch):
                value = patched(self.picture[change.key], value.edits)
            truth = past[change.version - 1]
            assert (change.key, value, change.removed, change.at) == (
                truth.key,
                truth.value,
                truth.removed,
                truth.at,
            )
            self.position = change.version
            if change.removed:
                self.picture.pop(change.key, None)
            else:
                self.picture[change.key] = value

    def part(self, part, past):
        if not self.parts:
            assert part.why in WHYS
            self.whys.append(part.why)
        self.parts.update(part.entries)
        if not part.more:
            self.picture = {key: entry.value for key, entry in self.parts.items()}
            self.parts = {}
            self.position = part.version
            assert self.picture == picture_at(past, part.version, self.matches)


def picture_at(past, version, matches):
    picture = {}
    for change in past[:version]:
        if matches(change.key):
            picture[change.key] = change.value
            if change.removed:
                del picture[change.key]
    return picture


class Conversation(RuleBasedStateMachine):
    """One store, one client, a line between them."""

    @initialize(
        pattern=st.sampled_from(["**", "a**"]),
        keep=st.sampled_from([3, 8, 1_000]),
        patches=st.booleans(),
    )
    def begin(self, pattern, keep, patches):
        self.pattern, self.keep, self.patches = pattern, keep, patches
        self.store = MemoryStore(keep_changes=keep)
        self.past = []
        self.store.watch(self.past.extend)
        self.feed = Seen(pattern)
        self.feed.position = 0
        self.epoch = None
        self.since = None
        self.clock = 0.0
        self.connect()

    def connect(self):
        self.line = Connection(self.store, lazy=True)
        self.client = ClientSession()
        self.subscriptions = {}
        self.asked = {}
        self.feed.parts = {}
        hello = self.client.hello(
            token="a", follow=self.pattern, since=self.since, epoch=self.epoch, patches=self.patches
        )
        self.line.receive(hello)

    @rule(writes=st.lists(st.tuples(keys, values | st.just(...)), min_size=1, max_size=4))
    def write(self, writes):
        self.clock += 1
        self.store.apply(
            [
                Write(key, None, True) if value is ... else Write(key, value)
                for key, value in writes
            ],
            BY,
            self.clock,
        )

    @rule(count=st.integers(1, 5))
    def serve(self, count):
        self.line.run(count)

    @rule(count=st.integers(1, 5))
    def hear(self, count):
        for _ in range(min(count, len(self.line.sent))):
            for event in self.client.receive(self.line.sent.popleft()):
                self.take(event)

    @rule()
    def leave_out_batches(self):
        """Do as a server does whose client reads slowly."""
        kept = [work for work in self.line.work if work[0] != "batch"]
        if len(kept) < len(self.line.work):
            self.line.work.clear()
            self.line.work.extend(kept)
            self.line.perform(self.line.session.left_out(self.store.version()))

    @rule()
    def cut(self):
        self.line.cut()
        self.connect()

    @rule()
    def another_history_begins(self):
        self.line.cut()
        self.store = MemoryStore(keep_changes=self.keep)
        self.past = []
        self.store.watch(self.past.extend)
        self.connect()

    @rule(back=st.integers(1, 5))
    def the_server_comes_back_with_an_older_state(self, back):
        self.quiet()
        older = MemoryStore(keep_changes=self.keep)
        older._epoch = self.store.epoch()
        self.line.cut()
        past, self.past = self.past[:-back], []
        older.watch(self.past.extend)
        older.load(past)
        self.store = older
        self.connect()
        self.quiet()

    @rule(pattern=st.sampled_from(["**", "b", "*.b"]), back=st.none() | st.integers(0, 6))
    def subscribe(self, pattern, back):
        if not self.line.session.open:
            return
        since = None if back is None else max(0, self.store.version() - back)
        epoch = None if since is None else self.store.epoch()
        identity, message = self.client.request(
            "subscribe", pattern=pattern, since=since, epoch=epoch
        )
        self.asked[identity] = (Seen(pattern), since)
        self.line.receive(message)

    @precondition(lambda self: self.subscriptions)
    @rule()
    def unsubscribe(self):
        identity = min(self.subscriptions)
        del self.subscriptions[identity]
        self.line.receive(self.client.request("unsubscribe", subscription=identity)[1])

    # One branch for each kind of event.
    def take(self, event):  # noqa: C901, PLR0912
        match event:
            case Welcome():
                assert event.resume in {"changes", "snapshot"}
                if event.resume == "changes":
                    assert event.why is None
                    assert self.since >= self.feed.position
            case Part(subscription=None):
                self.feed.part(event, self.past)
                if not event.more:
                    self.epoch, self.since = self.client.epoch, self.client.position
            case Part():
                if event.subscription in self.subscriptions:
                    self.subscriptions[event.subscription].part(event, self.past)
            case Happened(changes, None):
                self.feed.happened(changes, self.past)
                self.since = self.client.position
                for seen in self.subscriptions.values():
                    if seen.position is not None:
                        seen.happened(changes, self.past)
            case Happened(changes, subscription):
                if subscription in self.subscriptions:
                    self.subscriptions[subscription].happened(changes, self.past)
            case Answer(identity, fields) if identity in self.asked:
                seen, since = self.asked.pop(identity)
                if fields["resume"] == "live":
                    seen.position = fields["version"]
                    seen.picture = picture_at(self.past, seen.position, seen.matches)
                elif fields["resume"] == "changes":
                    seen.position = since
                    seen.picture = picture_at(self.past, since, seen.matches)
                self.subscriptions[identity] = seen
            case Answer():
                pass
            case Failed() | Broken():
                raise AssertionError(event)

    def quiet(self):
        while self.line.work or self.line.sent:
            self.line.run()
            self.hear(len(self.line.sent))

    @invariant()
    def the_client_is_never_ahead(self):
        if hasattr(self, "line"):
            assert self.line.closed is None

    def teardown(self):
        if not hasattr(self, "line"):
            return
        self.quiet()
        for seen in [self.feed, *self.subscriptions.values()]:
            assert seen.picture == picture_at(self.past, len(self.past), seen.matches)
        self.line.cut()


Conversation.TestCase.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
test_each_change_is_seen_once_and_in_order_or_a_snapshot_says_why = Conversation.TestCase
