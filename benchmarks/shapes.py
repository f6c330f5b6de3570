"""The graphs that are run, as lists of parents by number, and the recipes that say the same."""

from __future__ import annotations

WIDTH = 100
"""Steps side by side in a layered graph; each waits for three of the layer before."""

ONE_STEP = """steps:
  - name: one
    module: steps
    function: noop
"""

STEPS = '''"""What the steps of the benchmarks do."""

import os
import time


def noop():
    return None


def pause():
    time.sleep(0.001)


def nap():
    time.sleep(0.05)


def read(path, limit, mode="fast"):
    return None


def work(n):
    """Beyond half: wait for ever where HALF is set, else tell when the first of them began."""
    half = int(os.environ["FIRST_NEW"])
    if n < half:
        return
    if "HALF" in os.environ:
        time.sleep(3600)
    if not _told:
        _told.append(n)
        stamp = time.clock_gettime(time.CLOCK_MONOTONIC)
        descriptor = os.open(os.environ["STAMPS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{stamp} {n}\\n".encode())
        os.close(descriptor)


_told = []
'''


def chain(count):
    return [() if n == 0 else (n - 1,) for n in range(count)]


def fan(count):
    return [()] * count


def layered(count, width=WIDTH):
    return [
        (
            ()
            if n < width
            else tuple((n // width - 1) * width + (n + step) % width for step in (0, 1, 7))
        )
        for n in range(count)
    ]


SHAPES = {"chain": chain, "fan": fan, "layered": layered}


def workspace(folder):
    """Make ``folder`` a workspace with the steps' code in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.py").write_text(STEPS)
    (folder / ".framework0").mkdir(exist_ok=True)
    return folder


def write_recipe(path, parents, function="noop", numbered=False, more=""):
    """Write the recipe of a graph; ``numbered`` gives each step its number as an argument, ``more`` is
    said of every step."""
    lines = [f"metadata: {{name: {path.stem}}}", "order: graph", "steps:"]
    for n, before in enumerate(parents):
        args = f", args: {{n: {n}}}" if numbered else ""
        names = ", ".join(f"s{m}" for m in before)
        lines.append(
            f"  - {{name: s{n}, module: steps, function: {function}{args}, depends_on: [{names}]{more}}}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def write_everyday_recipe(path, count):
    """Write a recipe as people write them: block style, arguments, descriptions, about 220 bytes a step."""
    lines = ["metadata:", "  name: everyday", '  version: "1.0"', "steps:"]
    for n, before in enumerate(layered(count)):
        lines += [
            f"  - name: step_{n:05d}",
            f"    description: Reads part {n} of the measurements",
            "    module: steps",
            "    function: read",
            "    args:",
            f"      path: data/part-{n:05d}.csv",
            f"      limit: {1000 + n}",
            "      mode: fast",
        ]
        if before:
            names = ", ".join(f"step_{m:05d}" for m in before)
            lines.append(f"    depends_on: [{names}]")
    path.write_text("\n".join(lines) + "\n")
    return path
