"""Several servers are one context: what they agree on, and what they say when they cannot."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Author, Context
from framework0.context.change import Request, Write
from framework0.context.replicated import Away, Moved, ReplicatedStore
from framework0.context.replicated import store as store_module
from framework0.context.replicated.facts import pack
from framework0.context.replicated.following import UNKNOWN
from framework0.errors import (
    ContextError,
    JournalFromTheFuture,
    OperationReused,
    StoreUnavailable,
    VersionConflict,
)
from framework0.testing import FakeLog, Machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.context.change import Change

ME = Author("me")
# Seconds that a call waits for a log that is there, however slow the machine is.
PATIENCE = 120.0


class Servers:
    """Stores over one log, closed at the end."""

    def __init__(self) -> None:
        self.machines = Machines()
        self.logs: list[FakeLog] = []
        self.stores: list[ReplicatedStore] = []

    def another(
        self, *troubles: str | None, timeout: float = PATIENCE, **bounds: int
    ) -> ReplicatedStore:
        log = FakeLog(self.machines)
        store = ReplicatedStore(log, timeout=timeout, **bounds)
        # Only now: beginning is no append whose trouble is meant.
        log.troubles[:] = troubles
        self.logs.append(log)
        self.stores.append(store)
        return store


@pytest.fixture
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    for store in servers.stores:
        store.close()


def put(store: ReplicatedStore, key: str, value: object, **more: object) -> tuple[Change, ...]:
    return store.apply((Write(key, value),), ME, time.time(), **more)  # type: ignore[arg-type]


@contextlib.contextmanager
def impatient(store: ReplicatedStore) -> Iterator[None]:
    """Have the store give up soon: for what is asked while its log is not there."""
    store._timeout = 0.2
    yield
    store._timeout = PATIENCE


def test_what_one_server_has_acknowledged_a_fresh_read_of_another_sees(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    for number in range(50):
        put(one, "count", number)
        other.refresh()
        entry = other.get("count")
        assert entry is not None
        assert entry.value == number


def test_versions_are_the_same_everywhere_and_have_no_gaps(servers: Servers) -> None:
    stores = [servers.another() for _ in range(3)]

    def write(store: ReplicatedStore, name: str) -> None:
        for number in range(60):
            put(store, f"{name}.{number % 7}", number)

    threads = [
        threading.Thread(target=write, args=(store, str(number)))
        for number, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.refresh()
    histories = [list(store.changes()) for store in stores]
    assert histories[0] == histories[1] == histories[2]
    assert [change.version for change in histories[0]] == list(range(1, 181))
    assert len({store.epoch() for store in stores}) == 1


def test_a_count_by_compare_and_set_at_every_server_loses_nothing(servers: Servers) -> None:
    contexts = [Context(servers.another()) for _ in range(3)]

    def count(context: Context) -> None:
        for _ in range(40):
            context.modify("n", lambda n: n + 1, 0)

    threads = [threading.Thread(target=count, args=(context,)) for context in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    servers.stores[0].refresh()
    assert contexts[0].get("n") == 120


def test_a_conflict_is_told_of_what_is_true_and_not_of_what_was(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    put(one, "k", 1)
    servers.logs[1].cut = True
    put(one, "k", 2)
    servers.logs[1].cut = False
    # The other may not have heard of it: expecting what is true must not be refused.
    assert put(other, "k", 3, expected={"k": 2})[0].version == 3
    with pytest.raises(VersionConflict) as caught:
        put(other, "k", 4, expected={"k": 2})
    assert caught.value.actual == 3


def test_an_answer_that_was_lost_is_found_in_the_log(servers: Servers) -> None:
    store = servers.another("unheard", None, "away", "unheard")
    put(store, "a", 1)
    put(store, "a", 2)
    assert [change.version for change in put(store, "a", 3)] == [3]
    assert [change.value for change in store.changes()] == [1, 2, 3]


def test_a_lost_answer_that_another_server_overtook_is_done_again(servers: Servers) -> None:
    one, other = servers.another("away"), servers.another()
    release = threading.Event()
    append = servers.logs[0].append

    def late(after: int, data: bytes) -> None:
        # The other writes between this server's look at the log and its append.
        put(other, "b", 1)
        servers.logs[0].append = append  # type: ignore[method-assign]
        release.set()
        append(after, data)

    servers.logs[0].append = late  # type: ignore[method-assign]
    assert put(one, "a", 1)[0].version == 2
    assert release.is_set()
    assert [change.key for change in one.changes()] == ["b", "a"]


def test_a_server_that_is_cut_off_says_so_and_reads_on(servers: Servers) -> None:
    store = servers.another()
    put(store, "k", 1)
    servers.logs[0].cut = True
    with impatient(store):
        with pytest.raises(StoreUnavailable, match="not known") as caught:
            put(store, "k", 2)
        assert caught.value.happened is None
        with pytest.raises(StoreUnavailable, match="fresh") as caught:
            store.refresh()
        assert caught.value.happened is False
    entry = store.get("k")
    assert entry is not None
    assert entry.value == 1
    before = store.behind()
    assert before > 0
    servers.logs[0].cut = False
    begun = time.monotonic()
    store.refresh()
    assert store.behind() <= time.monotonic() - begun
    assert put(store, "k", 3)[0].version == 2


def test_a_call_repeated_at_another_server_counts_once(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    made = put(one, "n", 1, operation="op-1")
    assert put(other, "n", 1, operation="op-1") == made
    assert put(one, "n", 1, operation="op-1") == made
    with pytest.raises(OperationReused):
        put(other, "n", 2, operation="op-1")
    assert one.version() == 1
    # Nothing was changed by it, and that too is remembered everywhere.
    assert other.apply((Write("none", removed=True),), ME, 1.0, operation="op-2") == ()
    put(one, "none", 1)
    assert one.apply((Write("none", removed=True),), ME, 1.0, operation="op-2") == ()


def test_one_record_holds_all_calls_that_came_together(servers: Servers) -> None:
    store = servers.another()
    before = len(servers.machines.records)
    requests = [Request((Write(f"k{n}", n),), ME, 1.0) for n in range(50)]
    requests.insert(7, Request((Write("k1", 0),), ME, 1.0, {"k1": 99}))
    requests.append(Request((Write("k0", 1),), ME, 1.0, {"k0": 1}, None, "op"))
    requests.append(requests[-1])
    answers = store.apply_all(requests)
    assert len(servers.machines.records) == before + 1
    assert isinstance(answers[7], VersionConflict)
    assert answers[-1] == answers[-2]
    assert store.version() == 51


def test_large_calls_are_parted_and_what_is_too_large_is_refused(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RECORD_BYTES", 600)
    store = servers.another()
    noise = [f"{n * 7919 % 1009}" * 30 for n in range(20)]
    answers = store.apply_all([Request((Write(f"k{n}", noise[n]),), ME, 1.0) for n in range(20)])
    assert all(isinstance(answer, tuple) for answer in answers)
    assert store.version() == 20
    huge = [str(number * 7919 % 100_003) for number in range(1000)]
    with pytest.raises(ContextError, match="record of the cluster's log"):
        put(store, "huge", huge)
    assert store.version() == 20


def test_a_watcher_sees_what_every_server_wrote(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    seen: list[int] = []
    whole = threading.Event()

    def listen(changes: object) -> None:
        seen.extend(change.version for change in changes)  # type: ignore[attr-defined]
        if seen and seen[-1] == 20:
            whole.set()

    undo = one.watch(listen)
    for number in range(20):
        put(one if number % 2 else other, "k", number)
    assert whole.wait(PATIENCE)
    assert seen == list(range(1, 21))
    undo()


def test_tags_are_known_everywhere(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    put(one, "k", 1)
    one.tag("first", 1)
    put(one, "k", 2)
    other.refresh()
    assert other.tags() == {"first": 1}
    assert other.at(other.tags()["first"]) == {"k": 1}
    with pytest.raises(ContextError, match="stands for version 1"):
        other.tag("first", 2)
    other.tag("first", 2, move=True)
    assert other.untag("first")
    assert not one.untag("first")


def test_a_value_ends_at_every_server_by_one_change(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    ended = threading.Event()

    def listen(changes: object) -> None:
        if any(change.removed for change in changes):  # type: ignore[attr-defined]
            ended.set()

    other.watch(listen)
    one.apply((Write("k", 1, ttl=0.1), Write("stays", 1)), ME, time.time())
    assert ended.wait(PATIENCE)
    one.refresh()
    assert one.get("k") is None
    last = list(one.changes())[-1]
    assert (last.key, last.removed, last.who, last.version) == ("k", True, "expiry", 3)
    other.refresh()
    assert list(other.changes()) == list(one.changes())


def test_a_value_past_its_time_is_not_served_before_its_end_is_agreed(servers: Servers) -> None:
    store = servers.another()
    store.apply((Write("k", 1, ttl=0.05),), ME, time.time() - 0.05)
    assert store.get("k") is None
    assert store.keys() == []
    assert store.entries() == {}
    # Who expects it to be absent is right, and its end comes first.
    made = put(store, "k", 2, expected={"k": 0})
    assert [change.version for change in store.changes() if change.version == made[0].version]


def test_a_new_server_begins_with_the_snapshot(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_SNAPSHOT_RECORDS", 20)
    one = servers.another(keep_changes=30)
    one.tag("nothing", 0)
    for number in range(60):
        put(one, f"k{number % 5}", number, operation=f"op-{number}")
    with servers.machines.changed:
        assert servers.machines.changed.wait_for(lambda: servers.machines.trimmed > 20, PATIENCE)
    late = servers.another(keep_changes=30)
    assert late.entries() == one.entries()
    assert list(late.changes()) == list(one.changes())
    assert late.epoch() == one.epoch()
    assert late.tags() == {"nothing": 0}
    assert late.at(0) == {}
    # A call made before the snapshot is known to the new server too.
    assert put(late, "k4", 59, operation="op-59")[0].version == 60


def test_a_server_that_missed_trimmed_records_catches_up(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_SNAPSHOT_RECORDS", 10)
    one, other = servers.another(), servers.another()
    told: list[int] = []
    other.watch(lambda changes: told.extend(change.version for change in changes))
    put(one, "k", 0)
    other.refresh()
    servers.logs[1].cut = True
    for number in range(1, 60):
        put(one, "k", number)
    with servers.machines.changed:
        assert servers.machines.changed.wait_for(lambda: servers.machines.trimmed > 10, PATIENCE)
    servers.logs[1].cut = False
    other.refresh()
    assert list(other.changes()) == list(one.changes())
    assert told == list(range(1, 61))


def test_loaded_changes_reach_every_server(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    put(one, "k", 1)
    (change,) = put(one, "k", 2)
    one.load([change._replace(version=version) for version in range(3, 250)])
    other.refresh()
    assert other.version() == 249
    with pytest.raises(ContextError, match="cannot follow"):
        other.load([change])


def test_a_record_of_a_later_release_is_refused_by_name(servers: Servers) -> None:
    servers.another().close()
    servers.machines.records.append(pack({"format": 99}))
    with pytest.raises(JournalFromTheFuture, match="99"):
        servers.another()
    servers.machines.records[-1] = b"not ours"
    with pytest.raises(JournalFromTheFuture, match="a name of its own"):
        servers.another()


def test_a_server_that_a_later_release_overtakes_says_so_and_stops(servers: Servers) -> None:
    store = servers.another()
    put(store, "k", 1)
    ended = threading.Event()
    store.watch(lambda changes: ended.set() if not changes else None)
    servers.logs[0].append(2, pack({"format": 99}))
    assert ended.wait(PATIENCE)
    for call in (store.refresh, lambda: put(store, "k", 2)):
        with pytest.raises(StoreUnavailable, match="upgrade this server"):
            call()


def test_after_closing_writes_are_refused_and_reading_goes_on(servers: Servers) -> None:
    store = servers.another()
    put(store, "k", 1)
    store.close()
    with pytest.raises(ContextError, match="closed"):
        put(store, "k", 2)
    entry = store.get("k")
    assert entry is not None
    assert entry.value == 1


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from("abc"),
            st.one_of(st.none(), st.integers(0, 5)),
            st.sampled_from([None, "away", "unheard"]),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_whatever_gets_lost_each_call_counts_once_and_all_agree(
    calls: list[tuple[int, str, int | None, str | None, bool]],
) -> None:
    servers = Servers()
    stores = [servers.another() for _ in range(3)]
    model: dict[str, int] = {}
    try:
        for number, (at, key, value, trouble, again) in enumerate(calls):
            servers.logs[at].troubles.append(trouble)
            write = Write(key, value, removed=value is None)
            for store in (stores[at], stores[at - 1]) if again else (stores[at],):
                store.apply((write,), ME, 1.0, operation=f"op-{number}")
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
        for store in stores:
            store.refresh()
            assert {key: entry.value for key, entry in store.entries().items()} == model
        assert list(stores[0].changes()) == list(stores[1].changes()) == list(stores[2].changes())
    finally:
        for store in stores:
            store.close()


def test_threads_that_write_at_once_share_records_and_are_told_each_their_own(
    servers: Servers,
) -> None:
    store = servers.another()
    begun = len(servers.machines.records)
    answers: dict[int, int] = {}
    start = threading.Barrier(16)
    append = servers.logs[0].append

    def when_all_wait(after: int, data: bytes) -> None:
        end = time.monotonic() + PATIENCE
        while len(store._commits._waiting) < 15 and time.monotonic() < end:
            time.sleep(0.001)
        servers.logs[0].append = append  # type: ignore[method-assign]
        append(after, data)

    servers.logs[0].append = when_all_wait  # type: ignore[method-assign]

    def write(number: int) -> None:
        start.wait()
        for turn in range(10):
            (change,) = put(store, f"k{number}", turn)
            assert (change.key, change.value) == (f"k{number}", turn)
            answers[change.version] = number

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(1, 161))
    # Fifteen of the first calls at least came in one.
    assert len(servers.machines.records) - begun <= 160 - 14


def cut_after(log: FakeLog, *outcomes: str) -> None:
    """Have the log's next appends end as told, and cut it off after the last of them."""
    append, waiting = log.append, list(outcomes)

    def told(after: int, data: bytes) -> None:
        outcome = waiting.pop(0)
        if not waiting:
            log.append = append  # type: ignore[method-assign]
        try:
            if outcome == "moved":
                raise Moved
            if outcome == "done":
                append(after, data)
            if outcome == "away":
                raise Away("no answer")
        finally:
            if not waiting:
                log.cut = True

    log.append = told  # type: ignore[method-assign]


