"""Threads of this process: the executor for steps that wait on I/O or are short.

A worker that has reported an attempt is handed the next one at once, so a chain of steps stays in
one thread and pays for no hand-over. Threads are daemons: a step that never returns cannot keep the
process alive, and cannot be stopped either; only ``job.cancelled`` asks it to.
"""

from __future__ import annotations

from _thread import start_new_thread
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.runner.seams import Job, Outcome


class ThreadExecutor:
    """At most as many threads as jobs submitted at once; idle ones are used before new ones start."""

    name = "thread"

    def __init__(self, perform: Callable[[Job], Outcome]) -> None:
        self._perform = perform
        self._queue: SimpleQueue[tuple[Job, Callable[[Job, Outcome], Job | None]] | None] = (
            SimpleQueue()
        )
        self._lock = Lock()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        """Start ``job`` in an idle thread, or in a new one."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            else:
                self._threads += 1
                start_new_thread(self._work, ())
        self._queue.put((job, report))

    def stop(self, job: Job, reason: str) -> bool:  # noqa: ARG002 - the seam's signature
        """Ask only: nothing can end a thread from outside."""
        job.cancelled.set()
        return False

    def close(self) -> None:
        """Let idle threads end; busy ones end after their job."""
        with self._lock:
            self._closed = True
            waiting = self._threads
        for _ in range(waiting):
            self._queue.put(None)

    def _work(self) -> None:
        take, perform = self._queue.get, self._perform
        while True:
            task = take()
            if task is None:
                return
            job: Job | None
            job, report = task
            while job is not None:
                job = report(job, perform(job))
            with self._lock:
                self._idle += 1
