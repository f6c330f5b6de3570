"""One run from its recipe to its result: the parts are made, joined, used, and released in order.

Every way to run (new, resumed, repeated, nested in another run) is a :class:`Session` with another
beginning; the middle and the end are the same.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from framework0.assembly.executors import Executors
from framework0.assembly.garbage import rarer_collections
from framework0.assembly.recipes import code_roots
from framework0.assembly.result import RunResult, StepResult
from framework0.runner import STATES, Plan, Run, RunState, Target, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.assembly.inputs import Inputs
    from framework0.context import Context
    from framework0.recipe import Recipe
    from framework0.runner import Job, Observer, RunRecorder, Standing
    from framework0.workspace import Workspace


class Options:
    """How a run is run, apart from what it runs. Zero or None means: as the workspace says."""

    __slots__ = (
        "capture",
        "concurrency",
        "durability",
        "echo",
        "executor",
        "grace",
        "observer",
        "on_run",
        "only",
        "skip",
        "stop_when",
    )

    def __init__(
        self,
        *,
        executor: str | None = None,
        concurrency: int = 0,
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        durability: str | None = None,
        grace: float | None = None,
        observer: Observer | None = None,
        on_run: Callable[[Run], None] | None = None,
        stop_when: Callable[[], bool] | None = None,
        echo: bool = False,
        capture: bool = True,
    ) -> None:
        self.executor = executor
        self.concurrency = concurrency
        self.only = tuple(only)
        self.skip = tuple(skip)
        self.durability = durability
        self.grace = grace
        self.observer = observer
        self.on_run = on_run
        self.stop_when = stop_when
        self.echo = echo
        self.capture = capture

    def stored(self) -> dict[str, Any]:
        """Return what a resume must know."""
        return {
            "executor": self.executor,
            "concurrency": self.concurrency,
            "only": list(self.only),
            "skip": list(self.skip),
        }


class Session:
    """The parts of one run, joined. ``recorder`` is the journal's side of it, already durable."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        recipe: Recipe,
        plan: Plan,
        run_id: str,
        name: str,
        inputs: Inputs,
        context: Context,
        recorder: RunRecorder,
        options: Options,
    ) -> None:
        self.workspace = workspace
        self.recipe = recipe
        self.plan = plan
        self.run_id = run_id
        self.name = name
        self.inputs = inputs
        self.context = context
        self.recorder = recorder
        self.options = options
        self.run = self._join()

    def _join(self) -> Run:
        from framework0.scriptlets import UserCode

        settings, options = self.workspace.settings, self.options
        limit = options.concurrency or settings.concurrency or default_concurrency()
        state = RunState(self.plan, limit=limit, asks_status=_asks_status(self.recipe))
        roots = [str(root) for root in code_roots(self.workspace, self.recipe.file)]
        self.usercode = UserCode(roots)
        self.executors = Executors(roots, self._later)
        folder = self.workspace.run_folder(self.run_id) / "logs"
        self.masker = self._masker()
        workshop = Workshop(
            run={"id": self.run_id, "name": self.name, "recipe": self.recipe.name},
            recipe=self.recipe,
            state=state,
            context=self.context,
            inputs=self.inputs.values,
            env=allowed_environment(self.recipe, settings.env),
            usercode=self.usercode,
            executors=self.executors,
            default_executor=options.executor or settings.executor,
            nested=self._nested,
            log_path=lambda node, attempt: f"{folder}{os.sep}{node + 1:05d}.{attempt}.log",
            masker=self.masker,
        )
        return Run(
            state=state,
            workshop=workshop,
            recorder=self.recorder,
            observer=options.observer,
            grace=settings.grace if options.grace is None else options.grace,
            stop_when=options.stop_when,
        )

    def _later(self, action: Callable[[], None]) -> None:
        self.run.later(action)

    def _masker(self) -> Any:
        if not self.inputs.secrets:
            return None
        from framework0.secrets import Masker

        return Masker(self.inputs.secrets)

    def _nested(self, job: Job) -> Target:
        from framework0.assembly.nested import nested_target

        return nested_target(self, job)

    def execute(self, standing: Standing | None = None) -> RunResult:
        """Run to the end and return the result. Raises only what broke the run itself."""
        run, recorder = self.run, self.recorder
        if standing is not None:
            standing.apply(run)
        observer = self.options.observer
        if observer is not None:
            recorder.on_durable = observer.step_finished
        recorder.on_failure = run.fail
        with ExitStack() as stack:
            stack.callback(recorder.close)
            stack.callback(self.executors.close)
            stack.enter_context(rarer_collections(len(self.plan)))
            stack.enter_context(self.usercode)
            if self.options.capture:
                stack.enter_context(self._captured())
            if self.options.on_run is not None:
                self.options.on_run(run)
            final = run.execute()
            return RunResult(self.run_id, final, lambda: step_results(run), self.context)

    def _captured(self) -> Any:
        from framework0.logs import StepLog, capture_output

        log = StepLog(self.workspace.run_folder(self.run_id) / "logs" / "run.log", self.masker)
        return capture_output(echo=self.options.echo, run_log=log)


def default_concurrency() -> int:
    """Return how many attempts run at once unless told otherwise.

    A few more than there are cores, because steps of this kind mostly wait.
    """
    return min(32, (os.cpu_count() or 1) + 4)


def allowed_environment(recipe: Recipe, allowed: Sequence[str]) -> Mapping[str, str]:
    """Return the environment variables that ``${{ env.NAME }}`` may read."""
    names = (*recipe.env_allow, *allowed)
    return {name: os.environ[name] for name in names if name in os.environ}


def _asks_status(recipe: Recipe) -> tuple[int, ...]:
    conditional = [step for step in recipe.steps if step.when is not None]
    if not conditional:
        return ()
    from framework0.recipe import compile_expression

    return tuple(
        step.position for step in conditional if compile_expression(step.when or "").uses_status
    )


def step_results(run: Run) -> dict[str, StepResult]:
    """Return every step's end by name, items of a ``foreach`` beneath their own names."""
    results: dict[str, StepResult] = {}
    state = run.state
    for node in range(len(state.state)):
        name = state.name(node)
        record = run.records.get(node)
        if record is None:
            results[name] = StepResult(name, STATES[state.state[node]], None, None, 0, 0.0, "")
            continue
        value = run.workshop.results.by_node.get(node)
        outcome = record.outcome
        results[name] = StepResult(
            name,
            record.state,
            value,
            outcome.failure,
            record.attempt,
            outcome.seconds,
            record.reason,
        )
    return results
