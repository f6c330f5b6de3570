"""D2: the way in for a browser. An address works once and not for long; its cookie opens what it should."""

from __future__ import annotations

import re
import stat
import time

import pytest
from websockets.exceptions import InvalidStatus

from framework0.context import browser_address
from framework0.errors import RefusedError, StoreUnavailable
from framework0.server import add_token, revoke_token
from framework0.server.entrances import Entrances, Kept
from framework0.server.limits import ENTER_SECONDS, ENTRANCES, SESSION_SECONDS, SESSIONS
from framework0.server.pages import FILES, FOLDER
from framework0.server.tokens import new_token
from tests.server.conftest import ROOT, Client, Clocks, Socket, client_of, token_file, wait_until

OWN = {"Sec-Fetch-Site": "same-origin"}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def path_of(address):
    return re.sub(r"^http://[^/]+", "", address)


def enter(client, path):
    answer = client.get(path, token=None)
    assert answer.status == 200, answer
    return answer.headers["set-cookie"]


def as_browser(client, path, cookie, method="GET", **headers):
    sent = {"Cookie": cookie.partition(";")[0], **OWN, **headers}
    return client.ask(method, path, headers=sent, token=None)


@pytest.fixture
def cookie(client):
    return enter(client, client.post("/v1/entrances", None).json["path"])


def test_an_address_works_once_and_sets_a_cookie_that_scripts_and_other_places_do_not_get(client):
    path = client.post("/v1/entrances", None).json["path"]
    cookie = enter(client, path)
    name, *rest = [part.strip() for part in cookie.split(";")]
    assert name.startswith(f"framework0_{client.port}=")
    assert sorted(rest) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"]
    again = client.get(path, token=None)
    assert (again.status, again.code, "set-cookie" in again.headers) == (401, "token", False)
    assert as_browser(client, "/", cookie).status == 200


def test_a_look_ahead_does_not_use_the_address_up(client):
    path = client.post("/v1/entrances", None).json["path"]
    assert client.ask("HEAD", path, token=None).status == 200
    assert client.ask("POST", path, token=None).status == 405
    enter(client, path)


@pytest.mark.parametrize("given", ["", "?once=", "?once=wrong", "?once=%ff", "?twice=x"])
def test_no_other_address_lets_anybody_in(client, given):
    client.post("/v1/entrances", None)
    answer = client.get(f"/enter{given}", token=client.token)
    assert answer.status in {400, 401}
    assert "set-cookie" not in answer.headers


def test_a_browser_looks_at_everything_and_changes_nothing(client, cookie):
    client.set("k", 1)
    assert as_browser(client, f"{ROOT}/keys/k", cookie).json == 1
    assert as_browser(client, "/v1/contexts", cookie).json == {"contexts": ["default"]}
    own = {"Origin": f"http://127.0.0.1:{client.port}", "Content-Type": "application/json"}
    for method, path in [
        ("PUT", f"{ROOT}/keys/k"),
        ("DELETE", f"{ROOT}/keys/k"),
        ("POST", f"{ROOT}/transactions"),
        ("PUT", f"{ROOT}/tags/t"),
        ("DELETE", f"{ROOT}/tags/t"),
        ("POST", "/v1/entrances"),
    ]:
        answer = as_browser(client, path, cookie, method, **own)
        assert (answer.status, answer.code) == (403, "role"), (method, path)
    assert client.get(f"{ROOT}/history").json["changes"][-1]["version"] == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_a_change_that_does_not_say_its_origin_is_asked_by_nobody(client, cookie, method):
    answer = as_browser(client, f"{ROOT}/keys/k", cookie, method)
    assert (answer.status, answer.code) == (401, "token")


@pytest.mark.parametrize("site", ["same-site", "cross-site", "SAME-ORIGIN", ""])
def test_a_cookie_counts_only_for_our_own_pages(client, cookie, site):
    answer = as_browser(client, f"{ROOT}/keys", cookie, **{"Sec-Fetch-Site": site})
    assert answer.status == 401
    assert as_browser(client, f"{ROOT}/keys", cookie, **{"Sec-Fetch-Site": "none"}).status == 200


def test_host_and_origin_are_checked_for_a_browser_as_for_everybody(client, cookie):
    assert as_browser(client, f"{ROOT}/keys", cookie, Origin="http://evil.example").status == 403
    assert as_browser(client, f"{ROOT}/keys", cookie, Host="evil.example").status == 421


