"""The runner's door: the plan of a run, its state machine, the shell around it, and its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.runner.clock import SystemClock as SystemClock
    from framework0.runner.invoke import Target as Target
    from framework0.runner.invoke import aperform as aperform
    from framework0.runner.invoke import perform as perform
    from framework0.runner.jobs import Workshop as Workshop
    from framework0.runner.journal import DAMAGED as DAMAGED
    from framework0.runner.journal import INTERRUPTED as INTERRUPTED
    from framework0.runner.journal import RUNNING as RUNNING
    from framework0.runner.journal import Journal as Journal
    from framework0.runner.journal import RunHeader as RunHeader
    from framework0.runner.journal import RunHistory as RunHistory
    from framework0.runner.journal import RunRecorder as RunRecorder
    from framework0.runner.journal import RunSummary as RunSummary
    from framework0.runner.journal import new_run_id as new_run_id
    from framework0.runner.moves import MOVES as MOVES
    from framework0.runner.moves import STATES as STATES
    from framework0.runner.plan import Plan as Plan
    from framework0.runner.resume import Standing as Standing
    from framework0.runner.run import Run as Run
    from framework0.runner.seams import CANCELLED as CANCELLED
    from framework0.runner.seams import FAILED as FAILED
    from framework0.runner.seams import SKIPPED as SKIPPED
    from framework0.runner.seams import SUCCEEDED as SUCCEEDED
    from framework0.runner.seams import TIMED_OUT as TIMED_OUT
    from framework0.runner.seams import AttemptRecord as AttemptRecord
    from framework0.runner.seams import Clock as Clock
    from framework0.runner.seams import Estimator as Estimator
    from framework0.runner.seams import Executor as Executor
    from framework0.runner.seams import Failure as Failure
    from framework0.runner.seams import Flag as Flag
    from framework0.runner.seams import Job as Job
    from framework0.runner.seams import Observer as Observer
    from framework0.runner.seams import Outcome as Outcome
    from framework0.runner.seams import Recorder as Recorder
    from framework0.runner.seams import StepContext as StepContext
    from framework0.runner.signals import Signals as Signals
    from framework0.runner.signals import exit_code_for as exit_code_for
    from framework0.runner.state import RunState as RunState
    from framework0.runner.warden import GRACE as GRACE
    from framework0.runner.warden import guarded as guarded
    from framework0.runner.warden import responsible_pid as responsible_pid

_HOMES = {
    "AttemptRecord": "seams",
    "CANCELLED": "seams",
    "Clock": "seams",
    "DAMAGED": "journal",
    "Estimator": "seams",
    "Executor": "seams",
    "FAILED": "seams",
    "Failure": "seams",
    "Flag": "seams",
    "GRACE": "warden",
    "INTERRUPTED": "journal",
    "Job": "seams",
    "Journal": "journal",
    "MOVES": "moves",
    "Observer": "seams",
    "Outcome": "seams",
    "Plan": "plan",
    "RUNNING": "journal",
    "Recorder": "seams",
    "Run": "run",
    "RunHeader": "journal",
    "RunHistory": "journal",
    "RunRecorder": "journal",
    "RunState": "state",
    "RunSummary": "journal",
    "SKIPPED": "seams",
    "STATES": "moves",
    "SUCCEEDED": "seams",
    "Signals": "signals",
    "Standing": "resume",
    "SystemClock": "clock",
    "StepContext": "seams",
    "TIMED_OUT": "seams",
    "Target": "invoke",
    "Workshop": "jobs",
    "aperform": "invoke",
    "exit_code_for": "signals",
    "guarded": "warden",
    "new_run_id": "journal",
    "perform": "invoke",
    "responsible_pid": "warden",
}

__all__ = [
    "CANCELLED",
    "DAMAGED",
    "FAILED",
    "GRACE",
    "INTERRUPTED",
    "MOVES",
    "RUNNING",
    "SKIPPED",
    "STATES",
    "SUCCEEDED",
    "TIMED_OUT",
    "AttemptRecord",
    "Clock",
    "Estimator",
    "Executor",
    "Failure",
    "Flag",
    "Job",
    "Journal",
    "Observer",
    "Outcome",
    "Plan",
    "Recorder",
    "Run",
    "RunHeader",
    "RunHistory",
    "RunRecorder",
    "RunState",
    "RunSummary",
    "Signals",
    "Standing",
    "StepContext",
    "SystemClock",
    "Target",
    "Workshop",
    "aperform",
    "exit_code_for",
    "guarded",
    "new_run_id",
    "perform",
    "responsible_pid",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
