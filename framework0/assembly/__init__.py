"""Where the real parts are wired together: the one floor that knows executors, journal and clocks."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.assembly.authoring import recipe_of as recipe_of
    from framework0.assembly.authoring import step as step
    from framework0.assembly.caching import cache_store as cache_store
    from framework0.assembly.caching import foreseen_hits as foreseen_hits
    from framework0.assembly.chaos import Proof as Proof
    from framework0.assembly.chaos import chosen_points as chosen_points
    from framework0.assembly.chaos import prove as prove
    from framework0.assembly.comparing import Comparison as Comparison
    from framework0.assembly.comparing import compare as compare
    from framework0.assembly.continuing import CALLED_OFF as CALLED_OFF
    from framework0.assembly.continuing import Wishes as Wishes
    from framework0.assembly.continuing import amend_run as amend_run
    from framework0.assembly.continuing import call_off as call_off
    from framework0.assembly.continuing import continue_run as continue_run
    from framework0.assembly.continuing import is_overdue as is_overdue
    from framework0.assembly.inputs import resolve_inputs as resolve_inputs
    from framework0.assembly.keeping import artifacts_of as artifacts_of
    from framework0.assembly.lineage import Made as Made
    from framework0.assembly.lineage import Source as Source
    from framework0.assembly.lineage import Written as Written
    from framework0.assembly.lineage import lineage_of as lineage_of
    from framework0.assembly.machines import MachineOptions as MachineOptions
    from framework0.assembly.machines import MachineSession as MachineSession
    from framework0.assembly.machines import refuse_machine as refuse_machine
    from framework0.assembly.machines import run_machine as run_machine
    from framework0.assembly.pausing import where_it_stands as where_it_stands
    from framework0.assembly.recipe_nodes import RunRecipe as RunRecipe
    from framework0.assembly.recipes import as_workspace as as_workspace
    from framework0.assembly.recipes import check_recipe as check_recipe
    from framework0.assembly.recipes import checked as checked
    from framework0.assembly.recipes import load_recipe as load_recipe
    from framework0.assembly.recipes import recorded_recipe as recorded_recipe
    from framework0.assembly.recipes import sources_for as sources_for
    from framework0.assembly.repeating import listed as listed
    from framework0.assembly.reproducing import ATTEMPT_FILE as ATTEMPT_FILE
    from framework0.assembly.reproducing import ATTEMPT_FORMAT as ATTEMPT_FORMAT
    from framework0.assembly.reproducing import CODE_FOLDER as CODE_FOLDER
    from framework0.assembly.reproducing import CONTEXT_FILE as CONTEXT_FILE
    from framework0.assembly.reproducing import reproduce as reproduce
    from framework0.assembly.result import RunResult as RunResult
    from framework0.assembly.result import StepResult as StepResult
    from framework0.assembly.retention import roots_of as roots_of
    from framework0.assembly.retention import sweep_artifacts as sweep_artifacts
    from framework0.assembly.running import arun_recipe as arun_recipe
    from framework0.assembly.running import rerun as rerun
    from framework0.assembly.running import resume_run as resume_run
    from framework0.assembly.running import run_recipe as run_recipe
    from framework0.assembly.running import start_run as start_run
    from framework0.assembly.session import Options as Options
    from framework0.assembly.session import default_concurrency as default_concurrency
    from framework0.assembly.sharing import open_store as open_store
    from framework0.assembly.sharing import shared_context as shared_context
    from framework0.assembly.watch import Watch as Watch
    from framework0.assembly.watch import log_format_of as log_format_of

_HOMES = {
    "ATTEMPT_FILE": "reproducing",
    "ATTEMPT_FORMAT": "reproducing",
    "CALLED_OFF": "continuing",
    "CODE_FOLDER": "reproducing",
    "CONTEXT_FILE": "reproducing",
    "Comparison": "comparing",
    "MachineOptions": "machines",
    "MachineSession": "machines",
    "Made": "lineage",
    "Options": "session",
    "Proof": "chaos",
    "RunRecipe": "recipe_nodes",
    "RunResult": "result",
    "Source": "lineage",
    "StepResult": "result",
    "Watch": "watch",
    "Wishes": "continuing",
    "Written": "lineage",
    "amend_run": "continuing",
    "artifacts_of": "keeping",
    "arun_recipe": "running",
    "as_workspace": "recipes",
    "cache_store": "caching",
    "call_off": "continuing",
    "check_recipe": "recipes",
    "checked": "recipes",
    "chosen_points": "chaos",
    "compare": "comparing",
    "continue_run": "continuing",
    "default_concurrency": "session",
    "foreseen_hits": "caching",
    "is_overdue": "continuing",
    "lineage_of": "lineage",
    "listed": "repeating",
    "load_recipe": "recipes",
    "log_format_of": "watch",
    "open_store": "sharing",
    "prove": "chaos",
    "recipe_of": "authoring",
    "recorded_recipe": "recipes",
    "refuse_machine": "machines",
    "reproduce": "reproducing",
    "rerun": "running",
    "resolve_inputs": "inputs",
    "resume_run": "running",
    "roots_of": "retention",
    "run_machine": "machines",
    "run_recipe": "running",
    "shared_context": "sharing",
    "sources_for": "recipes",
    "start_run": "running",
    "step": "authoring",
    "sweep_artifacts": "retention",
    "where_it_stands": "pausing",
}

__all__ = [
    "ATTEMPT_FILE",
    "ATTEMPT_FORMAT",
    "CALLED_OFF",
    "CODE_FOLDER",
    "CONTEXT_FILE",
    "Comparison",
    "MachineOptions",
    "MachineSession",
    "Made",
    "Options",
    "Proof",
    "RunRecipe",
    "RunResult",
    "Source",
    "StepResult",
    "Watch",
    "Wishes",
    "Written",
    "amend_run",
    "artifacts_of",
    "arun_recipe",
    "as_workspace",
    "cache_store",
    "call_off",
    "check_recipe",
    "checked",
    "chosen_points",
    "compare",
    "continue_run",
    "default_concurrency",
    "foreseen_hits",
    "is_overdue",
    "lineage_of",
    "listed",
    "load_recipe",
    "log_format_of",
    "open_store",
    "prove",
    "recipe_of",
    "recorded_recipe",
    "refuse_machine",
    "reproduce",
    "rerun",
    "resolve_inputs",
    "resume_run",
    "roots_of",
    "run_machine",
    "run_recipe",
    "shared_context",
    "sources_for",
    "start_run",
    "step",
    "sweep_artifacts",
    "where_it_stands",
]


__getattr__ = opening(__name__, _HOMES)
