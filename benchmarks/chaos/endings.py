"""End steps in every way, again and again, and look whether one was late, or whether anything lived on.

    python -m benchmarks.chaos.endings --of timeouts --trials 20      R7: eight ways to be stuck, a timeout each
    python -m benchmarks.chaos.endings --of cancels --trials 200      R8: by SIGINT, by SIGTERM, by `framework0 cancel`
    python -m benchmarks.chaos.endings --of kills --trials 200        R9: the run killed, and resumed at once
    python -m benchmarks.chaos.endings --of kills --trials 10 --control      must find two copies of a step

All by the command, as a person would use it. A pipe that every process of a step holds tells when the last
of them is gone. For R9 each copy of a step locks a file of its own for as long as it lives: whoever finds
the lock taken has found a second copy. The control starts its steps as plain children, which outlive it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.chaos.__main__ import commit
from benchmarks.table import Row, render, verdict
from benchmarks.timing import PYTHON, Series, environment

TIMEOUT = 1.0
GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL to a step (`framework0.runner.processes.tree`)."""

TELL = 0.5
"""Seconds in which people are told that a step's time is over, however long it takes to end it."""

AT_ONCE = 4
PATIENCE = 60

STEPS = """
import ctypes, fcntl, os, re, signal, time

def hold():
    os.open(os.environ["ALIVE"], os.O_WRONLY)

def say(word):
    descriptor = os.open(os.environ["ALIVE"], os.O_WRONLY)
    os.write(descriptor, word)

def spin():
    while True:
        time.sleep(1)

def sleep(n):
    hold(); time.sleep(600)

def c_call(n):
    hold()
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex); lock(mutex)

def regex(n):
    hold(); re.match(r"(a|a)*$", "a" * 40 + "b")

def bignum(n):
    hold(); pow(3, 7**4000000)

def fork_bomb(n):
    hold()
    # 256 processes, each of which ignores SIGTERM.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(8):
        os.fork()
    spin()

def ignores_sigterm(n):
    hold(); signal.signal(signal.SIGTERM, signal.SIG_IGN); spin()

def stops_itself(n):
    hold(); os.kill(os.getpid(), signal.SIGSTOP)

def reads_a_fifo(n):
    hold(); os.mkfifo(f"never-{n}"); os.open(f"never-{n}", os.O_RDONLY)

def family():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        say(b"1"); spin()
    if os.fork() == 0:
        os.setsid(); say(b"1"); spin()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            say(b"1"); spin()
        os._exit(0)
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        say(b"1")
        # It gives up by itself, should nobody end it.
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if os.fork(): os._exit(0)
            os.setsid(); time.sleep(.001)
        os._exit(0)
    say(b"1"); spin()

def alone(n):
    copy = os.open(f"copy-{n}", os.O_CREAT | os.O_WRONLY)
    try:
        fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with open("found", "a") as found: found.write(f"two copies of {n}\\n")
    with open("begun", "a") as begun: begun.write(f"{n}\\n")
    if n % 2: signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(0.06)
"""

SHAPES = (
    "sleep",
    "c_call",
    "regex",
    "bignum",
    "fork_bomb",
    "ignores_sigterm",
    "stops_itself",
    "reads_a_fifo",
)
WAYS = ("SIGINT", "SIGTERM", "framework0 cancel")


