"""The journal: the durable, verified record of every run of a workspace."""

from __future__ import annotations

from framework0.runner.journal.ids import new_run_id
from framework0.runner.journal.journal import Journal
from framework0.runner.journal.recorder import RunRecorder
from framework0.runner.journal.values import (
    DAMAGED,
    INTERRUPTED,
    RUNNING,
    Decision,
    RunHeader,
    RunHistory,
    RunSummary,
    Session,
)

__all__ = [
    "DAMAGED",
    "INTERRUPTED",
    "RUNNING",
    "Decision",
    "Journal",
    "RunHeader",
    "RunHistory",
    "RunRecorder",
    "RunSummary",
    "Session",
    "new_run_id",
]
