"""The context against a model of a few lines, through any sequence of calls."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from framework0.context import Author, Context, MemoryStore, replay
from framework0.context.values import same
from framework0.errors import VersionConflict

keys = st.sampled_from(["a", "b", "c.x", "c.y"])
values = st.integers(0, 3) | st.booleans() | st.lists(st.integers(0, 1), max_size=2)
writes = st.lists(st.tuples(keys, values | st.none()), max_size=4)
STEPS = (Author("s", "r", "s", 1), Author("t", "r", "t", 1))


class ContextMachine(RuleBasedStateMachine):
    """``pictures`` holds what the context held at each version, ``log`` what happened."""

    make_store = staticmethod(MemoryStore)

    def __init__(self):
        super().__init__()
        self.context = Context(self.make_store())
        self.now = {}
        self.pictures = {0: {}}
        self.log = []
        self.told = []
        self.versions = {}

    @initialize()
    def open_views(self):
        self.context.subscribe("**", self.told.append)
        self.views = [self.context.view(author) for author in STEPS]
        # What each view wrote: by key, the writers of the key since, with what was before.
        self.own = [[], []]

    def note(self, key, value, who, *, removed=False):
        version = len(self.log) + 1
        self.log.append((version, key, value, removed, self.now.get(key), key in self.now, who))
        if removed:
            del self.now[key]
            self.versions.pop(key)
        else:
            self.now[key] = value
            self.versions[key] = version
        self.pictures[version] = dict(self.now)

    def door(self, who):
        return (self.context, "user") if who is None else (self.views[who], STEPS[who].who)

    @rule(key=keys, value=values, who=st.sampled_from([None, 0, 1]))
    def set(self, key, value, who):
        door, name = self.door(who)
        version = door.set(key, value)
        self.note(key, value, name)
        assert version == len(self.log)

    @rule(key=keys, who=st.sampled_from([None, 0, 1]))
    def delete(self, key, who):
        door, name = self.door(who)
        assert door.delete(key) == (key in self.now)
        if key in self.now:
            self.note(key, None, name, removed=True)

    @rule(moves=writes, expected=st.dictionaries(keys, st.integers(-1, 0), max_size=2))
    def transaction(self, moves, expected):
        # 0 means "as it is", -1 "not as it is".
        wanted = {key: self.versions.get(key, 0) - shift for key, shift in expected.items()}
        transaction = self.context.transaction(wanted)
        try:
            with transaction:
                for key, value in moves:
                    if value is None:
                        transaction.delete(key)
                    else:
                        transaction.set(key, value)
        except VersionConflict:
            assert -1 in expected.values()
            return
        assert -1 not in expected.values()
        # The last write of a key counts, in the order of these last writes.
        final = {}
        for key, value in moves:
            final.pop(key, None)
            final[key] = value
        for key, value in final.items():
            if value is not None:
                self.note(key, value, "user")
            elif key in self.now:
                self.note(key, None, "user", removed=True)

    @rule(key=keys)
    def modify(self, key):
        self.context.modify(key, lambda before: [before], 0)
        self.note(key, [self.now.get(key, 0)], "user")

    @rule(data=st.data())
    def restore(self, data):
        version = data.draw(st.integers(0, len(self.log)))
        target = self.pictures[version]
        self.context.restore(version)
        for key in sorted(self.now.keys() | target.keys()):
            if key not in target:
                self.note(key, None, "user", removed=True)
            elif key not in self.now or not same(self.now[key], target[key]):
                self.note(key, target[key], "user")

    @precondition(lambda self: any(view.changes for view in self.views))
    @rule(who=st.sampled_from([0, 1]))
    def compensate(self, who):
        view, name = self.views[who], STEPS[who].who
        since = {change.version for change in view.changes}
        expected, left = self.taken_back(since)
        made = view.compensate()
        assert set(view.left) == left
        assert {change.key for change in made} <= set(expected)
        for change in made:
            self.note(change.key, change.value, name, removed=change.removed)
        for key, (existed, value) in expected.items():
            assert (key in self.now) == existed
            assert not existed or same(self.now[key], value)
        self.views[who] = self.context.view(STEPS[who])

    def taken_back(self, own):
        """Walk the model's log backward from the end, past the own changes of each key."""
        expected, left = {}, set()
        for key in {entry[1] for entry in self.log if entry[0] in own}:
            story = [entry for entry in self.log if entry[1] == key]
            if story[-1][0] not in own:
                left.add(key)
                continue
            while story and story[-1][0] in own:
                first = story.pop()
            expected[key] = (first[5], first[4])
        return expected, left

    @rule(name=st.sampled_from(["x", "y"]), data=st.data())
    def tag(self, name, data):
        version = data.draw(st.integers(0, len(self.log)))
        assert self.context.tag(name, version, move=True) == version
        assert same(dict(self.context.at(name)), dict(sorted(self.pictures[version].items())))

    @rule(data=st.data(), moves=writes, strategy=st.sampled_from(["ours", "theirs"]))
    def fork_and_merge(self, data, moves, strategy):
        version = data.draw(st.integers(0, len(self.log)))
        base, theirs = self.pictures[version], dict(self.pictures[version])
        fork = self.context.fork(version)
        told = [(change.version, change.key) for change in fork.changes_since()]
        assert told == [(entry[0], entry[1]) for entry in self.log[:version]]
        for key, value in moves:
            if value is None:
                fork.delete(key)
                theirs.pop(key, None)
            else:
                fork.set(key, value)
                theirs[key] = value
        merged = self.context.merge(fork, strategy=strategy)
        conflicts = set()
        for key in sorted(base.keys() | self.now.keys() | theirs.keys()):
            was, own, other = (
                [side[key]] if key in side else [] for side in (base, self.now, theirs)
            )
            if same(own, other) or same(other, was):
                continue
            if not same(own, was):
                conflicts.add(key)
                if strategy == "ours":
                    continue
            self.note(key, other[0] if other else None, "user", removed=not other)
        assert {conflict.key for conflict in merged.conflicts} == conflicts

    @rule(key=keys)
    def blame(self, key):
        if key in self.now:
            blame = self.context.blame(key)
            assert blame.version == blame.change.version == self.versions[key]

    @rule(data=st.data())
    def look_back(self, data):
        version = data.draw(st.integers(0, len(self.log)))
        picture = self.context.at(version)
        assert picture.version == version
        assert same(dict(picture), dict(sorted(self.pictures[version].items())))
        replayed = replay(c for c in self.context.changes_since() if c.version <= version)
        assert same(dict(picture), {key: replayed[key].value for key in sorted(replayed)})
        for key in ("a", "b", "c.x", "c.y"):
            assert same(self.context.get_at(key, version), self.pictures[version].get(key))

    @rule(data=st.data())
    def compare(self, data):
        before, after = (data.draw(st.integers(0, len(self.log))) for _ in "ab")
        diff = self.context.diff(before, after)
        old, new = self.pictures[before], self.pictures[after]
        assert set(diff.added) == new.keys() - old.keys()
        assert set(diff.removed) == old.keys() - new.keys()
        both = old.keys() & new.keys()
        assert set(diff.changed) == {key for key in both if not same(old[key], new[key])}

    @rule(key=keys)
    def read_history(self, key):
        told = [
            (c.version, c.key, c.value, c.removed, c.old, c.existed, c.who)
            for c in self.context.history(key)
        ]
        assert told == [entry for entry in self.log if entry[1] == key]

    @invariant()
    def the_present_is_the_model_s(self):
        assert same(dict(self.context.items()), dict(sorted(self.now.items())))
        assert self.context.version == len(self.log)
        assert {key: self.context.version_of(key) for key in self.now} == self.versions

    def teardown(self):
        self.context.close(120)
        assert [change.version for change in self.told] == [entry[0] for entry in self.log]


@pytest.mark.slow
def test_a_context_behaves_like_its_model(make_store):
    run_state_machine_as_test(
        type("Machine", (ContextMachine,), {"make_store": staticmethod(make_store)}),
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
