"""The seams of the runner: what runs an attempt, what tells the time, who watches, who estimates.

Each is one small protocol, owned here because the runner calls it. The real parts live in
``runner/executors`` and ``assembly``; the fakes ship in :mod:`framework0.testing`.
"""

from __future__ import annotations

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from queue import SimpleQueue
    from typing import Any, Protocol

    from framework0.context import Change
    from framework0.recipe import Step
else:
    # For type checkers only; at run time making a protocol costs more than any other class.
    Protocol = object

SUCCEEDED = "succeeded"
CACHED = "cached"
FAILED = "failed"
TIMED_OUT = "timed_out"
CANCELLED = "cancelled"
SKIPPED = "skipped"


class Failure(NamedTuple):
    """Why an attempt ended without success, as kept in the journal and shown to people.

    ``kind`` is the exception's qualified class name, or ``exit``, ``timeout``, ``cancelled``,
    ``status``, ``success_keys``, ``result``. ``where`` is ``file:line`` in the user's code when
    known; ``trace`` the formatted traceback from the user's first frame on; ``bases`` the names of
    the exception's base classes, so that ``retry.on`` may name a family.
    """

    kind: str
    message: str
    where: str = ""
    trace: str = ""
    bases: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """How one attempt ended. Times are in seconds, memory in bytes (0: not measured).

    ``read_bytes`` and ``written_bytes`` went through devices, as far as the kernel counts them: what a
    process read from memory, or wrote to a memory file system, is not among them.
    """

    state: str
    result: Any = None
    failure: Failure | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    read_bytes: int = 0
    written_bytes: int = 0


class StepContext(Protocol):
    """What a step sees of the context: every write signed with its run, step and attempt."""

    # The words are those of the context itself.
    def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:  # noqa: A002
        """Return a copy of the value of ``key``, as a ``type`` if one is given, or ``default``."""

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> int:
        """Set ``key`` and return the version of the change; in a shared context for ``ttl`` seconds."""

    def delete(self, key: str) -> bool:
        """Remove ``key``; False when it was not there."""

    def keys(self, pattern: str = "**") -> list[str]:
        """Return the present keys that match, sorted."""


class Flag:
    """A one-way switch that costs next to nothing until somebody waits for it.

    It has the calls of :class:`threading.Event` that a step needs; one Event for each of 100,000
    steps would cost more than the steps.
    """

    __slots__ = ("_event", "_raised")

    def __init__(self) -> None:
        self._raised = False
        self._event: Any = None

    def set(self) -> None:
        """Raise the flag, for good."""
        self._raised = True
        if self._event is not None:
            self._event.set()

    def is_set(self) -> bool:
        """Say whether it is raised."""
        return self._raised

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is raised, at most ``timeout`` seconds; say whether it is."""
        if self._event is None:
            from threading import Event

            self._event = Event()
        # Read after the event exists: a set() in between has either seen the event or is seen here.
        if self._raised:
            return True
        return bool(self._event.wait(timeout))


class Job:
    """One attempt of one node, complete: an executor needs nothing else to run it.

    ``args``, ``command`` and ``env`` are rendered (no ``${{ }}`` left). ``target`` is the resolved
    call of a step that runs in this process, None where another process resolves it. ``log`` is where
    its output goes; ``sign`` makes the ``context`` when the step first asks for it, where another
    process runs it; ``cancelled`` is set when it is told to stop. ``at`` is epoch seconds of the start.
    ``overdue`` is there only where another process keeps the timeout: see :meth:`tell_overdue`.
    """

    __slots__ = (
        "args",
        "at",
        "attempt",
        "cancelled",
        "command",
        "context",
        "cwd",
        "env",
        "executor",
        "item",
        "log",
        "name",
        "node",
        "overdue",
        "progress",
        "run_id",
        "sign",
        "started",
        "step",
        "target",
        "timeout",
    )

    overdue: Callable[[], None]

    def __init__(self, run_id: str, node: int, name: str, step: Step, attempt: int) -> None:
        self.run_id = run_id
        self.node = node
        self.name = name
        self.step = step
        self.attempt = attempt
        self.args: Mapping[str, Any] | Sequence[Any] | None = None
        self.command: tuple[str, ...] | str | None = None
        self.env: Mapping[str, str] = {}
        self.cwd: str | None = None
        self.item: Any = None
        self.timeout: float | None = None
        self.context: StepContext | None = None
        self.sign: Callable[[Job], None] | None = None
        self.target: Any = None
        self.executor: Executor | None = None
        self.log: Any = None
        self.cancelled = Flag()
        self.progress: Callable[[int, int], None] | None = None
        self.at = 0.0
        self.started = 0.0

    def tell_overdue(self) -> None:
        """Tell the run that the timeout is over and the attempt is told to go; its report comes later."""
        # Not set for the many that have no timeout: setting it would cost each of them something.
        tell = getattr(self, "overdue", None)
        if tell is not None:
            tell()


class Executor(Protocol):
    """Runs attempts. Implementations are independent of each other and hold no run state.

    ``submit`` must not block on the work. When the attempt has ended, ``report(job, outcome)`` is
    called exactly once, from any thread; it may return another job of the same executor, which the
    executor runs next in that same worker (so a chain of steps needs no hand-over). One that keeps
    timeouts itself calls ``job.tell_overdue()`` before, as soon as the time is over.
    """

    name: str

    def submit(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        """Start ``job`` as soon as a worker is free."""

    def stop(self, job: Job, reason: str) -> bool:
        """End a running job now (``reason``: timed_out or cancelled).

        True when the work will really end (report follows); False when it cannot be stopped from
        outside and only ``job.cancelled`` asks it to.
        """

    def close(self) -> None:
        """Release the workers. Nothing is running any more, or it may be abandoned."""


class Clock(Protocol):
    """Time, as the runner needs it: durations from ``monotonic``, stamps for people from ``now``."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def now(self) -> float:
        """Return epoch seconds; may jump, so nothing is computed from it."""

    def take(
        self, queue: SimpleQueue[Callable[[], None]], seconds: float
    ) -> Callable[[], None] | None:
        """Wait for the next action in ``queue``, at most ``seconds``; None when none came."""


