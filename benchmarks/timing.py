"""Taking times so that a noisy machine hurts both sides alike: A B A B, medians, and the spread."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
CONSOLE_SCRIPT = str(Path(sys.executable).with_name("framework0"))
PEERS = REPOSITORY / ".bench" / "bin"
BESIDE = REPOSITORY / ".bench" / "peers"
"""The heavier peers, each in an environment of its own: they do not agree on what they need."""


class Series:
    """Durations of one thing, in seconds."""

    def __init__(self, seconds):
        self.seconds = sorted(seconds)
        self.median = statistics.median(self.seconds)

    def __str__(self):
        unit, factor = ("ms", 1000) if self.median < 1 else ("s", 1)
        low, middle, high = (
            f"{value * factor:.3g}" for value in (self.seconds[0], self.median, self.seconds[-1])
        )
        return f"{middle} {unit} ({low}–{high})"

    def rate(self, count):
        """Return it as so many a second, for ``count`` things in each duration."""
        low, middle, high = (
            f"{count / value:,.0f}" for value in (self.seconds[-1], self.median, self.seconds[0])
        )
        return f"{middle}/s ({low}–{high})"


def alternate(repeats, *measures):
    """Call the measures in turn, ``repeats`` times over, and return the results of each."""
    results = [[] for _ in measures]
    for _ in range(repeats):
        for measure, found in zip(measures, results, strict=True):
            found.append(measure())
    return results


def paired(pairs, one, other):
    """Call both right after one another, each first as often as the other; return the results of each.

    What changes slowly on the machine is then in both of a pair, and their ratio says little of it.
    """
    results = [], []
    for number in range(pairs):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for side in order:
            results[side].append((one, other)[side]())
    return results


def series(repeats, *measures):
    """Likewise, for measures that return seconds."""
    return [Series(found) for found in alternate(repeats, *measures)]


def commands(repeats, *makers):
    """Time whole processes in turn, after one round that is not counted (it fills caches).

    Each maker returns (words, folder) anew for each round; from fork to the end of the process is timed.
    """

    def timed(maker):
        words, folder = maker()
        return lambda: wall_of(words, folder)

    for maker in makers:
        timed(maker)()
    return series(repeats, *[lambda maker=maker: timed(maker)() for maker in makers])


def wall_of(words, folder=None, env=None):
    """Return the seconds from before the fork to the end of a process; it has to end well."""
    started = perf_counter()
    ended = subprocess.run(
        words, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    seconds = perf_counter() - started
    if ended.returncode != 0:
        raise SystemExit(f"{words} ended with {ended.returncode}:\n{ended.stderr.decode()}")
    return seconds


def environment(**more):
    """Return an environment in which programs of ours find these sources, and no setting of a user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK0_")}
    path = os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, **more}
