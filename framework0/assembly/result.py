"""What a run leaves in the caller's hands."""

from __future__ import annotations

from sys import modules

from framework0.errors import RunFailed
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from framework0.context import Context
    from framework0.runner import Failure


class _StepResult(NamedTuple):
    name: str
    state: str
    result: Any
    failure: Failure | None
    attempts: int
    seconds: float
    reason: str


class StepResult(_StepResult):
    """How one step ended. ``attempts`` is 0 for a step that never began; ``seconds`` of the last one."""

    __slots__ = ()

    @property
    def result(self) -> Any:
        """What the step returned; what lies in a file is loaded each time somebody asks."""
        value = self[2]
        if type(value).__name__ == "Stored":
            return value.load()
        if "framework0.runner.pool.parcel" in modules:
            # Results of processes, the items of a foreach among them.
            from framework0.runner import opened_within

            return opened_within(value)
        return value


class RunResult:
    """A finished run: its id, its final state, every step's end, and the context it left.

    ``collect`` yields the steps' ends; it is asked once, when somebody looks at them.
    """

    __slots__ = ("_collect", "_steps", "context", "id", "state")

    def __init__(
        self,
        run_id: str,
        state: str,
        collect: Callable[[], Mapping[str, StepResult]],
        context: Context,
    ) -> None:
        self.id = run_id
        self.state = state
        self.context = context
        self._collect = collect
        self._steps: Mapping[str, StepResult] | None = None

    def __repr__(self) -> str:
        return f"<RunResult {self.id} {self.state}>"

    @property
    def steps(self) -> Mapping[str, StepResult]:
        """How each step ended, by name; items of a ``foreach`` stand beneath names of their own."""
        if self._steps is None:
            self._steps = self._collect()
        return self._steps

    @property
    def ok(self) -> bool:
        """True when the run succeeded."""
        return self.state == "succeeded"

    def raise_for_state(self) -> RunResult:
        """Return self, or raise :class:`~framework0.errors.RunFailed` naming what failed.

        Raises :class:`~framework0.errors.RunPaused` when the run waits for a person.
        """
        if self.ok:
            return self
        if self.state == "paused":
            from framework0.errors import RunPaused

            raise RunPaused(
                f"run {self.id} is paused: `framework0 continue {self.id}`", result=self
            )
        failed = [step for step in self.steps.values() if step.failure is not None]
        told = "; ".join(f"{step.name}: {step.failure.message}" for step in failed if step.failure)
        raise RunFailed(f"run {self.id} {self.state}: {told or 'see its journal'}", result=self)
