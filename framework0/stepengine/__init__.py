"""The step engine (Octo): machines of step nodes, whose whole state is one JSON file for each instance."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.stepengine.parameters import ENGINE_STATES as ENGINE_STATES
    from framework0.stepengine.parameters import STEP_STATES as STEP_STATES
    from framework0.stepengine.parameters import StepParameters as StepParameters
    from framework0.stepengine.seams import CANCELLED as CANCELLED
    from framework0.stepengine.seams import PAUSED as PAUSED
    from framework0.stepengine.seams import Answer as Answer
    from framework0.stepengine.seams import Call as Call
    from framework0.stepengine.seams import Clock as Clock
    from framework0.stepengine.seams import Fault as Fault
    from framework0.stepengine.seams import Host as Host
    from framework0.stepengine.seams import NodeFacts as NodeFacts
    from framework0.stepengine.seams import Observer as Observer
    from framework0.stepengine.typing_in import shown as shown
    from framework0.stepengine.typing_in import typed as typed

__all__ = [
    "CANCELLED",
    "ENGINE_STATES",
    "PAUSED",
    "STEP_STATES",
    "Answer",
    "Call",
    "Clock",
    "Fault",
    "Host",
    "NodeFacts",
    "Observer",
    "StepParameters",
    "shown",
    "typed",
]

_HOMES = {
    "CANCELLED": "seams",
    "ENGINE_STATES": "parameters",
    "PAUSED": "seams",
    "STEP_STATES": "parameters",
    "Answer": "seams",
    "Call": "seams",
    "Clock": "seams",
    "Fault": "seams",
    "Host": "seams",
    "NodeFacts": "seams",
    "Observer": "seams",
    "StepParameters": "parameters",
    "shown": "typing_in",
    "typed": "typing_in",
}

__getattr__ = opening(__name__, _HOMES)
