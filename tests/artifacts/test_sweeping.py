from __future__ import annotations

import os
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.artifacts import Kept, Retention, Roots, listed, sweep
from framework0.artifacts.store import TEMPORARY
from framework0.artifacts.sweeping import ABANDONED, chosen
from tests.artifacts.conftest import files_in

NOW = 2_000_000_000.0


def swept(folder, referred=(), protected=(), **more):
    roots = Roots({a.digest for a in referred}, {a.digest for a in protected})
    more.setdefault("now", NOW)
    return {kept.digest for kept in sweep(folder, nullcontext(), lambda: roots, **more)}


def test_what_nobody_refers_to_goes_and_everything_else_stays(store, folder):
    one, two, three = store.put(b"1"), store.put(b"2"), store.put(b"3")
    assert [kept.digest for kept in listed(folder)] == sorted(a.digest for a in (one, two, three))
    assert swept(folder, [one], [two], dry_run=True) == {three.digest}
    assert len(files_in(folder)) == 3
    assert swept(folder, [one], [two]) == {three.digest}
    assert (store.has(one), store.has(two), store.has(three)) == (True, True, False)


def test_a_store_that_does_not_exist_is_empty(folder):
    assert swept(folder) == set()


def test_what_is_used_after_the_look_stays(store, folder):
    artifact = store.put(b"1")

    def roots():
        # Another process begins to rely on it while we ask who does.
        store.hold(artifact)
        return Roots((), ())

    assert sweep(folder, nullcontext(), roots, now=NOW) == []
    assert store.has(artifact)


def test_what_vanishes_meanwhile_is_no_trouble(store, folder):
    artifact = store.put(b"1")

    def roots():
        store.path(artifact).unlink()
        return Roots((), ())

    assert sweep(folder, nullcontext(), roots, now=NOW) == []


def test_what_a_killed_writer_left_goes_when_it_is_old(store, folder):
    artifact = store.put(b"1")
    left = store.path(artifact).with_name(f"{TEMPORARY}1-2-3")
    left.write_bytes(b"half")
    os.utime(left, (NOW - ABANDONED + 10, NOW - ABANDONED + 10))
    swept(folder, [artifact])
    assert left.exists()
    swept(folder, [artifact], now=NOW + 11)
    assert not left.exists()
    assert store.has(artifact)


def test_files_of_others_in_the_folder_are_left_alone(store, folder):
    artifact = store.put(b"1")
    foreign = [folder / "note", store.path(artifact).parent / "note", folder / "aa" / "deep" / "x"]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    (folder / "link").symlink_to(folder)
    assert swept(folder) == {artifact.digest}
    assert all(path.exists() for path in foreign)


def kept(name, size, used):
    return Kept(name, f"/{name}", size, used, int(used))


def test_age_lets_go_of_what_was_not_used_for_long():
    there = [kept("old", 1, 10.0), kept("new", 1, 90.0), kept("run", 1, 1.0), kept("none", 1, 99.0)]
    roots = Roots({"old", "new", "run"}, {"run"})
    going = chosen(there, roots, Retention(max_age=50.0), 100.0)
    assert [one.digest for one in going] == ["none", "old"]


def test_size_lets_go_of_what_was_used_longest_ago_first():
    there = [kept("a", 40, 3.0), kept("b", 40, 1.0), kept("c", 40, 2.0), kept("p", 40, 0.0)]
    roots = Roots({"a", "b", "c", "p"}, {"p"})
    going = chosen(there, roots, Retention(max_bytes=100), 100.0)
    assert [one.digest for one in going] == ["b", "c"]
    assert chosen(there, roots, Retention(max_bytes=160), 100.0) == []


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.floats(0, 100), st.sampled_from(["no", "ref", "run"])),
        max_size=12,
    ),
    st.none() | st.floats(0, 100),
    st.none() | st.integers(0, 500),
)
def test_whatever_the_retention_nothing_protected_goes_and_all_garbage_does(facts, age, size):
    there = [kept(str(number), bytes_, used) for number, (bytes_, used, _) in enumerate(facts)]
    names = {
        kind: {str(n) for n, fact in enumerate(facts) if fact[2] == kind}
        for kind in ("no", "ref", "run")
    }
    going = chosen(
        there, Roots(names["ref"] | names["run"], names["run"]), Retention(age, size), 100.0
    )
    gone = {one.digest for one in going}
    assert len(gone) == len(going)
    assert gone.isdisjoint(names["run"])
    assert gone >= names["no"]
    staying = [one for one in there if one.digest not in gone]
    if size is not None and names["run"].isdisjoint(one.digest for one in staying):
        assert sum(one.bytes for one in staying) <= size
    if age is None and size is None:
        assert gone == names["no"]
    elif age is not None:
        assert all(one.used_at >= 100.0 - age for one in staying if one.digest in names["ref"])


@pytest.mark.parametrize("retention", [Retention(max_age=0.0), Retention(max_bytes=0)])
def test_a_retention_of_nothing_still_spares_what_a_living_run_uses(store, folder, retention):
    one, two = store.put(b"1"), store.put(b"2")
    assert swept(folder, [one, two], [two], retention=retention) == {one.digest}
