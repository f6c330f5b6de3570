"""One step by itself: called with given arguments and a given context, without a recipe or a journal."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.context import Author, Context
from framework0.errors import UsageError
from framework0.logs import StepLog, bind, capture_output
from framework0.recipe import Policy, Step
from framework0.runner import SUCCEEDED, Job, Target, perform
from framework0.scriptlets import UserCode, get_scriptlet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.context import Change
    from framework0.runner import Failure, Outcome

RUN: Final = "test-run"
"""The id of the run that the step believes to be in."""


class StepRun:
    """How an attempt of one step ended, and what it left.

    ``state``, ``result`` and ``failure`` are what a run would record; ``context`` what is in the
    context afterwards, without the writes of a failed attempt; ``changes`` its writes in order;
    ``log`` what it printed; ``progress`` what it told of its progress.
    """

    def __init__(
        self,
        name: str,
        outcome: Outcome,
        context: Context,
        changes: Sequence[Change],
        log: str,
        progress: Sequence[tuple[int, int]],
    ) -> None:
        self.name = name
        self.state = outcome.state
        self.result = outcome.result
        self.failure: Failure | None = outcome.failure
        self.context = context
        self.changes = tuple(changes)
        self.log = log
        self.progress = list(progress)

    @property
    def ok(self) -> bool:
        """True when the step succeeded."""
        return self.state == SUCCEEDED

    def __repr__(self) -> str:
        if self.failure is None:
            return f"<step {self.name} {self.state}: {self.result!r}>"
        return f"<step {self.name} {self.state}: {_told(self.failure)}>"

    def check(self) -> StepRun:
        """Return self; raise AssertionError with the failure, its place and the log if it failed."""
        __tracebackhide__ = True
        if self.ok:
            return self
        raise AssertionError(story_of(self.name, self.state, self.failure, self.log))


def story_of(name: str, state: str, failure: Failure | None, log: str) -> str:
    """Return what a person wants to know of a step that did not succeed."""
    lines = [f"step {name!r} {state}"]
    if failure is not None:
        lines.append(f"  {_told(failure)}")
        lines += [f"    {line}" for line in failure.trace.splitlines()]
    if log:
        lines.append("  it printed:")
        lines += [f"    {line}" for line in log.splitlines()]
    return "\n".join(lines)


def _told(failure: Failure) -> str:
    where = f" (at {failure.where})" if failure.where else ""
    return f"{failure.kind}: {failure.message}{where}"


def run_step(
    target: Callable[..., Any] | str,
    args: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    context: Context | Mapping[str, Any] | None = None,
    name: str = "",
    attempt: int = 1,
    success_keys: Sequence[str] = (),
    root: Path | str = ".",
) -> StepRun:
    """Perform one attempt of a step in this thread and return how it ended; it never raises for it.

    ``target`` is a function (async too), a scriptlet class, ``module.function`` as found from the
    folder ``root``, or a step type such as ``http``. ``args`` are as in a recipe: by name, or in
    order for a function. ``context`` is a context, or values to begin with.

    Raises :class:`~framework0.errors.ScriptletError` when there is no such target.
    """
    name = name or (target if isinstance(target, str) else target.__name__)
    shared = context if isinstance(context, Context) else _context_with(context or {})
    view = shared.view(Author(name, RUN, name, attempt))
    job = Job(RUN, 0, name, Step(name, 0, policy=Policy(success_keys=tuple(success_keys))), attempt)
    job.args = args
    job.context = view
    told: list[tuple[int, int]] = []
    job.progress = lambda done, total: told.append((done, total))
    with (
        tempfile.TemporaryDirectory(prefix="framework0-step-") as folder,
        UserCode([root], keep=True) as code,
    ):
        log = StepLog(Path(folder) / "step.log")
        with capture_output(), bind(log, RUN, name, attempt):
            outcome = perform(job, Target(_found(target, code)))
        log.close()
        path = Path(folder) / "step.log"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if outcome.state == SUCCEEDED:
        view.close()
    else:
        view.compensate()
    return StepRun(name, outcome, shared, view.changes, text, told)


def _context_with(values: Mapping[str, Any]) -> Context:
    context = Context.private()
    for key, value in values.items():
        context.set(key, value)
    return context


def _found(target: Callable[..., Any] | str, code: UserCode) -> Any:
    if not isinstance(target, str):
        if not callable(target):
            raise UsageError(f"a step is something to call, not a {type(target).__name__}")
        return target
    module, dot, function = target.rpartition(".")
    return code.target(module, function) if dot else get_scriptlet(target)
