"""One measurement of steps in processes, and its floor; benchmarks.worker calls what is here.

Both sides are warm: their processes have started and done a step before the clock starts, as they have
in a long run. What starting costs is in the row that says so.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from graphlib import TopologicalSorter
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter, sleep

from benchmarks import shapes
from benchmarks.memory import tree_of

LOOK_EVERY = 0.005

ARRAYS = """
import numpy


def warm():
    return None


def make(size):
    return numpy.ones(size // 8)


def passed_on(a):
    assert a[0] == 1.0
    return a
"""


class Stopwatch:
    """An observer that takes the time from the first step that is not called ``warm``."""

    def __init__(self, begin=lambda: None):
        self.started = 0.0
        self.begin = begin

    def run_started(self, run_id, total):
        pass

    # The seam's signature, here and below.
    def step_started(self, name, attempt):  # noqa: ARG002
        if not self.started and name != "warm":
            self.begin()
            self.started = perf_counter()

    def step_progress(self, name, done, total):
        pass

    def step_finished(self, records):
        pass

    def run_finished(self, state, seconds):  # noqa: ARG002
        self.seconds = perf_counter() - self.started


def pool(folder, workers, durability="full", executor="process", peak=False, measured=True, **_):
    """Time one run of ``folder``'s recipe: from its second step on, and as a whole.

    ``peak`` looks at its memory meanwhile, which takes time of its own: not where steps are short.
    ``measured`` False has the workers not measure what each step uses.
    """
    from framework0.assembly import Options, load_recipe, start_run
    from framework0.runner.pool import crew
    from framework0.workspace import find_workspace

    crew.MEASURED = measured
    space = find_workspace(explicit=folder)
    recipe = load_recipe(space.root / "recipe.yaml", workspace=space)
    memory = Memory()
    watch = Stopwatch(memory.begin) if peak else Stopwatch()
    options = Options(concurrency=workers, durability=durability, executor=executor, observer=watch)
    before, started = processor(), perf_counter()
    result = start_run(recipe, workspace=space, options=options)
    whole, used = perf_counter() - started, processor() - before
    result.raise_for_state()
    looked = memory.end() if peak else 0
    return {"seconds": watch.seconds, "whole": whole, "processor": used, "peak": looked}


def graph_floor(shape, steps, workers, **_):
    """Time graphlib and a process pool over a graph, warm and with their start. Nothing is written."""
    parents = shapes.SHAPES[shape](steps)
    before, began = processor(), perf_counter()
    sorter = TopologicalSorter(dict(enumerate(parents)))
    sorter.prepare()
    ended = SimpleQueue()
    with ProcessPoolExecutor(workers) as processes:
        for future in [processes.submit(nothing) for _ in range(workers)]:
            future.result()
        started = perf_counter()
        while sorter.is_active():
            for node in sorter.get_ready():
                future = processes.submit(nothing)
                future.add_done_callback(lambda _, node=node: ended.put(node))
            # One that has ended, and all others that have by now.
            nodes = [ended.get()]
            nodes += [ended.get() for _ in range(ended.qsize())]
            sorter.done(*nodes)
        seconds = perf_counter() - started
    whole = perf_counter() - began
    return {"seconds": seconds, "whole": whole, "processor": processor() - before}


def array_floor(folder, size, steps, where, **_):
    """Time an array through a chain of calls, in this process or in those of a process pool."""
    sys.path.insert(0, str(folder))
    from arrays import make, passed_on, warm

    memory = Memory()
    if where == "process":
        with ProcessPoolExecutor(1) as processes:
            processes.submit(warm).result()
            memory.begin()
            started = perf_counter()
            value = processes.submit(make, size).result()
            for _ in range(steps):
                value = processes.submit(passed_on, value).result()
            return {"seconds": perf_counter() - started, "peak": memory.end()}
    memory.begin()
    started = perf_counter()
    value = make(size)
    for _ in range(steps):
        value = passed_on(value)
    return {"seconds": perf_counter() - started, "peak": memory.end()}


def nothing():
    return None


def processor():
    """Return the processor seconds of this process and of all below it that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def write_chain(folder, size, steps):
    """Write the recipe that hands an array through ``steps`` steps."""
    (folder / "arrays.py").write_text(ARRAYS)
    lines = [
        "metadata: {name: arrays}",
        "order: graph",
        "steps:",
        "  - {name: warm, module: arrays, function: warm}",
        f"  - {{name: s0, module: arrays, function: make, args: {{size: {size}}}, depends_on: [warm]}}",
    ]
    for n in range(1, steps + 1):
        argument = f'"${{{{ steps.s{n - 1}.result }}}}"'
        lines.append(
            f"  - {{name: s{n}, module: arrays, function: passed_on, args: {{a: {argument}}}, "
            f"depends_on: [s{n - 1}]}}"
        )
    (folder / "recipe.yaml").write_text("\n".join(lines) + "\n")


def write_graph(folder, parents):
    """Write the recipe of a graph of no-op steps, all after one that warms the processes up."""
    path = shapes.write_recipe(folder / "recipe.yaml", parents)
    text = path.read_text().replace("depends_on: []", "depends_on: [warm]")
    first = "  - {name: warm, module: steps, function: noop}\n"
    path.write_text(text.replace("steps:\n", f"steps:\n{first}", 1))


class Memory:
    """The peak of what this process and all it started hold: private memory, and what they share, once.

    It is counted over what there was when the clock started.
    """

    def __init__(self):
        self.peak = 0
        self.base = None
        self.over = False
        self.thread = threading.Thread(target=self._look, daemon=True)

    def begin(self):
        self.base = held()
        self.thread.start()

    def end(self):
        self.over = True
        self.thread.join()
        return self.peak - self.base

    def _look(self):
        while not self.over:
            self.peak = max(self.peak, held())
            sleep(LOOK_EVERY)


def held():
    """Return the bytes that this process and all below it hold now."""
    pids = tree_of(os.getpid())
    shared = {}
    for pid in pids:
        shared.update(segments(pid))
    private = sum(figure(f"/proc/{pid}/status", "RssAnon:") for pid in pids)
    return private + sum(shared.values())


def segments(pid):
    """Yield the shared memory that a process has open or mapped: what it is, and its bytes.

    Not the machine's figure for all of it, which has what other programs share in it.
    """
    folder = f"/proc/{pid}/fd"
    try:
        for number in os.listdir(folder):
            if os.readlink(f"{folder}/{number}").startswith("/memfd:"):
                about = os.stat(f"{folder}/{number}")
                yield about.st_ino, about.st_blocks * 512
    # It has ended, or closed it, meanwhile.
    except OSError:
        return


def figure(path, name):
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
