"""Machines in tests: nodes that are classes of the test itself, and an observer that remembers.

The engine writes its parameter file as always, so an instance is a real folder; a scratch one will do.
"""

from __future__ import annotations

from framework0.errors import LibraryError
from framework0.stepengine import InProcessHost, facts_about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from framework0.errors import Problem
    from framework0.stepengine import Answer, Call, Fault, NodeFacts


class FakeHost(InProcessHost):
    """Implements :class:`framework0.stepengine.Host` for classes that are in no library.

    ``calls`` has every call it was asked to make, in order.
    """

    def __init__(self, *classes: type, instance: Path, verbose: bool = False) -> None:
        super().__init__(instance, instance, verbose)
        self.calls: list[Call] = []
        self._given = classes

    def describe(self) -> list[NodeFacts]:
        """Say what the classes are as nodes; the module of each is named as its class is."""
        facts: list[NodeFacts] = []
        problems: list[Problem] = []
        for cls in self._given:
            one, wrong = facts_about(cls, cls.__name__, f"{cls.__name__}.py")
            facts.append(one)
            problems += wrong
            self.library.classes[one.name] = cls
        if any(problem.severity == "error" for problem in problems):
            raise LibraryError(tuple(problems))
        return facts

    def call(self, call: Call) -> Answer:
        """Remember the call, and make it."""
        self.calls.append(call)
        return super().call(call)


class FakeObserver:
    """Implements :class:`framework0.stepengine.Observer`: ``story`` has all it was told, in order.

    Each entry is a tuple: the word, and what matters of the rest.
    """

    def __init__(self) -> None:
        self.story: list[tuple[Any, ...]] = []

    def began(self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool) -> None:
        """The machine starts, or goes on."""
        self.story.append(("began", run, instance, tuple(node.name for node in nodes), resumed))

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """A transition is durable."""
        self.story.append(("moved", visit, node, state, attempt))

    def called(self, call: Call, answer: Answer) -> None:
        """A lifecycle call has ended."""
        fault = answer.fault.kind if answer.fault is not None else None
        self.story.append(("called", call.node, call.method, call.attempt, answer.value, fault))

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """A visit is over."""
        assert seconds >= 0
        self.story.append(("left", visit, node, arrow, to))

    def ended(self, state: str, error: Fault | None) -> None:
        """The machine stands."""
        self.story.append(("ended", state, error.kind if error is not None else None))

    def words(self, word: str) -> list[tuple[Any, ...]]:
        """Return the entries of one kind, without the word itself."""
        return [entry[1:] for entry in self.story if entry[0] == word]
