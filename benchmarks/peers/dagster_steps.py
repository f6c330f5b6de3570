"""Dagster: one job of ops, executed in this process; its instance keeps events in SQLite."""

from __future__ import annotations

import logging

import side
from dagster import DagsterInstance, In, Nothing, graph, op

logging.disable(logging.CRITICAL)


@op(ins={"after": In(Nothing)})
def noop():
    return None


def prepare(parents, workers, folder):
    del workers

    @graph(name="steps")
    def steps():
        done = []
        for n, before in enumerate(parents):
            step = noop.alias(f"s{n}")
            done.append(step([done[m] for m in before]) if before else step())

    job = steps.to_job()
    instance = DagsterInstance.local_temp(str(folder))

    def run():
        ended = job.execute_in_process(instance=instance)
        if not ended.success:
            raise SystemExit("the job failed")

    return run


if __name__ == "__main__":
    side.show(prepare)
