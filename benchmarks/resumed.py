"""Resume a run and tell where the time went: python -m benchmarks.resumed FOLDER RUN WORKERS.

The parts are taken by wrapping the functions that do them; CLOCK_MONOTONIC is the same for every
process of a machine, so what the parent noted before the fork (STARTED) can be subtracted.
"""

from __future__ import annotations

import time

ENTERED = time.monotonic()

import json  # noqa: E402  (after the first look at the clock)
import os  # noqa: E402
import sys  # noqa: E402

from framework0 import recipe, runner  # noqa: E402
from framework0.assembly import Options, resume_run, running  # noqa: E402
from framework0.runner import Journal, Run  # noqa: E402

IMPORTED = time.monotonic()
parts = {}


def timed(name, function):
    def wrapper(*args, **kwargs):
        started = time.monotonic()
        try:
            return function(*args, **kwargs)
        finally:
            parts[name] = parts.get(name, 0.0) + time.monotonic() - started

    return wrapper


def noted(function):
    def wrapper(*args, **kwargs):
        parts["begin"] = time.monotonic()
        return function(*args, **kwargs)

    return wrapper


def main():
    folder, run, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    Journal.read = timed("history read for the recipe", Journal.read)
    Journal.resume = timed("history read under the lock", Journal.resume)
    # Taken from the door when they are needed, so it is the door's names that are wrapped.
    recipe.parse_text = timed("recipe read", recipe.parse_text)
    recipe.remembered_text = timed("recipe read", recipe.remembered_text)
    recipe.check_document = timed("recipe checked", recipe.check_document)
    running.Plan = timed("plan", running.Plan)
    runner.Standing = timed("standing", runner.Standing)
    Run.execute = noted(Run.execute)
    result = resume_run(run, workspace=folder, options=Options(concurrency=workers))
    started = float(os.environ["STARTED"])
    with open(os.environ["STAMPS"], encoding="utf-8") as file:
        first = float(file.readline().split()[0])
    begin = parts.pop("begin")
    told = {
        "interpreter": ENTERED - started,
        "imports": IMPORTED - ENTERED,
        **parts,
        "first step after the engine began": first - begin,
    }
    told["the rest"] = first - started - sum(told.values())
    print(json.dumps({"seconds": first - started, "parts": told, "state": result.state}))


if __name__ == "__main__":
    main()
