"""Deeds of a step nobody trusts, each done twice: in a plain run it succeeds, in an untrusted run it does not.

A deed that fails in the plain run as well would prove nothing; so would a runner that died of it, or a
machine that lacks a wall: there the loud refusal is what is asserted.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from framework0.runner.sandbox.plan import plan_for
from framework0.runner.sandbox.probing import missing_layers

pytestmark = pytest.mark.slow

DEEDS = """
import ctypes, os, resource, signal, socket, subprocess, sys, time
from pathlib import Path

def libc(name, *arguments):
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

def read_token(at):
    return Path(at["token"]).read_text()

def list_home(at):
    return os.listdir(at["home"])[0]

def read_etc_passwd_of_the_machine(at):
    return Path("/etc/passwd").read_text()

def connect_to_loopback(at):
    socket.create_connection(("127.0.0.1", at["port"]), 2).close()

def send_a_datagram(at):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"secret", ("127.0.0.1", at["port"]))

def connect_to_a_unix_socket(at):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(at["unix"])

def connect_to_an_abstract_socket(at):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\\0" + at["abstract"])

def write_outside(at):
    Path(at["outside"], "written").write_text("x")

def write_into_the_workspace(at):
    Path(at["workspace"], "planted.py").write_text("x")

def change_its_own_code(at):
    with open(__file__, "a") as file:
        file.write("# planted\\n")

def read_the_journal(at):
    with open(at["journal"], "rb") as file:
        return len(file.read(16))

def open_the_journal_for_writing(at):
    os.close(os.open(at["journal"], os.O_RDWR))

def remove_outside(at):
    os.unlink(at["victim"])

def follow_a_link_out(at):
    os.symlink(at["token"], "link-%d" % os.getpid())
    return Path("link-%d" % os.getpid()).read_text()

def make_a_hard_link(at):
    os.link(at["token"], at["token"] + ".linked")

def signal_the_runner(at):
    os.kill(at["target"], 0)

def kill_a_process(at):
    os.kill(at["target"], signal.SIGUSR1)

def trace_a_process(at):
    libc("ptrace", 16, at["target"], 0, 0)
    os.waitpid(at["target"], 0)
    libc("ptrace", 17, at["target"], 0, 0)

def read_the_environment_of_a_process(at):
    return Path("/proc/%d/environ" % at["target"]).read_text()

def see_a_process(at):
    return Path("/proc/%d/cmdline" % at["target"]).read_text()

def go_through_the_root_of_process_1(at):
    for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
        try:
            return Path("/proc/%s/root%s" % (pid, at["token"])).read_text()
        except OSError:
            continue
    raise OSError("none")

def read_the_runners_environment(at):
    return os.environ["ESCAPE_CANARY"]

def find_the_canary_in_memory_of_ancestors(at):
    pid = os.getppid()
    if b"canary-in-env" not in Path("/proc/%d/environ" % pid).read_bytes():
        raise OSError("not there")

def use_inherited_descriptors(at):
    found = [os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd")
             if int(name) < 3 and os.path.exists("/proc/self/fd/" + name)]
    if not any(name.startswith("/") and name != "/dev/null" for name in found):
        raise OSError(str(found))

def fork_many(at):
    children = []
    try:
        for _ in range(600):
            pid = os.fork()
            if pid == 0:
                time.sleep(30)
                os._exit(0)
            children.append(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)

def write_much(at):
    name = "much-%d" % os.getpid()
    try:
        with open(name, "wb") as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
    finally:
        os.unlink(name)

def take_much_memory(at):
    import mmap
    mmap.mmap(-1, 6 << 30).close()

def open_many_files(at):
    opened = []
    try:
        for _ in range(400):
            opened.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for one in opened:
            os.close(one)

def change_the_machines_settings(at):
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")

def make_namespaces(at):
    pid = os.fork()
    if pid == 0:
        try:
            libc("unshare", 0x10000000)
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise OSError("refused")

