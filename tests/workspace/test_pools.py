"""Slots shared by runs: one contract for the real and the fake, then real processes and real kills."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from framework0.errors import RefusedError, WorkspaceError
from framework0.testing import FakePools
from framework0.workspace import PoolSlots, find_workspace, pool_users, pools_folder
from tests.conftest import REPOSITORY

SIZES = {"gpu": 2, "db": 1}


class Real:
    """Runs whose pools are files."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, name):
        return PoolSlots(self.folder, SIZES, name)


class Fake:
    """Runs whose pools are in memory."""

    def __init__(self, _folder):
        self.first = FakePools(SIZES, "first")

    def run(self, name):
        return self.first.another(name)


@pytest.fixture(params=[Real, Fake])
def world(request, tmp_path):
    return request.param(tmp_path / "pools")


def test_a_pool_gives_as_many_slots_as_it_has(world):
    one, two = world.run("one"), world.run("two")
    assert one.take(0, "gpu", 1, "a")
    assert two.take(0, "gpu", 1, "a")
    assert not one.take(1, "gpu", 1, "b")
    two.give_back(0)
    assert one.take(1, "gpu", 1, "b")


def test_slots_come_all_together_or_not_at_all(world):
    one, two, three = world.run("one"), world.run("two"), world.run("three")
    assert one.take(0, "gpu", 1, "a")
    assert not two.take(0, "gpu", 2, "b")
    one.give_back(0)
    assert two.take(0, "gpu", 2, "b")
    assert not three.take(0, "gpu", 1, "c")


def test_runs_take_turns_and_nobody_overtakes(world):
    one, two, three = world.run("one"), world.run("two"), world.run("three")
    assert one.take(0, "gpu", 2, "a")
    assert not two.take(0, "gpu", 2, "b")
    assert not three.take(0, "gpu", 1, "c")
    one.give_back(0)
    assert not three.take(0, "gpu", 1, "c")
    assert not one.take(1, "gpu", 1, "d")
    assert two.take(0, "gpu", 2, "b")
    two.give_back(0)
    assert not one.take(1, "gpu", 2, "d")
    assert three.take(0, "gpu", 1, "c")


def test_who_leaves_the_queue_is_in_nobodys_way(world):
    one, two, three = world.run("one"), world.run("two"), world.run("three")
    one.take(0, "db", 1, "a")
    assert not two.take(0, "db", 1, "b")
    assert not three.take(0, "db", 1, "c")
    one.give_back(0)
    two.leave("db")
    assert three.take(0, "db", 1, "c")


def test_closing_frees_everything(world):
    one, two = world.run("one"), world.run("two")
    one.take(0, "gpu", 2, "a")
    one.take(1, "db", 1, "b")
    one.close()
    assert two.take(0, "gpu", 2, "a")
    assert two.take(1, "db", 1, "b")


def test_what_is_told_names_the_runs_that_hold_slots(world):
    one, two = world.run("one"), world.run("two")
    one.take(0, "gpu", 2, "a")
    assert "2 of 2 in use by" in two.told("gpu")
    assert "one" in two.told("gpu")


def test_many_users_are_told_in_few_words(tmp_path):
    runs = [PoolSlots(tmp_path, {"gpu": 9}, f"r{n}") for n in range(5)]
    for run in runs:
        assert run.take(0, "gpu", 1, "a")
    told = runs[0].told("gpu")
    assert told == "pool gpu (5 of 9 in use by this run, run r1, run r2 and 2 more)"
    for run in runs:
        run.close()
    assert runs[0].told("gpu") == "pool gpu (0 of 9 in use)"


def test_a_slot_says_who_holds_it_and_a_free_one_says_nothing(tmp_path):
    one = PoolSlots(tmp_path, SIZES, "run-1")
    one.take(0, "gpu", 1, "train it")
    assert pool_users(tmp_path, "gpu") == ["run-1 train it"]
    assert pool_users(tmp_path, "db") == []
    one.close()
    assert pool_users(tmp_path, "gpu") == []


def test_what_is_no_file_of_ours_is_refused_and_left(tmp_path):
    (tmp_path / "gpu").mkdir()
    (tmp_path / "gpu" / "slot-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="symbolic link"):
        PoolSlots(tmp_path, SIZES, "one").take(0, "gpu", 1, "a")
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "db").write_text("not a folder")
    with pytest.raises(WorkspaceError, match="file where a folder is needed"):
        PoolSlots(tmp_path, SIZES, "one").take(0, "db", 1, "a")


