"""Namespaces that other servers make, and questions to the majority, at servers of this process."""

from __future__ import annotations

import asyncio
import re

import pytest

from framework0.context import AsyncContextClient, Author, RemoteStore, Write
from framework0.errors import StoreUnavailable
from framework0.server import ContextServer, ServerLimits
from framework0.server.stores import Stores
from tests.context.replicated.clusters import CalmEtcdCluster
from tests.ports import free_ports
from tests.server.conftest import ROOT, client_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with CalmEtcdCluster(tmp_path_factory.mktemp("etcd")) as running:
        yield running


@pytest.fixture
def pair(cluster, start, request):
    """Clients of two servers on one new context."""
    name = re.sub("[^a-z]+", "-", request.node.name)[:60].strip("-")
    store = f"{cluster.url}/{name}"
    limits = ServerLimits(namespaces=3)
    return [client_of(start(store=store, limits=limits)) for _ in range(2)]


def test_a_namespace_is_found_by_many_at_once_and_opened_once(pair):
    one, other = pair
    one.put("/v1/contexts/team/keys/k", 1)
    sockets = [other.socket(namespace="team", follow="**", since=0) for _ in range(5)]
    for opened in sockets:
        assert opened.welcome["version"] == 1
    assert other.get("/v1/contexts").json["contexts"] == ["default", "team"]
    one.put("/v1/contexts/team/keys/k", 2)
    for opened in sockets:
        with opened:
            while (message := opened.hear())["type"] != "changes":
                assert message["type"] == "snapshot"
            assert message["changes"][0][:4] == [2, "k", 0, 2]


def test_a_server_opens_no_more_contexts_than_it_may(pair):
    one, other = pair
    for name in ("a", "b"):
        assert one.put(f"/v1/contexts/{name}/keys/k", 1).status == 201
    refused = one.put("/v1/contexts/c/keys/k", 1)
    assert (refused.status, refused.code) == (409, "namespaces")
    # Another server has room of its own.
    assert other.put("/v1/contexts/c/keys/k", 1).status == 201
    refused = one.get("/v1/contexts/c/keys/k")
    assert (refused.status, refused.code) == (409, "namespaces")


def test_a_stream_of_events_may_begin_where_another_server_is(pair):
    one, other = pair
    version = [one.set("k", number) for number in range(5)][-1]
    answer = other.raw()
    answer.sendall(
        f"GET {ROOT}/events?since={version} HTTP/1.1\r\nHost: 127.0.0.1:{other.port}\r\n"
        f"Authorization: Bearer {other.token}\r\n\r\n".encode()
    )
    assert b" 200 " in answer.recv(65536)
    answer.close()
    later = other.get(f"{ROOT}/events?since={version + 1}")
    assert (later.status, later.code) == (422, "since")


def test_every_fresh_question_has_what_was_acknowledged_elsewhere(pair):
    one, other = pair
    for number in range(10):
        version = one.set("k", number)
        assert other.get(f"{ROOT}/keys/k?fresh=true").json == number
        assert other.get(f"{ROOT}?fresh=true").json["keys"] == 1
        assert other.get(f"{ROOT}/at?version={version}&fresh=1").json["values"] == {"k": number}
        assert other.get(f"{ROOT}/blame/k?fresh=true").json["version"] == version
    one.put(f"{ROOT}/tags/t", {"version": 3})
    assert other.get(f"{ROOT}/tags?fresh=true").json == {"tags": {"t": 3}}
    assert one.delete(f"{ROOT}/tags/t").status == 200
    assert other.get(f"{ROOT}/tags?fresh=true").json == {"tags": {}}
    assert other.get(f"{ROOT}/keys/k?fresh=perhaps").code == "fresh"
    lines = other.get(f"{ROOT}/export?fresh=true")
    assert float(lines.headers["framework0-behind"]) < 60
    with other.socket(follow="**") as opened:
        opened.hear()
        assert opened.ask(type="get", id=1, key="k", fresh=True)["value"] == 9
        assert "behind" in opened.ask(type="history", id=2)
        assert other.get("/readyz").status == 200


def test_a_name_that_no_log_can_have_is_refused_everywhere(pair):
    one, _ = pair
    assert one.get("/v1/contexts/a.b/keys/k").status == 400
    with one.socket(namespace="a.b") as opened:
        assert opened.welcome["code"] == "unknown_namespace"
        assert opened.closing() == 4404


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_a_client_that_comes_while_there_is_no_majority_comes_again(
    pair, monkeypatch, request, kind
):
    """What opening fails with is raised once here: a majority that comes back in between."""
    opened = Stores.open
    troubles = [StoreUnavailable("no majority", happened=False)]

    def open_later(self, name):
        if name == "team" and troubles:
            raise troubles.pop()
        return opened(self, name)

    monkeypatch.setattr(Stores, "open", open_later)
    one, other = pair
    url = f"ws://127.0.0.1:{one.port}?namespace=team"
    if kind == "threads":
        store = RemoteStore(url, token=one.token, timeout=120)
        request.addfinalizer(store.close)
        store.apply([Write("k", 1)], Author(), 1.0)
        assert store.flush(120)
        assert store.get("k").version == 1
    else:

        async def write():
            async with AsyncContextClient(url, token=one.token, timeout=120) as client:
                return await client.set("k", 1)

        asyncio.run(write())
    assert troubles == []
    assert other.get("/v1/contexts/team/keys/k?fresh=true").json == 1


def test_a_server_without_a_cluster_does_not_start(home, monkeypatch):
    from framework0.server import stores

    monkeypatch.setattr(stores, "CLUSTER_SECONDS", 0.5)
    store = f"etcd://127.0.0.1:{free_ports(1)[0]}/x"
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        ContextServer(0, store=store, workspace=home).start_async()
