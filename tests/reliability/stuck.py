"""Fifteen ways to be stuck, each as a step of a real ``framework0 run`` that a signal ends.

A pipe that every process below holds tells when the step is stuck and when all are gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import monotonic
from typing import NamedTuple

from framework0.runner import Journal
from framework0.runner.warden import MARGIN
from framework0.workspace import find_workspace

PATIENCE = 120.0
"""Seconds for what takes a few, on a machine however busy."""

COMMAND = """
import sys
from framework0.runner import warden
warden.MARGIN = {margin}
from framework0.cli.main import entry
sys.exit(entry())
"""

STEPS = """
import asyncio, ctypes, os, re, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

PIPE = int(os.environ["PIPE"])

def mark(name):
    with open("ledger", "a") as ledger:
        ledger.write(name + "\\n")

def before():
    mark("before")

def after():
    mark("after")

def loop():
    while True:
        time.sleep(0.1)

def regex():
    re.match(r"(a|a)*$", "a" * 40 + "b")

def one_call():
    sum(range(10**12))

def bignum():
    pow(3, 7**4000000)

def c_released():
    ctypes.CDLL(None).sleep(600)

def c_held():
    # Locking a mutex twice, where a sleep would end at the first signal.
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)

def lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def swallow():
    while True:
        try:
            time.sleep(9)
        except BaseException:
            continue

def in_thread(work, daemon):
    thread = threading.Thread(target=work, daemon=daemon)
    thread.start()
    thread.join()

def in_thread_pool(work):
    with ThreadPoolExecutor() as pool:
        pool.submit(work).result()

def in_process_pool():
    with ProcessPoolExecutor(1) as pool:
        pool.submit(loop).result()

def in_to_thread(work):
    async def wait():
        await asyncio.wait_for(asyncio.to_thread(work), 0.05)
    asyncio.run(wait())

def stuck(how):
    if os.path.exists("mended"):
        return mark("stuck")
    mark("stuck")
    os.write(PIPE, b"stuck")
    eval(how)
"""


class Shape(NamedTuple):
    """One way to be stuck. ``ends`` is the run's state after: cancelled by itself, or interrupted
    because no line of Python could run any more and the warden had to end it."""

    name: str
    how: str
    ends: str
    executor: str = "thread"


SHAPES = [
    Shape("a loop in the step's thread", "loop()", "cancelled"),
    Shape("a loop in a thread pool", "in_thread_pool(loop)", "cancelled"),
    Shape("asyncio.to_thread", "in_to_thread(loop)", "cancelled"),
    Shape("a thread that is no daemon", "in_thread(loop, False)", "cancelled"),
    Shape("a daemon thread", "in_thread(loop, True)", "cancelled"),
    Shape("a regular expression", "regex()", "interrupted"),
    Shape("one call of C", "one_call()", "interrupted"),
    Shape("a large number", "bignum()", "interrupted"),
    Shape("C that holds the interpreter", "c_held()", "interrupted"),
    Shape("C that released it", "c_released()", "cancelled"),
    Shape("the main thread in a regular expression", "regex()", "interrupted", "serial"),
    Shape("the main thread in C", "c_held()", "interrupted", "serial"),
    Shape("the main thread waits for a lock", "lock()", "interrupted", "serial"),
    Shape("the main thread swallows everything", "swallow()", "interrupted", "serial"),
    Shape("a process pool", "in_process_pool()", "cancelled"),
]

RECIPE = """\
steps:
  - {{name: before, module: steps, function: before}}
  - {{name: stuck, module: steps, function: stuck, args: {{how: "{how}"}}, executor: {executor}}}
  - {{name: after, module: steps, function: after}}
"""


class Trial:
    """One workspace, one command in it, and the pipe of those that live.

    After ``grace`` seconds and ``margin`` more the warden kills what has not ended by itself.
    """

    def __init__(self, folder, shape, grace, margin=MARGIN):
        self.folder = folder
        self.grace = grace
        self.program = COMMAND.format(margin=margin)
        folder.mkdir()
        (folder / "steps.py").write_text(STEPS)
        (folder / "recipe.yaml").write_text(RECIPE.format(how=shape.how, executor=shape.executor))

    def start(self, *words):
        self.alive, writer = os.pipe()
        # Files, not pipes: what a person would see must not decide when this test goes on.
        with (self.folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", self.program, *words, "--grace", str(self.grace)],
                cwd=self.folder,
                env={**os.environ, "PIPE": str(writer)},
                pass_fds=[writer],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        os.close(writer)
        return process

    def said(self):
        return (self.folder / "said").read_text()

    def all_gone(self):
        """Wait until the last process that holds the pipe is gone."""
        while os.read(self.alive, 4096):
            continue
        os.close(self.alive)

    def history(self):
        journal = Journal(find_workspace(explicit=self.folder).journal)
        try:
            (summary,) = journal.runs()
            return journal.read(summary.run_id)
        finally:
            journal.close()

    def ledger(self):
        return (self.folder / "ledger").read_text().split()


def tried(folder, shape, number, grace, margin=MARGIN):
    """Let a run get stuck, end it, look at what is left, and go on.

    Return the seconds from the signal until the last process was gone, and what was wrong.
    """
    trial = Trial(folder, shape, grace, margin)
    process = trial.start("run", "recipe.yaml")
    said = os.read(trial.alive, 5)
    assert said == b"stuck", trial.said()
    process.send_signal(number)
    begun = monotonic()
    code = process.wait(timeout=PATIENCE)
    trial.all_gone()
    seconds = monotonic() - begun

    wrong = []
    if code != (130 if number == signal.SIGINT else 143):
        wrong.append(f"the exit code is {code}")
    if "Traceback" in trial.said():
        wrong.append(trial.said())
    history = trial.history()
    if history.summary.state != shape.ends:
        wrong.append(f"the run is shown as {history.summary.state}")
    told = {record.name: record.state for record in history.attempts}
    expected = {"before": "succeeded"}
    if shape.ends == "cancelled":
        expected["stuck"] = "cancelled"
    elif "before" not in told:
        # The stuck step began before its parent was durable (nobody was told that it was), and then
        # let no other thread run: the parent has to run again.
        expected = {}
    if told != expected:
        wrong.append(f"the journal says {told}")

    (folder / "mended").touch()
    process = trial.start("resume")
    code = process.wait(timeout=PATIENCE)
    trial.all_gone()
    if (code, trial.history().summary.state) != (0, "succeeded"):
        wrong.append(f"resume ended with {code}: {trial.said()}")
    again = [] if "before" in told else ["before"]
    if trial.ledger() != ["before", "stuck", *again, "stuck", "after"]:
        wrong.append(f"what ran: {trial.ledger()}")
    return seconds, wrong
