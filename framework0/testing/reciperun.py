"""A recipe run for a test: the real engine, the project's own code, and a state folder thrown away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework0.assembly import run_recipe
from framework0.errors import RecipeError
from framework0.recipe import Recipe, render_report
from framework0.testing.steprun import story_of
from framework0.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from framework0.assembly import RunResult, StepResult


class RecipeRun:
    """How a run of a recipe ended. ``result`` is what :func:`framework0.run_recipe` returned."""

    def __init__(self, result: RunResult, workspace: Workspace) -> None:
        self.result = result
        self.workspace = workspace

    @property
    def state(self) -> str:
        """How the run ended: ``succeeded``, ``failed``, ``cancelled`` or ``paused``."""
        return self.result.state

    @property
    def ok(self) -> bool:
        """True when the run succeeded."""
        return self.result.ok

    @property
    def steps(self) -> Mapping[str, StepResult]:
        """How each step ended, by name."""
        return self.result.steps

    @property
    def context(self) -> Any:
        """The context that the run left."""
        return self.result.context

    def states(self) -> dict[str, str]:
        """Return the state of each step, by name."""
        return {name: step.state for name, step in self.steps.items()}

    def results(self) -> dict[str, Any]:
        """Return the result of each step that has one, by name."""
        return {name: step.result for name, step in self.steps.items() if step.result is not None}

    def log(self, step: str) -> str:
        """Return what a step printed, all its attempts one after the other. KeyError: no such step."""
        node = list(self.steps).index(step) if step in self.steps else None
        if node is None:
            raise KeyError(step)
        folder = self.workspace.run_folder(self.result.id) / "logs"
        attempts = sorted(
            folder.glob(f"{node + 1:05d}.*.log"), key=lambda path: int(path.suffixes[-2][1:])
        )
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in attempts)

    def __repr__(self) -> str:
        failed = "; ".join(
            f"{step.name}: {step.failure.kind}: {step.failure.message}"
            + (f" (at {step.failure.where})" if step.failure.where else "")
            for step in self.steps.values()
            if step.failure is not None
        )
        return f"<run {self.result.id} {self.state}{': ' if failed else ''}{failed}>"

    def check(self) -> RecipeRun:
        """Return self; raise AssertionError with every failure, its place and log if the run failed."""
        __tracebackhide__ = True
        if self.ok:
            return self
        raise AssertionError("\n".join([f"the run {self.state}", *self._stories()]))

    def _stories(self) -> Iterator[str]:
        for step in self.steps.values():
            if step.failure is not None:
                yield story_of(step.name, step.state, step.failure, self.log(step.name))


def run_in_scratch(
    recipe: str | os.PathLike[str] | Recipe, state: Path, **arguments: Any
) -> RecipeRun:
    """Run ``recipe`` as its own workspace would, but keep the journal and all else in ``state``.

    ``arguments`` are those of :func:`framework0.run_recipe`. Raises AssertionError that shows every
    mistake at its place when the recipe is wrong.
    """
    __tracebackhide__ = True
    file = None if isinstance(recipe, Recipe) else Path(recipe).absolute()
    found = find_workspace(file.parent if file is not None else None)
    workspace = Workspace(found.root, state, found.settings)
    try:
        result = run_recipe(file or recipe, workspace=workspace, **arguments)
    except RecipeError as error:
        texts = {str(file): file.read_text(encoding="utf-8", errors="replace")} if file else {}
        raise AssertionError(render_report(error.problems, texts)) from None
    return RecipeRun(result, workspace)
