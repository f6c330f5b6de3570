"""Each wall by itself: what it stops with no other there, and that the same is possible without it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from framework0.runner.sandbox import filtering, landlock, limits, namespaces, root
from framework0.runner.sandbox.calls import LayerMissing, prctl, syscall
from framework0.runner.sandbox.entering import _has_no_reader, enter
from framework0.runner.sandbox.plan import plan_for
from tests.runner.sandbox.conftest import WALLS

pytestmark = pytest.mark.slow

LIBC = ctypes.CDLL(None, use_errno=True)

SPACES = (namespaces.LAYER, root.LAYER)


def _call(name, *arguments):
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _make_a_pair():
    for one in socket.socketpair():
        one.close()


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text("x")
    return folder


@pytest.fixture
def target():
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    yield process
    process.communicate()


@pytest.fixture
def deeds(outside, target):
    """What is tried, by name; each works where no wall stands."""
    server = socket.create_server(("127.0.0.1", 0))
    hidden = socket.socket(socket.AF_UNIX)
    hidden.bind(f"\0walls-{os.getpid()}")
    hidden.listen()

    def connect(family, address):
        with socket.socket(family) as one:
            one.connect(address)

    yield {
        "read": (outside / "file").read_text,
        "write": lambda: (outside / "file").write_text("y"),
        "make a folder": lambda: os.mkdir(outside / f"new-{os.getpid()}"),
        "rename": lambda: os.replace(outside / "file", outside / "file"),
        "cut short": lambda: os.truncate(outside / "file", 1),
        "connect": lambda: connect(socket.AF_INET, server.getsockname()),
        "abstract": lambda: connect(socket.AF_UNIX, hidden.getsockname()),
        "signal": lambda: os.kill(target.pid, 0),
        "trace": lambda: _call("ptrace", 0x4206, target.pid, 0, 0),
        "unshare": lambda: _call("unshare", 0x1000_0000),
        "pair": _make_a_pair,
        "packet": lambda: socket.socket(socket.AF_UNIX).close(),
    }
    server.close()
    hidden.close()


STOPPED = {
    "spaces": (
        "read",
        "write",
        "make a folder",
        "rename",
        "cut short",
        "connect",
        "abstract",
        "signal",
        "trace",
    ),
    "spaces and Landlock": ("read", "write", "connect", "abstract", "signal", "trace", "unshare"),
    landlock.LAYER: (
        "write",
        "make a folder",
        "cut short",
        "connect",
        "abstract",
        "signal",
        "trace",
    ),
    filtering.LAYER: ("abstract", "trace", "unshare", "packet"),
}
"""What each of them stops alone."""

STANDING = {
    "spaces": SPACES,
    "spaces and Landlock": (*SPACES, landlock.LAYER),
    landlock.LAYER: (landlock.LAYER,),
    filtering.LAYER: (filtering.LAYER,),
}


@pytest.mark.parametrize("wall", STOPPED)
def test_a_wall_alone_stops_what_it_is_for(space, behind, deeds, tmp_path, wall):
    plan = {
        **space.plan(*(one for one in WALLS if one not in STANDING[wall])),
        "home": str(tmp_path / "space"),
    }
    found = behind(plan, *(deeds[name] for name in STOPPED[wall]))
    assert found.status == 0
    went = [
        name for name, one in zip(STOPPED[wall], found.told, strict=True) if one["error"] is None
    ]
    assert went == []


def test_without_a_wall_each_deed_works(space, behind, deeds):
    found = behind(space.plan(*WALLS), *deeds.values())
    stopped = {name: one["error"] for name, one in zip(deeds, found.told, strict=True)}
    assert stopped == dict.fromkeys(deeds)


def test_behind_all_walls_only_what_is_the_step_s_own_works(space, behind, deeds):
    found = behind(space.plan(), *deeds.values())
    worked = [name for name, one in zip(deeds, found.told, strict=True) if one["error"] is None]
    assert worked == ["pair"]


def test_limits_are_set_and_stay_below_those_there_are(space, behind):
    resource_names = (
        "RLIMIT_AS",
        "RLIMIT_FSIZE",
        "RLIMIT_NOFILE",
        "RLIMIT_CORE",
        "RLIMIT_CPU",
        "RLIMIT_NPROC",
    )

    def read():
        return {name: resource.getrlimit(getattr(resource, name)) for name in resource_names}

    plan = space.plan()
    found = behind(plan, read).value
    assert found["RLIMIT_AS"] == [plan["memory"]] * 2
    assert found["RLIMIT_FSIZE"] == [plan["scratch"]] * 2
    assert found["RLIMIT_CORE"] == [0, 0]
    assert found["RLIMIT_CPU"] == [plan["cpu"], plan["cpu"] + 2]
    assert found["RLIMIT_NPROC"] == [plan["processes"]] * 2
    more = behind({**plan, "descriptors": 1 << 40}, read).value
    assert more["RLIMIT_NOFILE"] == [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2


def test_a_step_has_no_powers_and_can_gain_none(space, behind):
    def read():
        text = subprocess.run(
            ["cat", "/proc/self/status"], capture_output=True, text=True, check=True
        ).stdout
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    found = behind(space.plan(), read).value
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "0" * 16
    }
    assert found["NoNewPrivs"] == "1"
    assert found["Seccomp"] == "2"
    assert found["Uid"].split() == ["1000"] * 4


def test_where_nothing_bounds_the_processes_of_root_the_wall_is_missing():
    for release, user in (("6.14.0-rc1", 0), ("7.0", 0), ("5.15.0-generic", 1000), ("odd", 1000)):
        limits.check_process_limit(release, user)
    for release in ("6.13.9", "5.15.0-generic", "odd"):
        with pytest.raises(LayerMissing, match="as another user") as found:
            limits.check_process_limit(release, 0)
        assert found.value.layer == limits.LAYER


def test_the_machine_s_own_limit_of_processes_is_never_touched(space, behind):
    def read():
        with open("/proc/sys/kernel/pid_max") as file:
            return int(file.read())

    before = read()
    most = behind(space.plan(), read).value
    assert most == root.PROCESS_IDS or not limits.has_own_pid_max(os.uname().release)
    assert read() == before > root.PROCESS_IDS


@pytest.fixture
def first(inside):
    """Run a function in the first process of the namespaces, in the root of a plan."""

    def run(plan, function):
        def start(answer):
            namespaces.separate()
            pid = os.fork()
            if pid == 0:
                root.change_root(plan)
                answer(function)
                os._exit(0)
            os.waitpid(pid, 0)

        return inside(start)

    return run


def test_the_root_holds_what_is_listed_and_no_more(space, first, tmp_path):
    (space.folder / ".framework0").mkdir()
    (space.folder / ".framework0" / "journal.db").write_text("x")
    (space.folder / ".git").mkdir()
    (tmp_path / "single").write_text("one file")
    os.symlink(tmp_path / "single", space.folder / "dead")
    plan = space.plan()
    plan["readable"] += [[path, path] for path in (str(tmp_path / "single"), "/nowhere", "/bin")]

    def look():
        return {
            "root": sorted(os.listdir("/")),
            "space": sorted(os.listdir(space.folder)),
            "covered": [os.listdir(space.folder / name) for name in (".framework0", ".git")],
            "single": (tmp_path / "single").read_text(),
            "devices": sorted(os.listdir("/dev")),
            "scratch": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize,
            "home": os.path.exists(os.path.expanduser("~/.bashrc")),
            "passwd": os.path.exists("/etc/passwd"),
        }

    found = first(plan, look).value
    assert found["space"] == [".framework0", ".git", "dead", "framework0.toml", "steps.py"]
    assert found["covered"] == [[], []]
    assert found["single"] == "one file"
    assert found["scratch"] == plan["scratch"]
    assert found["devices"] == [
        "fd",
        "full",
        "null",
        "random",
        "shm",
        "stdin",
        "stdout",
        "urandom",
        "zero",
    ]
    assert not found["home"]
    assert not found["passwd"]
    assert not {"sys", "var", "run", "boot", ".old"} & set(found["root"])


def test_landlock_lets_no_step_write_into_a_workspace_under_a_scratch_folder(behind, monkeypatch):
    # The binds are made writable, as if they had a hole: Landlock alone stands then.
    monkeypatch.setattr(root, "_ATTR_RDONLY", 0)
    for above in (root.SCRATCH, root.SHARED):
        with tempfile.TemporaryDirectory(dir=above) as name:
            os.chmod(name, 0o777)

            def write(name=name):
                with open(f"{name}/planted", "w") as file:
                    file.write("x")

            plan = plan_for(Path(name), Path(name, ".framework0"), [], [])
            assert behind(plan, write).error == "Permission denied"
            without = {**plan, "missing": [landlock.LAYER]}
            assert behind(without, write).error is None
            assert os.listdir(name) == ["planted"]


def test_landlock_that_is_refused_is_named(inside):
    def start(answer):
        prctl(38, 1)
        for _ in range(20):
            landlock.confine(("/tmp",))

    found = inside(start)
    assert found.layer == landlock.LAYER
    assert "landlock_restrict_self" in found.why


def test_a_filter_that_is_refused_is_named(inside, monkeypatch):
    def start(answer):
        prctl(38, 1)
        for _ in range(1000):
            filtering.refuse_calls()

    assert inside(start).layer == filtering.LAYER
    monkeypatch.setattr("platform.machine", lambda: "vax")
    with pytest.raises(LayerMissing, match="on vax are not known"):
        filtering.refuse_calls()
    with pytest.raises(OSError, match="keyctl has no known number on vax"):
        syscall("keyctl", 1, 0)


def test_the_filter_has_the_same_shape_for_both_machines():
    both = [filtering.program(machine) for machine in ("x86_64", "aarch64")]
    first, second = ([one[:3] for one in each] for each in both)
    assert first == second
    assert both[0] != both[1]
    for one in both:
        assert all(0 <= jump < 256 for _, yes, no, _ in one for jump in (yes, no))


def test_calls_of_the_other_table_are_unknown_behind_the_filter(space, behind):
    def other():
        if LIBC.syscall(ctypes.c_long(0x4000_0000 + 39)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    assert behind(space.plan(), other).error == "Function not implemented"


def test_namespaces_that_are_refused_are_named(inside):
    def start(answer):
        namespaces.separate()
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
        namespaces.separate()

    found = inside(start)
    assert found.layer == namespaces.LAYER
    assert "max_user_namespaces" in found.why


def test_a_root_that_is_refused_is_named(space, inside):
    def start(answer):
        namespaces.separate()
        if os.fork() == 0:
            root.change_root({**space.plan(), "files": "many"})
        os.wait()

    found = inside(start)
    assert found.layer == root.LAYER
    assert "mount" in found.why


def test_the_outer_process_ends_as_the_step_did(space, behind):
    for end, status in (
        (lambda: os._exit(3), 3),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
        (lambda: os.kill(os.getpid(), signal.SIGUSR1), -signal.SIGUSR1),
    ):
        assert behind(space.plan(), end).status == status
        assert behind(space.plan(*WALLS), end).status == status


def test_what_the_step_leaves_behind_ends_with_it(space, behind):
    reading, writing = os.pipe()

    def leave():
        if os.fork() == 0:
            os.setsid()
            os.read(reading, 1)

    assert behind(space.plan(), leave).error is None
    os.close(writing)
    # Whoever else held the pipe's other end open would keep this from ending.
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_the_first_process_ends_when_the_outer_one_is_gone(space):
    reading, writing = os.pipe()
    outer = os.fork()
    if outer == 0:
        os.close(reading)

        def stay():
            os.write(writing, b"up")
            signal.pause()

        try:
            enter(space.plan(), stay)
        finally:
            os._exit(1)
    os.close(writing)
    assert os.read(reading, 2) == b"up"
    os.kill(outer, signal.SIGKILL)
    os.waitpid(outer, 0)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_pipe_without_a_reader_is_noticed():
    reading, writing = os.pipe()
    assert not _has_no_reader(writing)
    os.close(reading)
    assert _has_no_reader(writing)
    os.close(writing)
