"""Several who watch one machine; and one of them, who keeps its shared values in a context too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Final

    from framework0.runner.seams import StepContext
    from framework0.stepengine import Answer, Call, Fault, NodeFacts, Observer

SHARED: Final = "shared_data"
"""The group of a machine's parameters through which its nodes hand each other values."""


class Watchers:
    """Tells each observer in turn what the engine tells; implements its seam."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def began(self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool) -> None:
        """The machine starts, or goes on."""
        for observer in self._observers:
            observer.began(run, instance, nodes, resumed)

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """The parameter file says so now."""
        for observer in self._observers:
            observer.moved(visit, node, state, attempt)

    def called(self, call: Call, answer: Answer) -> None:
        """A lifecycle call has ended."""
        for observer in self._observers:
            observer.called(call, answer)

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """A visit is over."""
        for observer in self._observers:
            observer.left(visit, node, arrow, to, seconds)

    def ended(self, state: str, error: Fault | None) -> None:
        """The machine stands."""
        for observer in self._observers:
            observer.ended(state, error)


class Mirror:
    """Keeps the machine's ``shared_data`` in ``context``, each value below ``name``.

    ``read()`` returns the group as it is in the parameter file. What is taken out there is taken out of
    the context as well. The first trouble of the context is kept in ``trouble``, and ends the mirroring,
    not the machine.
    """

    def __init__(
        self, context: StepContext, name: str, read: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.trouble: Exception | None = None
        self._context = context
        self._name = name
        self._read = read
        self._known: dict[str, Any] = {}

    # The engine tells more than is needed here.
    def began(
        self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool  # noqa: ARG002
    ) -> None:
        """Show what is there already."""
        self._look()

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """Nothing was shared by a move."""

    def called(self, call: Call, answer: Answer) -> None:  # noqa: ARG002
        """Show what the call has shared."""
        self._look()

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """Nothing is shared any more."""

    def ended(self, state: str, error: Fault | None) -> None:  # noqa: ARG002
        """Show what others have shared meanwhile."""
        self._look()

    def _look(self) -> None:
        if self.trouble is not None:
            return
        try:
            self._show(dict(self._read()))
        # An observer must not raise, and a context may be anywhere, with any trouble.
        except Exception as error:  # noqa: BLE001
            self.trouble = error

    def _show(self, shared: Mapping[str, Any]) -> None:
        for key, value in shared.items():
            if key not in self._known or self._known[key] != value:
                self._context.set(f"{self._name}.{key}", value)
        for key in self._known.keys() - shared.keys():
            self._context.delete(f"{self._name}.{key}")
        self._known = dict(shared)
