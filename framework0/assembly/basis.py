"""What a run of chosen steps (``--only``) builds on: the results of the steps that it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.runner import Standing

if TYPE_CHECKING:
    from framework0.runner import Journal, Plan, RunHistory


def left_out_results(journal: Journal, plan: Plan) -> LeftOutResults | None:
    """Return what the last successful run of the same recipe left, None when there is none."""
    recipe = plan.recipe
    for summary in journal.runs(recipe=recipe.name):
        if summary.state == "succeeded":
            return LeftOutResults(plan, journal.read(summary.run_id))
    return None


class LeftOutResults(Standing):
    """Results of the steps that ``--only`` leaves out, taken from an earlier run."""

    def __init__(self, plan: Plan, history: RunHistory) -> None:
        super().__init__(plan, (), {})
        self.changes = history.changes
        numbers = {step.name: step.position for step in plan.steps}
        self._results = {
            numbers[record.name]: record.outcome.result
            for record in history.attempts
            if record.name in numbers and record.state in ("succeeded", "cached")
        }

    def apply(self, run: Any) -> None:
        """Put the results, and nothing else, where expressions find them."""
        for node, result in self._results.items():
            if node in self.plan.left_out:
                run.workshop.results.by_node[node] = run.workshop.taken_over(result)
