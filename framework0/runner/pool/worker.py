"""The worker: one process that imports the user's code once and performs one job after another.

It is started like the process of a step (:mod:`framework0.runner.processes`), so whatever it does or
starts is ended with it. All of it happens in the main thread: a step gets the signals it expects.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from time import monotonic, perf_counter_ns

from framework0.context import check_json
from framework0.errors import ScriptletError, StepCancelled, ValueRefused
from framework0.logs import bind
from framework0.recipe import Policy, Step
from framework0.runner.invoke import Target, ended_by
from framework0.runner.invoke import perform as perform_job
from framework0.runner.pool import wire
from framework0.runner.pool.asking import PoolContext
from framework0.runner.pool.counter import Counter
from framework0.runner.pool.moving import moved
from framework0.runner.pool.parcel import (
    CannotTravel,
    Opened,
    Parcel,
    from_told,
    pack,
    unpack_arguments,
)
from framework0.runner.pool.surroundings import Surroundings
from framework0.runner.pool.usage import Unmeasured, Usage
from framework0.runner.processes.deadline import Deadline
from framework0.runner.processes.leaving import end_process
from framework0.runner.processes.line import Line
from framework0.runner.seams import CANCELLED, FAILED, Failure, Job, Outcome
from framework0.scriptlets import UserCode
from framework0.segments import receive, segments_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType
    from typing import Any, NoReturn

    from framework0.segments import Segment

_NANO = 1e9
"""Whole nanoseconds: the journal writes them several times faster than what a difference of floats is."""

_SMALL = 64 * 1024
_SCALARS = frozenset({type(None), bool, int})


def prepare() -> None:
    """Load, in the keeper, what nearly every job needs, so that no worker has to."""
    import ctypes

    from framework0.runner.executors.child import prepare as prepare_child

    prepare_child()
    ctypes.c_int(0)


def main(descriptor: int, deadlines: int) -> NoReturn:
    """Perform the jobs that come, until the runner says that there are no more; then end the process."""
    os.set_inheritable(descriptor, False)
    end = socket.socket(fileno=descriptor)
    line = Line(end)
    start = line.receive()
    if start is not None:
        _, descriptors = receive(end, 1)
        jobs, begun = socket.socket(fileno=descriptors[0]), Counter(descriptors[1])
        _Worker(wire.Talk(end), jobs, begun, Deadline(deadlines), start).serve()
    end_process()


class _Worker:
    def __init__(
        self,
        talk: wire.Talk,
        jobs: socket.socket,
        begun: Counter,
        deadline: Deadline,
        start: Mapping[str, Any],
    ) -> None:
        self._begun = begun
        self._talk = talk
        self._jobs = jobs
        self._owner = os.getpid()
        self._deadline = deadline
        self._code = UserCode(start["roots"])
        self._targets: dict[tuple[str, str, str], Target] = {}
        self._steps: dict[tuple[Any, ...], Step] = {}
        self._job: Job | None = None
        signal.signal(signal.SIGTERM, self._stop)
        self._code.__enter__()
        self._surroundings = Surroundings()
        self._usage = Usage() if start["measured"] else Unmeasured()

    def serve(self) -> None:
        """Perform jobs until there are no more, or until this process is not fit for another."""
        self._talk.send((wire.READY,))
        while True:
            message, descriptors = receive(self._jobs, wire.INLINE + 1024)
            if not message:
                return
            segments = segments_of(descriptors)
            frame = wire.decoded(message, segments)
            if self._serve_one(frame, segments):
                return

    def _serve_one(self, frame: tuple[Any, ...], segments: list[Segment]) -> bool:
        """Perform one job and tell its outcome; True when this process must not take another."""
        serial, timeout, form, told = frame[1], frame[2], frame[3], frame[4]
        self._begun.write(serial)
        started = perf_counter_ns()
        if timeout is not None:
            self._deadline.set(monotonic() + timeout)
        opened = Opened()
        parcels: list[Parcel] = []
        job = self._make(frame[5:])
        context = PoolContext(self._talk, opened)
        job.context = context
        job.progress = lambda done, total: context.tell("progress", done, total)
        if form == wire.PACKED:
            outcome = self._with_parcels(job, told, segments, opened, parcels)
        else:
            job.args = told
            outcome = self._perform(job)
        if os.getpid() != self._owner:
            # A fork that came back out of the step: it is the step's child, and its work is done.
            end_process()
        self._surroundings.flush()
        job.args = None
        # In a box: who packs it may be the only one to hold it.
        box = [outcome.result]
        if outcome.result is not None:
            outcome = outcome._replace(result=None)
        seconds = (perf_counter_ns() - started) / _NANO
        if timeout is not None and not self._deadline.clear():
            return True
        form, result, beside, refused = _packed(box, opened, parcels)
        outcome = refused or outcome
        figures = (seconds, *self._usage.used(seconds, outcome.cpu_seconds))
        del opened, parcels
        left = self._surroundings.put_back()
        if outcome.state == CANCELLED or job.cancelled.is_set():
            left = left or "it was told to stop"
        failure = None if outcome.failure is None else tuple(outcome.failure)
        end = self._surroundings.end_of_output()
        said = (wire.OUTCOME, serial, outcome.state, form, result, failure, figures, end, left)
        try:
            self._talk.send(said, beside)
        except ValueError:
            # Plain by its look, of a class of the user's own by its type.
            self._talk.send((*said[:4], check_json(result), *said[5:]), beside)
        return bool(left)

    def _make(self, told: Sequence[Any]) -> Job:
        run, node, name, attempt, kind, module, function, keys, env, cwd = told
        what = (kind, module, function, keys)
        step = self._steps.get(what)
        if step is None:
            policy = Policy(success_keys=keys)
            # Steps that do the same differ by their names, which nobody asks for here.
            step = Step(name, 0, kind=kind, module=module, function=function, policy=policy)
            self._steps[what] = step
        job = Job(run, node, name, step, attempt)
        job.env = env or {}
        job.cwd = cwd
        return job

    def _with_parcels(
        self,
        job: Job,
        told: Sequence[Any],
        segments: list[Segment],
        opened: Opened,
        parcels: list[Parcel],
    ) -> Outcome:
        """Open what came packed, and perform the job; a class that cannot be loaded fails the step."""
        structure, descriptions = told
        for description, number in descriptions:
            parcels.append(from_told(description, None if number < 0 else segments[number]))
        try:
            job.args = unpack_arguments(structure, [opened.open(each) for each in parcels])
        # Opening runs the classes' own code, which may import modules and raise anything.
        except Exception as error:  # noqa: BLE001
            return ended_by(error, 0.0, 0.0)
        return self._perform(job)

    def _perform(self, job: Job) -> Outcome:
        sys.argv = [job.name]
        try:
            self._dress(job)
            target = self._target(job.step)
            with bind(None, job.run_id, job.name, job.attempt):
                self._job = job
                try:
                    return perform_job(job, target)
                finally:
                    self._job = None
        except ScriptletError as error:
            # Its text has file and line of the user's code; the traceback would be ours.
            return _failed(f"framework0.errors.{type(error).__name__}", str(error))
        except _Undressed as undressed:
            return _failed(*undressed.args)
        # Importing user code runs it: what it raises, and a stop meanwhile, is the outcome of the attempt.
        except BaseException as error:  # noqa: BLE001
            return ended_by(error, 0.0, 0.0)

    def _dress(self, job: Job) -> None:
        """Give the process the job's own folder and variables."""
        if sys.getfilesystemencoding() != "utf-8":
            _spell(job)
        if job.env:
            os.environ.update(job.env)
        if job.cwd is not None:
            try:
                os.chdir(job.cwd)
            except OSError as error:
                reason = error.strerror or str(error)
                text = f"the step's folder {job.cwd!r} cannot be entered: {reason}"
                raise _Undressed(type(error).__name__, text) from None

    def _target(self, step: Step) -> Target:
        key = (step.kind, step.module, step.function)
        target = self._targets.get(key)
        if target is None:
            if step.kind == "python":
                call = self._code.target(step.module, step.function)
            else:
                from framework0.scriptlets import get_scriptlet

                call = get_scriptlet(step.kind)
            target = self._targets[key] = Target(call)
            # A thread that a module starts when it is imported belongs to the module.
            self._surroundings.count_threads()
        return target

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        job = self._job
        if job is not None and os.getpid() == self._owner:
            # Once is enough: teardown and finally blocks must not be torn apart by a second one.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            job.cancelled.set()
            raise StepCancelled("the step was told to stop")