def test_a_cookie_opens_no_socket(client, cookie):
    sent = {"Cookie": cookie.partition(";")[0]}
    opened = Socket(client.port, additional_headers=sent)
    opened.say(type="hello", protocol=1)
    assert opened.hear()["code"] == "unauthorized"
    with pytest.raises(InvalidStatus):
        Socket(client.port, additional_headers=sent, origin="http://evil.example")


@pytest.mark.parametrize(
    "given",
    ["framework0=x", "{name}=", "{name}=wrong", "{name}={secret}x", "other={secret}", ";=;,"],
)
def test_no_other_cookie_is_somebody(client, cookie, given):
    name, _, secret = cookie.partition(";")[0].partition("=")
    given = given.format(name=name, secret=secret)
    assert as_browser(client, "/", given).status == 401
    mixed = f"a=b; {name}={secret}; c=d"
    assert client.get("/", headers={"Cookie": mixed, **OWN}, token=None).status == 200


def test_an_address_and_a_session_end_with_their_time():
    clock = Clock()
    entrances = Entrances(1, clock, secure=True)
    token, _ = new_token("ada", "admin", clock.now)
    late = entrances.offer(token).partition("=")[2]
    clock.now += ENTER_SECONDS
    assert entrances.waiting(late) is None
    assert entrances.enter(late) is None
    cookie = entrances.enter(entrances.offer(token).partition("=")[2])
    assert cookie.endswith("; Secure")
    clock.now += SESSION_SECONDS - 1
    found = entrances.session(cookie)
    assert (found.id, found.name, found.role) == (token.id, "ada", "read")
    clock.now += 1
    assert entrances.session(cookie) is None


def test_addresses_and_sessions_are_bounded_and_the_oldest_goes():
    token, _ = new_token("ada", "read", 0.0)
    for most in (ENTRANCES, SESSIONS):
        kept = Kept(most)
        texts = [kept.new(token) for _ in range(most + 1)]
        assert [kept.find(text, 1.0) is None for text in texts] == [True] + [False] * most


def test_what_is_kept_is_no_secret():
    kept = Kept(3)
    text = kept.new(new_token("ada", "read", 0.0)[0])
    assert len(text) >= 43
    assert text not in repr(kept._by_digest)


@pytest.mark.slow
def test_a_browser_goes_with_the_token_in_whose_name_it_came(start, home):
    path, texts = token_file(home, ada="write", eve="admin")
    server = start(token_file=path)
    client = Client(server.port, texts["ada"])
    cookie = enter(client, client.post("/v1/entrances", None).json["path"])
    client.set("k", 1)
    with client.raw() as watching:
        name = cookie.partition(";")[0]
        watching.sendall(
            f"GET {ROOT}/events?since=0 HTTP/1.1\r\nHost: localhost:{client.port}\r\n"
            f"Cookie: {name}\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode()
        )
        heard = b""
        while b"event: change" not in heard:
            heard += watching.recv(65536)
        revoke_token(path, "ada")
        server._loop.call_soon_threadsafe(server.reload_tokens)
        # The stream ends, and the cookie is nobody's any more.
        while watching.recv(65536):
            pass
    assert as_browser(client, "/", cookie).status == 401


@pytest.mark.slow
def test_a_stream_ends_with_the_time_of_its_token(start, home):
    path, _ = token_file(home, boss="admin")
    token, text = new_token("soon", "read", time.time(), time.time() + 3600)
    add_token(path, token, time.time())
    server = start(token_file=path)
    client, clocks = Client(server.port, text), Clocks(server)
    with client.raw() as watching:
        watching.sendall(
            f"GET {ROOT}/events HTTP/1.1\r\nHost: localhost:{client.port}\r\n"
            f"Authorization: Bearer {text}\r\n\r\n".encode()
        )
        heard = b""
        while b"watching" not in heard:
            heard += watching.recv(65536)
        clocks.go_on(3600)
        while watching.recv(65536):
            pass
    assert client.get(f"{ROOT}/keys").status == 401


def test_a_person_without_a_session_is_told_what_to_do(client):
    answer = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"}, token=None)
    assert answer.status == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert (
        f"framework0 context browse --context ws://127.0.0.1:{client.port}" in answer.body.decode()
    )
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/", token=None).headers["content-type"] == "application/problem+json"


