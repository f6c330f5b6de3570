"""One process of the kill test: begin the run, or go on with it, and acknowledge on stdout.

With ``--ack-early`` an attempt is acknowledged when it is queued, not when it is durable: the
sabotage that the test must notice.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from framework0.assembly import Options, load_recipe, resume_run, start_run
from framework0.runner import RunRecorder
from framework0.workspace import find_workspace


class Acknowledge:
    """Writes the name of every acknowledged step, unbuffered."""

    def run_started(self, run_id, total):
        os.write(1, f"run {run_id}\n".encode())

    def step_started(self, name, attempt): ...

    def step_progress(self, name, done, total): ...

    def step_finished(self, records):
        os.write(1, "".join(f"{record.name} {record.attempt}\n" for record in records).encode())

    def run_finished(self, state, seconds):
        os.write(1, f"end {state}\n".encode())


def _acknowledge_early(watch):
    append, acknowledge = RunRecorder.append, watch.step_finished

    def sabotaged(recorder, record, changes=()):
        acknowledge([record])
        append(recorder, record, changes)

    RunRecorder.append = sabotaged
    watch.step_finished = lambda records: None


def main() -> None:
    folder, run_id, *words = sys.argv[1:]
    space = find_workspace(explicit=Path(folder))
    watch = Acknowledge()
    # The control of the power cuts: it may lose what it acknowledged.
    durability = "normal" if "--normal" in words else None
    options = Options(observer=watch, concurrency=8, durability=durability)
    if "--ack-early" in words:
        _acknowledge_early(watch)
    if run_id == "-":
        recipe = load_recipe(space.root / "recipe.yaml", workspace=space)
        start_run(recipe, workspace=space, options=options)
    else:
        resume_run(run_id, workspace=space, options=options)


if __name__ == "__main__":
    main()
