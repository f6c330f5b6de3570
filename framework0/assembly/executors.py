"""The executors of one run, each made when the first job needs it."""

from __future__ import annotations

from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from framework0.assembly.session import Options, Session
    from framework0.runner import Executor, Job, Outcome

    Around = Callable[[Job], AbstractContextManager[None]]


class Executors:
    """Yields executors by name: ``thread``, ``serial``, ``process``, and ``loop`` for async steps.

    ``roots`` are the folders a process looks for user code in; ``later`` queues work for the thread
    that waits for the run; ``answer_of(node)`` is what a person answered to an approval;
    ``reader_of(step)`` names a step that reads the result of another one. ``around`` is what jobs in
    this process are performed in, if anything. ``session`` is the run, which its machines are parts of.
    """

    def __init__(
        self,
        roots: Sequence[str],
        later: Callable[[Callable[[], None]], None],
        answer_of: Callable[[int], Any] = lambda _: None,
        reader_of: Callable[[str], str | None] = lambda _: None,
        options: Options | None = None,
        session: Session | None = None,
    ) -> None:
        self._session = session
        self._reader_of = reader_of
        self._answer_of = answer_of
        self._roots = roots
        self._later = later
        self._made: dict[str, Executor] = {}
        self.around: Around | None = None
        self.sandbox = None if options is None else _walls_of(options)

    def __call__(self, name: str) -> Executor:
        """Return the executor ``name``; raise UsageError when there is none of that name."""
        executor = self._made.get(name)
        if executor is None:
            executor = self._made[name] = self._make(name)
        return executor

    def start(self, name: str) -> None:
        """Have the executor most steps will need ready by then, if it takes long to be."""
        if name == "process":
            start: Any = getattr(self(name), "start", None)
            if start is not None:
                start()

    def close(self) -> None:
        """Release every executor that was made."""
        for executor in self._made.values():
            executor.close()

    def _make(self, name: str) -> Executor:
        if self.sandbox is not None and name != "approval":
            from framework0.runner.executors import ProcessExecutor

            return ProcessExecutor(self._roots, self.sandbox)
        if name == "thread":
            from framework0.runner.executors import ThreadExecutor

            return ThreadExecutor(bound_performer(self.around))
        if name == "serial":
            from framework0.runner.executors import SerialExecutor

            return SerialExecutor(bound_performer(self.around), self._later)
        if name == "loop":
            from framework0.runner.executors import LoopExecutor

            return LoopExecutor(bound_aperformer(self.around))
        if name == "process":
            from framework0.runner.executors import PoolExecutor, ProcessExecutor

            return PoolExecutor(self._roots, ProcessExecutor(self._roots), self._reader_of)
        if name in ("approval", "machine"):
            return self._make_for_type(name)
        raise UsageError(f"there is no executor {name!r}: use thread, process or serial")

    def _make_for_type(self, name: str) -> Executor:
        """Return what runs the steps of one type, which none of the others could."""
        if name == "approval":
            from framework0.runner.executors import AnswerExecutor

            return AnswerExecutor(self._answer_of)
        from functools import partial

        from framework0.assembly.machine_steps import MachineStep
        from framework0.runner.machines import MachineExecutor

        assert self._session is not None
        return MachineExecutor(partial(MachineStep, self._session))


def _walls_of(options: Options) -> Mapping[str, Any] | None:
    """Return the walls around all steps of an untrusted run, whatever executor they ask for."""
    if options.untrusted and options.sandbox is None:
        # They are prepared before a run begins; without them none begins.
        raise RuntimeError("an untrusted run was begun without its walls")
    return options.sandbox


def bound_performer(around: Around | None = None) -> Callable[[Job], Outcome]:
    """Return what performs a job in its thread; what the job prints and logs belongs to its step.

    ``around(job)`` is a context that the job is performed in.
    """
    from framework0.logs import bind
    from framework0.runner import perform

    def perform_bound(job: Job) -> Outcome:
        with bind(job.log, job.run_id, job.name, job.attempt):
            return perform(job, job.target)

    if around is None:
        return perform_bound

    def perform_within(job: Job) -> Outcome:
        with around(job):
            return perform_bound(job)

    return perform_within


def bound_aperformer(around: Around | None = None) -> Callable[[Job], Awaitable[Outcome]]:
    """Return what performs a job on the running event loop, bound in the same way."""
    from framework0.logs import bind
    from framework0.runner import aperform

    async def aperform_bound(job: Job) -> Outcome:
        with bind(job.log, job.run_id, job.name, job.attempt):
            return await aperform(job, job.target)

    if around is None:
        return aperform_bound

    async def aperform_within(job: Job) -> Outcome:
        with around(job):
            return await aperform_bound(job)

    return aperform_within
