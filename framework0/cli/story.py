"""What became of each step of a run, told from the journal alone.

The journal holds what was acknowledged; what is in flight follows from the counters of begun
attempts and from whether the run's process is alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.runner import (
    CACHED,
    CANCELLED,
    INTERRUPTED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    Plan,
    Standing,
    overdue_of,
)
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from framework0.recipe import Recipe
    from framework0.runner import AttemptRecord, RunHeader, RunHistory

RESUMABLE = frozenset({INTERRUPTED, "failed", "cancelled"})
"""States of a run from which ``resume`` goes on."""

PAUSED = "paused"

LIVE = frozenset({RUNNING, INTERRUPTED, PAUSED})
"""States of a run that has not come to its end."""


class StepStory(NamedTuple):
    """One step, or one item of a ``foreach``, of a run.

    ``state`` is that of the state table, or ``interrupted`` for what was in flight when the process
    died. ``attempts`` are the recorded ones, decisions without an attempt (number 0) included;
    ``begun`` counts those that have begun. ``owner`` is the ``foreach`` step of an item. ``overdue`` has,
    by attempt, when its time was over (``at``) and how long it was (``timeout``), if it ended in another process.
    """

    node: int
    name: str
    state: str
    attempts: tuple[AttemptRecord, ...]
    begun: int
    owner: int | None = None
    overdue: Mapping[int, Mapping[str, Any]] = {}

    @property
    def flying(self) -> int:
        """The number of the attempt that has begun and has no record, 0 if there is none."""
        recorded = max((record.attempt for record in self.attempts), default=0)
        return self.begun if self.begun > recorded and self.state != PAUSED else 0

    @property
    def last(self) -> AttemptRecord | None:
        """The latest record, if there is one."""
        return self.attempts[-1] if self.attempts else None

    @property
    def why(self) -> str:
        """What is to be said about the state in one line: the failure, or the reason of a skip."""
        if self.last is None:
            return ""
        failure = self.last.outcome.failure
        if failure is not None:
            return f"{failure.kind}: {failure.message.partition(chr(10))[0]}"
        return self.last.reason


class RunStory:
    """A run as told: its history, its plan if the recipe can still be read, and its steps in order."""

    def __init__(self, history: RunHistory) -> None:
        self.history = history
        self.header: RunHeader = history.header
        self.state = history.summary.state
        # What is known of the machine whose run this is; None for the run of a recipe.
        self.machine: Mapping[str, Any] | None = history.header.options.get("machine")
        self.recipe = _recipe(history.header) if self.machine is None else None
        self.plan = None if self.recipe is None else _plan(self.recipe, history.header)
        self._records: dict[int, list[AttemptRecord]] = {}
        for record in history.attempts:
            self._records.setdefault(record.node, []).append(record)
        self.standing = (
            None if self.plan is None else Standing(self.plan, history.attempts, history.decisions)
        )
        self._standing_at = self._stops()
        self._overdue = overdue_of(history.decisions)
        self.steps = self._tell()
        self.by_node = {step.node: step for step in self.steps}
        # Filled in by those who can look at the pools of the workspace.
        self.waits: dict[int, str] = {}
        # By step, the run that it began; filled in by those who can look at the journal.
        self.inner: dict[int, str] = {}
        # Backwards: a step that is called like the item of another comes second.
        self._by_name = {step.name: step for step in reversed(self.steps)}

    def named(self, name: str) -> StepStory | None:
        """Return the step, or the item, of that name."""
        return self._by_name.get(name)

    def counts(self) -> dict[str, int]:
        """Return how many steps are in each state; items count within their step."""
        counts: dict[str, int] = {}
        for step in self.steps:
            if step.owner is None:
                counts[step.state] = counts.get(step.state, 0) + 1
        return counts

    def _tell(self) -> list[StepStory]:
        names = self._names()
        opened = {
            node: (value["first"], len(value["items"]))
            for (node, kind), value in self.history.decisions.items()
            if kind == "foreach"
        }
        steps = []
        for node, name in names.items():
            steps.append(self._step(node, name, None, opened=node in opened))
            first, count = opened.get(node, (0, 0))
            steps += [
                self._step(first + index, f"{name}[{index}]", node, opened=False)
                for index in range(count)
            ]
        return steps

    def _stops(self) -> set[int]:
        """Return the nodes at which a paused run stands, steps whose items do included."""
        if self.state != PAUSED:
            return set()
        from framework0.runner import now_standing

        found = now_standing(self.history.decisions)
        return {*found, *(stop["owner"] for stop in found.values())}

    def _names(self) -> dict[int, str]:
        plan = self.plan
        if self.machine is not None:
            from framework0.runner.machines import known_nodes

            return dict(enumerate(known_nodes(self.history)))
        if plan is not None:
            order = sorted(range(len(plan)), key=lambda node: (plan.phase[node], plan.rank[node]))
            return {node: plan.steps[node].name for node in order}
        return {record.node: record.name for record in self.history.attempts}

    def _step(self, node: int, name: str, owner: int | None, *, opened: bool) -> StepStory:
        records = tuple(self._records.get(node, ()))
        started = self.history.started
        begun = max(
            started[node] if node < len(started) else 0,
            max((record.attempt for record in records), default=0),
        )
        state = self._state(records, begun, opened=opened)
        if node in self._standing_at and state in ("pending", PAUSED):
            state = PAUSED
        overdue = self._overdue.get(node, {})
        return StepStory(node, name, state, records, begun, owner, overdue)

    def _state(self, records: tuple[AttemptRecord, ...], begun: int, *, opened: bool) -> str:
        recorded = max((record.attempt for record in records), default=0)
        flying = {RUNNING: RUNNING, PAUSED: "pending"}.get(self.state, INTERRUPTED)
        live = self.state in LIVE
        if begun > recorded:
            return flying if live else CANCELLED
        if not records:
            if opened:
                return flying if live else CANCELLED
            return "pending" if live else CANCELLED
        last = records[-1]
        if not last.final:
            return ("waiting" if self.state == RUNNING else flying) if live else CANCELLED
        if self.state == RUNNING and self._is_to_run_again(last):
            return "pending"
        return last.state

    def _is_to_run_again(self, last: AttemptRecord) -> bool:
        """Say whether a resume that is going on has this step still before it."""
        if last.state in (SUCCEEDED, CACHED) or len(self.history.sessions) < 2:  # noqa: PLR2004
            return False
        before = last.at + last.outcome.seconds < self.history.sessions[-1].at
        kept = self.standing is not None and last.node in self.standing.ended
        return before and not kept


def _recipe(header: RunHeader) -> Recipe | None:
    from framework0.assembly import recorded_recipe
    from framework0.errors import RecipeError

    try:
        return recorded_recipe(header.recipe_text, header.recipe_file)
    except RecipeError:
        # Written for another version, say: the records are shown without it.
        return None


def _plan(recipe: Recipe, header: RunHeader) -> Plan:
    return Plan(recipe, only=header.options.get("only", ()), skip=header.options.get("skip", ()))


def skipped_because_of(story: RunStory, step: StepStory) -> StepStory | None:
    """Return the step directly before ``step`` whose end had it skipped, None if none did."""
    last = step.last
    if story.plan is None or step.state != SKIPPED or step.owner is not None or last is None:
        return None
    # As the state machine puts it: the name, and how that step ended.
    endings = ("failed", "timed out", "cancelled", "was skipped")
    for parent in story.plan.parents[step.node]:
        name = story.plan.steps[parent].name
        if last.reason in {f"{name} {ending}" for ending in endings}:
            return story.by_node[parent]
    return None
