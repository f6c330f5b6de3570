"""Memory of a process and of all it started, read from /proc while it runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from time import sleep
from typing import NamedTuple

LOOK_EVERY = 0.001


class Peak(NamedTuple):
    """Bytes. ``tree`` is the largest sum of resident memory seen at one moment over the whole tree,
    pages shared between two processes counted twice; ``largest`` the kernel's own high-water mark of
    the largest process in it."""

    tree: int
    largest: int


def peak_of(words, folder=None, env=None):
    """Run a command and return the peak of its tree, looked at every millisecond."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tree = 0
    marks = {}
    while process.poll() is None:
        now = 0
        for pid in tree_of(process.pid):
            resident, high = figures(pid)
            now += resident
            marks[pid] = max(marks.get(pid, 0), high)
        tree = max(tree, now)
        sleep(LOOK_EVERY)
    if process.returncode != 0:
        raise SystemExit(f"{words} ended with {process.returncode}")
    return Peak(tree, max(marks.values(), default=0))


def tree_of(pid):
    """Return the process and its descendants, as far as they are still there."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
            for thread in threads:
                text = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                found += map(int, text.split())
        except OSError:
            continue
    return found


def figures(pid="self"):
    """Return the resident memory and its high-water mark of a process, in bytes; zeros if it is gone."""
    resident = high = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                resident = int(line.split()[1]) * 1024
            elif line.startswith("VmHWM:"):
                high = int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident, high


def forget_peak():
    """Set this process's high-water mark to what it has now."""
    Path("/proc/self/clear_refs").write_text("5")
