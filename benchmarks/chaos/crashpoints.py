"""Stop a run at every call with which it touches its journal, one after the other, and let each call fail.

    python -m benchmarks.chaos.crashpoints                  (Linux, with strace)
    python -m benchmarks.chaos.crashpoints --ack-early      must find a broken promise

R2: `framework0 run` of three steps is killed (SIGKILL) as it enters its first, second, third … write, sync,
open, rename and lock of the journal's files, until it comes through. R3: the same calls fail instead, once
with EIO and from then on with ENOSPC. Each time: what was acknowledged (told on stdout, by `--json`) is in the
journal, the command that met an error has said so, and going on does the rest and nothing twice. `strace` counts
calls by thread and name, which makes every point one that can be met again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.chaos.__main__ import commit
from benchmarks.table import Row, render, verdict
from benchmarks.timing import PYTHON, environment

FAILING = ("openat", "mkdir", "write", "pwrite64", "ftruncate", "fdatasync", "fsync", "rename")
CALLS = (*FAILING, "unlink", "flock", "fcntl", "close")
FILES = ("", "/runs", "/journal.db", "/journal.db-wal", "/journal.db-shm", "/journal.lock")
AT_ONCE = 3
WHERE = ("beginning", "commits")

WAYS = {
    "signal=KILL": "killed as it enters a call",
    "error=EIO": "a call fails once (EIO)",
    "error=ENOSPC": "calls fail from one on (ENOSPC)",
}

STEPS = """
import time

def work(context, n):
    with open("ledger", "a") as ledger:
        ledger.write(f"s{n}\\n")
    context.set(f"k{n}", n)
    # So that the step before has a commit of its own.
    time.sleep(0.03)
    return n
"""

RECIPE = """
order: graph
steps:
  - {name: s0, module: steps, function: work, args: {n: 0}}
  - {name: s1, module: steps, function: work, args: {n: 1}, depends_on: [s0]}
  - {name: s2, module: steps, function: work, args: {n: 2}, depends_on: [s1]}
"""

COMMAND = """
import os, sys
from framework0.runner import RunRecorder

append, init = RunRecorder.append, RunRecorder.__init__

def early(recorder, record, changes=()):
    recorder.on_durable([record])
    append(recorder, record, changes)

def held(recorder, *words):
    init(recorder, *words)
    # The thread that commits; it has written nothing yet, and does not before strace is there.
    os.write(int(os.environ["TELL"]), f"{recorder._thread.native_id}\\n".encode())
    os.read(int(os.environ["GO"]), 1)

if "--early" in sys.argv:
    RunRecorder.append = early
    sys.argv.remove("--early")
if "TELL" in os.environ:
    RunRecorder.__init__ = held
