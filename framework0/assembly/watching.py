"""A run that is watched: its observers put together, and what they need of its attempts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from framework0.assembly.watch import Watch, log_format_of
from framework0.errors import JournalError, RunNotFound, UsageError
from framework0.telemetry import (
    Harmless,
    MetricsFile,
    Several,
    Subject,
    carried,
    is_asked_for,
    pipeline_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework0.assembly.session import Session
    from framework0.logs import StepLog
    from framework0.runner import Job, Observer, Run, Workshop
    from framework0.telemetry import Pipeline, TracedRun

TRACE: Final = "trace"
"""The decision of a run (node -1) that keeps the ``traceparent`` of its latest part."""

THE_RUN: Final = -1


class Watching:
    """Who watches the run of ``session``. :meth:`close` ends them after everything has been told."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watch = session.options.watch or Watch()
        settings = session.workspace.settings
        self.log_format = log_format_of(session.options.watch, settings, os.environ)
        self.pipeline: Pipeline | None = None
        self.traced: TracedRun | None = None
        self._subject = Subject(
            session.run_id,
            session.name,
            session.plan,
            tell=_tell,
            **({} if session.masker is None else {"hide": session.masker.mask}),
        )
        self._undo: Callable[[], None] | None = None
        self._aside: list[Harmless] = []
        self.observer = self._observers(session.options.observer)

    def _observers(self, given: Any) -> Observer | None:
        observers = list(given) if isinstance(given, (list, tuple)) else [given]
        observers = [observer for observer in observers if observer is not None]
        extras: list[Any] = [self._metrics(), self._spans()]
        self._aside = [Harmless(extra, _tell) for extra in extras if extra is not None]
        observers += self._aside
        if len(observers) == 1:
            only: Observer = observers[0]
            return only
        return Several(observers) if observers else None

    def _metrics(self) -> MetricsFile | None:
        settings = self._session.workspace.settings
        if self._watch.within is not None:
            return None
        path = self._watch.metrics_file
        if not path and settings.metrics_file:
            path = os.path.join(self._session.workspace.root, settings.metrics_file)
        return MetricsFile(path, self._subject, every=settings.metrics_every) if path else None

    def _spans(self) -> TracedRun | None:
        session = self._session
        if self._watch.within is not None:
            self.pipeline, carrier = self._watch.within
        else:
            if not is_asked_for(os.environ, setting=session.workspace.settings.otel):
                return None
            try:
                self.pipeline = pipeline_of(os.environ, _version())
            except UsageError as error:
                _tell(f"{error}; the run goes on without it")
                return None
            carrier = carried(os.environ)
        if self.pipeline is None:
            return None
        from framework0.telemetry import TracedRun

        self.traced = TracedRun(
            self.pipeline,
            self._subject,
            carrier=carrier,
            earlier=_earlier(session),
            keep=lambda text: session.recorder.decide(THE_RUN, TRACE, text),
        )
        return self.traced

    # ------------------------------------------------------------------ the attempts

    def join(self, workshop: Workshop) -> None:
        """Have every job of ``workshop`` carry what its watchers need."""
        is_json = self.log_format == "json"
        if self.traced is None and not is_json:
            return
        fit = workshop.fit
        traced = self.traced

        def fit_watched(job: Job) -> None:
            fit(job)
            if is_json:
                _write_json(job, self._subject.hide)
            if traced is not None:
                traced.carry(job)

        # On the one workshop of this run: others have nothing in their way.
        workshop.fit = fit_watched  # type: ignore[method-assign]
        if traced is not None:
            self._session.executors.around = traced.around

    def shaped(self, log: StepLog) -> StepLog:
        """Return the run's own log, as everything is logged."""
        if self.log_format != "json":
            return log
        from framework0.logs import json_log

        return json_log(log, self._session.run_id)

    def begin(self, run: Run) -> None:
        """Take note of what had ended before, just before the run begins."""
        if self.log_format == "json":
            from framework0.logs import configure

            self._undo = configure(style="json")
        ended = self._subject.ended
        for node, record in run.records.items():
            if node < len(self._session.plan):
                ended[node] = record.state

    def close(self) -> None:
        """End the watchers and send what they still have, within a bound."""
        for observer in self._aside:
            observer.close()
        if self.pipeline is not None and self._watch.within is None:
            trouble = self.pipeline.close()
            if trouble:
                _tell(f"not everything reached OpenTelemetry's collector: {trouble}")
        if self._undo is not None:
            self._undo()

    def within(self, job: Job) -> Watch:
        """Return the watching of a run that ``job`` begins."""
        carrier = {} if self.traced is None else self.traced.traceparent_of(job)
        return Watch(log_format=self.log_format, within=(self.pipeline, carrier))


def _write_json(job: Job, hide: Callable[[str], str]) -> None:
    from framework0.logs import json_log

    job.log = json_log(job.log, job.run_id, hide(job.name), job.attempt)
    # A step in a process of its own formats its log records there.
    job.env = {"FRAMEWORK0_LOG": "json", **job.env}


def _tell(sentence: str) -> None:
    from framework0.logs import get_logger

    get_logger("framework0.telemetry").warning("%s", sentence)


def _version() -> str:
    from framework0 import __version__

    return __version__


def _earlier(session: Session) -> Mapping[str, str]:
    """Return the ``traceparent`` of the run's part before this one, and of the run it repeats."""
    found = {}
    history = session.recorder.history
    if history is not None:
        found["resumed"] = history.decisions.get((THE_RUN, TRACE), "")
    parent = _parent_of(session)
    if parent:
        from framework0.runner import Journal

        journal = Journal(session.workspace.journal)
        try:
            found["parent"] = journal.read(parent).decisions.get((THE_RUN, TRACE), "")
        # A parent that is pruned or damaged is no reason not to run.
        except (JournalError, RunNotFound):
            found["parent"] = ""
        finally:
            journal.close()
    return {what: text for what, text in found.items() if text}


def _parent_of(session: Session) -> str | None:
    """Return the run that this one repeats; an inner run is below its outer one already."""
    if session.options.watch is not None and session.options.watch.within is not None:
        return None
    history = session.recorder.history
    if history is not None:
        return history.header.parent
    from framework0.runner import Journal

    journal = Journal(session.workspace.journal)
    try:
        return journal.read(session.run_id).header.parent
    except JournalError:
        return None
    finally:
        journal.close()
