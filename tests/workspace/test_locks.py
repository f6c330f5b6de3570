from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from framework0.errors import LockHeld, RefusedError, WorkspaceError
from framework0.workspace import Gate, hold, holder, kernel, this_process

HOLD = """
import signal, sys
from pathlib import Path
from framework0.workspace import hold
lock = hold(Path(sys.argv[1]), "a test")
print("held", flush=True)
{then}
"""


def _plain():
    """The environment without what makes children measure coverage: a kill tears its file too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@pytest.fixture
def other(tmp_path):
    """Start another process that holds a lock; it is ended with the test."""
    started = []

    def start(path, then="signal.pause()"):
        command = [sys.executable, "-c", HOLD.format(then=then), str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_plain())
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_has_one_holder_who_is_named(tmp_path, other):
    path = tmp_path / "lock"
    process = other(path)
    with pytest.raises(
        LockHeld, match=rf"lock is held by process {process.pid} on .*\(a test\), for"
    ) as caught:
        hold(path)
    assert str(process.pid) in caught.value.holder
    found = holder(path)
    assert (found.pid, found.host, found.note) == (process.pid, socket.gethostname(), "a test")
    assert 0 <= time.time() - found.since < 60


def test_a_dead_holder_is_none(tmp_path, other):
    path = tmp_path / "lock"
    process = other(path)
    process.kill()
    process.wait()
    # Its description is still there, its lock is not.
    assert str(process.pid) in path.read_text()
    assert holder(path) is None
    hold(path).release()


def test_a_child_that_outlives_the_holder_holds_nothing(tmp_path, other):
    path = tmp_path / "lock"
    process = other(
        path, "import os\nif os.fork() == 0: print(os.getpid(), flush=True)\nsignal.pause()"
    )
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        assert holder(path) is None
        hold(path).release()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_program_started_by_the_holder_holds_nothing(tmp_path):
    path = tmp_path / "lock"
    lock = hold(path)
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        close_fds=False,
    )
    lock.release()
    assert holder(path) is None
    child.communicate()


def test_nobody_holds_what_was_never_taken(tmp_path):
    assert holder(tmp_path / "lock") is None
    assert not (tmp_path / "lock").exists()


def test_releasing_frees_and_twice_does_no_harm(tmp_path):
    path = tmp_path / "lock"
    with hold(path) as lock:
        assert holder(path).pid == os.getpid()
        with pytest.raises(LockHeld):
            hold(path)
        assert lock.intact
    assert holder(path) is None
    lock.release()
    assert not lock.intact


def test_waiting_ends_when_the_lock_is_freed(tmp_path):
    path = tmp_path / "lock"
    first = hold(path)
    got = []
    threads = [
        threading.Thread(target=lambda limit=limit: got.append(hold(path, timeout=limit)))
        for limit in (None, 60.0)
    ]
    threads[0].start()
    while not _is_waiting(path):
        time.sleep(0.01)
    first.release()
    threads[0].join()
    threads[1].start()
    got[0].release()
    threads[1].join()
    assert len(got) == 2
    got[1].release()


def test_waiting_ends_with_its_time_limit(tmp_path):
    path = tmp_path / "lock"
    with hold(path):
        start = time.monotonic()
        with pytest.raises(LockHeld):
            hold(path, timeout=0.05)
        assert time.monotonic() - start >= 0.05


def test_asking_never_makes_a_free_lock_look_held(tmp_path):
    path = tmp_path / "lock"
    hold(path).release()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            holder(path)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(20):
            hold(path).release()
    finally:
        stop.set()
        for asker in askers:
            asker.join()


def test_somebody_asking_at_that_very_moment_is_no_holder(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.touch(mode=0o600)
    asker = os.open(path, os.O_RDONLY)
    fcntl.flock(asker, fcntl.LOCK_SH)
    really = kernel.lock

    def lock(descriptor, *, shared=False, wait=False):
        taken = really(descriptor, shared=shared, wait=wait)
        if shared:
            fcntl.flock(asker, fcntl.LOCK_UN)
        return taken

    monkeypatch.setattr(kernel, "lock", lock)
    hold(path).release()
    os.close(asker)


def test_a_lock_whose_file_was_replaced_knows_it(tmp_path):
    path = tmp_path / "lock"
    lock = hold(path)
    path.unlink()
    assert not lock.intact
    other = hold(path)
    assert other.intact
    assert not lock.intact
    lock.release()
    other.release()


def test_a_file_replaced_while_waiting_is_opened_anew(tmp_path):
    path = tmp_path / "lock"
    first = hold(path)
    got = []
    waiter = threading.Thread(target=lambda: got.append(hold(path, timeout=None)))
    waiter.start()
    while not _is_waiting(path):
        time.sleep(0.01)
    path.unlink()
    first.release()
    waiter.join()
    assert got[0].intact
    got[0].release()


def _is_waiting(path):
    inode = f":{path.stat().st_ino} "
    with open("/proc/locks") as file:
        return any("->" in line and inode in line for line in file)


@pytest.mark.parametrize("content", [b"", b"not json", b'{"pid": 1}', b"[1]", b"\xff\xfe"])
def test_a_holder_that_has_not_said_who_it_is_still_holds(tmp_path, content):
    path = tmp_path / "lock"
    with hold(path):
        path.write_bytes(content)
        found = holder(path)
        assert found.pid == 0
        assert "not said" in str(found)
        with pytest.raises(LockHeld, match="not said who it is"):
            hold(path)


def test_a_full_disk_keeps_nobody_from_locking(tmp_path):
    program = """
