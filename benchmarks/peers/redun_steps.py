"""redun: its scheduler with the backend in SQLite; every call is kept."""

from __future__ import annotations

import logging
import sys

import side
from redun import Scheduler, task
from redun.config import Config

logging.disable(logging.CRITICAL)
# It shows a call by showing the calls it waits for, one inside the other.
sys.setrecursionlimit(20_000)


@task(namespace="steps")
def noop(n, before):
    return n, len(before)


@task(namespace="steps")
def all_of(results):
    return len(results)


def prepare(parents, workers, folder):
    settings = {
        "backend": {"db_uri": f"sqlite:///{folder}/redun.db"},
        "executors.default": {"type": "local", "mode": "thread", "max_workers": str(workers)},
    }
    scheduler = Scheduler(config=Config(settings))
    scheduler.load()

    def run():
        calls = []
        for n, before in enumerate(parents):
            calls.append(noop(n, [calls[m] for m in before]))
        scheduler.run(all_of([calls[n] for n in side.last(parents)]))

    return run


if __name__ == "__main__":
    side.show(prepare)
