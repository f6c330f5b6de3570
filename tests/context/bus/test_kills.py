"""SIGKILL of either side, at any moment: the other one is told, and no memory is left behind.

Memory that nobody can see any more is gone: a segment lives by descriptors, by mappings, and by
descriptors that wait in a socket. So the processes report the inode of each of their segments, and after
the kill the whole of /proc is searched for these inodes and for the channel's sockets.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from framework0.context.bus import channel

pytestmark = pytest.mark.usefixtures("unmeasured")

# Each has two processes and is killed at another place; all kinds of them together are twelve.
ROUNDS = 2

PROGRAM = """
import os, sys
memory, role, descriptor = sys.argv[1], sys.argv[2], int(sys.argv[3])
if memory == "file":
    del os.memfd_create
import numpy as np
from framework0.context.bus import Receiver, Sender, share
from framework0.errors import BusClosed

def tell(array):
    found = os.fstat(share(array).segment.fileno())
    print(f"{found.st_dev}:{found.st_ino}", flush=True)

def send(sender):
    while True:
        array = share(np.ones(200_000)).open()
        tell(array)
        sender.send("a", {"first": array, "second": np.ones(100_000), "text": "x" * 50_000})

def receive(receiver):
    held = []
    for message in receiver:
        tell(message.value["first"])
        held = [*held[-5:], message]

try:
    if role == "sender":
        send(Sender.from_descriptor(descriptor))
    else:
        receive(Receiver.from_descriptor(descriptor))
except BusClosed:
    pass
print("told", flush=True)
sys.stdin.read()
"""


def start(memory, role, end, folder):
    """Start one side; it inherits its end and nothing else."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, memory, role, str(end.fileno())],
        pass_fds=[end.fileno()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    end.close()
    return process


def holders(inodes, sockets):
    """Return the processes that have one of these segments or sockets, open or mapped."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            for name in os.listdir(folder / "fd"):
                link = os.readlink(folder / "fd" / name)
                status = os.stat(folder / "fd" / name)
                if f"{status.st_dev}:{status.st_ino}" in inodes or link in sockets:
                    found.add(int(folder.name))
            for line in (folder / "maps").read_text().splitlines():
                if "framework0" in line:
                    _, _, _, device, inode, *_ = line.split()
                    major, minor = (int(part, 16) for part in device.split(":"))
                    if f"{os.makedev(major, minor)}:{inode}" in inodes:
                        found.add(int(folder.name))
        # It has ended meanwhile, or belongs to somebody who never had any of it.
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def files(folder, inodes):
    """Return what could have been left with a name; other tests have files of their own beside ours."""
    found = [os.path.join(folder, name) for name in os.listdir(folder)]
    for name in os.listdir("/dev/shm"):
        # What is gone between the two looks is not left.
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(os.path.join("/dev/shm", name))
            if "framework0-" in name and f"{status.st_dev}:{status.st_ino}" in inodes:
                found.append(name)
    return found


def read_until(process, count):
    """Read so many reports of a side."""
    return [process.stdout.readline().strip() for _ in range(count)]


def rest_of(process):
    """Read what a side still reports, up to the word that it was told, or to its end."""
    lines = []
    for line in iter(process.stdout.readline, ""):
        lines.append(line.strip())
        if lines[-1] == "told":
            break
    return lines


def own_descriptors():
    """Return what this process has open, by what it is and not by its number."""
    gc.collect()
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        # The listing itself was open while it was made.
        except FileNotFoundError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["memfd", "file"])
@pytest.mark.parametrize("victims", ["sender", "receiver", "both"])
def test_a_killed_side_leaves_nothing_and_the_other_is_told(victims, memory, tmp_path):
    chance = random.Random(f"{victims} {memory}")
    before = own_descriptors()
    for _ in range(ROUNDS):
        sender, receiver = channel(window=8_000_000)
        sockets = {os.readlink(f"/proc/self/fd/{end.fileno()}") for end in (sender, receiver)}
        sides = {"sender": start(memory, "sender", sender, tmp_path)}
        sides["receiver"] = start(memory, "receiver", receiver, tmp_path)
        inodes = set(read_until(sides["receiver"], chance.randrange(1, 12)))
        killed = ["sender", "receiver"] if victims == "both" else [victims]
        for role in killed:
            sides[role].kill()
        for role in killed:
            sides[role].wait(120)
        lines = {role: rest_of(side) for role, side in sides.items()}
        inodes.update(line for part in lines.values() for line in part)
        inodes = {each for each in inodes if re.fullmatch(r"\d+:\d+", each)}
        living = {side.pid for role, side in sides.items() if role not in killed}
        assert [lines[role][-1] for role in sides if role not in killed] == ["told"] * len(living)
        assert inodes
        assert holders(inodes, sockets) <= living
        for side in sides.values():
            side.stdin.close()
            side.stdout.close()
            side.wait(120)
        assert holders(inodes, sockets) == set()
        assert files(tmp_path, inodes) == []
    assert own_descriptors() - before == set()


def test_the_search_finds_what_is_held():
    # Without this, the test above could not fail.
    import numpy as np

    from framework0.context.bus import share

    sender, receiver = channel()
    with sender, receiver:
        sockets = {os.readlink(f"/proc/self/fd/{sender.fileno()}")}
        assert holders(set(), sockets) == {os.getpid()}
        shared = share(np.ones(100_000))
        found = os.fstat(shared.segment.fileno())
        inodes = {f"{found.st_dev}:{found.st_ino}"}
        assert holders(inodes, set()) == {os.getpid()}
        array = shared.open()
        del shared
        gc.collect()
        assert holders(inodes, set()) == {os.getpid()}
        del array
        gc.collect()
        assert holders(inodes, set()) == set()
