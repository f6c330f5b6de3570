"""A set of scriptlets with dependencies, run in parallel from Python alone.

    together = ExecutionContext()
    load = together.add(Load, params={"source": "data.csv"})
    clean = together.add(Clean, depends_on=[load])
    report = together.run(max_workers=4)
    report.raise_for_failures()
    print(report.results[clean], together.context.get("rows"))

There is no journal, no retry and no log here: that is what recipes are for. One scriptlet that
fails keeps those that depend on it from running, directly or not; the others run on.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

from framework0.context import Author, Context
from framework0.errors import RunFailed, StepCancelled, UsageError
from framework0.graph import Graph, ReadySet
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.control import Control
from framework0.scriptlets.lifecycle import perform
from framework0.scriptlets.naming import default_name
from framework0.scriptlets.verdict import failure_in
from framework0.source import near_names
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from framework0.scriptlets.resources import Resources

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
SKIPPED: Final = "skipped"

MOST_WORKERS: Final = 32
"""Threads when nobody says how many, at most: more would wait for the interpreter, not for work."""


class Ended(NamedTuple):
    """How one scriptlet ended. ``reason`` says why it did not succeed, in words."""

    name: str
    state: str
    result: Any = None
    error: BaseException | None = None
    reason: str = ""
    seconds: float = 0.0
    resources: Resources | None = None


class Report:
    """What came of a run: :class:`Ended` by name, in the order the scriptlets were added."""

    def __init__(self, ended: Mapping[str, Ended], seconds: float) -> None:
        self.ended = dict(ended)
        self.seconds = seconds

    @property
    def results(self) -> dict[str, Any]:
        """What each scriptlet that succeeded returned."""
        return {name: each.result for name, each in self.ended.items() if each.state == SUCCEEDED}

    @property
    def failures(self) -> dict[str, Ended]:
        """The scriptlets that did not succeed: failed, cancelled or skipped."""
        return {name: each for name, each in self.ended.items() if each.state != SUCCEEDED}

    @property
    def ok(self) -> bool:
        """True when every scriptlet succeeded."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Raise :class:`~framework0.errors.RunFailed` naming each that did not succeed."""
        failures = self.failures
        if failures:
            lines = [f"{name} {each.state}: {each.reason}" for name, each in failures.items()]
            first = next((each.error for each in failures.values() if each.error), None)
            raise RunFailed("\n".join(lines), result=self) from first


class _Member(NamedTuple):
    scriptlet: BaseScriptlet | type[BaseScriptlet]
    depends_on: tuple[str, ...]
    params: Mapping[str, Any] | None