class Estimator(Protocol):
    """Knows from earlier runs how long steps take."""

    def expect(self, recipe: str) -> Mapping[str, float]:
        """Return the expected seconds by step name; steps never seen are absent."""


class AttemptRecord(NamedTuple):
    """One finished attempt of a node, as the journal keeps it. ``at`` is epoch seconds of its start.

    ``attempt`` 0 marks a decision without an attempt (a skip); ``reason`` then says why.
    ``final`` is False when another attempt follows.
    """

    node: int
    name: str
    attempt: int
    state: str
    final: bool
    at: float
    outcome: Outcome
    reason: str = ""


class Observer(Protocol):
    """Sees a run as it happens. Called in order, never under the run's lock; must not block.

    ``finished`` comes only after the record is durable: what an observer was told is acknowledged.

    Two further calls are made to observers that have them. ``step_overdue(name, attempt, timeout, at)``:
    the ``timeout`` of an attempt, in seconds, was over ``at`` (epoch seconds), and it is being ended; how
    it ended is told as ever, once it has. ``step_waiting(name, text)``: a step waits for what ``text`` names.
    """

    def run_started(self, run_id: str, total: int) -> None:
        """The run exists in the journal."""

    def step_started(self, name: str, attempt: int) -> None:
        """An attempt begins."""

    def step_progress(self, name: str, done: int, total: int) -> None:
        """A running step says how far it is."""

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """These attempts are acknowledged."""

    def run_finished(self, state: str, seconds: float) -> None:
        """The run's end is durable."""


class Recorder(Protocol):
    """The journal as one run sees it. Appending never blocks on the disk."""

    def mark_started(self, node: int) -> int:
        """Note, safe against a kill, that an attempt of ``node`` begins; return its number from 1."""

    def extend(self, nodes: int) -> None:
        """Make room for ``nodes`` nodes in all; a foreach has added some."""

    def append(self, record: AttemptRecord, changes: Sequence[Change]) -> None:
        """Queue a finished attempt and the context changes that belong to it: one transaction."""

    def decide(
        self, node: int, kind: str, value: Any, then: Callable[[], None] | None = None
    ) -> None:
        """Queue a decision that resume must keep (``when``, ``foreach``), ahead of later records.

        ``then`` is called once it is durable, before anybody is told of what follows it.
        """

    def flush(self) -> None:
        """Wait until everything queued is durable; raises the journal's error if it failed."""

    def ending(self, state: str) -> None:
        """Queue the run's end behind all that is queued; nothing is appended after it."""

    def finish(self, state: str) -> None:
        """Write the run's end and wait until it is durable."""
