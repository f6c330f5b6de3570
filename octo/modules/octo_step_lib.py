"""What step nodes are written with. Real home: framework0.stepengine."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from framework0.stepengine import COMPLETE as COMPLETE
from framework0.stepengine import StepNode as StepNode
from framework0.stepengine import StepParameters as octo_step_engine_parameters

__all__ = ["COMPLETE", "StepNode", "octo_step_engine_parameters"]
