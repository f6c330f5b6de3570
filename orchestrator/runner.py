"""Run a recipe: ``python orchestrator/runner.py --recipe FILE --debug``. Real home: framework0.cli.run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from framework0.assembly import arun_recipe as arun_recipe
from framework0.assembly import run_recipe as run_recipe
from framework0.cli.run import documented_main as documented_main

__all__ = ["arun_recipe", "documented_main", "run_recipe"]

if __name__ == "__main__":
    raise SystemExit(documented_main())
