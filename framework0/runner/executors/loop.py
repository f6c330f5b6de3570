"""Async steps, all on one event loop in a thread of its own, started at the first of them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from framework0.runner.seams import Job, Outcome


class LoopExecutor:
    """Runs each attempt as a task. A task that awaits can be cancelled; one that computes cannot."""

    name = "loop"

    def __init__(self, aperform: Callable[[Job], Awaitable[Outcome]]) -> None:
        self._aperform = aperform
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
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
        """Stop the loop; tasks still there are cancelled and given up."""
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(timeout=1.0)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _start(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        task = self._loop.create_task(self._work(job, report))
        self._tasks[job.node, job.attempt] = task

    async def _work(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        current: Job | None = job
        while current is not None:
            key = (current.node, current.attempt)
            if current is not job:
                # The next attempt of the chain runs in this same task; stop() must find it.
                task = asyncio.current_task()
                assert task is not None
                self._tasks[key] = task
            outcome = await self._aperform(current)
            self._tasks.pop(key, None)
            current = report(current, outcome)

    def _cancel(self, key: tuple[int, int]) -> None:
        task = self._tasks.get(key)
        if task is not None:
            task.cancel()

    def _end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._loop.call_soon(self._loop.stop)
