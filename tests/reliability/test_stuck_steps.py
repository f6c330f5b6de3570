"""R10: a run whose step is stuck ends in time, with the right code, a true journal, and can go on.

Fifteen ways to be stuck, each as a step of a real ``framework0 run``, each ended by SIGINT and by
SIGTERM. A pipe that every process below holds tells when the step is stuck and when all are gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple

import pytest

from framework0.runner import Journal
from framework0.runner.warden import MARGIN
from framework0.workspace import find_workspace

pytestmark = pytest.mark.usefixtures("unmeasured")

GRACE = 0.5
"""Seconds of grace, by option."""

PATIENCE = 120.0
"""Seconds for what takes two, on a machine however busy. That it takes no more than two seconds beyond the
grace is measured in ``benchmarks/chaos/endings.py``.
"""

LONG_MARGIN = 60.0
"""Seconds between the grace and the warden's kill for a run that ends by itself, however busy the machine is."""

COMMAND = """
import sys
from framework0.runner import warden
warden.MARGIN = {margin}
from framework0.cli.main import entry
sys.exit(entry())
"""

AT_ONCE = 6

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
    margin: float = 0.0

    def warden_s_margin(self):
        """How long the warden waits after the grace: no longer than it must where its kill is waited for."""
        return self.margin or (LONG_MARGIN if self.ends == "cancelled" else MARGIN)


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
    # The run has told its end by then, but Python's own exit function waits for the pool.
    Shape("a process pool", "in_process_pool()", "cancelled", margin=10 * MARGIN),
]

RECIPE = """\
steps:
  - {{name: before, module: steps, function: before}}
  - {{name: stuck, module: steps, function: stuck, args: {{how: "{how}"}}, executor: {executor}}}
  - {{name: after, module: steps, function: after}}
"""


class Trial:
    """One workspace, one command in it, and the pipe of those that live."""

    def __init__(self, folder, shape):
        self.folder = folder
        self.program = COMMAND.format(margin=shape.warden_s_margin())
        folder.mkdir()
        (folder / "steps.py").write_text(STEPS)
        (folder / "recipe.yaml").write_text(RECIPE.format(how=shape.how, executor=shape.executor))

    def start(self, *words):
        self.alive, writer = os.pipe()
        # Files, not pipes: what a person would see must not decide when this test goes on.
        with (self.folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", self.program, *words, "--grace", str(GRACE)],
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


def tried(folder, shape, number):
    """Let a run get stuck, end it, look at what is left, and go on; return what was wrong."""
    trial = Trial(folder, shape)
    process = trial.start("run", "recipe.yaml")
    said = os.read(trial.alive, 5)
    assert said == b"stuck", trial.said()
    process.send_signal(number)
    begun = monotonic()
    code = process.wait(timeout=PATIENCE)
    trial.all_gone()
    seconds = monotonic() - begun

    wrong = []
    if seconds > LONG_MARGIN:
        wrong.append(f"it took {seconds:.2f} s")
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
    return wrong


@pytest.mark.slow
def test_fifteen_stuck_steps_end_by_either_signal_and_the_run_goes_on(tmp_path):
    cases = [
        (f"{shape.name}, {number.name}", tmp_path / f"{place}-{number.name}", shape, number)
        for place, shape in enumerate(SHAPES)
        for number in (signal.SIGINT, signal.SIGTERM)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = list(pool.map(lambda case: tried(*case[1:]), cases))
    assert len(cases) == 30
    assert {case[0]: each for case, each in zip(cases, wrong, strict=True) if each} == {}


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[5]], ids=lambda shape: shape.name)
def test_a_second_signal_does_not_wait_for_the_grace(shape, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "GRACE", 600.0)
    trial = Trial(tmp_path / "workspace", shape)
    process = trial.start("run", "recipe.yaml")
    assert os.read(trial.alive, 5) == b"stuck"
    begun = monotonic()
    process.send_signal(signal.SIGINT)
    # Until a fifth of a second has passed they count as one; then the next is the second.
    while process.poll() is None:
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    trial.all_gone()
    assert process.returncode == 130
    assert monotonic() - begun < PATIENCE
    assert trial.history().summary.state == shape.ends


def test_a_step_that_hears_is_given_its_time_and_json_tells_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "GRACE", 600.0)
    trial = Trial(tmp_path / "workspace", Shape("", "lock()", "cancelled"))
    (trial.folder / "recipe.yaml").write_text(
        "steps:\n  - {name: polite, module: polite, function: Polite}\n"
    )
    (trial.folder / "polite.py").write_text(
        "import os\n"
        "from scriptlets.framework import BaseScriptlet\n"
        "class Polite(BaseScriptlet):\n"
        "    def run(self, context, params):\n"
        "        os.write(int(os.environ['PIPE']), b'stuck')\n"
        "        while not self.cancelled: pass\n"
        "        context.set('last words', 'bye')\n"
        "        return 0\n"
    )
    process = trial.start("run", "recipe.yaml", "--json")
    assert os.read(trial.alive, 5) == b"stuck"
    begun = monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 143
    trial.all_gone()
    assert monotonic() - begun < PATIENCE
    events = [json.loads(line) for line in trial.said().splitlines()]
    assert events[-1]["event"] == "run_finished"
    # It had finished its work before the grace was over: that is what is told.
    assert [event["state"] for event in events if event["event"] == "step_finished"] == [
        "succeeded"
    ]
    assert [change.value for change in trial.history().changes] == ["bye"]
