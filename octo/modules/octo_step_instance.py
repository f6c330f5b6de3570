#!/usr/bin/env python3
"""Run an instance of the step engine, or go on with it. Real home: framework0.cli.step_instance."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from framework0.cli.step_instance import documented_main as documented_main
from framework0.stepengine import StepParameters as octo_step_engine_parameters

__all__ = ["documented_main", "octo_step_engine_parameters"]

if __name__ == "__main__":
    raise SystemExit(documented_main())
