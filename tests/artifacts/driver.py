"""What the tests kill: a process that keeps artifacts, as told by its arguments."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from framework0.artifacts import Artifacts, Roots, sweep
from framework0.workspace import Gate

CALLS = ("mkdir", "chmod", "open", "write", "fsync", "close", "replace", "utime", "unlink", "lstat")


@contextmanager
def dies_at(call_number):
    """Have this process killed, without a word, just before its n-th call into the file system."""
    seen = 0

    def watched(original):
        def call(*arguments, **more):
            nonlocal seen
            seen += 1
            if seen == call_number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **more)

        return call

    originals = {name: getattr(os, name) for name in CALLS}
    for name, original in originals.items():
        setattr(os, name, watched(original))
    yield
    for name, original in originals.items():
        setattr(os, name, original)


def put(folder, call_number):
    store = Artifacts(folder, pins=folder.parent / "pins")
    with dies_at(int(call_number)):
        store.put(b"precious" * 300_000)
    print("done")


def clean(folder, call_number):
    gate = Gate(folder.parent / "gate")
    with dies_at(int(call_number)):
        sweep(folder, gate, lambda: Roots(os.environ["REFERRED"].split(), ()), now=4_000_000_000.0)
    print("done")


def full(folder, limit):
    import resource

    from framework0.errors import ArtifactError

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    store = Artifacts(folder)
    try:
        store.put(b"x" * (int(limit) + 1))
    except ArtifactError as error:
        print(error)
    store.put(b"small")


def many(folder, name):
    """Keep, load and rely on the same few contents as others do, while somebody sweeps."""
    pins = folder.parent / f"pins-{name}"
    store = Artifacts(folder, gate=Gate(folder.parent / "gate"), pins=pins, durable=False)
    for count in range(60):
        value = b"%d" % (count % 7) * 50_000
        artifact = store.put(value)
        if store.load(artifact) != value:
            print("LOST", count)
    print("done")


if __name__ == "__main__":
    {"put": put, "clean": clean, "full": full, "many": many}[sys.argv[1]](
        Path(sys.argv[2]), sys.argv[3]
    )
