"""Each store against a model of a few lines, through any sequence of calls, with time and forgetting."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from framework0.context import Author, Entry, Request, Write
from framework0.context.values import same
from framework0.errors import ContextError, HistoryTrimmed, OperationReused, VersionConflict
from tests.context.stores import CLOCKED, STORES, forget_what_is_old

BY = Author("s", "r", "s", 1)
KEPT = 6
A_DAY = 86_400.0
keys = st.sampled_from(["a", "b", "c.x"])
values = st.integers(0, 3) | st.booleans() | st.lists(st.integers(0, 1), max_size=2)
ttls = st.none() | st.none() | st.sampled_from([1.0, 5.0])
sets = st.builds(Write, keys, values, st.just(False), ttls)
writes = st.lists(sets | st.builds(Write, keys, removed=st.just(True)), max_size=3)
shifts = st.dictionaries(keys, st.sampled_from([0, 0, 0, 1]), max_size=1)
operations = st.none() | st.sampled_from(["one", "two"])
names = st.sampled_from(["first", "second"])


class StoreMachine(RuleBasedStateMachine):
    """``log`` is all that happened, ``pictures[v]`` the entries at version v: nothing is forgotten here.

    In stores that go by the real clock nothing ends: the machine may stand still for as long as it likes.
    """

    line = staticmethod(STORES["memory"])
    clocked = True

    def __init__(self):
        super().__init__()
        self.at_end = ExitStack()
        home = Path(self.at_end.enter_context(TemporaryDirectory()))
        self.now = 100.0
        clock = {"clock": lambda: self.now} if self.clocked else {}
        make = self.line(None, home, self.at_end)
        self.store = make(keep_changes=KEPT, **clock)
        self.log = []
        self.pictures = [{}]
        self.ends = {}
        self.told = []
        self.tags = {}
        self.once_tagged = set()
        self.done = {}
        self.store.watch(self.told.extend)

    def change(self, key, value, removed, author, at, expires):
        before = self.pictures[-1].get(key)
        story = [change for change in self.log if change.key == key]
        change = SimpleNamespace(
            version=len(self.log) + 1,
            key=key,
            value=value,
            removed=removed,
            old=before and before.value,
            existed=before is not None,
            who=author,
            at=at,
            previous=story[-1].version if story else 0,
            expires=expires,
        )
        self.log.append(change)
        picture = dict(self.pictures[-1])
        picture.pop(key, None)
        self.ends.pop(key, None)
        if not removed:
            picture[key] = Entry(value, change.version, expires)
        self.pictures.append(picture)

    def end_what_is_over(self):
        """What the time has removed; the order of equal ends is the store's own."""
        over = sorted((end, key) for key, end in self.ends.items() if end <= self.now)
        for _, key in over:
            self.change(key, None, True, "expiry", None, None)

    def make(self, request):
        """What the model makes of one request: whether it succeeds."""
        self.end_what_is_over()
        version = len(self.log)
        for key, wanted in (request.expected or {}).items():
            entry = self.pictures[-1].get(key)
            if wanted != (entry.version if entry else 0):
                return False
        for write in request.writes:
            if write.removed and write.key not in self.pictures[-1]:
                continue
            expires = None if write.ttl is None else request.at + write.ttl
            self.change(write.key, write.value, write.removed, BY.who, request.at, expires)
            if expires is not None:
                self.ends[write.key] = self.now + write.ttl
        if request.operation is not None:
            self.done[request.operation] = (request, range(version, len(self.log)))
        return True

    def judge(self, request, answer):
        """Compare one answer of the store with the model's, which then has happened."""
        known = self.done.get(request.operation)
        if known is not None:
            before, made = known
            if not same_request(before, request):
                assert isinstance(answer, OperationReused)
            else:
                assert [change.version for change in answer] == [number + 1 for number in made]
            return
        version = len(self.log)
        if self.make(request):
            fresh = [change for change in self.log[version:] if change.who != "expiry"]
            assert [change.version for change in answer] == [change.version for change in fresh]
        else:
            assert isinstance(answer, VersionConflict)

    def expected(self, shifted):
        present = self.pictures[-1]
        found = {key: present[key].version if key in present else 0 for key in shifted}
        return {key: found[key] + shift for key, shift in shifted.items()} or None

    def request(self, moves, shifted, operation):
        if not self.clocked:
            moves = [move._replace(ttl=move.ttl and move.ttl * A_DAY) for move in moves]
        return Request(moves, BY, self.now, self.expected(shifted), None, operation)

    @rule(moves=writes, shifted=shifts, operation=operations)
    def apply(self, moves, shifted, operation):
        request = self.request(moves, shifted, operation)
        try:
            answer = self.store.apply(*request)
        except ContextError as error:
            answer = error
        self.judge(request, answer)

    @rule(parts=st.lists(st.tuples(writes, shifts, operations), max_size=3))
    def apply_all(self, parts):
        requests = [self.request(*part) for part in parts]
        for request, answer in zip(requests, self.store.apply_all(requests), strict=True):
            self.judge(request, answer)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def time_goes_by(self, seconds):
        if self.clocked:
            self.now += seconds

    @rule(name=names, back=st.integers(0, 3), move=st.booleans())
    def tag(self, name, back, move):
        self.end_what_is_over()
        self.store.version()
        version = max(len(self.log) - back, 0)
        taken = self.tags.get(name)
        if version < self.store.kept_since() and version not in self.tags.values():
            with pytest.raises((HistoryTrimmed, ContextError)):
                self.store.tag(name, version, move=move)
        elif taken not in (None, version) and not move:
            with pytest.raises(ContextError, match="stands for"):
                self.store.tag(name, version)
        else:
            self.store.tag(name, version, move=move)
            self.tags[name] = version
            self.once_tagged.add(version)

    @rule(name=names)
    def untag(self, name):
        assert self.store.untag(name) == (self.tags.pop(name, None) is not None)

    @rule()
    def forget(self):
        forget_what_is_old(self.store)

    @rule(data=st.data())
    def look_back(self, data):
        once_tagged = st.sampled_from(sorted(self.once_tagged) or [0])
        version = data.draw(st.integers(0, len(self.log)) | once_tagged)
        if version < self.store.kept_since() and version not in self.tags.values():
            with pytest.raises(HistoryTrimmed):
                self.store.at(version)
            with pytest.raises(HistoryTrimmed):
                self.store.get_at("a", version)
            return
        picture = self.pictures[version]
        found = self.store.at(version)
        assert same(dict(found), {key: entry.value for key, entry in picture.items()})
        for key in ("a", "b", "c.x"):
            entry = self.store.get_at(key, version)
            # When a value of the past would have ended need not be known.
            assert same(entry and list(entry[:2]), picture.get(key) and list(picture[key][:2]))

    @rule(seconds=st.floats(0, 20))
    def find_a_moment(self, seconds):
        self.end_what_is_over()
        told = {change.version: change.at for change in self.told}
        moment = self.now - seconds
        version = max((v for v, at in told.items() if at <= moment), default=0)
        if version >= self.store.kept_since():
            assert self.store.version_at(moment) == version
        else:
            with pytest.raises(HistoryTrimmed):
                self.store.version_at(moment)

    @invariant()
    def the_present_is_the_model_s(self):
        self.end_what_is_over()
        present = self.pictures[-1]
        assert self.store.version() == len(self.log)
        assert same(
            {key: list(entry) for key, entry in self.store.entries().items()},
            {key: list(entry) for key, entry in present.items()},
        )
        assert sorted(self.store.keys()) == sorted(present)
        assert self.store.tags() == dict(sorted(self.tags.items()))

    @invariant()
    def what_is_kept_is_the_end_of_what_happened(self):
        kept = list(self.store.changes())
        assert len(kept) >= min(KEPT, len(self.log))
        assert self.store.kept_since() == (kept[0].version - 1 if kept else 0)
        assert [change.version for change in self.told] == list(range(1, len(self.log) + 1))
        for change, own in zip(reversed(kept), reversed(self.log), strict=False):
            assert (change.version, change.key, change.removed) == (
                own.version,
                own.key,
                own.removed,
            )
            assert same([change.value, change.old], [own.value, own.old])
            assert (change.existed, change.who, change.expires) == (
                own.existed,
                own.who,
                own.expires,
            )
            # A removal that is itself forgotten is not told of.
            assert change.previous in (own.previous, 0)

    def teardown(self):
        self.store.close()
        self.at_end.close()


def same_request(one, other):
    return same([list(w) for w in one.writes], [list(w) for w in other.writes]) and (
        one.expected or {}
    ) == (other.expected or {})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STORES))
def test_a_store_behaves_like_its_model(name):
    members = {"line": staticmethod(STORES[name]), "clocked": name in CLOCKED}
    run_state_machine_as_test(
        type("Machine", (StoreMachine,), members),
        settings=settings(
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
