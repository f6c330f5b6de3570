"""One contract, every executor: serial, thread, loop and processes, and the fake that stands in for them.

The same steps run on each. On the loop they are the ``async`` twins of the plain functions.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from itertools import pairwise
from queue import SimpleQueue

import pytest

from framework0.assembly.executors import bound_aperformer, bound_performer
from framework0.context import Author, Context
from framework0.logs import StepLog, capture_output
from framework0.recipe import Policy, Step
from framework0.runner import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT, Failure, Job, Outcome, Target
from framework0.runner.executors import (
    LoopExecutor,
    PoolExecutor,
    ProcessExecutor,
    SerialExecutor,
    ThreadExecutor,
)
from framework0.runner.executors import thread as thread_module
from framework0.scriptlets import UserCode
from framework0.testing import FakeClock, FakeExecutor

REAL = ["serial", "thread", "loop", "process", "alone"]
"""``process`` is the pool of warm workers, ``alone`` a fresh process for each attempt."""

PROCESSES = {"process", "alone"}
EVERY = [*REAL, "fake"]

STEPS = '''
import asyncio
import os
import sys
import time

from framework0.errors import StepCancelled
from framework0.scriptlets import BaseScriptlet

def give(value=None):
    return value

def fail():
    raise ValueError("no such luck")

def leave(code=None):
    raise SystemExit(code)

def interrupt():
    raise KeyboardInterrupt

def give_up():
    raise StepCancelled("asked to stop")

def talk(text):
    print(text)
    print(text, file=sys.stderr)

def count(context, to):
    for number in range(to):
        context.set("n", number)
        assert context.get("n") == number
    context.delete("n")
    return [context.get("n", "none"), context.keys("**")]

def typed(context):
    context.set("lease", [1, "a"], ttl=5.0)
    read = context.get("lease", type=tuple[int, str])
    try:
        context.get("lease", type=list[int])
    except Exception as error:
        return [list(read), type(error).__name__, str(error)]

def gate(path):
    with open(path) as pipe:
        return pipe.read()

def hold(path):
    return gate(path)

def burn():
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass

class Verdict(BaseScriptlet):
    def run(self, context, params):
        return {"status": "failed", "message": "not today"}

class Number(BaseScriptlet):
    def run(self, context, params):
        return {"attempt": self.attempt, "run": self.run_id, "value": params["value"]}

class Far(BaseScriptlet):
    def run(self, context, params):
        self.progress(1, 4)
        self.progress(4, 4)

class UntilTold(BaseScriptlet):
    """Tells on a pipe that it runs, then works until it is told to stop."""
    def run(self, context, params):
        with open(params["path"], "w") as pipe:
            pipe.write("up")
        while not self.cancelled:
            time.sleep(0.005)
        return "stopped by itself"

# The twins for the loop, made from the plain ones. Three must really wait: theirs are written out.

def _twin(plain):
    async def twin(*args, **kwargs):
        await asyncio.sleep(0)
        return plain(*args, **kwargs)
    return twin

async_give, async_fail, async_leave, async_interrupt = map(_twin, (give, fail, leave, interrupt))
async_give_up, async_talk, async_burn, async_hold = map(_twin, (give_up, talk, burn, hold))

async def async_count(context, to):
    await asyncio.sleep(0)
    return count(context, to)

async def async_typed(context):
    return typed(context)

async def async_gate(path):
    return await asyncio.to_thread(gate, path)

async def async_leave_later():
    asyncio.get_running_loop().call_soon(leave, 3)
    return "ended"

class async_Verdict(Verdict):
    async def run(self, context, params):
        return Verdict.run(self, context, params)

class async_Number(Number):
    async def run(self, context, params):
        return Number.run(self, context, params)

class async_Far(Far):
    async def run(self, context, params):
        return Far.run(self, context, params)

class async_UntilTold(BaseScriptlet):
    async def run(self, context, params):
        with open(params["path"], "w") as pipe:
            pipe.write("up")
        await asyncio.Event().wait()
'''


class Calls:
    """A context that remembers every call in order."""

    def __init__(self):
        self.values = {}
        self.calls = []

    def get(self, key, default=None):
        self.calls.append(("get", key))
        return self.values.get(key, default)

    def set(self, key, value):
        self.calls.append(("set", key, value))
        self.values[key] = value
        return len(self.calls)

    def delete(self, key):
        self.calls.append(("delete", key))
        return self.values.pop(key, None) is not None

    def keys(self, pattern="**"):
        self.calls.append(("keys", pattern))
        return sorted(self.values)


PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""


class Shared:
    """The steps' code, and the executors of processes, which all benches of this module may use."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "work.py").write_text(STEPS)
        self.made = {}

    def processes(self, kind):
        if kind not in self.made:
            self.made[kind] = self.executor(kind)
        return self.made[kind]

    def executor(self, kind):
        alone = ProcessExecutor([self.folder])
        return alone if kind == "alone" else PoolExecutor([self.folder], alone, lambda _step: None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    shared = Shared(tmp_path_factory.mktemp("code"))
    yield shared
    for executor in shared.made.values():
        executor.close()


class Bench:
    """An executor of one kind, and what it takes to give it jobs and to wait for their ends.

    Processes are those of the module, unless they are to be its ``own``.
    """

    def __init__(self, kind, folder, shared, *, own=True):
        self.kind = kind
        self.folder = folder
        self.shared = shared
        self.own = own or kind not in PROCESSES
        self.work = shared.folder / "work.py"
        self.code = UserCode([shared.folder])
        self.ends = SimpleQueue()
        self.made = 0
        self.script = bound_performer()
        self.clock = FakeClock()
        self._pumped = SimpleQueue()
        self._pump = None
        self.executor = self._make()

    def _make(self):
        if self.kind == "serial":
            # The thread that waits for the run, as the executor knows it.
            self._pump = threading.Thread(target=self._serve, daemon=True)
            self._pump.start()
            return SerialExecutor(bound_performer(), self._pumped.put)
        if self.kind == "thread":
            return ThreadExecutor(bound_performer())
        if self.kind == "loop":
            return LoopExecutor(bound_aperformer())
        if self.kind in PROCESSES:
            return self.shared.executor(self.kind) if self.own else self.shared.processes(self.kind)
        return FakeExecutor(self.clock, self.script)

    def _serve(self):
        while (action := self._pumped.get()) is not None:
            action()

    def job(self, function, args=None, **facts):
        """Return a job that calls ``function`` of the steps above."""
        name = f"async_{function}" if self.kind == "loop" else function
        node = self.made
        self.made += 1
        policy = facts.pop("policy", None) or Policy()
        step = Step(f"step {node}", node, module="work", function=name, policy=policy)
        job = Job("a-run", node, step.name, step, facts.pop("attempt", 1))
        job.args = args
        job.context = Calls()
        job.log = StepLog(self.folder / f"{node}.log")
        job.executor = self.executor
        if self.kind not in PROCESSES:
            job.target = Target(self.code.target("work", name))
        for fact, value in facts.items():
            setattr(job, fact, value)
        return job

    def submit(self, *jobs, report=None):
        for job in jobs:
            self.executor.submit(job, report or self.report)

    def report(self, job, outcome):
        self.ends.put((job, outcome))

    def next_end(self):
        """Wait for the next end of an attempt: (job, outcome)."""
        if self.kind == "fake":
            end = self.clock.take(self.ends, 1e9)
            assert end is not None, "the clock stands still and nothing was reported"
            return end
        return self.ends.get(timeout=PATIENCE)

    def run(self, function, args=None, **facts):
        """Run one job to its end and return its outcome."""
        job = self.job(function, args, **facts)
        self.submit(job)
        ended, outcome = self.next_end()
        assert ended is job
        job.log.close()
        return outcome

    def log(self, job):
        return (self.folder / f"{job.node}.log").read_text()

    def close(self):
        if self.own:
            self.executor.close()
        if self._pump is not None:
            self._pumped.put(None)
            self._pump.join(timeout=PATIENCE)


@pytest.fixture
def bench(request, tmp_path, shared):
    yield from benches(request.param, tmp_path, shared, own=False)


@pytest.fixture
def lone(request, tmp_path, shared):
    """A bench that may be closed."""
    yield from benches(request.param, tmp_path, shared, own=True)


def benches(kind, folder, shared, *, own):
    bench = Bench(kind, folder, shared, own=own)
    with bench.code:
        yield bench
        bench.close()


every = pytest.mark.parametrize("bench", EVERY, indirect=True)
every_lone = pytest.mark.parametrize("lone", EVERY, indirect=True)
real = pytest.mark.parametrize("bench", REAL, indirect=True)


@every
@pytest.mark.parametrize("value", [None, 7, "text", [1, {"a": None}], {"deep": [[]]}])
def test_a_result_comes_back_as_it_was_given(bench, value):
    outcome = bench.run("give", {"value": value})
    assert (outcome.state, outcome.result, outcome.failure) == (SUCCEEDED, value, None)


@every
def test_positional_arguments_arrive_too(bench):
    assert bench.run("give", ["first"]).result == "first"


@every
def test_an_exception_is_a_failure_with_its_place(bench):
    outcome = bench.run("fail")
    assert (outcome.state, outcome.result) == (FAILED, None)
    assert (outcome.failure.kind, outcome.failure.message) == ("ValueError", "no such luck")
    line = STEPS.splitlines().index('    raise ValueError("no such luck")') + 1
    assert outcome.failure.where == f"{bench.work}:{line}"
    assert outcome.failure.trace.rstrip().endswith("ValueError: no such luck")
    assert "Exception" in outcome.failure.bases


@every
@pytest.mark.parametrize(
    ("function", "args", "kind"),
    [
        ("leave", {"code": 0}, "SystemExit"),
        ("leave", {"code": 3}, "SystemExit"),
        ("leave", {"code": "words"}, "SystemExit"),
        ("interrupt", None, "KeyboardInterrupt"),
    ],
)
def test_a_step_that_leaves_ends_itself_and_nobody_else(bench, function, args, kind):
    outcome = bench.run(function, args)
    assert (outcome.state, outcome.failure.kind) == (FAILED, kind)
    assert bench.run("give", {"value": "still here"}).result == "still here"


@every
def test_a_step_that_says_it_was_stopped_is_cancelled(bench):
    outcome = bench.run("give_up")
    assert (outcome.state, outcome.failure.message) == (CANCELLED, "asked to stop")


@every
def test_a_scriptlet_s_verdict_and_missing_keys_are_failures(bench):
    assert bench.run("Verdict").failure == Failure("status", "not today")
    policy = Policy(success_keys=("missing",))
    outcome = bench.run("give", policy=policy)
    assert (outcome.state, outcome.failure.kind) == (FAILED, "success_keys")


@every
def test_a_scriptlet_knows_its_run_and_attempt(bench):
    outcome = bench.run("Number", {"value": 5}, attempt=3)
    assert outcome.result == {"attempt": 3, "run": "a-run", "value": 5}


@every
def test_progress_arrives_in_order(bench):
    told = []
    bench.run("Far", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (4, 4)]


@every
def test_calls_of_the_context_keep_their_order(bench):
    job = bench.job("count", {"to": 40}, context=Calls())
    bench.submit(job)
    _, outcome = bench.next_end()
    assert outcome.failure is None
    assert outcome.result == ["none", []]
    expected = [call for n in range(40) for call in (("set", "n", n), ("get", "n"))]
    assert job.context.calls == [*expected, ("delete", "n"), ("get", "n"), ("keys", "**")]


@every
def test_a_step_reads_values_as_types_and_gives_them_a_time_to_live(bench):
    with Context() as shared:
        view = shared.view(Author("s", "run", "s", 1))
        bench.submit(bench.job("typed", context=view))
        _, outcome = bench.next_end()
        assert outcome.failure is None
        read, kind, message = outcome.result
        assert (read, kind) == ([1, "a"], "TypeMismatch")
        assert "at [1], is the text 'a', and int was asked for" in message
        (change,) = shared.history("lease")
        assert change.expires == pytest.approx(change.at + 5.0)
        assert change.step == "s"


@every
def test_what_a_step_prints_is_in_its_own_log(bench, tmp_path):
    jobs = [bench.job("talk", {"text": f"word {number}"}) for number in range(6)]
    with capture_output(echo=False, run_log=StepLog(tmp_path / "run.log")):
        bench.submit(*jobs)
        for _ in jobs:
            bench.next_end()
    for number, job in enumerate(jobs):
        job.log.close()
        assert bench.log(job) == f"word {number}\n" * 2


@every_lone
def test_every_job_is_reported_exactly_once(lone):
    jobs = [lone.job("give", {"value": number}) for number in range(24)]
    lone.submit(*jobs)
    ends = [lone.next_end() for _ in jobs]
    for job, outcome in ends:
        assert outcome.result == job.args["value"]
    lone.close()
    assert lone.ends.empty()
    assert Counter(id(job) for job, _ in ends) == Counter(map(id, jobs))


@every
def test_the_job_handed_back_runs_next_in_the_same_worker(bench):
    following = [bench.job("give", {"value": number}) for number in range(1, 6)]
    story, workers = [], []

    def report(job, outcome):
        story.append(outcome.result)
        workers.append(threading.get_ident())
        if following:
            return following.pop(0)
        bench.ends.put((job, outcome))
        return None

    bench.submit(bench.job("give", {"value": 0}), report=report)
    bench.next_end()
    assert story == list(range(6))
    assert len(set(workers)) == 1


@every
def test_a_chain_goes_on_after_a_failure(bench):
    second = bench.job("give", {"value": 2})
    states = []

    def report(job, outcome):
        states.append(outcome.state)
        if job is not second:
            return second
        bench.ends.put((job, outcome))
        return None

    bench.submit(bench.job("fail"), report=report)
    bench.next_end()
    assert states == [FAILED, SUCCEEDED]


@real
def test_submit_does_not_wait_for_the_work(bench, tmp_path):
    path = tmp_path / "gate"
    os.mkfifo(path)
    # The step waits for a writer, who comes only after submit has returned.
    bench.submit(bench.job("gate", {"path": str(path)}))
    with path.open("w") as pipe:
        pipe.write("open")
    assert bench.next_end()[1].result == "open"


@pytest.mark.parametrize("bench", ["thread", "loop", "process", "alone"], indirect=True)
def test_jobs_run_beside_each_other(bench, tmp_path):
    paths = [tmp_path / f"gate {number}" for number in range(3)]
    for path in paths:
        os.mkfifo(path)
    bench.submit(*(bench.job("gate", {"path": str(path)}) for path in paths))
    # Opened in the opposite order: each can only end because it did not wait for those before it.
    for path in reversed(paths):
        with path.open("w") as pipe:
            pipe.write(path.name)
        assert bench.next_end()[1].result == path.name


@real
def test_time_and_work_are_measured(bench):
    outcome = bench.run("burn")
    assert 0.02 <= outcome.seconds < PATIENCE
    if bench.kind != "loop":
        # The loop's thread is shared, so nobody can say whose its processor time is.
        assert outcome.cpu_seconds >= 0.015


@pytest.mark.parametrize("lone", REAL, indirect=True)
def test_stopping_a_running_job_says_truly_whether_it_ends(lone, tmp_path):
    up = tmp_path / "up"
    os.mkfifo(up)
    job = lone.job("UntilTold", {"path": str(up)})
    lone.submit(job)
    with up.open() as pipe:
        assert pipe.read() == "up"
    stopped = lone.executor.stop(job, CANCELLED)
    assert job.cancelled.is_set()
    ended, outcome = lone.next_end()
    assert ended is job
    assert stopped == (lone.kind == "loop" or lone.kind in PROCESSES)
    if stopped:
        assert (outcome.state, outcome.failure.kind) == (CANCELLED, "cancelled")
    else:
        # Asked only: it ended because it looked, and nothing it did is lost.
        assert (outcome.state, outcome.result) == (SUCCEEDED, "stopped by itself")
    assert lone.run("give", {"value": "next"}).result == "next"
    lone.close()
    assert lone.ends.empty()


@pytest.mark.parametrize("bench", ["loop", "process", "alone"], indirect=True)
def test_a_job_stopped_before_it_began_is_reported_all_the_same(bench, tmp_path):
    path, up = tmp_path / "gate", tmp_path / "up"
    os.mkfifo(path)
    os.mkfifo(up)
    # A reader there already, so that a step that does begin does not wait for one.
    reader = os.open(up, os.O_RDONLY | os.O_NONBLOCK)
    # On the loop this step computes and lets nothing else begin; for processes it changes nothing.
    busy, job = bench.job("hold", {"path": str(path)}), bench.job("UntilTold", {"path": str(up)})
    bench.submit(busy, job)
    assert bench.executor.stop(job, CANCELLED)
    if bench.kind in PROCESSES:
        assert bench.next_end()[0] is job
    with path.open("w") as pipe:
        pipe.write("go")
    ends = dict(bench.next_end() for _ in range(2 if bench.kind == "loop" else 1))
    assert ends.pop(busy).result == "go"
    assert [(ended, outcome.state) for ended, outcome in ends.items()] == (
        [(job, CANCELLED)] if bench.kind == "loop" else []
    )
    os.close(reader)
    assert bench.run("give", {"value": "next"}).result == "next"


@pytest.mark.parametrize("bench", ["loop", "process", "alone"], indirect=True)
def test_stopping_one_link_of_a_chain_leaves_the_next_alone(bench, tmp_path):
    up = tmp_path / "up"
    os.mkfifo(up)
    second = bench.job("give", {"value": "second"})

    def report(job, outcome):
        bench.ends.put((job, outcome))
        return second if job is not second else None

    first = bench.job("UntilTold", {"path": str(up)})
    bench.submit(first, report=report)
    with up.open() as pipe:
        pipe.read()
    bench.executor.stop(first, CANCELLED)
    bench.executor.stop(first, CANCELLED)
    assert [bench.next_end()[1].state for _ in range(2)] == [CANCELLED, SUCCEEDED]


@pytest.mark.parametrize("bench", ["process", "alone"], indirect=True)
def test_only_the_process_can_tell_a_timeout_from_a_cancellation(bench, tmp_path):
    up = tmp_path / "up"
    os.mkfifo(up)
    job = bench.job("UntilTold", {"path": str(up)})
    bench.submit(job)
    with up.open() as pipe:
        pipe.read()
    assert bench.executor.stop(job, TIMED_OUT)
    assert bench.next_end()[1].state == TIMED_OUT


@pytest.mark.parametrize("bench", ["fake"], indirect=True)
@pytest.mark.parametrize("stops", [True, False])
def test_the_fake_can_be_of_either_kind(bench, stops):
    bench.executor = FakeExecutor(
        bench.clock, lambda job: Outcome(SUCCEEDED, "whole", seconds=50.0), stops=stops
    )
    job = bench.job("give")
    bench.submit(job)
    assert bench.executor.stop(job, CANCELLED) is stops
    assert job.cancelled.is_set()
    _, outcome = bench.next_end()
    assert outcome.state == (CANCELLED if stops else SUCCEEDED)
    assert bench.clock.seconds == (0.0 if stops else 50.0)
    bench.clock.take(bench.ends, 100.0)
    assert bench.ends.empty()


@every_lone
def test_stopping_what_has_ended_does_nothing(lone):
    job = lone.job("give", {"value": 1})
    lone.submit(job)
    lone.next_end()
    lone.executor.stop(job, CANCELLED)
    assert lone.run("give", {"value": 2}).result == 2
    lone.close()
    assert lone.ends.empty()


@every_lone
def test_closing_twice_is_closing(lone):
    lone.run("give")
    lone.executor.close()
    lone.executor.close()


@pytest.mark.parametrize("kind", EVERY)
def test_closing_what_was_never_used_returns(kind, tmp_path, shared):
    Bench(kind, tmp_path, shared).close()


@pytest.mark.parametrize("bench", ["serial", "thread", "process", "alone"], indirect=True)
def test_an_async_function_is_run_to_its_end_wherever_it_is(bench):
    job = bench.job("async_give", {"value": "later"})
    assert job.step.function == "async_give"
    bench.submit(job)
    assert bench.next_end()[1].result == "later"


def test_the_names_are_those_a_recipe_uses(tmp_path, shared):
    names = {}
    for kind in EVERY:
        folder = tmp_path / kind
        folder.mkdir()
        bench = Bench(kind, folder, shared)
        names[kind] = bench.executor.name
        bench.close()
    assert names == {**{kind: kind for kind in REAL}, "alone": "process", "fake": "thread"}


@pytest.mark.parametrize("bench", ["loop"], indirect=True)
def test_what_a_step_left_on_the_loop_cannot_stop_it(bench):
    assert bench.run("leave_later").result == "ended"
    assert bench.run("give", {"value": "next"}).result == "next"


class Race:
    """Two chains of quick steps, neither ever more than one step ahead of the other."""

    def __init__(self, steps):
        self.left = [steps, steps]
        self.performers = []
        self.ended = SimpleQueue()
        self.both = threading.Event()
        self.moved = threading.Condition()

    def perform(self, job):
        if job.attempt == 0:
            # Not quick: the other chain gets a thread of its own.
            self.both.wait(PATIENCE)
            return Outcome(SUCCEEDED, seconds=1.0)
        with self.moved:
            assert self.moved.wait_for(
                lambda: self.left[1 - job.node] <= self.left[job.node], PATIENCE
            )
        self.performers.append(threading.get_ident())
        return Outcome(SUCCEEDED, seconds=0.0)

    def report(self, job, outcome):
        with self.moved:
            self.left[job.node] -= 1
            self.moved.notify_all()
        if self.left[job.node]:
            return self.job(job.node, job.attempt + 1)
        self.ended.put(job)
        return None

    def job(self, chain, attempt):
        return Job("a-run", chain, f"chain {chain}", Step(f"chain {chain}", chain), attempt)


def test_threads_that_only_take_turns_at_quick_steps_become_one(monkeypatch):
    # On a busy machine a thread is often away for longer than the sentinel usually waits.
    monkeypatch.setattr(thread_module, "PATIENCE", 0.05)
    race = Race(1000)
    executor = ThreadExecutor(race.perform)
    executor.submit(race.job(0, 0), race.report)
    executor.submit(race.job(1, 0), race.report)
    race.both.set()
    for _ in range(2):
        race.ended.get(timeout=PATIENCE)
    executor.close()
    turns = sum(one != other for one, other in pairwise(race.performers))
    # Every second would be one. The sentinel may still wake the other thread again.
    assert turns < len(race.performers) / 5
