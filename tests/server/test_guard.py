"""D2 to D4: where a request was meant for, where it comes from, and who asks."""

from __future__ import annotations

import http.client
import re
import time

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from framework0.server import ServerLimits
from framework0.server.guard import Guard, Hosts, is_loopback
from framework0.server.requests import Head, Refused
from framework0.server.routes import ROUTES
from framework0.server.tokens import TokenBook, new_token
from tests.server.conftest import ROOT, Clocks, Socket, client_of, token_file

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")


def hosts_of_evil(port):
    return [
        "evil.example",
        f"evil.example:{port}",
        f"127.0.0.1:{port + 1}",
        f"localhost:{port + 1}",
        "localhost",
        f"LOCALHOST:{port}",
        f"localhost.:{port}",
        f"localhost.evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        f"169.254.1.1:{port}",
        f"user@localhost:{port}",
        "",
    ]


def origins_of_evil(port):
    return [
        "http://evil.example",
        "null",
        "",
        f"http://127.0.0.1:{port + 1}",
        f"https://127.0.0.1:{port}",
        f"http://localhost:{port}",
        f"HTTP://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}.",
        f"http://127.0.0.1:{port}/",
        "http://127.0.0.1",
        "file://",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_host_is_refused_on_every_method(client, method):
    for host in hosts_of_evil(client.port):
        answer = client.ask(method, f"{ROOT}/keys/a", headers={"Host": host})
        assert answer.status == 421, (method, host, answer)


@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_origin_is_refused_on_every_method(client, method):
    for origin in origins_of_evil(client.port):
        answer = client.ask(method, f"{ROOT}/keys/a", headers={"Origin": origin})
        assert answer.status == 403, (method, origin, answer)
    assert client.get(f"{ROOT}/keys").json["keys"] == []


def test_a_page_of_the_server_itself_may_ask(client):
    own = f"http://127.0.0.1:{client.port}"
    assert client.get(f"{ROOT}/keys", headers={"Origin": own}).status == 200


def test_no_foreign_origin_is_ever_named_as_allowed(client):
    answer = client.get(f"{ROOT}/keys", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_two_hosts_are_one_too_many(client):
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
    connection.putrequest("GET", "/healthz", skip_host=True)
    connection.putheader("Host", f"localhost:{client.port}")
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
    ids=str,
)
def test_a_handshake_passes_the_same_guard(client, headers):
    with pytest.raises(InvalidStatus) as caught:
        connect(
            f"ws://127.0.0.1:{client.port}",
            additional_headers={"Authorization": f"Bearer {client.token}", **headers},
            origin=headers.get("Origin"),
            open_timeout=120,
        )
    assert caught.value.response.status_code in {400, 403, 421}


def test_a_handshake_of_a_page_elsewhere_is_refused_even_with_a_token(client):
    with pytest.raises(InvalidStatus) as caught:
        Socket(
            client.port,
            origin="http://evil.example",
            additional_headers={"Authorization": f"Bearer {client.token}"},
        )
    assert caught.value.response.status_code == 403


def every_path():
    for route in ROUTES:
        yield route.method, re.sub(r"{(\w+)}", "default", route.path)


@pytest.mark.parametrize(("method", "path"), list(every_path()))
def test_every_route_but_one_needs_a_token(client, method, path):
    token, text = new_token("over", "admin", 0.0, 1.0)
    for given in (None, "", "f0_wrong_token", text, f"f0_{token.id}_", "x" * 5000):
        body = b"{}" if method in {"PUT", "POST"} else None
        answer = client.ask(method, path, body, token=given)
        assert answer.status == (200 if path == "/healthz" else 401), (given, answer)
        if answer.status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path",
    [
        "/ctx/healthz",
        "/healthz/",
        "/healthz%2f..",
        "/healthz/../v1/contexts",
        "//healthz",
        "/HEALTHZ",
        "/%68ealthz",
        "/healthz;x",
        "/v1/contexts/healthz",
        "/readyz",
        "/",
        "/nothing",
    ],
)
def test_only_the_exact_path_is_open(client, path):
    assert client.get(path, token=None).status == 401


def test_the_open_path_is_open_with_a_query_too(client):
    assert client.get("/healthz?x=1", token=None).status == 200


