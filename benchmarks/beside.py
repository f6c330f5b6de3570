"""The engine beside its peers, one by one: no-op steps, durable on our side, each in its own environment.

A peer that is slow gets fewer steps of the same shape, and then so do we: its rate falls with their
number and ours rises, so the row is kinder to it than the full size would be.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.engine import Folders
from benchmarks.fresh import answer_of, measure
from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, faster
from benchmarks.timing import BESIDE, PEERS, Series, alternate

HERE = Path(__file__).parent


class Peer(NamedTuple):
    """One product. ``least`` is what we have promised to reach over it; ``most`` steps it gets at most."""

    title: str
    least: float
    most: int


RECORD = 10
"""Times faster than whoever keeps a record of each step, as we do."""

PEERS_BY_NAME = {
    "dask": Peer("Dask threads, keeps nothing", 1, 10_000),
    "doit": Peer("doit, one record at the end", 2, 10_000),
    "luigi": Peer("Luigi", RECORD, 1_000),
    "dbos": Peer("DBOS", RECORD, 1_000),
    "ray": Peer("Ray, keeps nothing", 1, 10_000),
    "prefect": Peer("Prefect", RECORD, 1_000),
    "redun": Peer("redun", RECORD, 300),
    "dagster": Peer("Dagster", RECORD, 300),
    "snakemake": Peer("Snakemake", RECORD, 100),
}


def rows(sizes):
    for shape, steps in sizes.beside:
        for name, peer in PEERS_BY_NAME.items():
            count = min(steps, peer.most)
            work = f"{shape} {count:,}, no-op"
            words = command(name)
            if words is None:
                yield Row(work, NOT_ASKED, f"{peer.title} {TO_INSTALL}", NOT_ASKED, "", NOT_ASKED)
                continue
            ours, theirs = beside(sizes, shape, count, words)
            yield faster(work, count, ours, peer.title, theirs, least=peer.least)


def command(name):
    """Return how to start a peer's side, None where it is not installed."""
    own = BESIDE / name / "bin" / "python"
    python = own if own.exists() else PEERS / "python"
    small = name in ("dask", "doit")
    if not python.exists() or not (own.exists() or small):
        return None
    return [str(python), str(HERE / "peers" / f"{name}_steps.py")]


def beside(sizes, shape, steps, words):
    """Return the durations of both sides, taken in turn, every sample in a process of its own."""
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folders = Folders(Path(scratch), shape, steps)

        def peer():
            return answer_of([*words, shape, str(steps), str(sizes.workers), str(folders.empty())])

        def ours():
            return measure("ours", folder=folders.workspace(), workers=sizes.workers)

        samples = alternate(sizes.repeats_beside, ours, peer)
    return [Series(part["seconds"] for part in parts) for parts in samples]
