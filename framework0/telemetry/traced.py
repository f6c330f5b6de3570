"""A run as a trace: a span for the run, one for each attempt below it, and the way in and out.

Names follow OpenTelemetry's conventions where there are any: ``code.function.name`` (it was
``code.function`` until 1.30), ``exception.*`` events, ``error.type``, ``process.exit.code``. What
processes get in their environment is described in
https://opentelemetry.io/docs/specs/otel/context/env-carriers/.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from framework0.telemetry.instruments import Instruments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from framework0.runner import AttemptRecord, Failure, Job
    from framework0.telemetry.pipeline import Pipeline
    from framework0.telemetry.subject import Subject

_WELL = frozenset({"succeeded", "skipped", "cached", "paused"})


class TracedRun:
    """Implements :class:`framework0.runner.Observer`.

    ``carrier`` is the trace context the run belongs to (``traceparent``, ``tracestate``); ``earlier``
    are ``traceparent`` texts of runs that it goes on with or repeats, by what they are to it.
    ``keep(traceparent)`` is told the run's own, for a later run to link to.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        subject: Subject,
        *,
        carrier: Mapping[str, str],
        earlier: Mapping[str, str],
        keep: Callable[[str], object],
    ) -> None:
        self._pipeline = pipeline
        self._subject = subject
        self._carrier = dict(carrier)
        self._earlier = dict(earlier)
        self._keep = keep
        self._span: Any = None
        self._parent: Any = None
        self._figures: Instruments | None = None
        self._steps = {step.name: step for step in subject.plan.steps}
        self._open: dict[tuple[str, int], Any] = {}
        self._executors: dict[tuple[str, int], str] = {}
        self._lock = Lock()

    # ------------------------------------------------------------------ what an observer is told

    def run_started(self, run_id: str, total: int) -> None:
        """Open the run's span, below the one that the environment names."""
        subject = self._subject
        links = [
            trace.Link(span, {"framework0.link": what})
            for what, text in self._earlier.items()
            if (span := _span_of({"traceparent": text})) is not None
        ]
        above = TraceContextTextMapPropagator().extract(self._carrier, contexts.Context())
        facts = {
            "framework0.run.id": run_id,
            "framework0.recipe.name": subject.recipe,
            "framework0.run.steps": total,
            "framework0.run.resumed": "resumed" in self._earlier,
        }
        if subject.name:
            facts["framework0.run.name"] = subject.name
        self._span = self._pipeline.tracer.start_span(
            f"run {subject.recipe}", above, attributes=facts, links=links
        )
        self._parent = trace.set_span_in_context(self._span, contexts.Context())
        self._figures = Instruments(self._pipeline.meter, subject, time())
        self._keep(_written(self._parent)["traceparent"])

    def step_started(self, name: str, attempt: int) -> None:
        """Open the span of an attempt."""
        assert self._figures is not None
        self._figures.start()
        hide = self._subject.hide
        owner = self._owner(name)
        facts = {"framework0.step.name": hide(name), "framework0.step.attempt": attempt}
        step = self._steps.get(owner)
        if step is not None:
            facts["framework0.step.type"] = step.kind
            if step.function:
                facts["code.function.name"] = hide(f"{step.module}.{step.function}".lstrip("."))
        # An item's span has its step's name: names of spans are few, whatever the number of items.
        span = self._pipeline.tracer.start_span(hide(owner), self._parent, attributes=facts)
        with self._lock:
            self._open[name, attempt] = span

    def step_progress(self, name: str, done: int, total: int) -> None:
        """Progress within a step is no event worth keeping."""

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Close the spans of attempts that are acknowledged."""
        assert self._figures is not None
        for record in records:
            self._figures.take(record, self._owner(record.name))
            key = (record.name, record.attempt)
            with self._lock:
                span = self._open.pop(key, None)
                executor = self._executors.pop(key, "")
            if span is not None:
                self._close_span(span, record, executor)

    def run_finished(self, state: str, seconds: float) -> None:
        """Note how the run ended; :meth:`close` ends its span."""
        assert self._figures is not None
        self._figures.finish(state, seconds)
        self._span.set_attribute("framework0.run.state", state)
        if state not in _WELL:
            self._span.set_status(trace.StatusCode.ERROR, f"the run {state}")

    def close(self) -> None:
        """End what is open: all of it, if the run broke down."""
        with self._lock:
            spans, self._open = list(self._open.values()), {}
        for span in spans:
            span.set_status(trace.StatusCode.ERROR, "no end of it was recorded")
            span.end()
        if self._span is not None:
            self._span.end()

    # ------------------------------------------------------------------ the way to the steps

    def carry(self, job: Job) -> None:
        """Put the trace context of an attempt into the environment of its process."""
        key = (job.name, job.attempt)
        with self._lock:
            span = self._open.get(key)
            self._executors[key] = getattr(job.executor, "name", "")
        if span is not None:
            given = _written(trace.set_span_in_context(span, contexts.Context()))
            names = {name.upper(): text for name, text in given.items()}
            job.env = {**names, **job.env}

    def traceparent_of(self, job: Job) -> dict[str, str]:
        """Return the carrier for a run that an attempt begins within this process."""
        with self._lock:
            span = self._open.get((job.name, job.attempt))
        if span is None:
            return {}
        return _written(trace.set_span_in_context(span, contexts.Context()))

    @contextmanager
    def around(self, job: Job) -> Iterator[None]:
        """Make the span of an attempt the current one while its code runs in this process."""
        with self._lock:
            span = self._open.get((job.name, job.attempt))
        if span is None:
            yield
            return
        token = contexts.attach(trace.set_span_in_context(span))
        try:
            yield
        finally:
            contexts.detach(token)

    # ------------------------------------------------------------------ one span

    def _close_span(self, span: Any, record: AttemptRecord, executor: str) -> None:
        outcome = record.outcome
        facts: dict[str, Any] = {
            "framework0.step.state": record.state,
            "framework0.step.final": record.final,
            "framework0.step.seconds": outcome.seconds,
            "framework0.step.cpu_seconds": outcome.cpu_seconds,
        }
        if executor:
            facts["framework0.step.executor"] = executor
        if outcome.peak_memory:
            facts["framework0.step.memory.peak"] = outcome.peak_memory
        if record.reason:
            facts["framework0.step.reason"] = self._subject.hide(record.reason)
        code = outcome.result.get("exit_code") if isinstance(outcome.result, dict) else None
        if isinstance(code, int):
            facts["process.exit.code"] = code
        end = int((record.at + outcome.seconds) * 1e9)
        if outcome.failure is not None:
            self._tell_failure(span, outcome.failure, facts, end)
        span.set_attributes(facts)
        if record.state not in _WELL and outcome.failure is None:
            span.set_status(trace.StatusCode.ERROR, record.state)
        # The clock may have been set back since it began.
        span.end(max(end, span.start_time) if hasattr(span, "start_time") else None)

    def _tell_failure(self, span: Any, failure: Failure, facts: dict[str, Any], end: int) -> None:
        hide = self._subject.hide
        facts["error.type"] = hide(failure.kind)
        event = {"exception.type": hide(failure.kind), "exception.message": hide(failure.message)}
        if failure.trace:
            event["exception.stacktrace"] = hide(failure.trace)
        if failure.where:
            file, _, line = failure.where.rpartition(":")
            facts["code.file.path"] = hide(file or failure.where)
            if line.isdecimal():
                facts["code.line.number"] = int(line)
        span.add_event("exception", event, end)
        span.set_status(trace.StatusCode.ERROR, hide(failure.message.partition("\n")[0]))

    def _owner(self, name: str) -> str:
        """Return the step that ``name`` is, or is an item of."""
        if name in self._steps or not name.endswith("]"):
            return name
        return name.rpartition("[")[0]


def _written(context: Any) -> dict[str, str]:
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context)
    # A span that is not sampled is written too; without any, nothing follows anything.
    return carrier or {"traceparent": ""}


def _span_of(carrier: Mapping[str, str]) -> Any:
    context = TraceContextTextMapPropagator().extract(carrier, contexts.Context())
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None
