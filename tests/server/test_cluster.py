"""Three servers on one cluster behave as one, also while a server and a machine of the cluster die."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.context.replicated.clusters import NODES, EtcdCluster, NatsCluster, wait_until
from tests.linearizability import violation
from tests.server.clustered import Balancer, Clients, Servers, Watcher, answered, history_at

pytestmark = pytest.mark.slow
ENGINES = {"etcd": EtcdCluster, "nats": NatsCluster}
# Calls with an answer that each part of a trial needs: fewer would prove nothing.
NEEDED = 60
# Seconds by which a server may round what it says of itself.
ROUNDED = 0.001


@pytest.fixture(scope="module", params=["etcd", "nats"])
def cluster(request, tmp_path_factory):
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def balancer():
    with Balancer() as running:
        yield running


@pytest.fixture(scope="module")
def measured_elsewhere():
    """The servers run without measuring coverage: those of this process show the same code."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            patch.delenv(name)
        yield


# Each test leaves them as it found them, and has a context of its own on them.
@pytest.fixture(scope="module")
def servers(cluster, balancer, measured_elsewhere, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servers")
    with Servers(folder, f"{cluster.url}/shared", balancer.port) as running:
        balancer.servers = running.ports
        yield running


@pytest.fixture
def root(request):
    """Where this test's own context is."""
    name = re.sub("[^a-z]+", "-", request.node.originalname.removeprefix("test_"))
    return f"/v1/contexts/{name[:40].strip('-')}"


def test_calls_and_watches_through_a_balancer_are_one_history(cluster, balancer, servers, root):
    front, name = (balancer.port, servers.token), root.rpartition("/")[2]
    with ExitStack() as stack:
        watchers = [stack.enter_context(Watcher(*front, namespace=name)) for _ in range(4)]
        wait_until(lambda: all(watcher.welcomes for watcher in watchers), "everybody watches")
        with Clients(*front, root=root) as clients:

            def go_on(what):
                enough = clients.answered() + NEEDED
                wait_until(lambda: clients.answered() >= enough, what, 300)

            go_on("calls are answered")
            servers.kill(0)
            go_on("calls are answered without a server")
            leader = cluster.leader(name)
            cluster.signal(leader, signal.SIGKILL)
            go_on("calls are answered without a machine of the cluster")
            servers.start(0)
            go_on("calls are answered by the server that is back")
            cluster.start(leader)
            wait_until(lambda: cluster.ready(leader), "the machine is back")
            go_on("calls are answered by everybody")
        histories = [history_at(servers.client(number), root) for number in range(NODES)]
        last = len(histories[0])
        wait_until(lambda: all(one.position >= last for one in watchers), "watchers know it all")
    assert violation(sorted(clients.history, key=lambda call: call[:3])) is None
    assert histories[0] == histories[1] == histories[2]
    assert [change["version"] for change in histories[0]] == list(range(1, last + 1))
    for watcher in watchers:
        # In order, each once, none left out: so nobody went back in time.
        assert [change[0] for change in watcher.told] == list(range(1, last + 1))
        assert [change[1] for change in watcher.told] == [each["key"] for each in histories[0]]
        assert watcher.trouble == []
    assert any(len(watcher.welcomes) > 1 for watcher in watchers)


def test_what_one_server_has_made_the_others_find(servers):
    one, other, third = map(servers.client, range(NODES))
    assert other.get("/v1/contexts/team/keys/k").code == "namespace"
    assert answered(lambda: one.put("/v1/contexts/team/keys/k", 1)).status in {200, 201}
    begun = time.monotonic()
    answer = answered(lambda: other.get("/v1/contexts/team/keys/k?fresh=true"))
    assert (answer.status, answer.json) == (200, 1)
    # What was asked for fresh is not older than the question.
    assert float(answer.headers["framework0-behind"]) <= time.monotonic() - begun + ROUNDED
    with third.socket(namespace="team", follow="**") as opened:
        begun = time.monotonic()
        assert opened.ask(type="get", id=1, key="k", fresh=True)["value"] == 1
        plain = opened.ask(type="get", id=2, key="k")
        assert plain["value"] == 1
        assert plain["behind"] <= time.monotonic() - begun + ROUNDED
        assert opened.ask(type="tag", id=3, name="first", version=1)["type"] == "reply"
    assert answered(lambda: one.get("/v1/contexts/team/tags?fresh=true")).json == {
        "tags": {"first": 1}
    }
    refused = one.put("/v1/contexts/te.am/keys/k", 1)
    assert (refused.status, refused.code) == (400, "namespace")
    epochs = {server.get("/v1/contexts/team").json["epoch"] for server in (one, other, third)}
    assert len(epochs) == 1
    # The namespaces are contexts of their own.
    assert answered(lambda: one.put("/v1/contexts/other/keys/another", 1)).status in {200, 201}
    found = answered(lambda: one.get("/v1/contexts/other/keys?fresh=true")).json["keys"]
    assert [key["key"] for key in found] == ["another"]


def test_a_call_that_is_repeated_at_another_server_counts_once(servers, root):
    named = {"Idempotency-Key": "only-once"}
    for number in range(NODES):
        client = servers.client(number)
        answer = answered(lambda client=client: client.put(f"{root}/keys/k", "v", named))
        assert answer.json["version"] == 1
    with servers.client(1).socket(namespace=root.rpartition("/")[2]) as opened:
        for number in range(2):
            said = {"key": "k", "value": "v", "operation": "only-once"}
            assert opened.ask(type="set", id=number, **said)["version"] == 1
    reused = answered(lambda: servers.client(2).put(f"{root}/keys/k", "other", named))
    assert (reused.status, reused.code) == (422, "operation_reused")


def test_a_client_that_comes_from_a_server_ahead_is_not_sent_back(servers, root):
    one, other = servers.client(0), servers.client(1)
    own = {"namespace": root.rpartition("/")[2]}
    answered(lambda: one.put(f"{root}/keys/k", "first"))
    epoch = answered(lambda: one.get(f"{root}?fresh=true")).json["epoch"]
    for number in range(20):
        put = answered(lambda number=number: one.put(f"{root}/keys/k", number))
        version = put.json["version"]
        # The other server may not have heard of it: it asks before it greets.
        with other.socket(**own, follow="**", since=version, epoch=epoch) as opened:
            assert opened.welcome["resume"] == "changes"
            assert opened.welcome["version"] >= version
        with other.socket(**own) as opened:
            answer = opened.ask(type="subscribe", id=1, pattern="**", since=version, epoch=epoch)
            assert answer["resume"] == "changes"


def test_without_a_majority_everybody_is_told_and_plain_reads_go_on(cluster, servers, root):
    client = servers.client(0)
    first = answered(lambda: client.put(f"{root}/keys/k", 1))
    assert first.json["version"] == 1
    wait_until(lambda: client.get("/readyz").status == 200, "the server is ready")
    own = {"namespace": root.rpartition("/")[2]}
    down = [node for node in range(NODES) if node != 2]
    for node in down:
        cluster.signal(node, signal.SIGKILL)
    try:
        with client.socket(**own) as opened, ThreadPoolExecutor(1) as aside:
            # Each is tried for as long as there may be another leader soon: all at once, then.
            opened.say(type="get", id=1, key="k", fresh=True)
            asked = aside.submit(client.get, f"{root}/keys/k?fresh=true")
            written = client.put(f"{root}/keys/k", 2, {"Idempotency-Key": "second"})
            error, fresh = opened.hear(), asked.result()
            assert (error["code"], error["happened"]) == ("unavailable", False)
            assert opened.ask(type="get", id=2, key="k")["behind"] > 1
        assert (fresh.status, fresh.code, fresh.json["happened"]) == (503, "unavailable", False)
        assert (written.status, written.code) == (503, "unavailable")
        # Either is the truth: None when it was sent and nobody answered, False when this server could
        # not learn where the log ends and sent nothing. Which one is, the log says below.
        assert written.json["happened"] in {None, False}
        assert int(written.headers["retry-after"]) > 0
        unready = client.get("/readyz")
        assert (unready.status, unready.code) == (503, "unavailable")
        assert client.get("/healthz").status == 200
        read = client.get(f"{root}/keys/k")
        assert (read.status, read.json) == (200, 1)
        assert float(read.headers["framework0-behind"]) > 1
    finally:
        for node in down:
            cluster.start(node)
    wait_until(lambda: client.get("/readyz").status == 200, "the server is ready again")
    found = answered(lambda: client.get(f"{root}/keys/k?fresh=true")).json
    assert found == 1 or (found == 2 and written.json["happened"] is None)
    second = {"Idempotency-Key": "second"}
    again = answered(lambda: client.put(f"{root}/keys/k", 2, second))
    assert (again.status, again.json["version"]) == (200, 2)