class Pipe:
    """A named pipe that the processes of a step hold open."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self.end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait_for(self, count):
        seen = 0
        while seen < count:
            if not select.select([self.end], [], [], PATIENCE)[0]:
                raise SystemExit(f"only {seen} of {count} processes came up")
            seen += len(os.read(self.end, 100))

    def gone_within(self, seconds):
        """Say whether the last holder has gone by then; close the pipe."""
        until = time.monotonic() + seconds
        try:
            while select.select([self.end], [], [], max(0.0, until - time.monotonic()))[0]:
                if not os.read(self.end, 4096):
                    return True
        except BlockingIOError:
            return False
        finally:
            os.close(self.end)
        return False


def workspace(folder, recipe):
    folder.mkdir()
    (folder / ".framework0").mkdir(mode=0o700)
    (folder / "steps.py").write_text(STEPS)
    (folder / "recipe.yaml").write_text(recipe)
    return folder


def begun(folder, *words, stdout=subprocess.DEVNULL, **more):
    return subprocess.Popen(
        [PYTHON, "-m", "framework0", *words],
        cwd=folder,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
    )


def shown(folder):
    words = [PYTHON, "-m", "framework0", "show", "--json"]
    return json.loads(
        subprocess.run(words, cwd=folder, env=environment(), capture_output=True, check=True).stdout
    )


# ------------------------------------------------------------------ R7


def timeouts(scratch, arguments):
    for shape in SHAPES:
        recipe = (
            f"steps: [{{name: stuck, module: steps, function: {shape}, timeout: {TIMEOUT}, "
            f'args: {{n: "${{{{ index }}}}"}}, foreach: {list(range(arguments.trials))}}}]\n'
        )
        folder = workspace(scratch / shape, recipe)
        pipe = Pipe(folder / "alive")
        words = ("run", "recipe.yaml", "-j", "2", "--json")
        read = read_by_program(begun(folder, *words, stdout=subprocess.PIPE, ALIVE=str(pipe.path)))
        gone = pipe.gone_within(1.0)
        attempts = {
            step["name"]: step["attempts"][-1]
            for step in shown(folder)["steps"]
            if step["name"].endswith("]")
        }
        told = Series([told_after(attempt, read.get(name)) for name, attempt in attempts.items()])
        prompt = sum(TIMEOUT <= each <= TIMEOUT + TELL for each in told.seconds)
        yield Row(
            f"{shape.replace('_', ' ')}: told that its time is over, within {TIMEOUT + TELL:g} s",
            f"{prompt} of {arguments.trials}: {told}",
            "–",
            "–",
            f"{arguments.trials}",
            verdict(prompt == arguments.trials),
        )
        ends = [attempt["seconds"] for attempt in attempts.values()]
        over = sum(
            attempt["state"] == "timed_out" and attempt["seconds"] <= TIMEOUT + GRACE + 1.0
            for attempt in attempts.values()
        )
        yield Row(
            f"{shape.replace('_', ' ')}: timed out, gone by grace + 1 s",
            f"{over} of {arguments.trials}: {Series(ends)}{'' if gone else ', something lives on'}",
            "–",
            "–",
            f"{arguments.trials}",
            verdict(over == arguments.trials and gone),
        )


def read_by_program(process):
    """Read a run's events to its end; return by step when a reader had read that its time is over."""
    read = {}
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "step_overdue":
            read[event["step"]] = time.time()
    process.wait()
    return read


def told_after(attempt, read):
    """Return how long after the start of an attempt the journal and the reader knew; for ever without."""
    if read is None or attempt["overdue_at"] is None:
        return float("inf")
    return max(read, attempt["overdue_at"]) - attempt["at"]


# ------------------------------------------------------------------ R8


def cancels(scratch, arguments):
    recipe = "steps: [{name: family, module: steps, function: family, executor: process}]\n"

    def tried(way, number):
        folder = workspace(scratch / f"{way}-{number}", recipe)
        pipe = Pipe(folder / "alive")
        process = begun(folder, "run", "recipe.yaml", ALIVE=str(pipe.path))
        pipe.wait_for(5)
        started = time.monotonic()
        if way in ("SIGINT", "SIGTERM"):
            process.send_signal(getattr(signal, way))
        else:
            run_id = next((folder / ".framework0" / "runs").iterdir()).name
            if code := begun(folder, "cancel", run_id).wait():
                raise SystemExit(f"`framework0 cancel` ended with {code}")
        gone = pipe.gone_within(2.0)
        seconds = time.monotonic() - started
        code = process.wait(PATIENCE)
        state = shown(folder)["state"]
        right = (code, state) == (130 if way == "SIGINT" else 143, "cancelled")
        return gone, seconds, right

    for way in WAYS:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda n, way=way: tried(way, n), range(arguments.trials)))
        alive = sum(not gone for gone, _, _ in found)
        wrong = sum(not right for _, _, right in found)
        seconds = Series([each for _, each, _ in found])
        yield Row(
            f"{way}: trials with survivors after 2 s",
            f"{alive} of {arguments.trials} ({seconds} to the last end)",
            "–",
            "–",
            "0",
            verdict(not alive),
        )
        yield Row(
            f"{way}: another exit code or state than told",
            f"{wrong} of {arguments.trials}",
            "–",
            "–",
            "0",
            verdict(not wrong),
        )