def test_pools_lie_in_the_state_folder(tmp_path):
    space = find_workspace(explicit=tmp_path)
    assert pools_folder(space) == space.state / "pools"


HOLDER = """
import sys, time
from pathlib import Path
from framework0.workspace import PoolSlots
pools = PoolSlots(Path(sys.argv[1]), {"gpu": 2, "db": 1}, sys.argv[2])
while not pools.take(0, "db", 1, "a"):
    print("waits", flush=True)
    time.sleep(0.01)
print("holds", flush=True)
sys.stdin.readline()
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def heard(process, word):
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"never said {word}")


@pytest.mark.slow
def test_killing_the_holder_frees_its_slot_at_once_and_the_next_takes_it(tmp_path):
    holder = start(HOLDER, tmp_path, "one")
    two = PoolSlots(tmp_path, SIZES, "two")
    try:
        heard(holder, "holds")
        assert not two.take(0, "db", 1, "b")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        # At once: the first time somebody asks after its end, and without anybody else's doing.
        assert two.take(0, "db", 1, "b")
    finally:
        holder.kill()
        holder.communicate()
        two.close()


@pytest.mark.slow
def test_killing_the_first_in_the_queue_lets_the_second_go_on(tmp_path):
    ours = PoolSlots(tmp_path, SIZES, "ours")
    assert ours.take(0, "db", 1, "a")
    first, second = start(HOLDER, tmp_path, "first"), None
    try:
        heard(first, "waits")
        second = start(HOLDER, tmp_path, "second")
        heard(second, "waits")
        first.kill()
        first.wait()
        ours.give_back(0)
        heard(second, "holds")
        assert len(os.listdir(tmp_path / "db" / "queue")) == 0
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.communicate()


CONTENDER = """
import fcntl, os, random, sys, time
from pathlib import Path
from framework0.workspace import PoolSlots
folder, name = Path(sys.argv[1]), sys.argv[2]
pools = PoolSlots(folder / "pools", {"gpu": 2}, name)
chance = random.Random(name)
for turn in range(25):
    slots = chance.choice([1, 1, 2])
    while not pools.take(turn, "gpu", slots, "a"):
        time.sleep(0.001)
    # The witness knows nothing of pools: two plain files, each for one holder at a time.
    seats = [os.open(folder / f"seat-{n}", os.O_RDWR | os.O_CREAT) for n in range(2)]
    taken = 0
    for seat in seats:
        try:
            fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken += 1
        except BlockingIOError:
            pass
        if taken == slots:
            break
    if taken < slots:
        print("too many", flush=True)
    time.sleep(chance.random() / 500)
    for seat in seats:
        os.close(seat)
    pools.give_back(turn)
print("done", flush=True)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_eight_processes_never_hold_more_than_two_slots_and_all_get_their_turns(tmp_path):
    contenders = [start(CONTENDER, tmp_path, f"r{n}") for n in range(8)]
    try:
        told = [process.communicate(timeout=120)[0] for process in contenders]
    finally:
        for process in contenders:
            process.kill()
            process.wait()
    assert told == ["done\n"] * 8


def test_a_child_that_outlives_the_holder_holds_nothing(tmp_path):
    code = """
    import os, sys, time
    from pathlib import Path
    from framework0.workspace import PoolSlots
    pools = PoolSlots(Path(sys.argv[1]), {"gpu": 2, "db": 1}, "one")
    assert pools.take(0, "db", 1, "a")
    if os.fork() == 0:
        os.close(1)
        sys.stdin.readline()
        os._exit(0)
    os._exit(0)
    """
    parent = start(code, tmp_path)
    parent.wait()
    two = PoolSlots(tmp_path, SIZES, "two")
    until = time.monotonic() + 120
    # The child closes its copy first thing, which may be a moment after its parent's end.
    while not two.take(0, "db", 1, "b"):
        assert time.monotonic() < until
        time.sleep(0.001)
    parent.communicate()


def test_the_kernel_agrees_that_a_slot_is_locked(tmp_path):
    ours = PoolSlots(tmp_path, SIZES, "ours")
    ours.take(0, "db", 1, "a")
    with open(tmp_path / "db" / "slot-1") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    ours.give_back(0)
