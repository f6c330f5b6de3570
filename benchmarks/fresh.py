"""Start a measurement in a fresh process and read what it found."""

from __future__ import annotations

import json
import subprocess

from benchmarks.timing import PYTHON, environment


def measure(what, /, **arguments):
    """Return what ``python -m benchmarks.worker`` found."""
    return answer_of([PYTHON, "-m", "benchmarks.worker", what, json.dumps(arguments, default=str)])


def answer_of(words, before=(), **more):
    """Run a program of ours and return the JSON on its last line."""
    ended = subprocess.run(
        [*before, *words],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise SystemExit(f"{words} ended with {ended.returncode}:\n{ended.stderr}")
    return json.loads(ended.stdout.splitlines()[-1])
