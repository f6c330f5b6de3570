"""Kills, and many processes at once. What was acknowledged is judged by a pipe outside of it all."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys

import pytest

from framework0.runner.journal import INTERRUPTED, RUNNING, Journal

WRITER = """
import os, sys
from pathlib import Path
from framework0.context import Change
from framework0.runner.journal import Journal, RunHeader
from framework0.runner.seams import AttemptRecord, Outcome

path, run_id, first, resume = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"
journal = Journal(path)
recorder = journal.resume(run_id, 9) if resume else journal.begin(RunHeader(run_id), 9)


def acknowledge(records):
    os.write(1, b"".join(b"%d\\n" % record.at for record in records))

recorder.on_durable = acknowledge
os.write(1, b"begun\\n")
outcome = Outcome("succeeded")
for number in range(first, first + 1_000_000):
    node = number % 9
    attempt = recorder.mark_started(node)
    change = Change(number + 1, "k", number, False, None, False, "w", run_id, "s", 1, 0.5)
    recorder.append(AttemptRecord(node, "s", attempt, "succeeded", True, number, outcome), (change,))
    if number % 5 == 0:
        recorder.flush()
"""


def _plain():
    """The environment without what makes children measure coverage: a kill tears its file too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def _start(path, run_id, first, resume):
    command = [sys.executable, "-c", WRITER, str(path), run_id, str(first), str(int(resume))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, env=_plain())


def _read_lines(process, at_least):
    """Read from the pipe until that many lines came (or it ended); return the whole lines."""
    received = b""
    while received.count(b"\n") < at_least:
        ready, _, _ = select.select([process.stdout], [], [], 300)
        assert ready, "the writer is stuck"
        part = process.stdout.read(65536)
        if not part:
            break
        received += part
    return received


@pytest.mark.slow
def test_no_kill_loses_what_was_acknowledged(path):
    luck = random.Random(20261124)
    acknowledged = []
    kept = 0
    for kill in range(12):
        process = _start(path, "run-1", kept, resume=kill > 0)
        received = _read_lines(process, luck.randint(1, 60))
        process.kill()
        received += process.stdout.read()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        whole = received[: received.rindex(b"\n") + 1].split()
        acknowledged += [int(line) for line in whole[1:]]

        journal = Journal(path)
        history = journal.read("run-1")
        journal.close()
        assert history.summary.state == INTERRUPTED
        assert len(history.sessions) == kill + 1
        numbers = [int(record.at) for record in history.attempts]
        # No gap, no double, no other order: exactly a prefix of what was appended.
        assert numbers == list(range(len(numbers)))
        assert set(acknowledged) <= set(numbers)
        # The context is the effect of exactly the attempts that are kept.
        assert [change.version - 1 for change in history.changes] == numbers
        # Every attempt that is kept had been counted as started before.
        for node in range(9):
            assert history.started[node] >= sum(1 for n in numbers if n % 9 == node)
        kept = len(numbers)
    assert len(acknowledged) >= 100


@pytest.mark.slow
def test_a_dead_run_is_not_shown_running_and_a_living_one_is(path):
    process = _start(path, "run-1", 0, resume=False)
    _read_lines(process, 2)
    journal = Journal(path)
    assert [run.state for run in journal.runs()] == [RUNNING]
    assert journal.runs()[0].pid == process.pid
    process.kill()
    process.wait()
    process.stdout.close()
    assert [run.state for run in journal.runs()] == [INTERRUPTED]
    assert journal.read("run-1").summary.state == INTERRUPTED
    journal.close()


MANY = """
import sys, random
from pathlib import Path
from framework0.context import Change
from framework0.runner.journal import Journal, RunHeader
from framework0.runner.seams import AttemptRecord, Outcome

worker = int(sys.argv[2])
journal = Journal(Path(sys.argv[1]))
luck = random.Random(worker)
outcome = Outcome("succeeded", {"n": 1})
for turn in range(6):
    run_id = f"run-{worker}-{turn}"
    recorder = journal.begin(RunHeader(run_id, recipe_text=f"text {worker}", recipe_digest=str(worker)), 60)
    for node in range(60):
        change = Change(node + 1, "k", node, False, None, False, "w", run_id, "s", 1, 0.5)
        recorder.append(AttemptRecord(node, "s", 1, "succeeded", True, node, outcome), (change,))
        if luck.random() < 0.5:
            recorder.flush()
    journal.runs()
    recorder.finish("succeeded")
    if luck.random() < 0.2:
        journal.prune(keep=1000)
"""


@pytest.mark.slow
def test_eight_processes_share_a_journal_without_one_lock_error_or_lost_row(path):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(path), str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    errors = [worker.communicate(timeout=600)[1] for worker in workers]
    assert errors == [""] * 8
    assert [worker.returncode for worker in workers] == [0] * 8
    journal = Journal(path)
    runs = journal.runs()
    assert {run.run_id for run in runs} == {f"run-{w}-{t}" for w in range(8) for t in range(6)}
    for run in runs:
        history = journal.read(run.run_id)
        assert history.summary.state == "succeeded"
        assert [record.node for record in history.attempts] == list(range(60))
        assert [change.value for change in history.changes] == list(range(60))
    journal.close()


def test_a_process_that_dies_while_it_alone_may_write_blocks_nobody(path, header, record):
    dying = subprocess.Popen(
        [
            sys.executable,
            "-c",
            """
import os, signal, sys
from pathlib import Path
from framework0.runner.journal import Journal, RunHeader
writer = Journal(Path(sys.argv[1])).begin(RunHeader("dead"), 1)._writer
with writer._gate:
    writer._connection.execute("BEGIN IMMEDIATE")
    writer._connection.execute("DELETE FROM runs")
    # A child that lives on must not keep the gate shut either.
    child = os.fork()
    if child == 0:
        os.close(1)
        signal.pause()
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
""",
            str(path),
        ],
        stdout=subprocess.PIPE,
        env=_plain(),
    )
    child = int(dying.stdout.read())
    dying.stdout.close()
    assert dying.wait() == -signal.SIGKILL
    journal = Journal(path)
    recorder = journal.begin(header(), 1)
    recorder.append(record(), ())
    recorder.finish("succeeded")
    assert [(run.run_id, run.state) for run in journal.runs()] == [
        ("run-1", "succeeded"),
        ("dead", INTERRUPTED),
    ]
    journal.close()
    os.kill(child, signal.SIGKILL)