import resource, sys
from pathlib import Path
from framework0.workspace import hold, holder
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with hold(Path(sys.argv[1])):
    assert holder(Path(sys.argv[1])).pid == 0
"""
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "lock")], env=_plain(), check=True
    )


def _link(path, victim):
    path.symlink_to(victim)


def _hard_link(path, victim):
    path.hardlink_to(victim)


def _dangling(path, victim):
    path.symlink_to(victim.with_name("absent"))


def _folder(path, victim):
    path.mkdir()


def _pipe(path, victim):
    os.mkfifo(path)


def _socket(path, victim):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    "make", [_link, _hard_link, _dangling, _folder, _pipe, _socket], ids=lambda make: make.__name__
)
def test_what_is_no_file_of_our_own_is_refused_untouched(tmp_path, make):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    path = tmp_path / "lock"
    make(path, victim)
    for call in (hold, holder, Gate):
        with pytest.raises(RefusedError, match=r"lock (is|has)"):
            call(path)
    assert victim.read_text() == "precious"
    assert victim.stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "absent").exists()


def test_a_device_is_refused(tmp_path):
    from pathlib import Path

    with pytest.raises(RefusedError, match="a device"):
        hold(Path("/dev/null"))


def test_another_users_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    hold(path).release()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(RefusedError, match=f"belongs to user {mine}"):
        hold(path)


def test_a_lock_needs_its_folder(tmp_path):
    with pytest.raises(WorkspaceError, match="its folder does not exist"):
        hold(tmp_path / "absent" / "lock")


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_no_umask_changes_the_mode(tmp_path, umask):
    before = os.umask(umask)
    try:
        hold(tmp_path / "lock").release()
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    os.chmod(tmp_path / "lock", 0o644)
    hold(tmp_path / "lock").release()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_gate_lets_one_in_at_a_time(tmp_path):
    path = tmp_path / "gate"
    inside = []
    crowded = []

    def work():
        gate = Gate(path)
        for _ in range(200):
            with gate:
                inside.append(1)
                # Lets the other threads run: without a lock they would come in here.
                time.sleep(0)
                if len(inside) > 1:
                    crowded.append(1)
                inside.pop()
        gate.close()
        gate.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crowded == []


@pytest.mark.parametrize(
    ("age", "words"),
    [(5, "for 5.0 s"), (90, "for 1.5 min"), (7200, "for 2.0 h"), (172800, "for 2.0 d")],
)
def test_the_age_of_a_lock_reads_well(monkeypatch, age, words):
    from framework0.workspace import Holder

    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert words in str(Holder(7, 0.0, "here", "", 1_000_000.0 - age, ""))


def test_this_process_is_told_from_any_other():
    who = this_process()
    assert who.pid == os.getpid()
    assert who.started > 0
    assert who.host == socket.gethostname()
