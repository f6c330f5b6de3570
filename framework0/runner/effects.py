"""What an attempt leaves behind when it ends: its result and its context writes, as they are kept.

Files are written here, where the attempt ended and before its record is queued: what a record names is
durable, a full disk fails the step and not the journal, and the commits of others go on meanwhile.
"""

from __future__ import annotations

from framework0.context import weigh
from framework0.errors import ArtifactError, ValueRefused
from framework0.runner.jobs import SMALL
from framework0.runner.seams import FAILED, SUCCEEDED, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final

    from framework0.context import Change
    from framework0.runner.jobs import Workshop
    from framework0.runner.run import Run
    from framework0.runner.seams import Job

_CONTAINERS: Final = frozenset({list, dict})

_WEIGHT: Final = 4 * SMALL
"""What a value of so many bytes of JSON may weigh in memory."""


def context_effects(
    workshop: Workshop, job: Job, outcome: Outcome
) -> tuple[Outcome, Sequence[Change], str]:
    """Return the outcome, the changes that belong to the attempt, and a note about them.

    Those of a failed attempt are taken back. An attempt has failed when its writes cannot be kept.
    The view is closed and has changes.
    """
    view: Any = job.context
    if outcome.state == SUCCEEDED:
        try:
            return outcome, kept_changes(workshop, view.changes), ""
        except ArtifactError as error:
            outcome = unkept(workshop, job.node, outcome, error)
    view.compensate()
    note = ""
    if view.left:
        names = ", ".join(repr(key) for key in view.left)
        note = f"left in place because others wrote them since: {names}"
    return outcome, _taken_back(workshop, view.changes), note


def kept_changes(workshop: Workshop, changes: Sequence[Change]) -> Sequence[Change]:
    """Return the changes as the journal keeps them: masked, large values as references to files."""
    if workshop.keeper is None or not any(map(_may_be_large, changes)):
        return _masked(workshop, changes)
    keeper = workshop.keeper()
    return [
        change._replace(value=keeper.inline(change.value)) for change in _masked(workshop, changes)
    ]


def _taken_back(workshop: Workshop, changes: Sequence[Change]) -> Sequence[Change]:
    """Return the changes of a failed attempt, less those for whose values the disk has no room.

    What such a change wrote is not there any more, and the last change of each key stays.
    """
    try:
        return kept_changes(workshop, changes)
    except ArtifactError:
        last = {change.key: change for change in changes}.values()
        kept: list[Change] = []
        for change in changes:
            try:
                kept += kept_changes(workshop, (change,))
            except ArtifactError:
                if any(change is one for one in last):
                    kept += _masked(workshop, (change,))
        return kept


def kept_result(
    workshop: Workshop, outcome: Outcome, node: int | None, note: str
) -> tuple[Outcome, str]:
    """Return the outcome with a result that is large or no JSON as the journal keeps it.

    ``note`` begins what is said of a result that cannot be kept. What later steps get is the same that
    they would get after a resume.
    """
    assert workshop.keeper is not None
    keeper = workshop.keeper()
    try:
        kept = keeper.keep(outcome.result)
    except ArtifactError as error:
        return unkept(workshop, node, outcome, error), ""
    except ValueRefused as refused:
        return outcome._replace(result=None), f"{note}: {refused}"
    if node is not None:
        workshop.results.by_node[node] = keeper.passed_on(outcome.result, kept)
    return outcome._replace(result=kept), ""


def unkept(workshop: Workshop, node: int | None, outcome: Outcome, error: ArtifactError) -> Outcome:
    """Return the outcome of an attempt that did well, but whose values the disk does not take."""
    if node is not None:
        workshop.results.by_node.pop(node, None)
    failure = Failure("result", f"what the step left cannot be kept: {error}")
    return outcome._replace(state=FAILED, result=None, failure=failure)


def apart(run: Run, action: Callable[[], object]) -> None:
    """Do in a thread of its own what takes long: whoever brought the end of the job has others."""
    from threading import Thread

    def guarded() -> None:
        try:
            action()
        # As in Run.report: nobody above this thread could handle it.
        except BaseException as error:  # noqa: BLE001
            run.fail(error)

    Thread(target=guarded, name="keep", daemon=True).start()


def _may_be_large(change: Change) -> bool:
    value = change.value
    kind = type(value)
    if kind is str:
        return len(value) > SMALL
    return kind in _CONTAINERS and weigh(value) > _WEIGHT


def _masked(workshop: Workshop, changes: Sequence[Change]) -> Sequence[Change]:
    masker = workshop.masker
    if masker is None:
        return changes
    return [
        change._replace(
            key=masker.mask(change.key),
            value=masker.mask_value(change.value),
            old=masker.mask_value(change.old),
        )
        for change in changes
    ]
