"""The file against a model that forgets nothing, through any calls, re-openings, other stores and compactions."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from framework0.context import Author, MemoryStore, Request, Write
from framework0.context.persist import SQLiteStore
from framework0.context.values import same
from framework0.errors import ContextError, HistoryTrimmed

keys = st.sampled_from(["a", "b", "c.x", "d"])
LARGE = [[number, "some text that is repeated"] for number in range(200)]
large = st.integers(0, 199).map(lambda place: [*LARGE[:place], place, *LARGE[place:]])
values = st.integers(0, 3) | st.booleans() | large
sets = st.builds(Write, keys, values)
writes = st.lists(sets | sets | st.builds(Write, keys, removed=st.just(True)), max_size=4)
BY = Author("s", "r", "s", 1)


class FileMachine(RuleBasedStateMachine):
    """Two stores are open on one file; each rule uses either of them."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "shared.db"
        self.stores = [self.open(), self.open()]
        self.model = MemoryStore()
        self.told = []
        self.tags = {}
        self.moment = 0.0
        self.stores[0].watch(self.told.extend)

    def open(self):
        return SQLiteStore(self.path, durability="normal", segment_changes=6, keep_changes=None)

    def compare(self, which, made, expected):
        """Compare changes, but for what only a longer memory knows."""
        since = self.stores[which].kept_since()
        assert [forgetful(change, since) for change in made] == [
            forgetful(change, since) for change in expected
        ]

    @rule(which=st.integers(0, 1), what=writes)
    def apply(self, which, what):
        self.moment += 1
        made = self.stores[which].apply(what, BY, self.moment)
        self.compare(which, made, self.model.apply(what, BY, self.moment))

    @rule(which=st.integers(0, 1), parts=st.lists(st.tuples(writes, keys), min_size=1, max_size=3))
    def apply_all(self, which, parts):
        self.moment += 1
        requests = [Request(what, BY, self.moment, {key: 1}) for what, key in parts]
        answers = self.stores[which].apply_all(requests)
        for answer, expected in zip(answers, self.model.apply_all(requests), strict=True):
            if isinstance(expected, ContextError):
                assert str(answer) == str(expected)
            else:
                self.compare(which, answer, expected)

    @rule(which=st.integers(0, 1))
    def open_again(self, which):
        self.stores[which].close()
        self.stores[which] = self.open()
        if which == 0:
            self.stores[0].watch(self.told.extend, self.told[-1].version if self.told else 0)

    @rule(which=st.integers(0, 1), keep=st.integers(1, 12))
    def compact(self, which, keep):
        version = self.model.version()
        before = self.stores[which].kept_since()
        self.stores[which].compact(keep_changes=keep)
        since = self.stores[which].kept_since()
        assert since >= before
        assert version - since >= min(keep, version - before)

    @rule(which=st.integers(0, 1), name=st.sampled_from(["first", "second"]), data=st.data())
    def tag(self, which, name, data):
        store = self.stores[which]
        version = data.draw(st.integers(0, self.model.version()))
        try:
            store.tag(name, version, move=True)
        except HistoryTrimmed:
            assert version < store.kept_since()
            assert version not in self.tags.values()
        else:
            self.tags[name] = version
        assert self.stores[1 - which].tags() == dict(sorted(self.tags.items()))

    @rule(which=st.integers(0, 1), key=keys, data=st.data())
    def look_back(self, which, key, data):
        store = self.stores[which]
        version = data.draw(st.integers(0, self.model.version()))
        try:
            picture = store.at(version)
            entry = store.get_at(key, version)
        except HistoryTrimmed:
            assert version < store.kept_since()
            assert version not in self.tags.values()
            return
        assert same(picture, dict(self.model.at(version)))
        assert entry == self.model.get_at(key, version)

    @rule(which=st.integers(0, 1), key=st.none() | keys, data=st.data())
    def read_changes(self, which, key, data):
        store = self.stores[which]
        since = data.draw(st.integers(0, self.model.version()))
        try:
            found = list(store.changes(since, key))
        except HistoryTrimmed:
            assert since < store.kept_since()
            return
        self.compare(which, found, self.model.changes(since, key))

    @rule(which=st.integers(0, 1), data=st.data())
    def find_a_moment(self, which, data):
        store = self.stores[which]
        moment = data.draw(st.integers(0, int(self.moment)))
        expected = self.model.version_at(moment)
        try:
            assert store.version_at(moment) == max(expected, store.kept_since())
        except HistoryTrimmed:
            assert expected < store.kept_since()

    @invariant()
    def both_show_the_present(self):
        for store in self.stores:
            assert store.version() == self.model.version()
            assert same(
                {key: list(entry) for key, entry in store.entries().items()},
                {key: list(entry) for key, entry in self.model.entries().items()},
            )

    def teardown(self):
        version = self.model.version()
        for store in self.stores:
            assert store.verify() == version - store.kept_since()
        self.stores[0].close()
        self.stores[1].close()
        assert [change.version for change in self.told] == list(range(1, version + 1))
        self.folder.cleanup()


def forgetful(change, kept_since):
    """Return the change without the removal before it, which only a longer memory knows."""
    if not change.existed and change.previous <= kept_since:
        return change._replace(previous=0)
    return change


@pytest.mark.slow
def test_the_file_behaves_like_a_model_that_forgets_nothing():
    run_state_machine_as_test(
        FileMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
