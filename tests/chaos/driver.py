"""One process of the kill test: begin the run, or go on with it, and acknowledge on stdout.

With ``--ack-early`` an attempt is acknowledged when it has ended, and becomes durable some attempts
later: the sabotage that the test must notice, however late its own kill comes.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from pathlib import Path

from framework0.assembly import Options, load_recipe, resume_run, start_run
from framework0.runner import RunRecorder
from framework0.workspace import find_workspace

HELD_BACK = 8
"""Acknowledged attempts that a sabotaged run has not even queued."""


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
    append, ending, acknowledge = RunRecorder.append, RunRecorder.ending, watch.step_finished
    held = deque()

    def sabotaged(recorder, record, changes=()):
        acknowledge([record])
        held.append((record, changes))
        # By number, not by time: a busy machine may give the writer all the time it needs.
        if len(held) > HELD_BACK:
            append(recorder, *held.popleft())

    def ended(recorder, state):
        while held:
            append(recorder, *held.popleft())
        ending(recorder, state)

    RunRecorder.append, RunRecorder.ending = sabotaged, ended
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
