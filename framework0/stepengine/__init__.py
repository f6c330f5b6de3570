"""The step engine (Octo): its parameters, one JSON file in the folder of each instance."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.stepengine.parameters import ENGINE_STATES as ENGINE_STATES
    from framework0.stepengine.parameters import STEP_STATES as STEP_STATES
    from framework0.stepengine.parameters import StepParameters as StepParameters
    from framework0.stepengine.typing_in import shown as shown
    from framework0.stepengine.typing_in import typed as typed

__all__ = ["ENGINE_STATES", "STEP_STATES", "StepParameters", "shown", "typed"]

_HOMES = {
    "ENGINE_STATES": "parameters",
    "STEP_STATES": "parameters",
    "StepParameters": "parameters",
    "shown": "typing_in",
    "typed": "typing_in",
}

__getattr__ = opening(__name__, _HOMES)
