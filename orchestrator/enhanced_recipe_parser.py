"""Check a recipe: ``python orchestrator/enhanced_recipe_parser.py validate FILE``. Real home: framework0.recipe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from framework0.assembly import check_recipe as check_recipe
from framework0.assembly import load_recipe as load_recipe
from framework0.cli.validate import documented_main as documented_main

__all__ = ["check_recipe", "documented_main", "load_recipe"]

if __name__ == "__main__":
    raise SystemExit(documented_main())
