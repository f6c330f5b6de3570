"""Prefect: one flow that submits every step to its thread pool. Its server keeps rows in SQLite."""

from __future__ import annotations

import os
import sys

os.environ.update(
    PREFECT_HOME=sys.argv[4],
    PREFECT_LOGGING_LEVEL="CRITICAL",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="90",
    DO_NOT_TRACK="1",
)

import side
from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task
def noop():
    return None


def prepare(parents, workers, folder):
    del folder

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def steps():
        futures = []
        for before in parents:
            futures.append(noop.submit(wait_for=[futures[n] for n in before]))
        wait(futures)

    return steps


if __name__ == "__main__":
    side.show(prepare)
