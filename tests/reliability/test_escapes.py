"""Deeds of a step nobody trusts, each done twice: in a plain run it succeeds, in an untrusted run it does not.

The table says for each deed which wall stops it, and what the step sees of that wall. A deed that failed in the
plain run as well would prove nothing; so would a runner that died of it. Which walls stop a deed alone is shown in
``tests/runner/sandbox/test_walls.py``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from framework0.runner import missing_layers, plan_for

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "escapes"
PATIENCE = 1200
"""Seconds for all deeds, on a machine however busy."""

RUN = [sys.executable, "-P", "-m", "framework0", "run", "recipe.yaml"]

ROOT = "own root"
READ_ONLY = "read-only binds"
PIDS = "PID namespace"
NETWORK = "network namespace"
LANDLOCK = "Landlock"
FILTER = "system call filter"
ENVIRONMENT = "allow-list of variables"
LIMITS = "limits"
NO_POWERS = "no capabilities"
NO_NEW_POWERS = "no_new_privs, nosuid"
NO_DEVICES = "nodev"

DEEDS = {
    "read_a_token": (ROOT, "No such file"),
    "list_the_home_folder": (ROOT, "No such file"),
    "read_the_users_of_the_machine": (ROOT, "No such file"),
    "follow_a_link_of_the_workspace": (ROOT, "No such file"),
    "make_a_link_out": (ROOT, "No such file"),
    "climb_out_with_a_descriptor": (ROOT, "No such file"),
    "go_through_the_root_of_another_process": (ROOT, "No such file|Permission denied"),
    "write_outside": (ROOT, "No such file"),
    "remove_outside": (ROOT, "No such file"),
    "make_a_hard_link": (ROOT, "No such file"),
    "write_into_the_workspace": (READ_ONLY, "Read-only"),
    "change_its_own_code": (READ_ONLY, "Read-only"),
    "change_the_programs": (READ_ONLY, "Read-only"),
    "read_the_journal": (ROOT, "No such file"),
    "overwrite_the_journal": (ROOT, "No such file"),
    "connect_to_loopback": (LANDLOCK, "Permission denied"),
    "send_a_datagram": (NETWORK, "Network is unreachable"),
    "connect_to_a_unix_socket": (FILTER, "Address family not supported"),
    "connect_to_a_socket_of_the_workspace": (FILTER, "Address family not supported"),
    "connect_to_an_abstract_socket": (FILTER, "Address family not supported"),
    "call_the_host_of_the_virtual_machine": (FILTER, "Address family not supported"),
    "signal_a_process": (PIDS, "No such process"),
    "change_a_process": (PIDS, "No such file"),
    "trace_a_process": (FILTER, "Operation not permitted"),
    "read_the_memory_of_a_process": (PIDS, "No such file"),
    "copy_the_memory_of_a_process": (FILTER, "Operation not permitted"),
    "read_the_environment_of_a_process": (PIDS, "No such file"),
    "see_a_process": (PIDS, "No such file"),
    "read_a_variable_of_the_runner": (ENVIRONMENT, "not there"),
    "read_the_environment_of_its_parent": (PIDS, "Permission denied"),
    "write_into_a_file_it_inherits": (LIMITS, "there is none"),
    "fork_without_end": (LIMITS, "Resource temporarily unavailable"),
    "write_a_large_file": (LIMITS, "File too large"),
    "fill_the_disk": (LIMITS, "No space left"),
    "take_much_memory": (LIMITS, "Cannot allocate memory"),
    "open_many_files": (LIMITS, "Too many open files"),
    "mount_something": (FILTER, "Operation not permitted"),
    "use_a_setuid_program": (NO_NEW_POWERS, "it ran as 1000"),
    "make_a_device": (NO_POWERS, "Operation not permitted"),
    "use_a_device_of_the_workspace": (NO_DEVICES, "Permission denied"),
    "change_a_setting_of_the_machine": (READ_ONLY, "Read-only"),
    "make_namespaces": (FILTER, "Operation not permitted"),
    "ask_by_a_ring": (FILTER, "Operation not permitted"),
}

OF_ROOT = {
    "mount_something",
    "use_a_setuid_program",
    "make_a_device",
    "use_a_device_of_the_workspace",
    "change_a_setting_of_the_machine",
    "change_the_programs",
}
"""What an ordinary user cannot do in a plain run either."""

OF_SOME_MACHINES = {"call_the_host_of_the_virtual_machine", "ask_by_a_ring"}
"""What a machine may be built or set not to have: then the plain run meets that."""

ABSENT = "not supported|not implemented|not permitted"

TARGET = """
import ctypes, signal
signal.signal(signal.SIGUSR1, lambda *_: 0)
held = ctypes.create_string_buffer(b"secret")
print(ctypes.addressof(held), flush=True)
while True:
    signal.pause()
"""

STEP = (
    "  - {{name: {0}, idx: {1}, type: python, module: deeds, function: {0}, args: {{at: {2}}}, "
    "executor: process, continue_on_error: true}}\n"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A workspace, and beside it what the deeds are after: files, sockets, devices, a process."""
    base = tmp_path_factory.mktemp("escapes")
    outside, home, space = base / "outside", base / "home", base / "space"
    for folder in (outside, home, space):
        folder.mkdir()
    (home / "token").write_text("secret")
    (outside / "victim").write_text("x")
    (space / "framework0.toml").write_text("")
    (space / "link").symlink_to(home / "token")
    shutil.copy(HERE / "deeds.py", space)
    programs(space)
    target = subprocess.Popen(
        [sys.executable, "-c", TARGET],
        env={**os.environ, "TARGET": "secret"},
        stdout=subprocess.PIPE,
    )
    address = int(target.stdout.readline())
    sockets = listening(outside / "socket", space / "socket", f"\0escapes-{os.getpid()}")
    at = {
        "token": str(home / "token"),
        "home": str(home),
        "outside": str(outside),
        "port": sockets[0].getsockname()[1],
        "unix": str(outside / "socket"),
        "abstract": f"escapes-{os.getpid()}",
        "workspace": str(space),
        "journal": str(space / ".framework0" / "journal.db"),
        "target": target.pid,
        "address": address,
        "victim": str(outside / "victim"),
        "setuid": str(space / "id"),
        "owner": 65534,
        "program": shutil.which("id"),
    }
    yield SimpleNamespace(at=at, home=home, space=space, outside=outside, target=target)
    target.kill()
    target.wait()
    target.stdout.close()
    for one in sockets:
        one.close()


