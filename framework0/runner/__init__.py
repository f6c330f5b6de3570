"""The runner's door: the plan of a run, its state machine, the shell around it, and its journal."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.runner.bounded_jobs import BoundedWorkshop as BoundedWorkshop
    from framework0.runner.breakpoints import ANSWER as ANSWER
    from framework0.runner.breakpoints import BREAKS as BREAKS
    from framework0.runner.breakpoints import HELD as HELD
    from framework0.runner.breakpoints import PASSED as PASSED
    from framework0.runner.breakpoints import QUESTION as QUESTION
    from framework0.runner.breakpoints import STOPPED as STOPPED
    from framework0.runner.breakpoints import THE_RUN as THE_RUN
    from framework0.runner.breakpoints import Stops as Stops
    from framework0.runner.breakpoints import breakpoint_of as breakpoint_of
    from framework0.runner.breakpoints import now_standing as now_standing
    from framework0.runner.breakpoints import stops_of as stops_of
    from framework0.runner.clock import SystemClock as SystemClock
    from framework0.runner.invoke import Target as Target
    from framework0.runner.invoke import aperform as aperform
    from framework0.runner.invoke import judge as judge
    from framework0.runner.invoke import perform as perform
    from framework0.runner.invoke import perform_raising as perform_raising
    from framework0.runner.jobs import Workshop as Workshop
    from framework0.runner.jobs import opened_within as opened_within
    from framework0.runner.journal import DAMAGED as DAMAGED
    from framework0.runner.journal import INTERRUPTED as INTERRUPTED
    from framework0.runner.journal import RUNNING as RUNNING
    from framework0.runner.journal import Decision as Decision
    from framework0.runner.journal import Journal as Journal
    from framework0.runner.journal import RunHeader as RunHeader
    from framework0.runner.journal import RunHistory as RunHistory
    from framework0.runner.journal import RunRecorder as RunRecorder
    from framework0.runner.journal import RunSummary as RunSummary
    from framework0.runner.journal import new_run_id as new_run_id
    from framework0.runner.journal.boundaries import at_boundary as at_boundary
    from framework0.runner.journal.mentions import Mention as Mention
    from framework0.runner.keeping import Keeper as Keeper
    from framework0.runner.limited_pausing import PausableLimitedState as PausableLimitedState
    from framework0.runner.limited_run import LimitedRun as LimitedRun
    from framework0.runner.limited_run import Pools as Pools
    from framework0.runner.limited_state import LimitedState as LimitedState
    from framework0.runner.moves import MOVES as MOVES
    from framework0.runner.moves import RUN_PAUSED as RUN_PAUSED
    from framework0.runner.moves import STATES as STATES
    from framework0.runner.overdue import overdue_of as overdue_of
    from framework0.runner.pausing import PausableState as PausableState
    from framework0.runner.plan import Plan as Plan
    from framework0.runner.readers import reader_of as reader_of
    from framework0.runner.resume import Standing as Standing
    from framework0.runner.run import Run as Run
    from framework0.runner.sandbox.plan import plan_for as plan_for
    from framework0.runner.sandbox.probing import missing_layers as missing_layers
    from framework0.runner.seams import CACHED as CACHED
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
    from framework0.runner.stepcache import ASKED as ASKED
    from framework0.runner.stepcache import NOT_KEPT as NOT_KEPT
    from framework0.runner.stepcache import CacheStore as CacheStore
    from framework0.runner.stepcache import CodeFacts as CodeFacts
    from framework0.runner.stepcache import InputFiles as InputFiles
    from framework0.runner.stepcache import Moment as Moment
    from framework0.runner.stepcache import StepCache as StepCache
    from framework0.runner.stepcache import now as now
    from framework0.runner.warden import GRACE as GRACE
    from framework0.runner.warden import guarded as guarded
    from framework0.runner.warden import responsible_pid as responsible_pid

_HOMES = {
    "at_boundary": "journal.boundaries",
    "Moment": "stepcache",
    "CacheStore": "stepcache",
    "CodeFacts": "stepcache",
    "InputFiles": "stepcache",
    "StepCache": "stepcache",
    "ASKED": "stepcache",
    "NOT_KEPT": "stepcache",
    "now": "stepcache",
    "ANSWER": "breakpoints",
    "BREAKS": "breakpoints",
    "HELD": "breakpoints",
    "PASSED": "breakpoints",
    "QUESTION": "breakpoints",
    "STOPPED": "breakpoints",
    "THE_RUN": "breakpoints",
    "Stops": "breakpoints",
    "breakpoint_of": "breakpoints",
    "now_standing": "breakpoints",
    "stops_of": "breakpoints",
    "PausableState": "pausing",
    "PausableLimitedState": "limited_pausing",
    "Decision": "journal",
    "opened_within": "jobs",
    "overdue_of": "overdue",
    "reader_of": "readers",
    "AttemptRecord": "seams",
    "BoundedWorkshop": "bounded_jobs",
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
    "Keeper": "keeping",
    "Mention": "journal.mentions",
    "LimitedRun": "limited_run",
    "LimitedState": "limited_state",
    "MOVES": "moves",
    "Observer": "seams",
    "Outcome": "seams",
    "Plan": "plan",
    "Pools": "limited_run",
    "RUNNING": "journal",
    "RUN_PAUSED": "moves",
    "Recorder": "seams",
    "Run": "run",
    "RunHeader": "journal",
    "RunHistory": "journal",
    "RunRecorder": "journal",
    "RunState": "state",
    "RunSummary": "journal",
    "SKIPPED": "seams",
    "STATES": "moves",
    "CACHED": "seams",
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
    "missing_layers": "sandbox.probing",
    "new_run_id": "journal",
    "plan_for": "sandbox.plan",
    "judge": "invoke",
    "perform": "invoke",
    "perform_raising": "invoke",
    "responsible_pid": "warden",
}

__all__ = [
    "ANSWER",
    "ASKED",
    "BREAKS",
    "CACHED",
    "CANCELLED",
    "DAMAGED",
    "FAILED",
    "GRACE",
    "HELD",
    "INTERRUPTED",
    "MOVES",
    "NOT_KEPT",
    "PASSED",
    "QUESTION",
    "RUNNING",
    "RUN_PAUSED",
    "SKIPPED",
    "STATES",
    "STOPPED",
    "SUCCEEDED",
    "THE_RUN",
    "TIMED_OUT",
    "AttemptRecord",
    "BoundedWorkshop",
    "CacheStore",
    "Clock",
    "CodeFacts",
    "Decision",
    "Estimator",
    "Executor",
    "Failure",
    "Flag",
    "InputFiles",
    "Job",
    "Journal",
    "Keeper",
    "LimitedRun",
    "LimitedState",
    "Mention",
    "Moment",
    "Observer",
    "Outcome",
    "PausableLimitedState",
    "PausableState",
    "Plan",
    "Pools",
    "Recorder",
    "Run",
    "RunHeader",
    "RunHistory",
    "RunRecorder",
    "RunState",
    "RunSummary",
    "Signals",
    "Standing",
    "StepCache",
    "StepContext",
    "Stops",
    "SystemClock",
    "Target",
    "Workshop",
    "aperform",
    "at_boundary",
    "breakpoint_of",
    "exit_code_for",
    "guarded",
    "judge",
    "missing_layers",
    "new_run_id",
    "now",
    "now_standing",
    "opened_within",
    "overdue_of",
    "perform",
    "perform_raising",
    "plan_for",
    "reader_of",
    "responsible_pid",
    "stops_of",
]


__getattr__ = opening(__name__, _HOMES)