def test_other_schemes_than_bearer_are_none(client):
    for given in (f"Basic {client.token}", client.token, f"Bearer{client.token}", "Bearer"):
        assert client.get("/readyz", token=None, headers={"Authorization": given}).status == 401
    given = {"Authorization": f"bearer  {client.token}"}
    assert client.get("/readyz", token=None, headers=given).status == 200


def test_a_token_that_has_ended_is_refused_and_its_socket_closed(start, home):
    path, texts = token_file(home, writer="write")
    server = start(token_file=path)
    client = client_of(server)
    assert client.get("/readyz", token=texts["writer"]).status == 200
    now = [time.time()]
    token, text = new_token("short", "read", now[0], now[0] + 10)
    guard = Guard(TokenBook([token]), Hosts("127.0.0.1", 1), "http", lambda: now[0])
    assert guard.token(text) == token
    now[0] += 10
    assert guard.token(text) is None


def test_a_revoked_token_ends_its_sockets_when_the_tokens_are_read_anew(start, home):
    path, texts = token_file(home, one="write", two="write")
    server = start(token_file=path)
    client = client_of(server)
    with client.socket(texts["one"]) as gone, client.socket(texts["two"]) as stays:
        from framework0.server import revoke_token

        revoke_token(path, "one")
        server._loop.call_soon_threadsafe(server.reload_tokens)
        assert gone.closing() == 4408
        assert stays.ask(type="ping", id=1)["type"] == "pong"
    assert client.get("/readyz", token=texts["one"]).status == 401


@pytest.mark.slow
def test_sockets_that_say_nothing_are_closed_after_their_time(start):
    server = start(limits=ServerLimits(connections=200))
    client, clocks = client_of(server), Clocks(server)
    sockets = [Socket(client.port) for _ in range(100)]
    assert client.get("/v1/status").json["connections"]["socket"] == 100
    clocks.go_on(server._app.limits.authentication_seconds)
    assert {one.closing() for one in sockets} == {4401}
    assert client.get("/readyz").status == 200


def test_a_message_before_hello_closes_with_4401(client):
    opened = Socket(client.port)
    opened.say(type="set", id=1, key="k", value=1)
    assert opened.hear()["code"] == "hello_first"
    assert opened.closing() == 4401
    assert client.get(f"{ROOT}/keys").json["keys"] == []


def test_a_wrong_token_in_hello_closes_with_4401(client):
    for token in (None, "f0_wrong", "x" * 4000):
        opened = Socket(client.port)
        opened.say(type="hello", protocol=1, **({"token": token} if token else {}))
        assert opened.hear()["code"] == "unauthorized"
        assert opened.closing() == 4401


def test_a_token_in_the_handshake_stands_for_one_in_hello(client):
    given = {"Authorization": f"Bearer {client.token}"}
    with Socket(client.port, additional_headers=given) as opened:
        opened.say(type="hello", protocol=1)
        assert opened.hear()["type"] == "welcome"


@pytest.mark.parametrize(
    ("bound", "host", "known"),
    [
        ("0.0.0.0", "192.168.1.7:8765", True),
        ("0.0.0.0", "[fe80::1]:8765", True),
        ("0.0.0.0", "192.168.1.7:80", False),
        ("0.0.0.0", "evil.example:8765", False),
        ("0.0.0.0", "context.example:8765", True),
        ("0.0.0.0", "context.example", True),
        ("0.0.0.0", "other.example:443", True),
        ("0.0.0.0", "other.example", False),
        ("127.0.0.1", "192.168.1.7:8765", False),
        ("127.0.0.1", "[::1]:8765", True),
    ],
)
def test_addresses_are_known_where_they_are_bound_and_names_where_they_are_allowed(
    bound, host, known
):
    hosts = Hosts(bound, 8765, ("context.example", "other.example:443"))
    assert (host in hosts) is known


def test_tls_that_ends_in_front_makes_origins_secure():
    guard = Guard(TokenBook(), Hosts("0.0.0.0", 8765, ("c.example",)), "http", time.time)
    head = Head("GET", "/", [("host", "c.example"), ("origin", "https://c.example")])
    with pytest.raises(Refused):
        guard.check_place(head)
    guard.trust_scheme("https")
    guard.check_place(head)


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("example.org", False),
        ("192.168.0.1", False),
    ],
)
def test_what_is_seen_by_this_machine_only(host, alone):
    assert is_loopback(host) is alone
