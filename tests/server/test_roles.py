"""D20: which role may use which route, asserted for the whole product of both."""

from __future__ import annotations

import json
import re

import pytest

from framework0.context.wire import ROLES
from framework0.context.wire.messages import CLIENT
from framework0.server import tokens as ours
from framework0.server.pages import FILES
from framework0.server.routes import ROUTES
from tests.server.conftest import client_of, token_file

NEEDED = {
    **{("GET", path): "read" for path in FILES},
    ("GET", "/enter"): "read",
    ("POST", "/v1/entrances"): "read",
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/openapi.json"): "read",
    ("GET", "/v1/status"): "read",
    ("GET", "/v1/contexts"): "read",
    ("GET", "/v1/contexts/{namespace}"): "read",
    ("GET", "/v1/contexts/{namespace}/keys"): "read",
    ("GET", "/v1/contexts/{namespace}/keys/{key}"): "read",
    ("PUT", "/v1/contexts/{namespace}/keys/{key}"): "write",
    ("DELETE", "/v1/contexts/{namespace}/keys/{key}"): "write",
    ("POST", "/v1/contexts/{namespace}/transactions"): "write",
    ("GET", "/v1/contexts/{namespace}/history"): "read",
    ("GET", "/v1/contexts/{namespace}/at"): "read",
    ("GET", "/v1/contexts/{namespace}/blame/{key}"): "read",
    ("GET", "/v1/contexts/{namespace}/tags"): "read",
    ("PUT", "/v1/contexts/{namespace}/tags/{tag}"): "write",
    ("DELETE", "/v1/contexts/{namespace}/tags/{tag}"): "admin",
    ("GET", "/v1/contexts/{namespace}/export"): "read",
    ("GET", "/v1/contexts/{namespace}/presence"): "read",
    ("GET", "/v1/contexts/{namespace}/events"): "read",
}
MESSAGES = {
    "delete": "write", "load": "admin", "set": "write", "tag": "write", "transaction": "write",
    "untag": "admin",
}  # fmt: skip


@pytest.fixture
def people(start, home):
    path, texts = token_file(home, reader="read", writer="write", boss="admin")
    return client_of(start(token_file=path)), dict(zip(ROLES, texts.values(), strict=True))


def test_the_table_of_needs_is_the_table_of_routes():
    assert {(route.method, route.path): route.role for route in ROUTES} == NEEDED


def test_every_message_that_changes_something_needs_more_than_reading():
    needs = {name: message.role for name, message in CLIENT.items() if message.role != "read"}
    assert needs == MESSAGES


def test_both_interfaces_know_the_same_roles():
    assert ours.ROLES == ROLES


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_is_open_to_its_role_and_those_above_only(people, route):
    client, texts = people
    client.set("k", 1)
    path = re.sub(
        r"{(\w+)}", lambda found: {"key": "k", "tag": "t"}.get(found[1], "default"), route.path
    )
    body = b"{}" if route.body else None
    if path.endswith("/events"):
        path += "?since=9999"
    for role, text in texts.items():
        answer = client.ask(route.method, path, body, token=text)
        allowed = route.role is None or ROLES.index(role) >= ROLES.index(route.role)
        assert (answer.status != 403) is allowed, (role, answer)
        if not allowed:
            assert answer.code == "role"


@pytest.mark.parametrize("name", sorted(CLIENT.keys() - {"hello"}))
def test_a_message_is_open_to_its_role_and_those_above_only(people, name):
    client, texts = people
    client.set("k", 1)
    fields = {
        "key": "k", "value": 1, "pattern": "a", "subscription": 1, "moment": 0, "time": 1.0,
        "name": "t", "version": 0, "writes": [], "changes": [],
    }  # fmt: skip
    needed = [field.name for field in CLIENT[name].fields if field.needed and field.name != "id"]
    for role, text in texts.items():
        with client.socket(text) as opened:
            answer = opened.ask(type=name, id=1, **{field: fields[field] for field in needed})
            allowed = ROLES.index(role) >= ROLES.index(MESSAGES.get(name, "read"))
            assert (answer.get("code") != "forbidden") is allowed, (role, answer)


def test_whoever_may_only_read_makes_no_namespace(people):
    client, texts = people
    with client.socket(texts["write"], namespace="made") as opened:
        assert opened.welcome["type"] == "welcome"
    opened = client.socket(texts["read"], namespace="new")
    assert opened.welcome["code"] == "unknown_namespace"
    assert opened.closing() == 4404
    assert client.get("/v1/contexts").json["contexts"] == ["default", "made"]


def test_the_name_of_the_token_signs_what_is_written(people):
    client, texts = people
    with client.socket(texts["write"]) as opened:
        opened.ask(type="set", id=1, key="k", value=1, by={"who": "somebody", "run": "r"})
    client.put("/v1/contexts/default/keys/k", 2, token=texts["admin"])
    seen = client.get("/v1/contexts/default/history?key=k").json["changes"]
    assert [(change["who"], change["run"]) for change in seen] == [("writer", "r"), ("boss", None)]


def test_every_change_leaves_a_line_and_no_token_is_in_any_file_or_log(people, start, home, caplog):
    path, texts = token_file(home / "more", carla="write")
    server = start(token_file=path, audit_path=home / "audit.jsonl")
    client = client_of(server)
    text = texts["carla"]
    base = "/v1/contexts/default"
    client.put(f"{base}/keys/one", 1, token=text)
    client.delete(f"{base}/keys/one", token=text)
    client.post(f"{base}/transactions", {"writes": [{"key": "two", "value": 1}] * 2}, token=text)
    client.put(f"{base}/tags/t", {}, token=text)
    client.get(f"{base}/keys/{text}", token="f0_wrong_" + text)
    with client.socket(text) as opened:
        opened.ask(type="set", id=1, key='odd"kéy', value=1)
        opened.ask(type="tag", id=2, name="u", version=1)
    server.stop()
    lines = [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]
    told = [(line["who"], line["did"], line["keys"], line["version"]) for line in lines]
    assert told == [
        ("carla", "set", ["one"], 1),
        ("carla", "delete", ["one"], 2),
        ("carla", "transaction", ["two", "two"], 4),
        ("carla", "tag", ["t"], 4),
        ("carla", "set", ['odd"kéy'], 5),
        ("carla", "tag", ["u"], None),
    ]
    secret = text.split("_")[2]
    assert secret not in caplog.text
    for file in home.rglob("*"):
        assert not file.is_file() or secret not in file.read_text(errors="replace"), file