# ------------------------------------------------------------------ R9

CONTROL = """
import subprocess, sys
step = '''
import os, steps, time
steps.alone(1)
for _ in range(1200):
    if not os.path.exists("recipe.yaml"): break
    time.sleep(0.05)
'''
subprocess.run([sys.executable, "-c", step])
"""
"""Its step outlives it: until the workspace is taken away, or for a minute."""


def kills(scratch, arguments):
    chance = random.Random(arguments.seed)
    lines = ["order: graph", "steps:"]
    for n in range(400):
        wait = f", depends_on: [s{n - 3}]" if n >= 3 else ""
        lines.append(
            f"  - {{name: s{n}, module: steps, function: alone, args: {{n: {n}}}, "
            f"executor: process{wait}}}"
        )
    folder = workspace(scratch / "kills", "\n".join(lines) + "\n")
    words, killed, refused = ("run", "recipe.yaml"), 0, 0
    while killed < arguments.trials:
        process = (
            subprocess.Popen([PYTHON, "-c", CONTROL], cwd=folder, env=environment())
            if arguments.control
            else begun(folder, *words)
        )
        # By the clock, or by how many steps have begun: a busy machine may begin none for a second.
        if arguments.control:
            code = ended_before(process, folder / "begun", 1)
        elif chance.random() < 0.5:
            code = ended_before(process, folder / "begun", chance.randint(1, 12))
        else:
            code = ended_within(process, chance.uniform(0.0, 0.9))
        if code is None:
            whole = arguments.control or chance.random() < 0.5
            victim = process.pid if whole else runner_of(process.pid)
            os.kill(victim, signal.SIGKILL)
            process.wait()
            killed += 1
        else:
            # The dead run's lock may be held for the instant in which the kernel ends it.
            refused += code == 4
            if code == 0:
                words = ("run", "recipe.yaml")
                continue
        if not arguments.control:
            there = any((folder / ".framework0" / "runs").glob("*"))
            words = ("resume",) if there else ("run", "recipe.yaml")
    found = (folder / "found").read_text().splitlines() if (folder / "found").exists() else []
    attempts = lines_of(folder / "begun")
    yield Row("kills of the run (SIGKILL)", f"{killed}", "–", "–", f"≥ {arguments.trials}", "yes")
    yield Row(
        "instants with two live copies of a step",
        f"{len(found)}",
        "–",
        "–",
        "0",
        verdict(not found),
    )
    least = 0 if arguments.control else arguments.trials
    yield Row(
        "copies of steps that were begun",
        f"{attempts:,}",
        "–",
        "–",
        f"≥ {least}",
        verdict(attempts >= least),
    )
    yield Row("resumes that came while the dead run was being ended", f"{refused}", "–")


def ended_within(process, seconds):
    """Return the exit code, None if it takes longer."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def ended_before(process, file, count):
    """Return the exit code, None as soon as ``file`` has so many lines more."""
    wanted = lines_of(file) + count
    while lines_of(file) < wanted:
        code = ended_within(process, 0.01)
        if code is not None:
            return code
    return None


def lines_of(file):
    return file.read_bytes().count(b"\n") if file.exists() else 0


def runner_of(pid):
    """Return the process below the command that does its work; the command itself before there is one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def main():
    arguments = parsed()
    # Shells have jobs in the background ignore Ctrl-C, and what is ignored stays so in our commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tried = {"timeouts": timeouts, "cancels": cancels, "kills": kills}[arguments.of]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="endings-", dir=arguments.scratch) as scratch:
        rows = list(tried(Path(scratch), arguments))
    print(f"python -m benchmarks.chaos.endings {' '.join(sys.argv[1:])}".rstrip())
    print(f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit()} · {os.cpu_count()} cores")
    rows.append(Row("seconds", f"{time.monotonic() - started:,.0f}", "–"))
    print(f"\n{render(rows)}")
    broken = any(row.reached == "NO" for row in rows)
    if arguments.control:
        print("\nThe control: its steps are plain children. Two copies have to be found.")
    raise SystemExit(broken is not arguments.control)


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos.endings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--of", choices=("timeouts", "cancels", "kills"), required=True)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same moments")
    parser.add_argument("--control", action="store_true", help="steps as plain children: must fail")
    parser.add_argument("--scratch", help="where to try (default: with the temporary files)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
