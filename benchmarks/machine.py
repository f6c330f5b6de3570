"""The step engine: lives of nodes, five durable transitions each, beside five bare replacements of the same file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.table import faster
from benchmarks.timing import series

LEAST = 0.5
TRANSITIONS = 5
NODES = (5, 200)
"""How many nodes the machines go round in: the counts of them all are in the file."""


def rows(sizes):
    for nodes in NODES:
        lives = max(nodes, sizes.lives)
        ours, bare = series(
            sizes.repeats, lambda n=nodes: lived(sizes, n), lambda n=nodes: replaced(sizes, n)
        )
        yield faster(
            f"lives of nodes, {nodes} in a circle, synced",
            lives,
            ours,
            "5 × write, fsync, replace",
            bare,
            LEAST,
        )


def circle(count):
    """Return the classes of nodes each of which leads to the next, and the last to the first."""
    return [
        type(
            f"Node{number}",
            (),
            {
                "name": f"node{number}",
                "step_node_graph_dict": {
                    f"node{number}": {"first_node_step_bool": int(not number)}
                },
                "step_arrow_graph_dict": {
                    "next": {"arrow_step_name_string": f"node{(number + 1) % count}"}
                },
                "step_execute": lambda _: 0,
            },
        )
        for number in range(count)
    ]


def lived(sizes, nodes):
    """Return the seconds of as many lives as asked for; the limit on visits ends the machine."""
    from framework0.stepengine import Engine, EngineOptions
    from framework0.testing import FakeHost

    lives = max(nodes, sizes.lives)
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        instance = Path(scratch)
        engine = Engine(
            instance,
            FakeHost(*circle(nodes), instance=instance),
            options=EngineOptions(max_visits=lives),
        )
        start = perf_counter()
        ended = engine.run()
        seconds = perf_counter() - start
        assert ended.visit == lives
        assert ended.error.kind == "limit"
    return seconds


def replaced(sizes, nodes):
    """Return the seconds of as many bare replacements of such a file as those lives take."""
    content = b"x" * (600 + 65 * nodes)
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        path, draft = os.path.join(scratch, "file"), os.path.join(scratch, "draft")
        start = perf_counter()
        for _ in range(TRANSITIONS * max(nodes, sizes.lives)):
            descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            os.write(descriptor, content)
            os.fsync(descriptor)
            os.close(descriptor)
            os.replace(draft, path)
        return perf_counter() - start
