"""Dask's distributed scheduler over a LocalCluster of processes, one for each core. It keeps nothing."""

from __future__ import annotations

import logging
import os

import side
from distributed import Client, LocalCluster

logging.disable(logging.CRITICAL)


def main():
    cores = os.cpu_count() or 1
    with (
        LocalCluster(
            n_workers=cores, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):

        def prepare(parents, workers, folder):
            del workers
            name = folder.name
            graph = {
                f"{name}-{n}": (side.noop, *(f"{name}-{m}" for m in before))
                for n, before in enumerate(parents)
            }
            wanted = [f"{name}-{n}" for n in side.last(parents)]
            return lambda: client.get(graph, wanted)

        side.show(prepare)


if __name__ == "__main__":
    main()
