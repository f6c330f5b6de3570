"""The executors of one run, each made when the first job needs it."""

from __future__ import annotations

from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from framework0.runner import Executor, Job, Outcome


class Executors:
    """Yields executors by name: ``thread``, ``serial``, ``process``, and ``loop`` for async steps.

    ``roots`` are the folders a process looks for user code in; ``later`` queues work for the thread
    that waits for the run.
    """

    def __init__(self, roots: Sequence[str], later: Callable[[Callable[[], None]], None]) -> None:
        self._roots = roots
        self._later = later
        self._made: dict[str, Executor] = {}

    def __call__(self, name: str) -> Executor:
        """Return the executor ``name``; raise UsageError when there is none of that name."""
        executor = self._made.get(name)
        if executor is None:
            executor = self._made[name] = self._make(name)
        return executor

    def close(self) -> None:
        """Release every executor that was made."""
        for executor in self._made.values():
            executor.close()

    def _make(self, name: str) -> Executor:
        if name == "thread":
            from framework0.runner.executors import ThreadExecutor

            return ThreadExecutor(bound_performer())
        if name == "serial":
            from framework0.runner.executors import SerialExecutor

            return SerialExecutor(bound_performer(), self._later)
        if name == "loop":
            from framework0.runner.executors import LoopExecutor

            return LoopExecutor(bound_aperformer())
        if name == "process":
            from framework0.runner.executors import ProcessExecutor

            return ProcessExecutor(self._roots)
        raise UsageError(f"there is no executor {name!r}: use thread, process or serial")


def bound_performer() -> Callable[[Job], Outcome]:
    """Return what performs a job in its thread; what the job prints and logs belongs to its step."""
    from framework0.logs import bind
    from framework0.runner import perform

    def perform_bound(job: Job) -> Outcome:
        with bind(job.log, job.run_id, job.name, job.attempt):
            return perform(job, job.target)

    return perform_bound


def bound_aperformer() -> Callable[[Job], Awaitable[Outcome]]:
    """Return what performs a job on the running event loop, bound in the same way."""
    from framework0.logs import bind
    from framework0.runner import aperform

    async def aperform_bound(job: Job) -> Outcome:
        with bind(job.log, job.run_id, job.name, job.attempt):
            return await aperform(job, job.target)

    return aperform_bound
