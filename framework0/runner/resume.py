"""From the journal of a run to where it can go on: what holds, what is done again. Pure.

What succeeded holds, and so do skips decided by ``when``, tolerated failures and the items of every
``foreach`` that was opened. Failed, cancelled and unfinished steps run again; skips that an upstream
failure caused are considered anew. Clean-up steps of an earlier try hold only when nothing before
them is left to do: they clean up after everything, so they come after everything.

A run that only paused goes on instead of beginning again: there the failures and skips it had come to
hold as well (``held``).
"""

from __future__ import annotations

from framework0.recipe import MAIN
from framework0.runner.jobs import NOT_KEPT, NotKept
from framework0.runner.moves import NUMBER
from framework0.runner.seams import CACHED, FAILED, SKIPPED, SUCCEEDED, TIMED_OUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from framework0.runner.plan import Plan
    from framework0.runner.run import Run
    from framework0.runner.seams import AttemptRecord


class Standing:
    """What an earlier process acknowledged, ready to be taken over.

    ``ended`` maps nodes to their final record, ``opened`` lists (node, first item node, items) in the
    order of opening, ``shut`` are those of them that open anew, ``failures`` counts the failed attempts of nodes that had more to come.
    """

    def __init__(
        self,
        plan: Plan,
        attempts: Iterable[AttemptRecord],
        decisions: Mapping[tuple[int, str], Any],
        *,
        held: Collection[int] = (),
    ) -> None:
        self.plan = plan
        self.decisions = {
            key: value
            for key, value in decisions.items()
            if key[1] == "when" or (key[1] == "answer" and value is not None)
        }
        self._held = frozenset(held)
        self.opened = sorted(
            (value["first"], node, value["items"])
            for (node, kind), value in decisions.items()
            if kind == "foreach"
        )
        self.shut: set[int] = set()
        self.failures: dict[int, int] = {}
        self.ended: dict[int, AttemptRecord] = {}
        owners = self._owners()
        last: dict[int, AttemptRecord] = {}
        for record in attempts:
            self._read(record, owners)
            last[record.node] = record
        # A foreach that holds although items of it failed holds with all of them.
        self.ended.update(
            (item, last[item])
            for item, owner in owners.items()
            if owner in self.ended and item in last
        )
        self._drop_clean_up()

    def _owners(self) -> dict[int, int]:
        return {
            item: node
            for first, node, items in self.opened
            for item in range(first, first + len(items))
        }

    def _read(self, record: AttemptRecord, owners: Mapping[int, int]) -> None:
        node = record.node
        if not record.final:
            self.failures[node] = self.failures.get(node, 0) + 1
            return
        self.failures.pop(node, None)
        if self._holds(record, owners.get(node)):
            self.ended[node] = record
        else:
            self.ended.pop(node, None)

    def _holds(self, record: AttemptRecord, owner: int | None) -> bool:
        if record.state in (SUCCEEDED, CACHED) or record.node in self._held:
            return True
        if owner is not None:
            return False
        if record.state == SKIPPED:
            return self.decisions.get((record.node, "when")) is False
        tolerated = self.plan.steps[record.node].policy.continue_on_error
        return tolerated and record.state in (FAILED, TIMED_OUT)

    def _tainting(self) -> set[int]:
        """Return the skipped steps whose skip, which a failure caused, keeps others from running."""
        return {
            node
            for node, record in self.ended.items()
            if record.state == SKIPPED
            and node not in self.plan.left_out
            and self.decisions.get((node, "when")) is not False
        }

    def _drop_clean_up(self) -> None:
        steps = self.plan.steps
        if all(step.position in self.ended for step in steps if step.phase == MAIN):
            return
        for step in steps:
            if step.phase != MAIN:
                self.ended.pop(step.position, None)
                self.decisions.pop((step.position, "when"), None)
        self.shut = {node for _, node, _ in self.opened if steps[node].phase != MAIN}
        for first, node, items in self.opened:
            if node in self.shut:
                for item in range(first, first + len(items)):
                    self.ended.pop(item, None)

    def apply(self, run: Run) -> None:
        """Put a fresh run where the earlier one stood."""
        workshop = run.workshop
        run.state.restore(
            ((node, NUMBER[record.state]) for node, record in self.ended.items()),
            (
                (node, first, len(items), node not in self.shut)
                for first, node, items in self.opened
            ),
            self._tainting() if self._held else (),
        )
        run.failures.update(self.failures)
        run.decisions.update(self.decisions)
        run.records.update(self.ended)
        for first, _, items in self.opened:
            workshop.items.update(enumerate(items, first))
        for node, record in self.ended.items():
            if record.outcome.result is not None:
                workshop.results.by_node[node] = workshop.taken_over(record.outcome.result)
            elif NOT_KEPT in record.reason:
                workshop.results.by_node[node] = NotKept(record.reason)
