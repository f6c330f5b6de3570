"""Which artifacts of a workspace are still needed, and the removal of the others.

What needs them: the journal, for as long as it has the run; living runs, which note what they rely on
before anything durable names it; and whoever else keeps references, by a function in :data:`ROOTS`.
"""

from __future__ import annotations

import os
from contextlib import closing
from time import time

from framework0.assembly.keeping import PINS, artifact_gate
from framework0.runner import INTERRUPTED, RUN_PAUSED, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    from framework0.artifacts import Artifact, Kept, Retention, Roots
    from framework0.runner import Journal
    from framework0.workspace import Workspace

    Root = Callable[[Workspace], Iterable[Artifact]]

_NOT_ENDED: Final = (RUNNING, INTERRUPTED, RUN_PAUSED)

ROOTS: list[Root] = []
"""Functions that return the artifacts that somebody beside the journal refers to durably."""


def sweep_artifacts(
    workspace: Workspace,
    journal: Journal,
    *,
    retention: Retention | None = None,
    dry_run: bool = False,
) -> Sequence[Kept]:
    """Remove the artifacts that nothing needs, and those that are given up; return what went.

    Without ``retention`` that of the workspace's settings holds. What a living run relies on always
    stays, and so does what an interrupted or a paused one has left. Raises
    :class:`~framework0.errors.WorkspaceError`, and then nothing was removed.
    """
    if not workspace.artifacts.is_dir():
        return []
    from framework0.artifacts import Retention, sweep

    settings = workspace.settings
    kept = retention or Retention(
        settings.artifact_max_age or None, settings.artifact_max_bytes or None
    )
    with closing(artifact_gate(workspace)) as gate:
        return sweep(
            workspace.artifacts,
            gate,
            lambda: roots_of(workspace, journal),
            now=time(),
            retention=kept,
            dry_run=dry_run,
        )


def roots_of(workspace: Workspace, journal: Journal) -> Roots:
    """Return what may not go. The order matters: pins of the living first, the journal after them."""
    from framework0.artifacts import Roots

    pinned = _pinned(workspace, journal)
    by_run = journal.referred()
    busy = {run.run_id for run in journal.runs() if run.state in _NOT_ENDED}
    referred = _digests(workspace, by_run.values())
    for root in ROOTS:
        referred |= _digests(workspace, [list(root(workspace))])
    protected = pinned | _digests(workspace, (by_run.get(run_id, []) for run_id in busy))
    return Roots(referred | protected, protected)


def _pinned(workspace: Workspace, journal: Journal) -> set[str]:
    pinned: set[str] = set()
    for run in journal.runs():
        if run.state == RUNNING:
            path = workspace.run_folder(run.run_id) / PINS
            if os.path.exists(path):
                pinned.update(path.read_text(encoding="ascii").split())
    return pinned


def _digests(workspace: Workspace, groups: Iterable[Sequence[Artifact]]) -> set[str]:
    """Return the digests of artifacts and of those that they in turn refer to."""
    from framework0.artifacts import artifacts_in

    found: set[str] = set()
    for group in groups:
        waiting = list(group)
        while waiting:
            artifact = waiting.pop()
            if artifact.digest in found:
                continue
            found.add(artifact.digest)
            if artifact.format == "tree":
                path = workspace.artifacts / artifact.digest[:2] / artifact.digest[2:]
                if path.exists():
                    waiting += artifacts_in(path.read_text(encoding="utf-8"))
    return found