def nothing_wrong(at):
    Path("mine").write_text("x")
    return subprocess.run(["echo", "fine"], check=True, capture_output=True, text=True).stdout
"""

NAMES = [
    line.split("(")[0][4:]
    for line in DEEDS.splitlines()
    if line.startswith("def ") and not line.startswith(("def libc", "def nothing"))
]

TARGET = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: 0)
print(flush=True)
while True:
    signal.pause()
"""

REFUSALS = re.compile(
    r"FileNotFoundError|PermissionError|ConnectionRefusedError|ProcessLookupError|BlockingIOError|"
    r"MemoryError|OSError|KeyError"
)
"""How the kernel says no, and the canary that is not in the environment."""

RECIPE = """
metadata: {name: escape}
steps:
  - {name: deed, idx: 1, type: python, module: deeds, function: NAME, args: {at: AT},
     executor: process, continue_on_error: true}
  - {name: honest, idx: 3, type: python, module: deeds, function: nothing_wrong, args: {at: {}},
     executor: process}
  - {name: other, idx: 2, type: shell, command: [echo, fine]}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A workspace, and beside it what the deeds are after: files, sockets, a process."""
    base = tmp_path_factory.mktemp("escapes")
    outside, home, space = base / "outside", base / "home", base / "space"
    for folder in (outside, home, space):
        folder.mkdir()
    (home / "token").write_text("secret")
    (space / "deeds.py").write_text(DEEDS)
    (space / "framework0.toml").write_text("")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(outside / "socket"))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0escapes-{os.getpid()}")
    loopback = socket.create_server(("127.0.0.1", 0))
    for one in (unix, abstract):
        one.listen(64)
    target = subprocess.Popen(
        [sys.executable, "-c", TARGET],
        env={**os.environ, "TARGET": "secret"},
        stdout=subprocess.PIPE,
    )
    target.stdout.readline()
    at = {
        "token": str(home / "token"),
        "home": str(home),
        "outside": str(outside),
        "port": loopback.getsockname()[1],
        "unix": str(outside / "socket"),
        "abstract": f"escapes-{os.getpid()}",
        "workspace": str(space),
        "journal": str(space / ".framework0" / "journal.db"),
        "target": target.pid,
        "victim": str(outside / "victim"),
    }
    yield SimpleNamespace(at=at, home=home, space=space, outside=outside, target=target)
    target.kill()
    target.wait()
    target.stdout.close()
    for one in (unix, abstract, loopback):
        one.close()


def run(world, deed, *options):
    (world.outside / "victim").write_text("x")
    (world.home / "token.linked").unlink(missing_ok=True)
    (world.space / "deeds.py").write_text(DEEDS)
    recipe = world.space / "recipe.yaml"
    recipe.write_text(RECIPE.replace("NAME", deed).replace("AT", json.dumps(world.at)))
    done = subprocess.run(
        [sys.executable, "-m", "framework0", "run", *options, "recipe.yaml", "--json"],
        cwd=world.space,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "HOME": str(world.home), "ESCAPE_CANARY": "canary-in-env"},
    )
    states = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "step_finished":
            states[event.get("step")] = event["state"]
    return done, states


@pytest.fixture(scope="module")
def missing(world):
    return missing_layers(plan_for(world.space, world.space / ".framework0", [], []))


@pytest.mark.parametrize("deed", NAMES)
def test_a_deed_that_succeeds_in_a_plain_run_fails_behind_the_walls(world, missing, deed):
    plain, states = run(world, deed)
    assert states.get("deed") == "succeeded", (plain.stdout, plain.stderr)
    done, states = run(world, deed, "--untrusted")
    if missing:
        assert done.returncode == 5
        assert all(layer in done.stderr for layer in missing)
        return
    assert states == {"deed": "failed", "honest": "succeeded", "other": "succeeded"}, (
        done.stdout,
        done.stderr,
    )
    assert REFUSALS.search(done.stdout), done.stdout
    assert (world.outside / "victim").exists()
    assert (world.space / "deeds.py").read_text() == DEEDS
    assert world.target.poll() is None
