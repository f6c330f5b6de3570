"""Async steps, all on one event loop in a thread of its own, started at the first of them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from framework0.runner.invoke import ended_by
from framework0.runner.seams import CANCELLED, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from framework0.runner.seams import Job


class LoopExecutor:
    """Runs each attempt as a task. A task that awaits can be cancelled; one that computes cannot."""

    name = "loop"

    def __init__(self, aperform: Callable[[Job], Awaitable[Outcome]]) -> None:
        self._aperform = aperform
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[tuple[int, int], asyncio.Future[Outcome]] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="framework0-loop", daemon=True)
        self._thread.start()

    def submit(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        """Start ``job`` as a task of the loop."""
        self._loop.call_soon_threadsafe(self._start, job, report)

    def stop(self, job: Job, reason: str) -> bool:  # noqa: ARG002 - the seam's signature
        """Cancel the task at its next ``await``."""
        job.cancelled.set()
        self._loop.call_soon_threadsafe(self._cancel, (job.node, job.attempt))
        return True

    def close(self) -> None:
        """Stop the loop; tasks still there are cancelled and given up. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(timeout=1.0)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        ended = False
        while not ended:
            try:
                self._loop.run_forever()
                ended = True
            except (SystemExit, KeyboardInterrupt):
                # Of a task or callback that a step started by itself: asyncio lets it through, and
                # every other step would wait for ever on a loop that has stopped.
                continue
        self._loop.close()

    def _start(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        # A task for each attempt, also in a chain: what a step does to its task ends with it.
        task = asyncio.ensure_future(self._aperform(job), loop=self._loop)
        self._tasks[job.node, job.attempt] = task
        task.add_done_callback(lambda task: self._ended(job, report, task))

    def _ended(
        self,
        job: Job,
        report: Callable[[Job, Outcome], Job | None],
        task: asyncio.Future[Outcome],
    ) -> None:
        self._tasks.pop((job.node, job.attempt), None)
        if self._closed:
            return
        following = report(job, _outcome(task))
        if following is not None:
            self._start(following, report)

    def _cancel(self, key: tuple[int, int]) -> None:
        task = self._tasks.get(key)
        if task is not None:
            task.cancel()

    def _end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._loop.call_soon(self._loop.stop)


def _outcome(task: asyncio.Future[Outcome]) -> Outcome:
    """Return what the attempt came to, also when it was cancelled before its first line ran."""
    if task.cancelled():
        return Outcome(CANCELLED, None, Failure("cancelled", "the step was told to stop"))
    error = task.exception()
    return task.result() if error is None else ended_by(error, 0.0, 0.0)
