"""Processes that count in one file and are killed at random, and the ledgers of what they were told."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

from framework0.jsonfile import JsonFile

# Counts to its quota. What it was told is done goes to its own ledger, one byte each.
WORKER = """
import os, sys, time
from pathlib import Path
from framework0.jsonfile import JsonFile
path, name, quota, exact = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "exact"
file = JsonFile(path, timeout=600)
ledger = os.open(path.parent / f"ledger.{name}", os.O_CREAT | os.O_APPEND | os.O_RDWR)
def once(number):
    def change(document):
        done = document.setdefault("done", {})
        if done.get(name, -1) < number:
            document["count"] = document.get("count", 0) + 1
            done[name] = number
    return change
while (number := os.fstat(ledger).st_size) < quota:
    # The last one is made when all kills are done, so that each of them meets one that counts.
    while number == quota - 1 and not (path.parent / "killed").exists():
        time.sleep(0.02)
    if exact:
        file.change(once(number))
    else:
        file.increment("count")
    os.write(ledger, b"x")
"""


def hunt(path, *, processes, quota, kills, mode, seed):
    """Run the workers, kill one at random so often, start it again; return (acknowledged, kills done)."""
    chance = random.Random(seed)

    def start(name):
        return subprocess.Popen([sys.executable, "-c", WORKER, path, str(name), str(quota), mode])

    running = {name: start(name) for name in range(processes)}
    killed = reads = 0
    reader = JsonFile(path)
    try:
        while running:
            time.sleep(0.03)
            # Never torn, for a reader without a lock.
            reads += json.loads(path.read_text()).get("count", 0) >= 0 if path.exists() else 0
            reader.read()
            for name, process in list(running.items()):
                ended = process.poll()
                if ended == 0:
                    del running[name]
                elif ended is not None:
                    assert ended == -signal.SIGKILL
                    running[name] = start(name)
            if killed < kills and running:
                chance.choice(list(running.values())).kill()
                killed += 1
            if killed == kills:
                (path.parent / "killed").touch()
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    ledgers = [(path.parent / f"ledger.{name}").stat().st_size for name in range(processes)]
    assert ledgers == [quota] * processes
    return sum(ledgers), killed
