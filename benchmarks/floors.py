"""What the engine is held against: the least that runs the same graph and keeps the same rows.

Every floor gets the graph in memory, calls the same function once per node on the same number of
threads, and leaves one row per node in a SQLite file in WAL mode, committed a hundred at a time. It
checks nothing, knows no failure, no retry, no cancellation, no log, no context, and no resume.

``pool`` is the floor of the issue: graphlib.TopologicalSorter over a ThreadPoolExecutor.
``lean`` is the fastest loop we know: counts of unmet parents, and workers that take the next node
themselves, so that nothing is handed from thread to thread while there is work.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from queue import SimpleQueue

ROWS_A_COMMIT = 100


class Rows:
    """The floor's journal. ``synchronous`` is SQLite's word: FULL or NORMAL."""

    def __init__(self, path, synchronous):
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA synchronous = {synchronous}")
        self.connection.execute("CREATE TABLE steps (node INTEGER, state TEXT, at REAL)")

    def write(self, rows):
        self.connection.execute("BEGIN")
        self.connection.executemany("INSERT INTO steps VALUES (?, ?, ?)", rows)
        self.connection.execute("COMMIT")

    def close(self):
        self.connection.close()


def pool(parents, step, workers, path, synchronous="FULL"):
    """Run the graph with the standard library's own parts, used as well as they can be."""
    journal = Rows(path, synchronous)
    sorter = TopologicalSorter(dict(enumerate(parents)))
    sorter.prepare()
    ended = SimpleQueue()
    put, take, waiting = ended.put, ended.get, ended.qsize

    def attempt(node):
        step()
        put(node)

    rows = []
    with ThreadPoolExecutor(workers) as threads:
        submit = threads.submit
        while sorter.is_active():
            for node in sorter.get_ready():
                submit(attempt, node)
            # One that has ended, and all others that have by now.
            nodes = [take()]
            nodes += [take() for _ in range(waiting())]
            sorter.done(*nodes)
            now = time.time()
            rows += [(node, "succeeded", now) for node in nodes]
            if len(rows) >= ROWS_A_COMMIT:
                journal.write(rows)
                rows = []
    if rows:
        journal.write(rows)
    journal.close()


# One loop, kept whole: a call more for each node would be most of what it measures.
def lean(parents, step, workers, path, synchronous="FULL"):  # noqa: C901
    """Run the graph with as little as we could think of."""
    journal = Rows(path, synchronous)
    unmet = [len(before) for before in parents]
    children = [[] for _ in parents]
    for node, before in enumerate(parents):
        for parent in before:
            children[parent].append(node)
    ready = deque(node for node, count in enumerate(unmet) if not count)
    left = [len(parents)]
    lock = threading.Lock()
    writing = threading.Lock()
    ended = []
    batches = deque()
    more = threading.Semaphore(0)

    def work():
        while left[0]:
            try:
                node = ready.popleft()
            except IndexError:
                more.acquire()
                continue
            step()
            with lock:
                fresh = 0
                for child in children[node]:
                    unmet[child] -= 1
                    if not unmet[child]:
                        ready.append(child)
                        fresh += 1
                ended.append((node, "succeeded", time.time()))
                left[0] -= 1
                if len(ended) >= ROWS_A_COMMIT or not left[0]:
                    batches.append(ended[:])
                    ended.clear()
                if not left[0]:
                    more.release(workers)
            if fresh > 1:
                more.release(min(fresh - 1, workers))
            # One writes while the others work, always the oldest batch first.
            if batches and writing.acquire(blocking=False):
                while batches:
                    journal.write(batches.popleft())
                writing.release()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while batches:
        journal.write(batches.popleft())
    journal.close()


FLOORS = {"pool": pool, "lean": lean}