def test_nothing_was_written_is_said_only_of_what_was_never_taken(servers: Servers) -> None:
    one, other = servers.another(), servers.another()
    # Refused, and then the log is not heard any more: nothing can stand anywhere.
    cut_after(servers.logs[0], "moved")
    with impatient(one), pytest.raises(StoreUnavailable, match="nothing was written") as caught:
        put(one, "k", 1)
    assert caught.value.happened is False
    servers.logs[0].cut = False
    one.refresh()
    # Without an answer, then refused, then nothing more is heard: it may be what stands there.
    cut_after(servers.logs[0], "away", "moved")
    with impatient(one), pytest.raises(StoreUnavailable, match="not known") as caught:
        put(one, "k", 1)
    assert caught.value.happened is None
    servers.logs[0].cut = False
    one.refresh()
    assert one.version() == other.version() == 0


def test_a_write_that_lost_its_place_and_then_the_cluster_was_not_written(
    servers: Servers,
) -> None:
    one, other = servers.another("away"), servers.another()
    log = servers.logs[0]
    append, reached = log.append, one._follower.reached

    def heard(position: int, end: float) -> bool:
        # Patience ends when there is nothing more to hear, and not by the clock before.
        return reached(position, min(end, time.monotonic() + 0.2) if log.cut else end)

    one._follower.reached = heard  # type: ignore[method-assign]

    def overtaken(after: int, data: bytes) -> None:
        # Another server takes the place; the next one is refused, and then nothing is heard.
        put(other, "other", 1)
        log.append = append  # type: ignore[method-assign]
        try:
            append(after, data)
        except Away:
            cut_after(log, "moved", "moved")
            raise

    log.append = overtaken  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable, match="nothing was written") as caught:
        put(one, "k", 1)
    # Its first sending had no answer, and yet it is certain: the place it was for is another's.
    assert caught.value.happened is False
    other.refresh()
    assert [change.key for change in other.changes()] == ["other"]


