"""Starting: --version, --help, and a recipe of one step, as whole processes."""

from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path

from benchmarks import shapes
from benchmarks.memory import peak_of
from benchmarks.table import NOT_ASKED, Row, bounded, longer
from benchmarks.timing import CONSOLE_SCRIPT, PEERS, PYTHON, commands

MOST_MEMORY = 40
HERE = Path(__file__).parent
TO_INSTALL = "not installed: `make bench-peers`"


def rows(sizes):
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folder = shapes.workspace(Path(scratch) / "ours")
        (folder / "one.yaml").write_text(shapes.ONE_STEP)
        yield from the_command(sizes, folder)
        yield from one_step(sizes, folder, Path(scratch))


def the_command(sizes, folder):
    empty, version, usage = commands(
        sizes.starts,
        lambda: ([PYTHON, "-c", "pass"], folder),
        lambda: ([CONSOLE_SCRIPT, "--version"], folder),
        lambda: ([CONSOLE_SCRIPT, "--help"], folder),
    )
    yield longer("framework0 --version", version, "python -c pass", empty, most=2)
    yield longer("framework0 --help", usage, "python -c pass", empty, most=4)


def one_step(sizes, folder, scratch):
    peers = {name: words for name, words in peer_commands().items() if Path(words[0]).exists()}
    shutil.copytree(HERE / "peers", scratch / "peers")
    ours = [CONSOLE_SCRIPT, "run", "one.yaml"]
    fresh = count()

    def anew():
        """A workspace that has never run anything: no journal, no remembered recipe."""
        new = scratch / f"new{next(fresh)}"
        new.mkdir()
        for name in ("steps.py", "one.yaml"):
            shutil.copy(folder / name, new)
        (new / ".framework0").mkdir()
        return ours, new

    empty, run, first, *others = commands(
        sizes.starts,
        lambda: ([PYTHON, "-c", "pass"], folder),
        lambda: (ours, folder),
        anew,
        *[lambda words=words: (words, scratch / "peers") for words in peers.values()],
    )
    work = "one step from the shell, durable"
    yield longer(work, run, "python -c pass", empty, most=6)
    yield longer("… for the first time in a new workspace", first, "python -c pass", empty)
    for name, other in zip(peers, others, strict=True):
        yield longer(work, run, name, other, most=1)
    for name in peer_commands():
        if name not in peers:
            yield Row(work, str(run), f"{name} {TO_INSTALL}", NOT_ASKED, "≤ 1 ×", NOT_ASKED)
    yield memory(sizes, ours, folder, peers, scratch / "peers")


def memory(sizes, ours, folder, peers, theirs):
    """The largest of several runs: a look every millisecond may miss the very peak of one."""

    def largest(words, where):
        return max(peak_of(words, where).tree for _ in range(sizes.looks)) / 1e6

    empty = f"python -c pass {largest([PYTHON, '-c', 'pass'], folder):.0f} MB"
    beside = [f"{name} {largest(words, theirs):.0f} MB" for name, words in peers.items()]
    return bounded(
        "… peak resident memory of the whole tree",
        largest(ours, folder),
        MOST_MEMORY,
        "MB",
        " · ".join([empty, *beside]),
    )


def peer_commands():
    return {
        "pypyr": [str(PEERS / "pypyr"), "one"],
        "doit": [str(PEERS / "doit"), "--verbosity", "0"],
    }
