"""The control of the promise of fresh reads: a plain read behind several servers may be of the past."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.context.replicated.clusters import EtcdCluster, wait_until
from tests.linearizability import Operation, violation
from tests.server.clustered import Balancer, Holding, Servers, answered
from tests.server.conftest import PATIENCE, ROOT

KEY = f"{ROOT}/keys/k"
FRESH = f"{KEY}?fresh=true"


class Calls:
    """What was called and answered, one after another."""

    def __init__(self):
        self.made = []

    def write(self, client, value):
        begun = time.monotonic()
        answer = answered(lambda: client.put(KEY, value))
        assert answer.status in {200, 201}
        self.made.append(Operation("k", "write", begun, time.monotonic(), value, None, True))

    def read(self, client, path):
        begun = time.monotonic()
        answer = answered(lambda: client.get(path))
        assert answer.status == 200, answer
        self.made.append(Operation("k", "read", begun, time.monotonic(), None, None, answer.json))
        return answer


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_a_plain_read_may_be_old_where_a_fresh_one_never_is(tmp_path):
    # One server is told nothing new of the log, while it may ask the majority whatever it likes.
    with EtcdCluster(tmp_path / "etcd") as cluster, Balancer() as front, Holding() as between:
        between.servers = [cluster.client_ports[0]]
        held = {0: f"etcd://127.0.0.1:{between.port}/plain"}
        store = f"{cluster.url}/plain"
        with (
            Servers(tmp_path, store, front.port, stores=held) as servers,
            ThreadPoolExecutor(1) as aside,
        ):
            late, other = servers.client(0), servers.client(1)
            calls = Calls()
            calls.write(other, 1)
            assert answered(lambda: late.get(FRESH)).json == 1
            between.hold()
            try:
                calls.write(other, 2)
                # No luck is needed: the record cannot have come there.
                old = calls.read(late, KEY)
                assert old.json == 1
                assert float(old.headers["framework0-behind"]) >= 0
                assert violation(calls.made) == "k"
                fresh = aside.submit(late.get, FRESH)
                assert answered(lambda: other.get(FRESH)).json == 2
            finally:
                between.release()
            # It waited for what it lacked, or says that it has not got it: never the old value.
            answer = fresh.result(PATIENCE)
            assert answer.status == 503 or (answer.status, answer.json) == (200, 2)
            wait_until(lambda: late.get(FRESH).status == 200, "everything has come")
            del calls.made[-1]
            assert calls.read(late, FRESH).json == 2
            assert violation(calls.made) is None
