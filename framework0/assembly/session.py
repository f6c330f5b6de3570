"""One run from its recipe to its result: the parts are made, joined, used, and released in order.

Every way to run (new, resumed, repeated, nested in another run) is a :class:`Session` with another
beginning; the middle and the end are the same.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from threading import Lock

from framework0.assembly.executors import Executors
from framework0.assembly.garbage import rarer_collections
from framework0.assembly.recipes import code_roots
from framework0.assembly.result import RunResult, StepResult
from framework0.runner import STATES, Plan, Run, RunState, Target, Workshop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final

    from framework0.assembly.handed import Handed
    from framework0.assembly.inputs import Inputs
    from framework0.assembly.keeping import Keeping
    from framework0.assembly.limits import Limits
    from framework0.assembly.sharing import Shared
    from framework0.assembly.watch import Watch
    from framework0.assembly.watching import Watching
    from framework0.context import Context
    from framework0.recipe import Recipe
    from framework0.runner import Job, Keeper, Observer, RunRecorder, Standing
    from framework0.workspace import Settings, Workspace


ASKING: Final = (
    "FRAMEWORK0_LOG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
)
"""Variables by which the environment may want a run watched; whether it does is looked at then."""


class Options:
    """How a run is run, apart from what it runs. Zero or None means: as the workspace says."""

    __slots__ = (
        "breaks",
        "capture",
        "concurrency",
        "context",
        "deadline",
        "durability",
        "echo",
        "edited",
        "executor",
        "fail_fast",
        "grace",
        "handed",
        "no_breaks",
        "no_cache",
        "observer",
        "on_kept",
        "on_missing",
        "on_run",
        "only",
        "sandbox",
        "schedule",
        "shared",
        "skip",
        "stop_when",
        "untrusted",
        "watch",
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
        observer: Observer | Sequence[Observer] | None = None,
        on_run: Callable[[Run], None] | None = None,
        stop_when: Callable[[], bool] | None = None,
        echo: bool = False,
        capture: bool = True,
        fail_fast: bool = False,
        deadline: float | None = None,
        edited: str = "refuse",
        on_kept: Callable[[str], None] | None = None,
        breaks: Sequence[str] = (),
        no_breaks: bool = False,
        no_cache: bool = False,
        watch: Watch | None = None,
        handed: Handed | None = None,
        context: str | None = None,
        untrusted: str | None = None,
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
        self.fail_fast = fail_fast
        self.deadline = deadline
        self.edited = edited
        self.on_kept = on_kept
        self.breaks = tuple(breaks)
        self.no_breaks = no_breaks
        self.no_cache = no_cache
        self.watch = watch
        self.handed = handed
        # Where the context is that the run shares; what a session opened for it stands in ``shared``.
        self.context = context
        self.shared: Shared | None = None
        # "strict" or "best-effort"; the walls are prepared before the run begins.
        self.untrusted = untrusted
        self.sandbox: Mapping[str, Any] | None = None
        self.on_missing: Callable[[str], None] | None = None
        # Which schedule the run is of and when it was due; a run begun by hand has none.
        self.schedule: Mapping[str, Any] | None = None

    def stored(self) -> dict[str, Any]:
        """Return what a resume must know."""
        limits: dict[str, Any] = {}
        if self.fail_fast:
            limits["fail_fast"] = True
        if self.deadline is not None:
            limits["deadline"] = self.deadline
        if self.breaks:
            limits["breaks"] = list(self.breaks)
        if self.no_breaks:
            limits["no_breaks"] = True
        if self.untrusted:
            limits["untrusted"] = self.untrusted
        if self.schedule is not None:
            limits["schedule"] = dict(self.schedule)
        if self.shared is not None:
            limits.update(self.shared.stored())
        return {
            **limits,
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
        limits: Limits | None = None,
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
        self.limits = limits
        # Steps whose machine has paused in this session: another attempt must not go past that.
        self.paused_machines: set[int] = set()
        self._keeping: Keeping | None = None
        self._first_kept = Lock()
        self.run = self._join()

    def _join(self) -> Run:
        from framework0.scriptlets import UserCode

        settings, options = self.workspace.settings, self.options
        limit = options.concurrency or settings.concurrency or default_concurrency()
        limits = self.limits
        make_state = RunState if limits is None else limits.make_state
        if self.recipe.pauses or options.breaks:
            from framework0.assembly.pausing import pausable

            make_state = pausable(self.plan, options, self.recorder.history, limits)
        state = make_state(self.plan, limit=limit, asks_status=_asks_status(self.recipe))
        roots = [str(root) for root in code_roots(self.workspace, self.recipe.file)]
        self.usercode = UserCode(() if options.untrusted else roots)
        self.executors = Executors(roots, self._later, self._answer, self._reader_of, options, self)
        folder = self.workspace.run_folder(self.run_id) / "logs"
        self.masker = self._masker()
        make_workshop = Workshop if limits is None else limits.make_workshop
        workshop = make_workshop(
            run={"id": self.run_id, "name": self.name, "recipe": self.recipe.name},
            recipe=self.recipe,
            state=state,
            context=self.context,
            inputs=self.inputs.values,
            env=allowed_environment(self.recipe, settings.env, options),
            usercode=self.usercode,
            executors=self.executors,
            default_executor=options.executor or settings.executor,
            nested=self._nested,
            log_path=lambda node, attempt: f"{folder}{os.sep}{node + 1:05d}.{attempt}.log",
            masker=self.masker,
        )
        workshop.keeper = self._keeper
        self.context.keep_with(lambda value: self._keeper().hold(value))
        self.watching = self._watched(workshop)
        self.observer = self._observer()
        make_run = Run if limits is None else limits.maker_of_run(self.workspace, self.run_id)
        run = make_run(
            state=state,
            workshop=workshop,
            recorder=self.recorder,
            observer=self.observer,
            grace=settings.grace if options.grace is None else options.grace,
            stop_when=options.stop_when,
        )
        # Most steps share one policy: each policy is looked at once.
        if not options.untrusted and any(
            one.cache
            for one in {id(step.policy): step.policy for step in self.recipe.steps}.values()
        ):
            from framework0.assembly.caching import step_cache

            run.cache = step_cache(
                self.workspace,
                self.recipe,
                workshop,
                reads=not options.no_cache,
                tell=self.recorder.decide,
            )
        return run

    def _observer(self) -> Any:
        return self.options.observer if self.watching is None else self.watching.observer

    def _watched(self, workshop: Workshop) -> Watching | None:
        """Return who watches the run beside one observer of the caller's; nobody, mostly."""
        if not _is_watched(self.options, self.workspace.settings):
            return None
        from framework0.assembly.watching import Watching

        watching = Watching(self)
        watching.join(workshop)
        return watching

    def _answer(self, node: int) -> Any:
        return self.run.decisions.get((node, "answer"))

    def _reader_of(self, name: str) -> str | None:
        from framework0.runner import reader_of

        return reader_of(self.recipe, name)

    def _later(self, action: Callable[[], None]) -> None:
        self.run.later(action)

    def _keeper(self) -> Keeper:
        """Return what keeps large values; most runs never ask for it."""
        with self._first_kept:
            if self._keeping is None:
                from framework0.assembly.keeping import Keeping

                durability = self.options.durability or self.workspace.settings.durability
                self._keeping = Keeping(
                    self.workspace,
                    self.run_id,
                    self.masker,
                    durable=durability == "full",
                    told=self.recorder.told,
                )
            return self._keeping.keeper

    def _close_keeping(self) -> None:
        if self._keeping is not None:
            self._keeping.close()

    def _masker(self) -> Any:
        if not self.secrets:
            return None
        from framework0.secrets import Masker

        return Masker(self.secrets)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of the run: its own, and those of the run that it is within."""
        handed = self.options.handed
        return self.inputs.secrets + (() if handed is None else handed.secrets)

    def _nested(self, job: Job) -> Target:
        from framework0.assembly.nested import nested_target

        return nested_target(self, job)

    def execute(self, standing: Standing | None = None) -> RunResult:
        """Run to the end and return the result. Raises only what broke the run itself."""
        run, recorder = self.run, self.recorder
        if standing is not None:
            standing.apply(run)
        if self.watching is not None:
            self.watching.begin(run)
        if self.observer is not None:
            recorder.on_durable = self.observer.step_finished
        recorder.on_failure = run.fail
        with ExitStack() as stack:
            if self.watching is not None:
                stack.callback(self.watching.close)
            if self.options.shared is not None:
                stack.callback(self.options.shared.context.close)
            stack.callback(recorder.close)
            stack.callback(self._close_keeping)
            if run.cache is not None:
                stack.callback(run.cache.close)
            stack.callback(self.executors.close)
            self.executors.start(self.options.executor or self.workspace.settings.executor)
            stack.enter_context(rarer_collections(len(self.plan)))
            stack.enter_context(self.usercode)
            capture = stack.enter_context(self._captured()) if self.options.capture else None
            if self.options.on_run is not None:
                self.options.on_run(run)
            final = run.execute()
            if capture is not None:
                capture.stays = run.left_behind
            return RunResult(self.run_id, final, lambda: step_results(run), self.context)

    def _captured(self) -> Any:
        from framework0.logs import StepLog, capture_output

        log = StepLog(self.workspace.run_folder(self.run_id) / "logs" / "run.log", self.masker)
        if self.watching is not None:
            log = self.watching.shaped(log)
        return capture_output(echo=self.options.echo, run_log=log)


def _is_watched(options: Options, settings: Settings) -> bool:
    """Say whether more than a single observer may be watching a run. Mostly nobody is."""
    return (
        options.watch is not None
        or settings.otel
        or bool(settings.metrics_file or settings.log_format)
        or isinstance(options.observer, (list, tuple))
        or any(name in os.environ for name in ASKING)
    )


def default_concurrency() -> int:
    """Return how many attempts run at once unless told otherwise.

    A few more than there are cores, because steps of this kind mostly wait.
    """
    return min(32, (os.cpu_count() or 1) + 4)


def allowed_environment(
    recipe: Recipe, allowed: Sequence[str], options: Options
) -> Mapping[str, str]:
    """Return the variables that ``${{ env.NAME }}`` may read; the recipe's own word counts if trusted."""
    names = allowed if options.untrusted else (*recipe.env_allow, *allowed)
    return {name: os.environ[name] for name in names if name in os.environ}


def limits_for(recipe: Recipe, options: Options, space: Workspace) -> Limits | None:
    """Return what limits a run as a whole, None when nothing does, as mostly.

    The walls of an untrusted run are prepared here as well, before its journal begins.
    Raises :class:`~framework0.errors.UsageError` when its pools are not what its steps need.
    """
    settings = space.settings
    if options.untrusted:
        from framework0.assembly.untrusted import prepare

        prepare(recipe, options, space)
    # Most steps share one policy: each policy is looked at once.
    policies = {id(step.policy): step.policy for step in recipe.steps}.values()
    if not (
        recipe.fail_fast
        or recipe.deadline
        or options.fail_fast
        or options.deadline
        or settings.max_log_bytes
        or any(policy.pool or policy.max_log_bytes for policy in policies)
    ):
        return None
    from framework0.assembly.limits import limits_of

    return limits_of(policies, recipe, options, settings)


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
