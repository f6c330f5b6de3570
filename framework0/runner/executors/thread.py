"""Threads of this process: the executor for steps that wait on I/O or are short.

A worker that has reported an attempt is handed the next one at once, so a chain of steps stays in
one thread and pays for no hand-over. Waking another thread costs more than a short step takes (the
interpreter lock changes cores), so as long as steps prove short, jobs are *kept*: the threads that
are awake take them in order. A sentinel hands kept jobs to further threads as soon as one of them
has waited for longer than a short step takes.

Threads are daemons: a step that never returns cannot keep the process alive, and cannot be stopped
either; only ``job.cancelled`` asks it to.
"""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Lock, Thread, get_ident
from time import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from framework0.runner.seams import Job, Outcome

    Report = Callable[[Job, Outcome], Job | None]

QUICK: Final = 0.0002
"""Seconds; a step shorter than this is over before another thread would have begun."""

PATIENCE: Final = 0.002
"""Seconds between two looks of the sentinel: a kept job waits for at most two of them."""

OFTEN: Final = 4
"""Another thread's step between every fifth of a thread's own is as many as it puts up with."""

CROWD: Final = 2 * OFTEN
"""The first few are no reason yet: they are also found where quick steps run beside long ones."""


class ThreadExecutor:
    """At most as many threads as jobs submitted at once; idle ones are used before new ones start."""

    name = "thread"

    def __init__(self, perform: Callable[[Job], Outcome]) -> None:
        self._perform = perform
        self._queue: SimpleQueue[tuple[Job, Report] | None] = SimpleQueue()
        self._kept: deque[tuple[Job, Report]] = deque()
        self._lock = Lock()
        self._quick = True
        self._latest = 0
        self._threads = 0
        self._idle = 0
        self._closed = False
        self._sentinel = Lock()
        self._on_watch = False

    def submit(self, job: Job, report: Report) -> None:
        """Start ``job``: in a thread that is awake if steps are quick, else in an idle or a new one."""
        if not self._quick or self._idle == self._threads:
            self._hand_over(job, report)
            return
        self._keep(job, report)

    def stop(self, job: Job, reason: str) -> bool:  # noqa: ARG002 - the seam's signature
        """Ask only: nothing can end a thread from outside."""
        job.cancelled.set()
        return False

    def close(self) -> None:
        """Let idle threads end; busy ones end after their job. A second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting, self._threads = self._threads, 0
        for _ in range(waiting):
            self._queue.put(None)
        if self._sentinel.locked():
            self._sentinel.release()

    def _hand_over(self, job: Job, report: Report) -> None:
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            else:
                self._threads += 1
                Thread(target=self._work, name="framework0-step", daemon=True).start()
        self._queue.put((job, report))

    def _work(self) -> None:
        take = self._queue.get
        while True:
            task = take()
            if task is None:
                return
            self._serve(*task)

    def _serve(self, job: Job, report: Report) -> None:
        """Perform a job, what it is followed by and what is kept, oldest first, as long as that helps.

        A thread rests when others end steps between its own, quick ones, again and again: then there
        is one thread too many. The last to have ended a step never finds that, so one goes on.
        """
        perform, kept, me = self._perform, self._kept, get_ident()
        between = 0
        while True:
            outcome = perform(job)
            quick = self._quick = outcome.seconds < QUICK
            following = report(job, outcome)
            crowded = False
            if not quick:
                between = 0
                if kept:
                    self._give_away()
            elif self._latest != me:
                between += OFTEN
                crowded = between > CROWD
            elif between:
                between -= 1
            if not crowded:
                self._latest = me
            if following is not None:
                if not (kept or crowded):
                    job = following
                    continue
                self._keep(following, report)
            task = self._next(crowded)
            if task is None:
                return
            job, report = task

    def _next(self, crowded: bool) -> tuple[Job, Report] | None:
        """Return the oldest kept job; None, and this thread counted as idle, when it shall rest."""
        kept = self._kept
        while True:
            if kept and not crowded:
                try:
                    return kept.popleft()
                except IndexError:
                    continue
            with self._lock:
                # Looked at again: a job kept while the last thread fell asleep would wait.
                if not kept or self._threads - self._idle > 1:
                    self._idle += 1
                    return None
            crowded = False

    def _keep(self, job: Job, report: Report) -> None:
        """Leave a job to the threads that are awake."""
        self._kept.append((job, report))
        if not self._on_watch:
            self._set_watch()

    def _give_away(self) -> None:
        """Hand every kept job to other threads."""
        kept = self._kept
        while kept:
            try:
                job, report = kept.popleft()
            except IndexError:
                return
            self._hand_over(job, report)

    def _set_watch(self) -> None:
        """Have the sentinel look after the kept jobs; it starts with the first of them."""
        with self._lock:
            if self._on_watch:
                return
            self._on_watch = True
            if self._sentinel.acquire(blocking=False):
                Thread(target=self._watch, name="framework0-sentinel", daemon=True).start()
                return
        self._sentinel.release()

    def _watch(self) -> None:
        """Look every ``PATIENCE`` seconds for a job that nobody has taken; rest when none are kept."""
        while not self._closed:
            oldest = None
            while self._on_watch:
                sleep(PATIENCE)
                try:
                    waiting = self._kept[0]
                except IndexError:
                    self._on_watch = False
                    break
                if waiting is oldest:
                    self._give_away()
                oldest = waiting
            if self._kept:
                self._on_watch = True
            else:
                self._sentinel.acquire()