def programs(space):
    """Put a program into the workspace that runs as its owner, and a device; root can make both."""
    shutil.copy(shutil.which("id"), space / "id")
    if os.geteuid() == 0:
        os.chown(space / "id", 65534, 65534)
        os.mknod(space / "device", 0o666 | 0o020000, os.makedev(1, 5))
    (space / "id").chmod(0o4755)


def listening(*paths):
    found = [socket.create_server(("127.0.0.1", 0))]
    for path in paths:
        one = socket.socket(socket.AF_UNIX)
        one.bind(str(path))
        one.listen(64)
        found.append(one)
    return found


def unmeasured_environment(**own):
    """What a run gets; what it does is measured by other tests."""
    plain = {name: word for name, word in os.environ.items() if not name.startswith("COVERAGE_")}
    return {**plain, **own}


def run(world, *options):
    """Run all deeds in one run, one after another; return its exit code and the end of each step."""
    lines = [
        STEP.format(name, number, json.dumps(world.at)) for number, name in enumerate(DEEDS, 1)
    ]
    lines.append(STEP.format("nothing_wrong", len(lines) + 1, json.dumps(world.at)))
    (world.space / "recipe.yaml").write_text("metadata: {name: escapes}\nsteps:\n" + "".join(lines))
    done = subprocess.run(
        [*RUN, "--json", "-j", "1", *options],
        cwd=world.space,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=unmeasured_environment(HOME=str(world.home), ESCAPE_CANARY="canary-in-env"),
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {event["step"]: event for event in events if event["event"] == "step_finished"}
    assert list(ends) == [*DEEDS, "nothing_wrong"], done.stderr
    return done.returncode, ends


@pytest.fixture(scope="module")
def plain(world):
    return run(world)


@pytest.fixture(scope="module")
def untrusted(world):
    (world.space / "deeds.py").write_text((HERE / "deeds.py").read_text())
    (world.space / "planted.py").unlink(missing_ok=True)
    (world.outside / "written").unlink(missing_ok=True)
    missing = missing_layers(plan_for(world.space, world.space / ".framework0", [], []))
    if not missing:
        return run(world, "--untrusted")
    # A machine without one of the walls: nothing runs, and the wall is named.
    done = subprocess.run(
        [*RUN, "--untrusted"], cwd=world.space, capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    assert all(layer in done.stderr for layer in missing)
    return None


def test_the_table_names_every_deed():
    text = (HERE / "deeds.py").read_text()
    written = [line[4:].split("(")[0] for line in text.splitlines() if line.startswith("def ")]
    apart = ["kill_the_runner", "nothing_wrong"]
    assert [name for name in written if name[0] != "_"] == [*DEEDS, *apart]


@pytest.mark.parametrize("deed", DEEDS)
def test_in_a_plain_run_the_deed_succeeds(plain, deed):
    end = plain[1][deed]
    if deed in OF_SOME_MACHINES and end["state"] == "failed":
        assert re.search(ABSENT, end["failure"]["message"])
    elif deed in OF_ROOT and os.geteuid() != 0:
        assert end["state"] == "failed"
    else:
        assert end["state"] == "succeeded", end


@pytest.mark.parametrize("deed", DEEDS)
def test_behind_the_walls_it_fails_and_its_wall_says_so(untrusted, deed):
    if untrusted is None:
        return
    wall, words = DEEDS[deed]
    end = untrusted[1][deed]
    assert end["state"] == "failed", wall
    assert re.search(words, end["failure"]["message"]), (wall, end["failure"])


def test_afterwards_the_runner_is_alive_and_all_is_as_it_was(world, untrusted):
    if untrusted is None:
        return
    code, ends = untrusted
    assert ends["nothing_wrong"]["state"] == "succeeded"
    assert ends["nothing_wrong"]["result"] == "finex\n"
    assert code == 0
    assert (world.outside / "victim").read_text() == "x"
    assert not (world.outside / "written").exists()
    assert not (world.space / "planted.py").exists()
    assert (world.space / "deeds.py").read_text() == (HERE / "deeds.py").read_text()
    assert world.target.poll() is None


@pytest.mark.parametrize("options", [(), ("--untrusted",)])
def test_a_step_kills_its_runner_unless_it_is_untrusted(world, options):
    step = STEP.format("kill_the_runner", 1, json.dumps(world.at))
    (world.space / "recipe.yaml").write_text(f"metadata: {{name: kill}}\nsteps:\n{step}")
    told = world.space / "runner"
    told.unlink(missing_ok=True)
    runner = subprocess.Popen(
        [*RUN, *options], cwd=world.space, stderr=subprocess.PIPE, env=unmeasured_environment()
    )
    (world.space / "new").write_text(str(runner.pid))
    (world.space / "new").rename(told)
    _, said = runner.communicate(timeout=PATIENCE)
    if options and b"cannot keep" in said:
        assert runner.returncode == 5
    elif options:
        assert runner.returncode == 0
        assert b"No such process" in said
    else:
        assert runner.returncode == -signal.SIGKILL
