"""Any order of subscribing, ending, publishing and reading does what a naive bus would do."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from framework0.context import MemoryBus, matcher
from framework0.errors import BusClosed, WaitTimeout

LIMIT = 3
topics = st.sampled_from(["a", "b", "a.b", "a.c", "a.b.c"])
patterns = st.sampled_from(["a", "a.b", "a.*", "*", "**", "a.**", "*.c", "b.*"])
policies = st.sampled_from(["drop_oldest", "conflate", "block"])


class NaiveInbox:
    """One list; every rule of a policy spelled out."""

    def __init__(self, pattern, overflow):
        self.matches = matcher(pattern)
        self.overflow = overflow
        self.waiting = []
        self.conflating = False
        self.offered = self.read = 0

    def put(self, item):
        self.offered += 1
        if self.overflow == "block" and len(self.waiting) == LIMIT:
            return False
        self.waiting.append(item)
        if self.overflow == "conflate":
            self.conflating = self.conflating or len(self.waiting) > LIMIT
            if self.conflating:
                latest = {topic: place for place, (topic, _) in enumerate(self.waiting)}
                self.waiting = [self.waiting[place] for place in sorted(latest.values())]
        del self.waiting[:-LIMIT]
        return True

    def take(self):
        self.read += 1
        item = self.waiting.pop(0)
        self.conflating = self.conflating and bool(self.waiting)
        return item


class BusMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.bus = MemoryBus()
        # In the order of their subscription: [matches, what was seen, how it ends].
        self.callbacks = []
        self.inboxes = []
        self.called = []
        self.count = 0

    def teardown(self):
        self.bus.close()

    @rule(pattern=patterns)
    def subscribe(self, pattern):
        number = len(self.callbacks)
        end = self.bus.subscribe(
            pattern, lambda topic, value: self.called.append((number, topic, value))
        )
        self.callbacks.append([matcher(pattern), end])

    @rule(data=st.data())
    def end(self, data):
        if self.callbacks:
            chosen = data.draw(st.sampled_from(self.callbacks))
            chosen[1]()
            chosen[0] = lambda _: False

    @rule(pattern=patterns, overflow=policies)
    def open_inbox(self, pattern, overflow):
        real = self.bus.inbox(pattern, overflow=overflow, limit=LIMIT, timeout=0)
        self.inboxes.append((real, NaiveInbox(pattern, overflow)))

    @rule(data=st.data())
    def close_inbox(self, data):
        if self.inboxes:
            real, naive = data.draw(st.sampled_from(self.inboxes))
            real.close()
            naive.matches = lambda _: False

    @rule(data=st.data())
    def read(self, data):
        if not self.inboxes:
            return
        real, naive = data.draw(st.sampled_from(self.inboxes))
        if naive.waiting:
            assert tuple(real.get(0)) == naive.take()
            return
        try:
            real.get(0)
        except BusClosed:
            assert real.closed
        except WaitTimeout:
            assert not real.closed
        else:
            raise AssertionError("there was nothing to read")

    @rule(topic=topics)
    def publish(self, topic):
        self.count += 1
        self.called.clear()
        wanted = [n for n, (matches, _) in enumerate(self.callbacks) if matches(topic)]
        open_ones = [naive for _, naive in self.inboxes if naive.matches(topic)]
        had = sum([naive.put((topic, self.count)) for naive in open_ones])
        assert self.bus.publish(topic, self.count) == len(wanted) + had
        assert self.called == [(number, topic, self.count) for number in wanted]

    @invariant()
    def inboxes_hold_what_they_should(self):
        for real, naive in self.inboxes:
            assert len(real) == len(naive.waiting) <= LIMIT
            assert real.dropped == naive.offered - naive.read - len(naive.waiting)
        assert {id(inbox) for inbox in self.bus.inboxes} == {
            id(real) for real, _ in self.inboxes if not real.closed
        }


BusMachine.TestCase.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
TestAnyOrder = BusMachine.TestCase
