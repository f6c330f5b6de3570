"""What ``init`` writes: a small recipe with real work in it, to be read, run and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.cli.schema import EDITOR_LINE

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPE: Final = "recipe.yaml"
SCHEMA: Final = "recipe.schema.json"

_RECIPE_TEXT: Final = f"""\
{EDITOR_LINE}{SCHEMA}
metadata:
  name: temperatures
  version: "1.0"
  description: Reads temperatures from a file and tells which place is the warmest.

inputs:
  source:
    type: string
    default: temperatures.csv
    description: A CSV file with the columns place and celsius, beside temperatures.py.

steps:
  - name: load
    module: temperatures
    function: load
    args:
      source: ${{{{ inputs.source }}}}

  # Both wait for load only, so they run at the same time.
  - name: average
    module: temperatures
    function: average
    depends_on: [load]

  - name: warmest
    module: temperatures
    function: warmest
    depends_on: [load]

  - name: report
    module: temperatures
    function: report
    depends_on: [average, warmest]
    args:
      mean: ${{{{ steps.average.result }}}}
      place: ${{{{ steps.warmest.result }}}}
"""

_STEPS_TEXT: Final = '''\
"""The steps of recipe.yaml: plain functions.

A parameter named `context` is given the map that all steps of a run share; what a function returns is
its step's result.
"""

import csv
from pathlib import Path


def load(context, source):
    """Read the rows of a CSV file that lies beside this one into the context."""
    with open(Path(__file__).parent / source, newline="", encoding="utf-8") as file:
        rows = [
            {"place": row["place"], "celsius": float(row["celsius"])}
            for row in csv.DictReader(file)
        ]
    context.set("temperatures.rows", rows)
    return len(rows)


def average(context):
    """Return the mean temperature."""
    rows = context.get("temperatures.rows")
    return round(sum(row["celsius"] for row in rows) / len(rows), 1)


def warmest(context):
    """Return the place with the highest temperature."""
    rows = context.get("temperatures.rows")
    return max(rows, key=lambda row: row["celsius"])["place"]


def report(context, mean, place):
    """Print what was found, and leave it in the context."""
    text = f"{mean} degrees on average; the warmest place is {place}"
    context.set("temperatures.report", text)
    print(text)
'''

_DATA_TEXT: Final = """\
place,celsius
Bergen,11.5
Lisboa,24.0
Palermo,27.5
Tartu,14.0
"""

FILES: Final[Mapping[str, str]] = {
    RECIPE: _RECIPE_TEXT,
    "temperatures.py": _STEPS_TEXT,
    "temperatures.csv": _DATA_TEXT,
}
"""By name; the schema, which depends on the workspace, comes on top."""
