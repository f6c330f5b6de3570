"""A node of a machine that runs a recipe: the other way round than a step that runs a machine."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.assembly.machines import WORKSPACE_VARIABLE, parameter_file
from framework0.errors import StepCancelled, StepError, UsageError
from framework0.stepengine import StepNode, in_shell
from framework0.workspace import find_workspace, is_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.assembly.result import RunResult
    from framework0.assembly.session import Options
    from framework0.runner import Run, Signals

GRACE: Final = 0.7
"""Seconds in which the recipe ends its steps once the node is stopped: less than the node itself has."""


class RunRecipe(StepNode):
    """Runs a recipe as the work of the node; subclass it and say which.

    ``recipe`` is its file, relative to the file of the class that says it. ``inputs`` are its inputs by
    name, ``outputs`` context keys that the recipe leaves, by the names that they get in ``shared_data``.
    The node's parameters ``recipe``, ``inputs`` and ``outputs`` say otherwise; a ``recipe`` there is
    relative to the instance's folder. The recipe's run is a part of the machine's run, and its id is made
    of the visit's number: when the node is called again in the same visit, after a kill or a failure,
    what has been done of the recipe is not done again.
    """

    recipe: ClassVar[str] = ""
    inputs: ClassVar[Mapping[str, Any]] = {}
    outputs: ClassVar[Mapping[str, str]] = {}

    def recipe_inputs(self) -> Mapping[str, Any]:
        """Return the inputs of the recipe; override it to compute them from ``self.shared``."""
        return {**self.inputs, **self.params.get("inputs", {})}

    def step_execute(self) -> int:
        """Run the recipe, or go on with its run of this visit.

        Raises :class:`~framework0.errors.StepError` when it does not succeed, and
        :class:`~framework0.errors.StepCancelled` when the machine is stopped.
        """
        from framework0.assembly.running import run_or_resume

        workspace = find_workspace(explicit=os.environ.get(WORKSPACE_VARIABLE) or None)
        signals: list[Signals] = []
        run = self._machine_run()
        try:
            result = run_or_resume(
                str(self._file_of_recipe()),
                run_id=f"{run}.{self.visit}",
                parent=run,
                workspace=workspace,
                inputs=self.recipe_inputs(),
                options=self._options(signals),
            )
        finally:
            for handler in signals:
                handler.__exit__()
        self._judge(result)
        self._take_outputs(result)
        return 0

    def _options(self, signals: list[Signals]) -> Options:
        from framework0.assembly.session import Options
        from framework0.runner import Signals

        def begun(run: Run) -> None:
            handler = Signals(run.cancel, run.abandon)
            handler.__enter__()
            signals.append(handler)

        # What has changed since is taken as it is: the machine has no person to ask.
        return Options(on_run=begun, grace=GRACE, edited="recorded", echo=self.verbose_flag)

    def _machine_run(self) -> str:
        run = parameter_file(self.instance).get("step_engine", "run", default="")
        if not isinstance(run, str) or not is_id(run):
            raise UsageError(
                f"node {self.name} is in no machine that runs: its instance has no run"
            )
        return run

    def _file_of_recipe(self) -> Path:
        """Return the recipe's file: as the parameters say, else as the class says that names one."""
        told = self.params.get("recipe")
        if told:
            return Path(self.instance, str(told))
        for cls in type(self).__mro__:
            file = cls.__dict__.get("recipe")
            if file:
                return Path(os.path.dirname(os.path.abspath(inspect.getfile(cls))), file)
        raise UsageError(
            f'node {self.name} does not say which recipe it runs: write `recipe = "FILE"` in its class'
        )

    def _judge(self, result: RunResult) -> None:
        if result.state == "cancelled":
            raise StepCancelled(f"the recipe's run {result.id} was cancelled")
        if result.state == "paused":
            raise StepError(
                f"the recipe's run {result.id} is paused: `framework0 continue {result.id}`, then "
                f"`framework0 step resume {in_shell(str(self.instance))}`"
            )
        if not result.ok:
            raise StepError(
                f"the recipe's run {result.id} {result.state}: `framework0 show {result.id}`"
            )

    def _take_outputs(self, result: RunResult) -> None:
        self.results["run"] = result.id
        outputs = {**self.outputs, **self.params.get("outputs", {})}
        missing = object()
        found = {name: result.context.get(key, missing) for name, key in outputs.items()}
        for name, value in found.items():
            if value is missing:
                raise StepError(
                    f"the recipe's run {result.id} has left no {outputs[name]!r} in its context"
                )
        if found:
            self.shared.update_all(**found)
