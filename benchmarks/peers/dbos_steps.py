"""DBOS: one durable workflow that calls every step in turn; its rows are in SQLite."""

from __future__ import annotations

import logging
from functools import partial

import side
from dbos import DBOS

GRAPHS = {}


@DBOS.step()
def noop(n):
    return n


@DBOS.workflow()
def steps(key):
    for n, _ in enumerate(GRAPHS[key]):
        noop(n)


def prepare(parents, workers, folder):
    del workers
    GRAPHS[folder.name] = parents
    return partial(steps, folder.name)


if __name__ == "__main__":
    folder = side.asked()[3]
    DBOS(config={"name": "steps", "system_database_url": f"sqlite:///{folder}/dbos.sqlite"})
    logging.disable(logging.CRITICAL)
    DBOS.launch()
    side.show(prepare)
    DBOS.destroy()