class _Undressed(Exception):
    """The job's folder cannot be entered: kind and message of the failure."""


def _spell(job: Job) -> None:
    """Have the job's folder and variables as the system can be told, for they are text of any letters."""
    from framework0.workspace import for_system

    job.env = {for_system(name): for_system(value) for name, value in job.env.items()}
    if job.cwd is not None:
        job.cwd = for_system(job.cwd)


def _packed(
    box: list[Any], opened: Opened, parcels: Sequence[Parcel]
) -> tuple[int, Any, Sequence[Segment], Outcome | None]:
    """Return form, told result and segments for the result in ``box``, and how that fails, if it does."""
    kind = type(box[0])
    if kind in _SCALARS or (kind is str and len(box[0]) < _SMALL) or _is_json(box[0]):
        return wire.PLAIN, box[0], (), None
    try:
        parcel = moved(box) or pack(box[0], opened)
        return *_travelling(parcel, parcels), None
    except CannotTravel as error:
        return wire.UNKEPT, str(error), (), None
    except (OSError, MemoryError) as error:
        text = f"there is no memory to hand the result on: {error}"
        return wire.PLAIN, None, (), _failed("result", text)


def _is_json(value: Any) -> bool:
    try:
        check_json(value)
    except ValueRefused:
        return False
    return True


def _travelling(packed: Parcel, parcels: Sequence[Parcel]) -> tuple[int, Any, Sequence[Segment]]:
    for number, parcel in enumerate(parcels):
        if packed.segment is not None and packed.segment is parcel.segment:
            return wire.PASSED_ON, (number, packed.told()), ()
    beside = () if packed.segment is None else (packed.segment,)
    return wire.PACKED, packed.told(), beside


def _failed(kind: str, message: str) -> Outcome:
    return Outcome(FAILED, None, Failure(kind, message))
