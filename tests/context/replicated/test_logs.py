"""What every shared log promises, on the real engines: order, one winner, an end that is proved."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

import pytest

from framework0.context.replicated.engines import open_log
from framework0.context.replicated.log import Away, Moved, Record, Snapshot, Trimmed
from framework0.errors import UsageError
from framework0.testing import FakeLog, Machines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from framework0.context.replicated.log import SharedLog
    from tests.context.replicated.clusters import Cluster

pytestmark = pytest.mark.slow


def never() -> bool:
    return False


@pytest.fixture(params=["etcd", "fake", "nats"])
def opened(
    request: pytest.FixtureRequest, running: Callable[[str], Cluster]
) -> Iterator[Callable[[], SharedLog]]:
    """Open one new log of this test as often as wanted."""
    name = uuid.uuid4().hex
    logs: list[SharedLog] = []
    machines = Machines()

    def another() -> SharedLog:
        if request.param == "fake":
            logs.append(FakeLog(machines))
        else:
            logs.append(open_log(f"{running(request.param).url}/{name}", timeout=60))
        return logs[-1]

    yield another
    for log in logs:
        log.close()


def first(log: SharedLog, after: int, count: int) -> list[Record]:
    found: list[Record] = []
    for record in log.follow(after, never):
        if record is not None:
            found.append(record)
        if len(found) == count:
            break
    return found


def test_a_log_has_begun_with_its_first_record_and_asking_is_none(
    opened: Callable[[], SharedLog],
) -> None:
    log = opened()
    assert not log.begun()
    assert not opened().begun()
    log.append(0, b"x")
    assert opened().begun()


def test_records_come_back_in_order_and_as_they_were(opened: Callable[[], SharedLog]) -> None:
    log = opened()
    for position in range(150):
        log.append(position, b"\x00\xff%d" % position)
    assert first(opened(), 0, 150) == [Record(p + 1, b"\x00\xff%d" % p) for p in range(150)]
    assert first(log, 147, 3)[0].position == 148


def test_an_append_behind_another_end_appends_nothing(opened: Callable[[], SharedLog]) -> None:
    one, other = opened(), opened()
    one.append(0, b"first")
    for wrong in (0, 2, 7):
        with pytest.raises(Moved):
            other.append(wrong, b"lost")
    other.append(1, b"second")
    assert [record.data for record in first(one, 0, 2)] == [b"first", b"second"]


def test_one_of_many_who_append_at_the_same_place_wins(opened: Callable[[], SharedLog]) -> None:
    logs = [opened() for _ in range(4)]
    start = threading.Barrier(len(logs))
    won: list[int] = []

    def run(number: int, log: SharedLog) -> None:
        start.wait()
        for position in range(40):
            try:
                log.append(position, b"%d" % number)
            except Moved:
                continue
            won.append(number)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end = logs[0].head(0)
    written = [r for r in first(logs[0], 0, end) if r.data]
    assert len(written) == len(won) > 0
    assert sorted(int(record.data) for record in written) == sorted(won)


def test_the_end_is_never_before_what_was_acknowledged(opened: Callable[[], SharedLog]) -> None:
    writer, reader = opened(), opened()
    end = 0
    for _ in range(120):
        writer.append(end, b"x")
        found = reader.head(0)
        assert found >= end + 1
        end = found


def test_a_follower_is_told_of_what_comes_later(opened: Callable[[], SharedLog]) -> None:
    writer, reader = opened(), opened()
    told: list[Record] = []
    silent, whole = threading.Event(), threading.Event()

    def follow() -> None:
        for record in reader.follow(0, whole.is_set):
            if record is None:
                silent.set()
            else:
                told.append(record)
                if len(told) == 10:
                    whole.set()

    thread = threading.Thread(target=follow)
    thread.start()
    # It has looked, found nothing and waits: only now is there something to tell.
    assert silent.wait(120)
    for position in range(10):
        writer.append(position, b"x")
    assert whole.wait(120)
    thread.join(120)
    assert [record.position for record in told] == list(range(1, 11))


def test_a_snapshot_replaces_what_it_covers(opened: Callable[[], SharedLog]) -> None:
    log, other = opened(), opened()
    assert log.snapshot() is None
    for position in range(30):
        log.append(position, b"x")
    large = bytes(range(256)) * 10_000
    assert log.keep_snapshot(Snapshot(20, large), 0)
    assert other.snapshot() == Snapshot(20, large)
    with pytest.raises(Trimmed):
        first(other, 4, 1)
    assert first(other, 20, 10)[0] == Record(21, b"x")
    assert other.head(30) >= 30


def test_of_two_snapshots_of_one_predecessor_one_is_kept(opened: Callable[[], SharedLog]) -> None:
    log, other = opened(), opened()
    for position in range(10):
        log.append(position, b"x")
    assert log.keep_snapshot(Snapshot(5, b"mine"), 0)
    assert not other.keep_snapshot(Snapshot(7, b"late"), 0)
    assert other.keep_snapshot(Snapshot(7, b"next"), 5)
    assert log.snapshot() == Snapshot(7, b"next")


@pytest.mark.parametrize("engine", ["etcd", "nats"])
def test_two_names_are_two_logs(engine: str, running: Callable[[str], Cluster]) -> None:
    url = running(engine).url
    one, other = (open_log(f"{url}/{uuid.uuid4().hex}") for _ in range(2))
    one.append(0, b"x")
    other.append(0, b"y")
    assert first(other, 0, 1) == [Record(1, b"y")]
    one.close()
    other.close()


@pytest.mark.parametrize("engine", ["etcd", "nats"])
def test_the_log_of_a_namespace_is_another_one(
    engine: str, running: Callable[[str], Cluster]
) -> None:
    url = f"{running(engine).url}/{uuid.uuid4().hex}"
    beside = open_log(url, namespace="team")
    beside.append(0, b"x")
    logs = [open_log(url), open_log(url, namespace="team"), open_log(url, namespace="teams")]
    assert [log.begun() for log in logs] == [False, True, False]
    for log in (beside, *logs):
        log.close()
    with pytest.raises(UsageError, match="letters"):
        open_log(url, namespace="a.b")


@pytest.mark.parametrize("engine", ["etcd", "nats"])
def test_nobody_there_is_said_in_time(engine: str) -> None:
    log = open_log(f"{engine}://127.0.0.1:9/somewhere", timeout=0.3)
    with pytest.raises(Away, match="does not answer"):
        log.append(0, b"x")
    log.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://127.0.0.1:1/x", "etcd:// or nats://"),
        ("etcd:///x", "no server"),
        ("etcd://127.0.0.1:1/a__b", "single"),
        ("etcd://127.0.0.1:port/x", "port"),
        ("nats://127.0.0.1:1/a b", "letters"),
        ("nats://127.0.0.1:1/a?replicas=2", "replicas"),
        ("etcd://127.0.0.1:1/a?replicas=3", "replicas"),
        ("etcd://127.0.0.1:1/../x", "letters"),
    ],
)
def test_a_wrong_address_is_refused_with_what_is_right(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_log(url)
