#!/usr/bin/env python3
"""The parameters of a step engine's instance, and their command line. Real home: framework0.stepengine."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from framework0.cli.step_params import documented_main as documented_main
from framework0.stepengine import StepParameters as octo_step_engine_parameters

__all__ = ["documented_main", "octo_step_engine_parameters"]

if __name__ == "__main__":
    raise SystemExit(documented_main())
