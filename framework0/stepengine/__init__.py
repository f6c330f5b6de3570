"""The step engine (Octo): machines of step nodes, whose whole state is one JSON file for each instance."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.stepengine.checking.library import Checked as Checked
    from framework0.stepengine.checking.library import check_machine as check_machine
    from framework0.stepengine.clock import SystemClock as SystemClock
    from framework0.stepengine.dot.reading import read_dot as read_dot
    from framework0.stepengine.engine import Engine as Engine
    from framework0.stepengine.faults import fault_from as fault_from
    from framework0.stepengine.faults import fault_in as fault_in
    from framework0.stepengine.faults import one_line as one_line
    from framework0.stepengine.inprocess import InProcessHost as InProcessHost
    from framework0.stepengine.library import facts_about as facts_about
    from framework0.stepengine.limits import MAX_VISITS as MAX_VISITS
    from framework0.stepengine.machine import ENGINE_MOVES as ENGINE_MOVES
    from framework0.stepengine.machine import STEP_MOVES as STEP_MOVES
    from framework0.stepengine.node import Group as Group
    from framework0.stepengine.node import StepNode as StepNode
    from framework0.stepengine.nodes import COMPLETE as COMPLETE
    from framework0.stepengine.outcome import Ended as Ended
    from framework0.stepengine.outcome import EngineOptions as EngineOptions
    from framework0.stepengine.outcome import read_breakpoint as read_breakpoint
    from framework0.stepengine.parameters import ENGINE_STATES as ENGINE_STATES
    from framework0.stepengine.parameters import STEP_STATES as STEP_STATES
    from framework0.stepengine.parameters import StepParameters as StepParameters
    from framework0.stepengine.reading.instance import Machine as Machine
    from framework0.stepengine.reading.instance import read_machine as read_machine
    from framework0.stepengine.reading.library import ReadLibrary as ReadLibrary
    from framework0.stepengine.reading.library import read_library as read_library
    from framework0.stepengine.reading.nodes import ReadNode as ReadNode
    from framework0.stepengine.record import ENGINES_OWN as ENGINES_OWN
    from framework0.stepengine.scaffolding import scaffold as scaffold
    from framework0.stepengine.scaffolding import write_scaffold as write_scaffold
    from framework0.stepengine.seams import CANCELLED as CANCELLED
    from framework0.stepengine.seams import PAUSED as PAUSED
    from framework0.stepengine.seams import Answer as Answer
    from framework0.stepengine.seams import Call as Call
    from framework0.stepengine.seams import Clock as Clock
    from framework0.stepengine.seams import Fault as Fault
    from framework0.stepengine.seams import Host as Host
    from framework0.stepengine.seams import NodeFacts as NodeFacts
    from framework0.stepengine.seams import Observer as Observer
    from framework0.stepengine.shell import from_here as from_here
    from framework0.stepengine.shell import in_shell as in_shell
    from framework0.stepengine.standing import INSTANCE_LOCK as INSTANCE_LOCK
    from framework0.stepengine.standing import Standing as Standing
    from framework0.stepengine.standing import library_of as library_of
    from framework0.stepengine.standing import reset_instance as reset_instance
    from framework0.stepengine.standing import standing_of as standing_of
    from framework0.stepengine.typing_in import shown as shown
    from framework0.stepengine.typing_in import typed as typed

__all__ = [
    "CANCELLED",
    "COMPLETE",
    "ENGINES_OWN",
    "ENGINE_MOVES",
    "ENGINE_STATES",
    "INSTANCE_LOCK",
    "MAX_VISITS",
    "PAUSED",
    "STEP_MOVES",
    "STEP_STATES",
    "Answer",
    "Call",
    "Checked",
    "Clock",
    "Ended",
    "Engine",
    "EngineOptions",
    "Fault",
    "Group",
    "Host",
    "InProcessHost",
    "Machine",
    "NodeFacts",
    "Observer",
    "ReadLibrary",
    "ReadNode",
    "Standing",
    "StepNode",
    "StepParameters",
    "SystemClock",
    "check_machine",
    "facts_about",
    "fault_from",
    "fault_in",
    "from_here",
    "in_shell",
    "library_of",
    "one_line",
    "read_breakpoint",
    "read_dot",
    "read_library",
    "read_machine",
    "reset_instance",
    "scaffold",
    "shown",
    "standing_of",
    "typed",
    "write_scaffold",
]

_HOMES = {
    "CANCELLED": "seams",
    "COMPLETE": "nodes",
    "ENGINES_OWN": "record",
    "ENGINE_MOVES": "machine",
    "ENGINE_STATES": "parameters",
    "INSTANCE_LOCK": "standing",
    "MAX_VISITS": "limits",
    "PAUSED": "seams",
    "STEP_MOVES": "machine",
    "STEP_STATES": "parameters",
    "Answer": "seams",
    "Call": "seams",
    "Checked": "checking.library",
    "Clock": "seams",
    "Ended": "outcome",
    "Engine": "engine",
    "EngineOptions": "outcome",
    "Fault": "seams",
    "Group": "node",
    "Host": "seams",
    "InProcessHost": "inprocess",
    "Machine": "reading.instance",
    "NodeFacts": "seams",
    "Observer": "seams",
    "ReadLibrary": "reading.library",
    "ReadNode": "reading.nodes",
    "Standing": "standing",
    "StepNode": "node",
    "StepParameters": "parameters",
    "SystemClock": "clock",
    "check_machine": "checking.library",
    "facts_about": "library",
    "fault_from": "faults",
    "fault_in": "faults",
    "from_here": "shell",
    "in_shell": "shell",
    "library_of": "standing",
    "one_line": "faults",
    "read_breakpoint": "outcome",
    "read_dot": "dot.reading",
    "read_library": "reading.library",
    "read_machine": "reading.instance",
    "reset_instance": "standing",
    "scaffold": "scaffolding",
    "shown": "typing_in",
    "standing_of": "standing",
    "typed": "typing_in",
    "write_scaffold": "scaffolding",
}

__getattr__ = opening(__name__, _HOMES)