from framework0.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Trial:
    """One workspace, in which the ``number``-th ``call`` of a thread is met by ``what``.

    ``where`` is ``beginning``: any thread's, from the start of the command on, of which the first to get so far
    is the one that creates the journal; or ``commits``: those of the thread that commits what steps did.
    """

    def __init__(self, folder, where, call, number, what, early):
        self.folder, self.where, self.what = folder, where, what
        folder.mkdir()
        (folder / ".framework0").mkdir(mode=0o700)
        (folder / "steps.py").write_text(STEPS)
        (folder / "recipe.yaml").write_text(RECIPE)
        (folder / "command.py").write_text(COMMAND)
        words = ["--early"] if early else []
        self.command = [PYTHON, "command.py", "run", "recipe.yaml", "--json", *words]
        state = f"{folder}/.framework0"
        self.trace = folder / "trace"
        self.strace = ["strace", "-q", "-o", str(self.trace)]
        self.strace += [word for file in FILES for word in ("-P", state + file)]
        self.strace += ["-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}"]

    def start(self):
        """Run under strace; return the exit code, what was acknowledged, and what was said."""
        if self.where == "beginning":
            ended = self.run([*self.strace, "-f", *self.command])
            code, out, said = ended.returncode, ended.stdout, ended.stderr
        else:
            code, out, said = self.with_its_commits_traced()
        trace = self.trace.read_text()
        met = "INJECTED" in trace or "killed by SIGKILL" in trace
        events = [json.loads(line) for line in out.splitlines() if line[:1] == "{"]
        acknowledged = [one["step"] for one in events if one["event"] == "step_finished"]
        return met, code, list(dict.fromkeys(acknowledged)), said

    def with_its_commits_traced(self):
        told, tell = os.pipe()
        go, begin = os.pipe()
        process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=environment(TELL=str(tell), GO=str(go)),
            pass_fds=[tell, go],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(tell)
        os.close(go)
        with open(told, encoding="ascii") as thread:
            words = [self.strace[0], *self.strace[2:], "-p", thread.readline().strip()]
            with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as strace:
                # "attached", as it says.
                strace.stderr.readline()
                os.write(begin, b"g")
                out, said = process.communicate(timeout=60)
                strace.stderr.read()
        os.close(begin)
        return process.returncode, out, said

    def run(self, words):
        # The commands are ours, and so are their words.
        return subprocess.run(
            words,
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def tell(self, *words):
        return self.run([PYTHON, "-m", "framework0", *words])

    def broken(self, code, acknowledged, said):
        """Return what of the promises does not hold."""
        wrong = []
        runs = self.tell("runs", "--json")
        if runs.returncode:
            return [f"unreadable: {runs.stderr}"]
        told = json.loads(runs.stdout)
        done = []
        if told:
            shown = json.loads(self.tell("show", "--json").stdout)
            done = [step["name"] for step in shown["steps"] if step["state"] == "succeeded"]
        elif acknowledged or code == 0:
            wrong.append("done, and absent")
        wrong += [f"{name} is lost" for name in acknowledged if name not in done]
        if "Traceback" in said or code == 70:
            wrong.append(f"a bug: {said}")
        if self.what.startswith("error") and code not in (0, 4):
            wrong.append(f"exit code {code}: {said}")
        if self.what.startswith("error") and code == 4 and ".framework0" not in said:
            wrong.append(f"no file is named: {said}")
        # Killed after its end was written, it has nothing left to do.
        if not told or told[0]["state"] != "succeeded":
            again = self.tell("resume") if told else self.tell("run", "recipe.yaml")
            if again.returncode:
                wrong.append(f"it does not go on: {again.stderr}")
        kept = self.folder / "ledger"
        ledger = kept.read_text().split() if kept.exists() else []
        wrong += [f"{name} ran again" for name in acknowledged if ledger.count(name) > 1]
        if set(ledger) != {"s0", "s1", "s2"}:
            wrong.append(f"not all was done: {ledger}")
        return wrong


def tried(scratch, where, call, what, early):
    """Meet every call of that name; return how many there were, how many told, and what was broken."""
    points, told, broken = 0, 0, []
    while True:
        folder = Path(scratch) / f"{where}-{call}-{what.partition('=')[2]}-{points}"
        number = f"{points + 1}+" if "ENOSPC" in what else points + 1
        trial = Trial(folder, where, call, number, what, early)
        met, code, acknowledged, said = trial.start()
        if not met:
            return points, told, broken
        points += 1
        told += code != 0
        broken += [
            f"{where}, {call} {points}, {what}: {one}"
            for one in trial.broken(code, acknowledged, said)
        ]
        shutil.rmtree(folder)


def rows_of(name, found, wrong):
    points = sum(points for points, _, _ in found.values())
    by_call = ", ".join(f"{call} {one[0]}" for call, one in found.items() if one[0])
    told = sum(told for _, told, _ in found.values())
    yield Row(f"{name}: points", f"{points} ({by_call})", "–")
    yield Row(f"{name}: the command ended with a code", f"{told}", "–")
    yield Row(f"{name}: broken promises", f"{len(wrong)}", "–", "–", "0", verdict(not wrong))


def main():
    arguments = parsed()
    kinds = [(where, call, "signal=KILL") for where in WHERE for call in CALLS]
    if not arguments.ack_early:
        kinds += [
            (where, call, f"error={kind}")
            for where in WHERE
            for call in FAILING
            for kind in ("EIO", "ENOSPC")
        ]
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="crashpoints-", dir=arguments.scratch) as scratch,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        found = list(pool.map(lambda kind: tried(scratch, *kind, arguments.ack_early), kinds))
    rows, broken = [], []
    for where in WHERE:
        for wanted, name in WAYS.items():
            mine = {
                call: one
                for (place, call, what), one in zip(kinds, found, strict=True)
                if (place, what) == (where, wanted)
            }
            wrong = [sentence for _, _, sentences in mine.values() for sentence in sentences]
            rows += rows_of(f"{where}, {name}", mine, wrong) if mine else ()
            broken += wrong
    print(f"python -m benchmarks.chaos.crashpoints {' '.join(sys.argv[1:])}".rstrip())
    print(f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit()} · {os.cpu_count()} cores\n")
    rows.append(Row("seconds", f"{time.monotonic() - started:,.0f}", "–"))
    print(render(rows))
    print("\n".join(broken[:40]))
    raise SystemExit(bool(broken) is not arguments.ack_early)


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos.crashpoints",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--ack-early", action="store_true", help="sabotage the command: this must find lost steps"
    )
    parser.add_argument("--scratch", help="the disk to use (default: that of temporary files)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