def test_a_record_that_a_snapshot_has_replaced_may_have_been_this_one(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = servers.another("unheard")
    follower = store._follower
    # Nobody remembers who made what: as after a jump to a snapshot.
    monkeypatch.setattr(follower, "maker", lambda _: UNKNOWN)
    with pytest.raises(StoreUnavailable, match="not known") as caught:
        put(store, "k", 1, operation="op")
    assert caught.value.happened is None
    monkeypatch.undo()
    # It has happened, and counts once.
    assert [change.version for change in put(store, "k", 1, operation="op")] == [1]
    assert store.version() == 1


def test_what_the_log_says_of_a_repeated_call_is_said_also_without_the_cluster(
    servers: Servers,
) -> None:
    store = servers.another()
    made = put(store, "k", 1, operation="op")
    servers.logs[0].cut = True
    repeated = Request((Write("k", 1),), ME, 1.0, None, None, "op")
    fresh = Request((Write("j", 1),), ME, 1.0)
    with impatient(store):
        assert put(store, "k", 1, operation="op") == made
        # Among others it is told apart.
        answers = store.apply_all((repeated, fresh))
    assert answers[0] == made
    assert isinstance(answers[1], StoreUnavailable)
    assert answers[1].happened is None


def test_of_a_group_in_parts_each_is_told_of_its_own_part(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RECORD_BYTES", 600)
    store = servers.another()
    noise = [" ".join(str((99 * n + k) * 7919 % 100_003) for k in range(60)) for n in range(4)]
    cut_after(servers.logs[0], "done")
    with impatient(store):
        answers = store.apply_all([Request((Write(f"k{n}", noise[n]),), ME, 1.0) for n in range(4)])
    stand = [isinstance(answer, tuple) for answer in answers]
    assert stand[0]
    assert not stand[-1]
    for answer in answers:
        assert isinstance(answer, tuple) or answer.happened is None
    servers.logs[0].cut = False
    store.refresh()
    assert sorted(store.keys()) == [f"k{n}" for n in range(4) if stand[n]]


def test_each_of_many_is_told_when_nobody_answers(servers: Servers) -> None:
    store = servers.another()
    servers.logs[0].cut = True
    told: list[bool | None] = []

    def write() -> None:
        with pytest.raises(StoreUnavailable) as caught:
            put(store, "k", 1)
        told.append(caught.value.happened)

    threads = [threading.Thread(target=write) for _ in range(4)]
    with impatient(store):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == [None] * 4


def test_a_call_that_changes_nothing_waits_for_a_leader_as_others_do(servers: Servers) -> None:
    store = servers.another()
    put(store, "k", 1)
    head = servers.logs[0].head
    asked: list[int] = []

    def away_at_first(known: int) -> int:
        asked.append(known)
        if len(asked) < 3:
            raise Away("there is no leader")
        return head(known)

    servers.logs[0].head = away_at_first  # type: ignore[method-assign]
    assert store.apply((Write("none", removed=True),), ME, 1.0) == ()
    assert len(asked) == 3


def test_a_cluster_that_never_answers_is_said_at_the_opening() -> None:
    log = FakeLog()
    log.cut = True
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        ReplicatedStore(log, timeout=0.1)


def test_a_cluster_that_is_just_starting_is_waited_for() -> None:
    log = FakeLog()
    log.cut = True
    timer = threading.Timer(0.2, setattr, (log, "cut", False))
    timer.start()
    store = ReplicatedStore(log, timeout=PATIENCE)
    assert put(store, "k", 1)[0].version == 1
    store.close()
    timer.join()