def test_the_policy_of_every_page_leaves_no_room_for_foreign_code(client, cookie):
    for path, (name, kind) in FILES.items():
        answer = as_browser(client, path, cookie)
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert answer.body == (FOLDER / name).read_bytes()
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    sent_on = client.get(client.post("/v1/entrances", None).json["path"], token=None)
    assert sent_on.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_files_of_the_page_are_small_and_make_no_markup_of_texts():
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert {path.name for path in files} == {name for name, _ in FILES.values()}
    assert sum(path.stat().st_size for path in files) < 30_000
    for path in files:
        text = path.read_text(encoding="utf-8")
        # The ways from text to markup or code, and to other places.
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|srcdoc"
            r"|setAttribute|\bon\w+=|style=|https?://(?!www\.w3\.org/2000/svg)",
            text,
        ), path


def test_a_token_makes_an_address_from_elsewhere_and_nobody_else_does(start, home):
    path, texts = token_file(home, ada="read")
    server = start(token_file=path)
    address = browser_address(server.url, texts["ada"])
    assert address.startswith(f"http://localhost:{server.port}/enter?once=")
    enter(client_of(server), path_of(address))
    with pytest.raises(RefusedError, match="lets no browser in: the token is unknown"):
        browser_address(server.url, "f0_wrong_token")
    server.stop()
    with pytest.raises(StoreUnavailable, match="no context server answers"):
        browser_address(server.url, texts["ada"])


def test_a_server_gives_an_address_in_the_name_of_its_user_only_on_this_machine(start, home):
    server = start()
    enter(client_of(server), path_of(server.browser_url()))
    path, _ = token_file(home, ada="read")
    far = start(host="0.0.0.0", insecure=True, token_file=path)
    assert far.browser_url() is None
    far.stop()
    assert far.browser_url() is None


def test_the_file_through_which_a_browser_is_led_is_private_and_goes(home, monkeypatch):
    import webbrowser

    from framework0.cli.browsers import forget_page, open_aside, open_once
    from framework0.workspace import local_token_path

    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    open_once('http://localhost:1/enter?once="><x>', 7)
    file = local_token_path(7).with_suffix(".html")
    assert opened == [file.as_uri()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "url=http://localhost:1/enter?once=&quot;&gt;&lt;x&gt;" in file.read_text()
    forget_page(7)
    assert not file.exists()
    open_aside("http://localhost:1/enter?once=x", 8)
    wait_until(lambda: len(opened) == 2)


def test_keys_are_listed_with_who_set_them_and_pages_do_not_grow_without_bound(client):
    with client.socket() as opened:
        opened.ask(type="set", id=1, key="a", value=1, by={"who": "ada", "run": "r", "step": "s"})
        opened.ask(type="set", id=2, key="b", value=2, ttl=100)
    found = client.get(f"{ROOT}/keys?authors=true").json["keys"]
    first, second = found
    assert (first["change"]["who"], first["change"]["step"]) == ("ada", "s")
    assert second["change"]["expires"] > second["change"]["at"]
    assert "value" not in first
    for number in range(6):
        client.set(f"large{number}", "x" * 1_000_000)
    page = client.get(f"{ROOT}/keys?values=true&pattern=large*").json
    assert (len(page["keys"]), page["next"]) == (4, "large3")
    rest = client.get(f"{ROOT}/keys?values=true&pattern=large*&after=large3").json
    assert (len(rest["keys"]), rest["next"]) == (2, None)


@pytest.mark.parametrize("store", ["memory", "default"])
def test_the_newest_changes_of_a_key_come_first_also_when_it_is_gone(start, store):
    client = client_of(start(store=store))
    for number in range(5):
        client.set("k", number)
        client.set("other", number)
    client.delete(f"{ROOT}/keys/k")
    found = client.get(f"{ROOT}/history?key=k&newest=true&limit=3").json
    assert [change["version"] for change in found["changes"]] == [11, 9, 7]
    assert found["changes"][0]["removed"] is True
    assert found["next"] is None
    assert client.get(f"{ROOT}/history?newest=true").code == "newest"
    assert client.get(f"{ROOT}/history?newest=true&key=k&since=1").code == "newest"


@pytest.mark.parametrize("store", ["memory", "default"])
def test_who_set_a_key_long_ago_is_found_and_whom_nobody_remembers_is_not(
    start, store, monkeypatch
):
    from framework0.server import looking

    monkeypatch.setattr(looking, "WALKED", 3)
    client = client_of(start(store=store))
    for number in range(10):
        client.set(f"k{number}", number)
    found = client.get(f"{ROOT}/keys?authors=true").json["keys"]
    assert [key["change"]["at"] > 0 for key in found] == [True] * 10
