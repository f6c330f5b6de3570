"""One attempt on its way through the pool: as the worker is sent it, and what became of it."""

from __future__ import annotations

import sys
from itertools import count

from framework0.runner.jobs import NotKept
from framework0.runner.pool import wire
from framework0.runner.pool.parcel import CannotTravel, from_told, pack, pack_arguments
from framework0.runner.processes.answers import answer
from framework0.runner.processes.ends import ended_by_supervisor, used, with_survivors
from framework0.runner.seams import FAILED, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from framework0.runner.pool.parcel import Parcel
    from framework0.runner.seams import Job
    from framework0.segments import Segment

    Report = Callable[[Job, Outcome], Job | None]

_next_serial = count(1).__next__

_PLAIN = frozenset({type(None), bool, int, float, str})


class Attempt:
    """A job, who is told of its end, and what was said about it meanwhile."""

    __slots__ = (
        "_beside",
        "_data",
        "_parcels",
        "job",
        "outcome",
        "report",
        "returned",
        "serial",
        "stopped",
        "waiting",
    )

    def __init__(self, job: Job, report: Report) -> None:
        self.job = job
        self.report = report
        self.serial = _next_serial()
        self.stopped = ""
        self.returned = 0
        self.waiting = 0.0
        self.outcome: Outcome | None = None
        self._data = b""
        self._beside: list[Segment] = []
        self._parcels: list[Parcel] = []

    def encoded(self) -> tuple[bytes, list[Segment]]:
        """Return the job as a message.

        Raises CannotTravel and ValueError for arguments that cannot be sent, OSError without memory.
        """
        if not self._data:
            form, told, beside = self._arguments()
            job, step = self.job, self.job.step
            timeout = None if job.timeout is None else float(job.timeout)
            keys = tuple(step.policy.success_keys)
            frame: tuple[Any, ...] = (
                0,
                self.serial,
                timeout,
                form,
                told,
                job.run_id,
                job.node,
                job.name,
            )
            frame += (job.attempt, step.kind, step.module, step.function, keys)
            frame += (dict(job.env) if job.env else None, job.cwd)
            self._data, self._beside = wire.encoded(frame, beside)
        return self._data, self._beside

    def _arguments(self) -> tuple[int, Any, list[Segment]]:
        args: Any = self.job.args
        if hasattr(args, "items"):
            args = dict(args)
        if is_plain(args):
            return wire.PLAIN, args, []
        structure, self._parcels = pack_arguments(args)
        beside: list[Segment] = []
        descriptions = []
        for parcel in self._parcels:
            number = -1
            if parcel.segment is not None:
                if parcel.segment not in beside:
                    beside.append(parcel.segment)
                number = beside.index(parcel.segment)
            descriptions.append((parcel.told(), number))
        return wire.PACKED, (structure, descriptions), beside

    def answer(
        self, frame: tuple[Any, ...], segments: Sequence[Segment]
    ) -> tuple[tuple[Any, ...], Sequence[Segment]] | None:
        """Take a word of the step; return what to answer, None when nothing is expected."""
        if frame[0] == wire.PROGRESS:
            if self.job.progress is not None:
                self.job.progress(*frame[1:])
            return None
        kind, call, *question = frame
        if kind == wire.ASK_PACKED:
            parcel = from_told(question[-1], segments[0] if segments else None)
            try:
                question[-1] = parcel.open()
            # The step made it of arrays, tables and bytes; their libraries may be missing here alone.
            except Exception as error:  # noqa: BLE001
                text = f"the run cannot read the value, a {parcel.kind}: {error}"
                return ({"error": "ValueRefused", "message": text, "path": ""},), ()
        return _packed(answer(self.job, call, question))

    def hear_outcome(self, frame: tuple[Any, ...], segments: Sequence[Segment]) -> str:
        """Keep the outcome that the worker tells; return why the worker is of no more use, if so."""
        _, _, state, form, told, failure, figures, _, left = frame
        if failure is not None:
            kind, message, where, trace, bases = failure
            failure = Failure(kind, message, where, trace, tuple(bases))
        result = self._result(form, told, segments)
        self.outcome = Outcome(state, result, failure, *figures)
        return str(left)

    def _result(self, form: int, told: Any, segments: Sequence[Segment]) -> Any:
        if form == wire.PLAIN:
            return told
        if form == wire.UNKEPT:
            return NotKept(told)
        if form == wire.PASSED_ON:
            number, description = told
            return from_told(description, self._parcels[number].segment)
        return from_told(told, segments[-1] if segments else None)

    def ended(self, report: Mapping[str, Any] | None) -> Outcome:
        """Return the outcome of an attempt whose worker has ended, which its supervisor reports."""
        if report is None:
            text = "the supervisor of the step was killed: run the step again"
            return Outcome(FAILED, None, Failure("exit", text))
        outcome = ended_by_supervisor(report, self.job, self.stopped, self.outcome)
        if report["survivors"]:
            outcome = with_survivors(outcome, report["survivors"])
        if not outcome.peak_memory:
            outcome = outcome._replace(**used(report))
        return outcome


def _packed(reply: dict[str, Any]) -> tuple[tuple[Any, ...], Sequence[Segment]]:
    """Return the reply as it travels, with a value that is no plain data packed."""
    value = reply.get("value")
    # Only artifacts are no JSON, and most runs never load what knows them.
    if type(value) is not list or "framework0.artifacts" not in sys.modules or is_plain(value):
        return (reply,), ()
    try:
        parcel = pack(value[1])
    except (CannotTravel, OSError, MemoryError) as error:
        return (
            {"error": "ContextError", "message": f"there is no way to hand it on: {error}"},
        ), ()
    return (reply | {"value": None}, parcel.told()), (
        () if parcel.segment is None else (parcel.segment,)
    )


def is_plain(value: Any) -> bool:
    """Say whether frames can hold ``value``: JSON and tuples, of the built-in types themselves."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is dict:
        return all(type(key) is str and is_plain(part) for key, part in value.items())
    return kind in (list, tuple) and all(map(is_plain, value))
