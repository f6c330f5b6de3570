"""Make a run that was killed half-way, for others to resume."""

from __future__ import annotations

import json
import os
import subprocess
from time import sleep

from benchmarks import shapes
from benchmarks.memory import tree_of
from benchmarks.timing import CONSOLE_SCRIPT, environment


def half_done(folder, steps, workers):
    """Run the first half of a layered recipe, kill everything with SIGKILL, and return the run's id.

    The steps of the second half wait for ever, so exactly the first half is acknowledged.
    """
    shapes.workspace(folder)
    recipe = shapes.write_recipe(
        folder / "recipe.yaml", shapes.layered(steps), function="work", numbered=True
    )
    process = subprocess.Popen(
        [CONSOLE_SCRIPT, "run", recipe.name, "--json", "--concurrency", str(workers)],
        cwd=folder,
        env=environment(HALF="1", **half_of(folder, steps)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    acknowledged = 0
    run = None
    while acknowledged < steps // 2:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"the first half ended with {process.wait()}")
        event = json.loads(line)
        run = event.get("run", run)
        acknowledged += event["event"] == "step_finished"
    family = tree_of(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()
    # The warden's child dies with it, a moment later.
    while any(os.path.exists(f"/proc/{pid}") for pid in family):
        sleep(0.001)
    return run


def half_of(folder, steps):
    """Return what the code of the steps reads from its environment."""
    return {"FIRST_NEW": str(steps // 2), "STAMPS": str(folder / "stamps")}
