"""Three servers on the three nodes of an engine: acknowledged writes, beside the engine's own client.

Each server is a process beside one node, with its share of the writes in flight; both sides write the
same values to the same nodes in turn. And how long no write was acknowledged after a node was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, verdict
from benchmarks.timing import PEERS, REPOSITORY

LEAST = 0.8
SIDE = str(Path(__file__).parent / "peers" / "cluster_puts.py")


def rows(sizes):
    python = PEERS / "python"
    if not python.exists():
        yield Row("writes to a cluster", NOT_ASKED, f"etcd and NATS {TO_INSTALL}")
        return
    # The engines are started by the tests' own harness.
    from tests.context.replicated.clusters import EtcdCluster, NatsCluster

    for name, kind in (("etcd", EtcdCluster), ("nats", NatsCluster)):
        folder = Path(tempfile.mkdtemp(dir=sizes.scratch))
        try:
            with kind(folder) as cluster:
                for in_flight in sizes.in_flight:
                    yield beside(sizes, python, name, cluster, in_flight)
                yield after_a_kill(python, name, cluster)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def beside(sizes, python, name, cluster, in_flight):
    """Compare rates at ``in_flight`` writes on their way at each of three servers."""
    writes = sizes.cluster_writes if in_flight > 1 else max(10, sizes.cluster_writes // 10)
    pairs = [
        [rate(python, side, name, cluster, writes, in_flight) for side in SIDES]
        for _ in range(min(3, sizes.repeats))
    ]
    ours, theirs = (median(side) for side in zip(*pairs, strict=True))
    ratio = median(one / other for one, other in pairs)
    return Row(
        f"three servers on three nodes of {name}, {in_flight} in flight at each, writes",
        f"{ours:,.0f}/s",
        f"its own client {theirs:,.0f}/s",
        f"{ratio:.2f} ×",
        f"≥ {LEAST:g} ×",
        verdict(ratio >= LEAST),
    )


SIDES = ("ours", "client")


def rate(python, side, name, cluster, writes, in_flight):
    """Return the acknowledged writes a second of three processes at once."""
    processes = [
        subprocess.Popen(
            [
                str(python),
                SIDE,
                side,
                f"{name}://{cluster.client(node)}",
                str(writes),
                str(in_flight),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        for node in range(3)
    ]
    told = [json.loads(process.communicate()[0]) for process in processes]
    began = min(one["began"] for one in told)
    return sum(one["writes"] for one in told) / (max(one["ended"] for one in told) - began)


WAIT = """
import sys, time
from framework0.context import Author, Write
from framework0.context.replicated import ReplicatedStore, open_log
store = ReplicatedStore(open_log(sys.argv[1] + "/bench"), timeout=60)
store.apply((Write("k", 0),), Author("bench"), 0.0)
print("ready", flush=True)
input()
store.apply((Write("k", 1),), Author("bench"), 0.0)
print(time.monotonic(), flush=True)
store.close()
"""


def after_a_kill(python, name, cluster):
    """Say how long a write takes that comes when the leader has just been killed."""
    leader = cluster.leader()
    other = (leader + 1) % 3
    with subprocess.Popen(
        [str(python), "-c", WAIT, f"{name}://{cluster.client(other)}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout.readline() == "ready\n"
        cluster.signal(leader, signal.SIGKILL)
        killed = time.monotonic()
        told = process.communicate("\n")[0]
    return Row(
        f"a write on {name} after its leader was killed",
        f"{float(told) - killed:.1f} s",
        NOT_ASKED,
        NOT_ASKED,
        "stated",
    )
