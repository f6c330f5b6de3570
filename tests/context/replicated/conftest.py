"""Clusters that live as long as a test module: three real processes each, started when first asked for."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.context.replicated.clusters import CalmEtcdCluster, NatsCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.context.replicated.clusters import Cluster

ENGINES = {"etcd": CalmEtcdCluster, "nats": NatsCluster}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cluster]]:
    """Return the cluster of an engine."""
    clusters: dict[str, Cluster] = {}
    with ExitStack() as stack:

        def cluster(engine: str) -> Cluster:
            if engine not in clusters:
                home = tmp_path_factory.mktemp(engine)
                clusters[engine] = stack.enter_context(ENGINES[engine](home))
            return clusters[engine]

        yield cluster
