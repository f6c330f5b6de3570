#!/usr/bin/env python3
"""Read and change a machine's parameters from a shell. Real home: framework0.cli.step_params."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from framework0.cli.step_params import documented_main as documented_main

__all__ = ["documented_main"]

if __name__ == "__main__":
    raise SystemExit(documented_main())