class ExecutionContext:
    """Scriptlets to run together over one :class:`~framework0.context.Context`.

    Each sees a view of ``context`` that signs its writes with its name; what a failed one wrote is
    taken back. ``on_progress(name, done, total)`` hears what scriptlets report.
    """

    def __init__(self, context: Context | None = None, *, on_progress: Any = None) -> None:
        self.context = Context() if context is None else context
        self._on_progress = on_progress
        self._members: dict[str, _Member] = {}
        self._cancelled = threading.Event()

    def add(
        self,
        scriptlet: BaseScriptlet | type[BaseScriptlet],
        *,
        name: str | None = None,
        depends_on: Iterable[str] = (),
        params: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a scriptlet class or instance and return the name it goes by here.

        ``depends_on`` are names, of scriptlets added before or after. Raises
        :class:`~framework0.errors.UsageError` for a name taken, for an instance added twice and for
        something that is no scriptlet.
        """
        is_class = isinstance(scriptlet, type) and issubclass(scriptlet, BaseScriptlet)
        if not is_class and not isinstance(scriptlet, BaseScriptlet):
            raise UsageError(f"{scriptlet!r} is no scriptlet: inherit from BaseScriptlet")
        if name is None:
            name = scriptlet.name or default_name(scriptlet)  # type: ignore[arg-type]
        if name in self._members:
            raise UsageError(f"{name!r} was added already: give the second one a name= of its own")
        if isinstance(scriptlet, BaseScriptlet) and any(
            each.scriptlet is scriptlet for each in self._members.values()
        ):
            raise UsageError(f"{name!r}: this very object was added before; add its class instead")
        after = (depends_on,) if isinstance(depends_on, str) else tuple(depends_on)
        self._members[name] = _Member(scriptlet, after, params)
        return name

    def cancel(self) -> None:
        """Tell running scriptlets to stop and start no further ones; from any thread."""
        self._cancelled.set()

    def run(self, max_workers: int | None = None) -> Report:
        """Run everything and return how each ended; at most ``max_workers`` at the same time.

        Raises :class:`~framework0.errors.UsageError` before anything runs for a dependency that was
        never added (with the near name) and for a cycle (with its path). An interrupt cancels what
        runs, waits for it, and is raised again.
        """
        graph = self._graph()
        workers = min(MOST_WORKERS, max(1, len(self._members)))
        if max_workers is not None:
            if max_workers < 1:
                raise UsageError(f"max_workers={max_workers}: at least one is needed")
            workers = max_workers
        began = time.perf_counter()
        names = list(self._members)
        ended = _Course(names, graph, self._attempt, self._cancelled).follow(workers)
        return Report({name: ended[name] for name in names}, time.perf_counter() - began)

    def _graph(self) -> Graph:
        names = list(self._members)
        number = {name: index for index, name in enumerate(names)}
        for name, member in self._members.items():
            for other in member.depends_on:
                if other not in number:
                    near = near_names(other, names, 1)
                    hint = f"did you mean {near[0]!r}?" if near else "add it first"
                    raise UsageError(f"{name!r} depends on {other!r}, which was not added: {hint}")
        graph = Graph(
            [[number[other] for other in each.depends_on] for each in self._members.values()]
        )
        if cycles := graph.cycles():
            paths = [" → ".join(names[node] for node in cycle) for cycle in cycles]
            raise UsageError(f"these depend on each other in a circle: {'; '.join(paths)}")
        return graph

    def _attempt(self, name: str) -> Ended:
        """Run one scriptlet to its end in this thread."""
        scriptlet, _, params = self._members[name]
        began = time.perf_counter()
        view = self.context.view(Author(who=name, step=name, attempt=1))
        state, reason, result = SUCCEEDED, "", None
        error: BaseException | None = None
        made: BaseScriptlet | None = None
        try:
            made = scriptlet() if isinstance(scriptlet, type) else scriptlet
            result = perform(made, view, params, self._control(name))
            reason = failure_in(result)
            state = FAILED if reason else SUCCEEDED
        except StepCancelled as stopped:
            state, error, reason = CANCELLED, stopped, str(stopped)
        except BaseException as raised:  # noqa: BLE001
            # The boundary to user code: whatever it raises fails this scriptlet, and only this one.
            state, error, reason = FAILED, raised, f"{type(raised).__qualname__}: {raised}"
        if state != SUCCEEDED:
            view.compensate()
        resources = made.resources() if made is not None else None
        return Ended(name, state, result, error, reason, time.perf_counter() - began, resources)

    def _control(self, name: str) -> Control:
        tell = self._on_progress
        progress = None if tell is None else lambda done, total: tell(name, done, total)
        return Control(cancelled=self._cancelled, progress=progress, step=name)


class _Course:
    """One pass through the graph: what may start, what runs, what has ended."""

    def __init__(
        self,
        names: list[str],
        graph: Graph,
        attempt: Callable[[str], Ended],
        cancelled: threading.Event,
    ) -> None:
        self._names = names
        self._graph = graph
        self._attempt = attempt
        self._cancelled = cancelled
        self._ready = ReadySet(graph)
        self._ended: dict[str, Ended] = {}

    def follow(self, workers: int) -> dict[str, Ended]:
        """Run everything; on an interrupt tell what runs to stop, wait for it, and pass it on."""
        running: dict[Future[Ended], int] = {}
        todo = list(self._ready.first)
        with ThreadPoolExecutor(workers, thread_name_prefix="scriptlet") as pool:
            try:
                while todo or running:
                    for node in filter(self._may_start, todo):
                        running[pool.submit(self._attempt, self._names[node])] = node
                    todo = []
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        todo += self._finish(running.pop(future), future.result())
            except BaseException:
                self._cancelled.set()
                raise
        return self._ended

    def _may_start(self, node: int) -> bool:
        if not self._cancelled.is_set():
            return True
        name = self._names[node]
        reason = "it had not begun when it was told to stop"
        self._finish(node, Ended(name, CANCELLED, reason=reason))
        return False

    def _finish(self, node: int, ended: Ended) -> list[int]:
        """Note how a node ended; return those that may start because of it."""
        self._ended[ended.name] = ended
        if ended.state == SUCCEEDED:
            return self._ready.finish(node)
        reason = f"{ended.name} did not succeed"
        for after in self._graph.downstream([node]):
            name = self._names[after]
            self._ended.setdefault(name, Ended(name, SKIPPED, reason=reason))
        return []
