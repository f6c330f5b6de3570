"""Lineage as a drawing: values and the steps that left them, with an arrow to each step made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.cli.lineage import makers, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.assembly import Made
    from framework0.cli.lineage import Lineage
    from framework0.visualization import Flow


def lineage_flow(lineage: Lineage, chosen: Sequence[Made]) -> Flow:
    """Return the chosen steps with all that they were made from, for any of the drawings."""
    from framework0.visualization import Flow

    drawing = _Drawing(lineage)
    for made in chosen:
        drawing.add(made)
    return Flow(f"lineage of {lineage.run_id}", tuple(drawing.boxes()))


class _Drawing:
    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._facts: dict[tuple[str, ...], tuple[str, tuple[str, ...], str]] = {}
        self._after: dict[tuple[str, ...], set[tuple[str, ...]]] = {}

    def add(self, made: Made) -> None:
        """Add a step, what it left, and all that it was made from; a list, for chains may be long."""
        waiting = [made]
        while waiting:
            step = waiting.pop()
            if ("step", step.step) in self._facts:
                continue
            self._box(("step", step.step), step.step, (), step.state)
            self._add_left(step)
            for source in step.sources:
                names = makers(self._lineage, source, step)
                waiting += [self._lineage.made[name] for name in names]
                what = [
                    ("result", name) if source.kind == "step" else ("key", source.name, name)
                    for name in names
                ]
                if not names:
                    what = [(source.kind, source.name)]
                    self._box((source.kind, source.name), source.name, (source.kind,), "")
                self._after["step", step.step].update(what)

    def _add_left(self, step: Made) -> None:
        if step.result is not None:
            self._value(("result", step.step), f"result of {step.step}", step.result, step)
        for written in step.written:
            value = "removed" if written.removed else written.value
            self._value(("key", written.key, step.step), written.key, value, step)

    def _value(self, box: tuple[str, ...], name: str, value: Any, step: Made) -> None:
        self._box(box, name, (shown(value),), "")
        self._after[box].add(("step", step.step))

    def _box(self, box: tuple[str, ...], name: str, notes: tuple[str, ...], state: str) -> None:
        self._facts.setdefault(box, (name, notes, state))
        self._after.setdefault(box, set())

    def boxes(self) -> Any:
        """Yield the boxes; what a step read and nobody is known to have left has none to come from."""
        from framework0.recipe import MAIN
        from framework0.visualization import Box

        numbers = {box: number for number, box in enumerate(self._facts)}
        for box, (name, notes, state) in self._facts.items():
            after = sorted(numbers[one] for one in self._after[box] if one in numbers)
            yield Box(numbers[box], name, MAIN, 0, tuple(after), notes, state)
