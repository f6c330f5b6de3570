"""R20: memory that is short, from far too little to enough: no state is hurt, and the right one is blamed.

The limit is on address space (RLIMIT_AS), of which a Python process with threads takes far more than it uses.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from framework0.errors import EXIT_OK, EXIT_RUN_FAILED, EXIT_WORKSPACE
from framework0.runner import Journal

pytestmark = pytest.mark.usefixtures("unmeasured")

MIB = 1 << 20

LIMITS = [60 + round(140 * place / 19) for place in range(20)]
"""MiB, as promised: 20 steps from 60 to 200."""

TOO_LITTLE = [24, 32, 40]
"""MiB with which Python itself, or one of its threads, hardly starts."""

STEPS = """
def note(word):
    with open("ledger", "a") as ledger:
        ledger.write(word + "\\n")

def greedy(executor):
    note(f"greedy in a {executor}")
    return len([bytearray(1 << 20) for _ in range(70)])
"""

PLAIN = """
order: graph
steps:
  - {name: first, module: steps, function: note, args: {word: first}}
  - {name: last, module: steps, function: note, args: {word: last}, depends_on: [first]}
"""

GREEDY = """
order: graph
steps:
  - {name: first, module: steps, function: note, args: {word: first}}
  - {name: greedy, module: steps, function: greedy, executor: EXECUTOR, args: {executor: EXECUTOR},
     depends_on: [first]}
  - {name: beside, module: steps, function: note, args: {word: beside}, depends_on: [first]}
  - {name: last, module: steps, function: note, args: {word: last}, depends_on: [greedy]}
"""


def command(folder, *words, mib=None):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB))

    return subprocess.run(
        [sys.executable, "-m", "framework0", *words],
        cwd=folder,
        # One arena of the allocator for all threads: each further one takes 64 MiB of address space.
        # And nobody measures coverage in there, which takes more than the program itself.
        env={"MALLOC_ARENA_MAX": "1"} | os.environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=None if mib is None else limit,
    )


def made(folder):
    folder.mkdir()
    (folder / ".framework0").mkdir(mode=0o700)
    (folder / "steps.py").write_text(STEPS)
    (folder / "plain.yaml").write_text(PLAIN)
    for executor in ("thread", "process"):
        (folder / f"{executor}.yaml").write_text(GREEDY.replace("EXECUTOR", executor))
    return folder


def told(folder):
    """Return the one run of the workspace, verified, or None if none was begun."""
    journal = Journal(folder / ".framework0" / "journal.db")
    try:
        runs = journal.runs()
        return journal.read(runs[0].run_id) if runs else None
    finally:
        journal.close()


def wrong_with(folder, recipe, mib):
    """Run a recipe with so little, then go on with enough; return what was not as it has to be."""
    ended = command(folder, "run", recipe, mib=mib)
    wrong = []
    if ended.returncode not in (EXIT_OK, EXIT_RUN_FAILED, EXIT_WORKSPACE):
        wrong.append(f"the exit code is {ended.returncode}: {ended.stderr}")
    if "Traceback" in ended.stderr:
        wrong.append(ended.stderr)
    history = told(folder)
    if history is None:
        return wrong + ([] if ended.returncode == EXIT_WORKSPACE else ["no run was begun"]), ended
    failed = {record.name: record for record in history.attempts if record.state == "failed"}
    if ended.returncode == EXIT_RUN_FAILED:
        blamed = failed.get("greedy")
        if set(failed) != {"greedy"} or "emory" not in str(blamed.outcome.failure):
            wrong.append(f"blamed: {failed}")
    if ended.returncode != EXIT_OK:
        after = command(folder, "resume")
        if after.returncode != EXIT_OK:
            wrong.append(f"it does not go on: {after.stderr}")
        done = (folder / "ledger").read_text().split("\n")
        acknowledged = {record.name for record in history.attempts if record.state == "succeeded"}
        wrong += [f"{name} ran again" for name in acknowledged if done.count(name) > 1]
    if told(folder).summary.state != "succeeded":
        wrong.append("the run did not come to its end")
    return wrong, ended


@pytest.mark.slow
def test_over_the_sweep_nothing_is_lost_and_only_the_greedy_step_is_blamed(tmp_path):
    def tried(mib):
        wrong = {}
        if LIMITS.index(mib) % 3 == 0:
            # Without the greedy step, which is all that has these two apart, nobody is to blame.
            folder = made(tmp_path / f"plain-{mib}")
            ended = command(folder, "validate", "plain.yaml", mib=mib)
            if ended.returncode != EXIT_OK:
                wrong["validate"] = ended.stderr
            found, plain = wrong_with(folder, "plain.yaml", mib)
            if found or plain.returncode != EXIT_OK:
                wrong["plain"] = found or plain.stderr
        # Each executor in turn, so that the sweep takes half the time.
        executor = "process" if mib % 2 else "thread"
        found, ended = wrong_with(made(tmp_path / f"greedy-{mib}"), f"{executor}.yaml", mib)
        if found:
            wrong["greedy"] = found
        return wrong, ended.returncode

    with ThreadPoolExecutor(3) as pool:
        found = dict(zip(LIMITS, pool.map(tried, LIMITS), strict=True))
    assert {mib: wrong for mib, (wrong, _) in found.items() if wrong} == {}
    codes = [code for _, code in found.values()]
    # With the least the run begins and the greedy step is blamed for it, with the most all is well.
    assert codes[0] == EXIT_RUN_FAILED
    assert codes[-1] == EXIT_OK


@pytest.mark.slow
@pytest.mark.parametrize("mib", TOO_LITTLE)
def test_with_far_too_little_the_machine_is_blamed_and_not_the_program(tmp_path, mib):
    folder = made(tmp_path / "workspace")
    ended = command(folder, "run", "plain.yaml", mib=mib)
    if ended.returncode == 1:
        # Python could not even load our first modules.
        assert "Error" in ended.stderr.splitlines()[-1]
    else:
        assert ended.returncode in (EXIT_OK, EXIT_WORKSPACE), ended.stderr
        assert "bug" not in ended.stderr
    assert command(folder, "run", "plain.yaml").returncode == EXIT_OK
    listed = json.loads(command(folder, "runs", "--json").stdout)
    assert {run["state"] for run in listed} <= {"succeeded", "interrupted"}
