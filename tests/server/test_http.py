"""The HTTP interface: keys with their versions, transactions, the past, tags, export."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from framework0.server import ServerLimits
from tests.server.conftest import ROOT, client_of


def test_a_value_is_the_body_and_its_version_the_etag(client):
    made = client.put(f"{ROOT}/keys/a.b", {"x": [1, None, "é"]})
    assert (made.status, made.headers["etag"], made.json["created"]) == (201, '"1"', True)
    got = client.get(f"{ROOT}/keys/a.b")
    assert (got.status, got.json, got.headers["etag"]) == (200, {"x": [1, None, "é"]}, '"1"')
    again = client.put(f"{ROOT}/keys/a.b", 2)
    assert (again.status, again.json) == (200, {"key": "a.b", "version": 2, "created": False})
    gone = client.delete(f"{ROOT}/keys/a.b")
    assert gone.json == {"key": "a.b", "removed": True, "version": 3}
    assert client.delete(f"{ROOT}/keys/a.b").json["removed"] is False
    assert client.get(f"{ROOT}/keys/a.b").status == 404


def test_conditions_guard_a_write(client):
    path = f"{ROOT}/keys/k"
    assert client.put(path, 1, {"If-None-Match": "*"}).status == 201
    refused = client.put(path, 2, {"If-None-Match": "*"})
    assert (refused.status, refused.json["current_version"]) == (412, 1)
    assert client.put(path, 2, {"If-Match": '"1"'}).status == 200
    assert client.put(path, 3, {"If-Match": '"1"'}).status == 412
    assert client.delete(path, {"If-Match": '"1"'}).status == 412
    for wrong in ("1", "*", 'W/"2"', '"x"', '"1", "2"'):
        assert client.put(path, 3, {"If-Match": wrong}).status == 400
    assert client.put(path, 3, {"If-None-Match": '"2"'}).status == 400
    assert client.put(f"{path}?expect_version=2", 3, {"If-Match": '"2"'}).status == 400
    assert client.delete(path, {"If-Match": '"2"'}).json["removed"] is True


def test_what_has_not_changed_is_not_sent_again(client):
    client.set("k", 1)
    same = client.get(f"{ROOT}/keys/k", headers={"If-None-Match": '"1"'})
    assert (same.status, same.body) == (304, b"")
    client.set("k", 2)
    assert client.get(f"{ROOT}/keys/k", headers={"If-None-Match": '"1"'}).json == 2


def test_compare_and_set_from_many_loses_nothing(client):
    client.set("n", 0)

    def add_one(_):
        while True:
            found = client.get(f"{ROOT}/keys/n")
            path = f"{ROOT}/keys/n"
            if client.put(path, found.json + 1, {"If-Match": found.headers["etag"]}).status == 200:
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(40)))
    assert client.get(f"{ROOT}/keys/n").json == 40


def test_keys_are_listed_page_by_page(client):
    for number in range(25):
        client.set(f"k.{number:02}", number)
    client.set("other", 0)
    found, after, pages = [], "", 0
    while after is not None:
        page = client.get(f"{ROOT}/keys?pattern=k.*&limit=10&values=true&after={after}").json
        found += [(entry["key"], entry["value"]) for entry in page["keys"]]
        after, pages = page["next"], pages + 1
    assert found == [(f"k.{number:02}", number) for number in range(25)]
    assert pages == 3
    assert [entry["key"] for entry in client.get(f"{ROOT}/keys").json["keys"]][-1] == "other"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=10001", "values=maybe", "pattern=", "version=x",
              "time=nan", "time=soon", "moment=x:", "version=1&time=2"],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_422(client, query):
    client.set("k", 1)
    path = f"{ROOT}/at" if query[:4] in {"vers", "time", "mome"} else f"{ROOT}/keys"
    assert client.get(f"{path}?{query}").status == 422


@pytest.mark.parametrize("query", ["limit=1&limit=2", "a=%ff", "a", "&".join(["x=1"] * 60)])
def test_queries_that_cannot_be_read_are_400(client, query):
    assert client.get(f"{ROOT}/keys?{query}").status == 400


def test_the_past_is_read_by_version_time_tag_and_step(client):
    client.set("k", 1)
    between = time.time()
    while time.time() <= between:
        pass
    client.set("k", 2)
    with client.socket() as opened:
        opened.ask(type="set", id=1, key="k", value=3, by={"run": "r1", "step": "load"})
    client.set("k", 4)
    assert client.put(f"{ROOT}/tags/first", {"version": 1}).json == {"tag": "first", "version": 1}
    key = f"{ROOT}/keys/k"
    assert client.get(f"{key}?version=2").json == 2
    assert client.get(f"{key}?time={between}").json == 1
    assert client.get(f"{key}?moment=r1:load").json == 3
    assert client.get(f"{key}?moment=first").json == 1
    assert client.get(f"{ROOT}/at?version=2").json == {"version": 2, "values": {"k": 2}}
    assert client.get(f"{ROOT}/at?version=9").status == 422
    blamed = client.get(f"{ROOT}/blame/k").json
    assert (blamed["version"], blamed["value"]) == (4, 4)
    assert client.get(f"{ROOT}/blame/none").status == 404
    seen = client.get(f"{ROOT}/history?key=k&since=1").json
    assert [(change["version"], change["step"]) for change in seen["changes"]] == [
        (2, None), (3, "load"), (4, None)]  # fmt: skip
    page = client.get(f"{ROOT}/history?limit=3").json
    assert page["next"] == 3
    assert client.get(f"{ROOT}/history?limit=3&since=3").json["next"] is None
    assert client.get(f"{ROOT}/history?since=99").status == 422


def test_tags_stand_for_their_version_until_they_are_moved(client):
    client.set("k", 1)
    client.set("k", 2)
    assert client.put(f"{ROOT}/tags/t", {"version": 1}).status == 200
    assert client.put(f"{ROOT}/tags/t", {"version": 2}).status == 422
    assert client.put(f"{ROOT}/tags/t?move=true", {}).json["version"] == 2
    assert client.get(f"{ROOT}/tags").json == {"tags": {"t": 2}}
    for wrong in ([], {"version": -1}, {"version": True}, {"x": 1}, {"version": 2**70}):
        assert client.put(f"{ROOT}/tags/u", wrong).status in {400, 422}
    assert client.delete(f"{ROOT}/tags/t").json == {"tag": "t", "version": 2}
    assert client.delete(f"{ROOT}/tags/t").status == 404


def test_a_transaction_is_all_or_nothing(client):
    path = f"{ROOT}/transactions"
    client.set("a", 1)
    body = {"writes": [{"key": "a", "removed": True}, {"key": "b", "value": [1]}],
            "expected": {"a": 1, "b": 0}, "expected_version": 1}  # fmt: skip
    done = client.post(path, body, {"Idempotency-Key": "t1"})
    assert done.json == {
        "version": 3, "changes": [{"key": "a", "version": 2}, {"key": "b", "version": 3}]
    }  # fmt: skip
    assert client.post(path, body, {"Idempotency-Key": "t1"}).body == done.body
    refused = client.post(path, {**body, "expected": {"b": 9}, "expected_version": 3})
    assert (refused.status, refused.json["key"], refused.json["current_version"]) == (409, "b", 3)
    assert client.get(ROOT).json["version"] == 3
    empty = client.post(path, {"writes": [{"key": "none", "removed": True}]})
    assert empty.json == {"version": None, "changes": []}


@pytest.mark.parametrize(
    "body",
    [[], {}, {"writes": []}, {"writes": {}}, {"writes": [1]}, {"writes": [{}]},
     {"writes": [{"key": "a"}]}, {"writes": [{"key": "a", "value": 1, "removed": True}]},
     {"writes": [{"key": "a", "removed": False}]}, {"writes": [{"key": "", "value": 1}]},
     {"writes": [{"key": 3, "value": 1}]}, {"writes": [{"value": 1}]},
     {"writes": [{"key": "a", "value": 1, "ttl": "1"}]}, {"writes": [{"key": "a", "value": 1, "ttl": -1}]},
     {"writes": [{"key": "a", "value": {"$artifact": "x"}}]}, {"writes": [{"key": "a", "vlaue": 1}]},
     {"writes": [{"key": "a", "value": 1}], "expected": {"a": -1}},
     {"writes": [{"key": "a", "value": 1}], "expected": []},
     {"writes": [{"key": "a", "value": 1}], "expected_version": 1.5},
     {"writes": [{"key": "a", "value": 1}], "more": 1}],
    ids=json.dumps,
)  # fmt: skip
def test_transactions_that_make_no_sense_are_422(client, body):
    assert client.post(f"{ROOT}/transactions", body).status == 422
    assert client.get(ROOT).json["version"] == 0


def test_a_value_goes_when_its_time_is_over(client):
    assert client.put(f"{ROOT}/keys/k?ttl=0.05", 1).status == 201
    until = time.monotonic() + 120
    while client.get(f"{ROOT}/keys/k").status == 200:
        assert time.monotonic() < until
    assert client.get(f"{ROOT}/history").json["changes"][-1]["who"] == "expiry"
    for wrong in ("x", "-1", "0", "nan", "1e99"):
        assert client.put(f"{ROOT}/keys/k?ttl={wrong}", 1).status == 422


def test_everything_can_be_taken_along(client):
    for number in range(1200):
        client.set(f"k.{number:04}", number)
    answer = client.get(f"{ROOT}/export?pattern=k.**")
    lines = [json.loads(line) for line in answer.body.decode().splitlines()]
    assert (lines[0]["version"], lines[0]["keys"]) == (1200, 1200)
    assert lines[1:] == [
        {"key": f"k.{number:04}", "value": number, "version": number + 1} for number in range(1200)
    ]


def test_a_namespace_begins_with_its_first_write(client):
    assert client.get("/v1/contexts/team").status == 404
    assert client.put("/v1/contexts/team/keys/k", 1).status == 201
    assert client.get("/v1/contexts").json == {"contexts": ["default", "team"]}
    assert client.get("/v1/contexts/team").json["version"] == 1
    assert client.get(ROOT).json["version"] == 0
    for wrong in ("..x", "-x", "x" * 101, "a%20b", "%2e%2e", "a..b"):
        assert client.put(f"/v1/contexts/{wrong}/keys/k", 1).status == 400


def test_namespaces_are_bounded(start):
    client = client_of(start(limits=ServerLimits(namespaces=3)))
    made = [client.put(f"/v1/contexts/n{n}/keys/k", 1).status for n in range(4)]
    assert made == [201, 201, 409, 409]


def test_paths_and_methods_that_are_not_there(client):
    for path in ("/v2", "/page/", f"{ROOT}/", f"{ROOT}/nothing", f"{ROOT}//keys"):
        assert client.get(path).status == 404
    assert client.get("/v1/contexts/").status == 400
    refused = client.ask("PATCH", f"{ROOT}/keys/k", b"{}")
    assert (refused.status, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, PUT")
    assert client.ask("DELETE", f"{ROOT}/keys").headers["allow"] == "GET, HEAD"


def test_a_head_has_what_a_get_would_say_but_no_body(client):
    client.set("k", "value")
    answer = client.ask("HEAD", f"{ROOT}/keys/k")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "7", b"")
    assert client.ask("HEAD", f"{ROOT}/export").status == 200


def test_every_answer_says_that_it_is_no_page(client):
    for path in ("/healthz", f"{ROOT}/keys", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-request-id"]


def test_one_connection_serves_many_requests_and_waits_for_a_hundred(client):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
    given = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    for number in range(50):
        connection.request("PUT", f"{ROOT}/keys/k", str(number), given)
        assert json.loads(connection.getresponse().read())["version"] == number + 1
    connection.request("PUT", f"{ROOT}/keys/k", "99", {**given, "Expect": "100-continue"})
    assert json.loads(connection.getresponse().read())["version"] == 51
    connection.close()


def test_requests_that_are_sent_ahead_are_answered_in_their_order(client):
    one = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n%b\r\n"
    facts = (client.port, client.token.encode())
    stream = one % (b"/healthz", *facts, b"") * 40
    stream += one % (b"/nothing", *facts, b"Connection: close\r\n")
    with client.raw() as connection:
        connection.sendall(stream)
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    assert data.count(b"HTTP/1.1 200 ") == 40
    assert data.count(b"HTTP/1.1 404 ") == 1


def test_a_rate_is_kept_with_its_own_answer(start):
    client = client_of(start(limits=ServerLimits(rate=2)))
    statuses = [client.get("/readyz").status for _ in range(12)]
    assert statuses[:8] == [200] * 8
    refused = client.get("/readyz")
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, "rate", "1")
    assert client.get("/healthz", token=None).status == 200


def test_the_server_says_what_it_is(client):
    client.set("k", 1)
    with client.socket(client="me"):
        status = client.get("/v1/status").json
        assert status["store"].startswith("memory")
        assert status["connections"] == {"http": 1, "socket": 1}
        there = client.get(f"{ROOT}/presence").json["clients"]
        assert [(one["client"], one["role"]) for one in there] == [("me", "admin")]
        page = client.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'framework0_server_context_version{context="default"} 1' in page.body.decode()


def test_the_metrics_are_what_prometheus_reads(client):
    from prometheus_client.parser import text_string_to_metric_families

    client.set("k", 1)
    families = {family.name for family in text_string_to_metric_families(
        client.get("/metrics").body.decode())}  # fmt: skip
    assert {"framework0_server_connections", "framework0_server_commits"} <= families
