from __future__ import annotations

import json
import os
import socket
import threading

import pytest

from framework0.errors import RefusedError, ScriptletError, StepCancelled, StepError, UsageError
from tests.conftest import REPOSITORY

CERTIFICATE = REPOSITORY / "tests/fixtures/localhost.pem"


def test_json_comes_back_as_values_and_text_as_text(do, web):
    web.json("/items", {"items": [1, 2]})
    web.answers["/page"] = (
        200,
        {"Content-Type": "text/plain; charset=latin-1"},
        "é".encode("latin-1"),
    )
    found = do("http", url=f"{web.url}/items")
    assert (found["status"], found["json"]) == (200, {"items": [1, 2]})
    assert found["headers"]["content-type"] == "application/json"
    assert do("http", url=f"{web.url}/page")["text"] == "é"


def test_what_is_sent_is_what_was_asked_for(do, web):
    web.json("/post", {})
    do(
        "http",
        url=f"{web.url}/post?a=1",
        method="POST",
        params={"b": ["x y", True], "none": None},
        headers={"X-Number": 3},
        json={"name": "é"},
    )
    do("http", url=f"{web.url}/post", method="PUT", data={"a": "b c"})
    do("http", url=f"{web.url}/post", method="PATCH", data="plain")
    (post, path, headers, body), put, patch = web.asked
    assert (post, path) == ("POST", "/post?a=1&b=x+y&b=true")
    assert (headers["X-Number"], headers["Content-Type"]) == ("3", "application/json")
    assert json.loads(body) == {"name": "é"}
    assert put[3] == b"a=b+c"
    assert put[2]["Content-Type"] == "application/x-www-form-urlencoded"
    assert patch[3] == b"plain"


def test_a_status_that_is_not_accepted_fails_with_what_the_server_says(do, web):
    web.text("/busy", "come back\x1b[2J later", status=503)
    with pytest.raises(
        StepError, match=r"GET http://.*/busy\?… answered 503 .*come back \[2J later"
    ):
        do("http", url=f"{web.url}/busy?token=abcdef")
    found = do("http", url=f"{web.url}/busy", accept_status=["2xx", 503])
    assert found["status"] == 503
    with pytest.raises(UsageError, match="'many' is no status"):
        do("http", url=web.url, accept_status=["many"])


def test_an_answer_goes_to_a_file_whole_or_not_at_all(do, web, space):
    web.answers["/big"] = (200, {}, b"x" * 300_000)
    found = do("http", url=f"{web.url}/big", save_as="data/big.bin")
    assert (found["path"], found["bytes"]) == ("data/big.bin", 300_000)
    assert (space / "data/big.bin").read_bytes() == b"x" * 300_000

    def cut_short(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"y" * 10)

    web.answers["/cut"] = cut_short
    with pytest.raises(ConnectionError, match="ended after 10 of 1000 bytes"):
        do("http", url=f"{web.url}/cut", save_as="data/big.bin")
    assert (space / "data/big.bin").read_bytes() == b"x" * 300_000
    assert os.listdir(space / "data") == ["big.bin"]


def test_a_chunked_answer_cut_short_is_no_answer(do, web):
    def cut_short(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"5\r\nhello\r\n")

    web.answers["/cut"] = cut_short
    with pytest.raises(ConnectionError):
        do("http", url=f"{web.url}/cut")


def test_an_answer_larger_than_allowed_is_refused_while_it_comes(do, web):
    web.answers["/big"] = (200, {}, b"x" * 1000)
    with pytest.raises(StepError, match="more than 999 bytes: raise max_bytes"):
        do("http", url=f"{web.url}/big", max_bytes=999)
    assert len(do("http", url=f"{web.url}/big", max_bytes=1000)["text"]) == 1000


def test_redirects_are_followed_within_bounds(do, web):
    web.answers["/one"] = (302, {"Location": "/two"}, b"")
    web.text("/two", "there")
    assert do("http", url=f"{web.url}/one", method="POST", json=[1])["text"] == "there"
    assert web.asked[-1][0] == "GET"
    assert "Content-Type" not in web.asked[-1][2]
    web.answers["/one"] = (307, {"Location": "/two"}, b"")
    do("http", url=f"{web.url}/one", method="POST", json=[1])
    assert (web.asked[-1][0], web.asked[-1][3]) == ("POST", b"[1]")
    assert do("http", url=f"{web.url}/one", redirects=0, accept_status=["3xx"])["status"] == 307
    web.answers["/round"] = (301, {"Location": "/round"}, b"")
    with pytest.raises(StepError, match="too many"):
        do("http", url=f"{web.url}/round")
    assert [asked[1] for asked in web.asked].count("/round") == 6


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://host/x", "javascript:1", "gopher://x"]
)
def test_a_redirect_never_leaves_the_web(do, web, where):
    web.answers["/away"] = (302, {"Location": where}, b"")
    with pytest.raises(RefusedError, match="not followed"):
        do("http", url=f"{web.url}/away")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("file:///etc/passwd", RefusedError),
        ("http://me:secret@host/", RefusedError),
        ("http:///path", UsageError),
        ("http://host:99999/", UsageError),
        ("http://host/a b", UsageError),
        ("http://host/\r\nX: y", UsageError),
        ("nothing", RefusedError),
        ("http://" + "é" * 80 + "/", UsageError),
        ("http://h/" + "x" * 20_000, UsageError),
    ],
)
def test_what_is_no_address_is_told_before_anything_is_sent(do, url, error):
    with pytest.raises(error) as told:
        do("http", url=url)
    assert "secret" not in str(told.value)


def test_only_allowed_hosts_are_asked_also_after_a_redirect(do, web):
    web.answers["/away"] = (302, {"Location": f"http://localhost:{web.server.server_port}/x"}, b"")
    web.text("/x", "there")
    assert do("http", url=f"{web.url}/x", allowed_hosts=[web.host])["text"] == "there"
    assert do("http", url=f"{web.url}/x", allowed_hosts=["127.0.0.1"])["text"] == "there"
    with pytest.raises(RefusedError, match="not among allowed_hosts"):
        do("http", url=f"{web.url}/away", allowed_hosts=["127.0.0.1"])
    with pytest.raises(RefusedError):
        do("http", url=f"{web.url}/x", allowed_hosts=["*.example.org"])


def test_credentials_stay_with_the_server_they_are_meant_for(do, web):
    web.answers["/away"] = (302, {"Location": f"http://localhost:{web.server.server_port}/x"}, b"")
    web.answers["/stay"] = (302, {"Location": "/x"}, b"")
    web.text("/x", "there")
    headers = {"Authorization": "Bearer abcdef", "X-My-Token": "t", "X-Plain": "p"}
    do("http", url=f"{web.url}/away", headers=headers)
    there = web.asked[-1][2]
    assert ("Authorization" in there, "X-My-Token" in there, there["X-Plain"]) == (
        False,
        False,
        "p",
    )
    do("http", url=f"{web.url}/stay", headers=headers)
    assert web.asked[-1][2]["Authorization"] == "Bearer abcdef"


def test_no_header_value_stands_in_a_message(do, web):
    for value in ["line\r\nX-Other: 1", "gehéim", ["list"], None, True]:
        with pytest.raises(UsageError) as told:
            do("http", url=web.url, headers={"Authorization": value})
        assert "headers.Authorization" in str(told.value)
        assert "geh" not in str(told.value)
    with pytest.raises(UsageError, match="no header can have"):
        do("http", url=web.url, headers={"bad name": "x"})
    assert web.asked == []


def test_cookies_handed_out_are_not_kept(do, web):
    web.text("/in", "ok", **{"Set-Cookie": "session=abcdef"})
    assert do("http", url=f"{web.url}/in")["headers"]["set-cookie"] == "***"


def test_an_answer_that_is_not_what_it_says_is_told(do, web):
    web.answers["/json"] = (200, {"Content-Type": "application/problem+json"}, b"{'a': 1}")
    web.answers["/twice"] = (200, {"Content-Type": "application/json"}, b'{"a": 1, "a": 2}')
    web.answers["/nan"] = (200, {"Content-Type": "application/json"}, b"[NaN]")
    web.answers["/deep"] = (200, {"Content-Type": "application/json"}, b"[" * 100_000)
    web.answers["/bytes"] = (200, {}, b"\xff\xfe")
    web.answers["/zip"] = (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")
    for path in ("/json", "/twice", "/nan", "/deep"):
        with pytest.raises(StepError, match="JSON that is wrong"):
            do("http", url=web.url + path)
    for path in ("/bytes", "/zip"):
        with pytest.raises(StepError, match="use save_as"):
            do("http", url=web.url + path)


def test_nobody_there_is_a_connection_error_in_words(do):
    with socket.socket() as taken:
        # Taken all along, so that nobody else begins to listen there.
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"http://{host}/\\?… cannot be asked: .*refused"):
            do("http", url=f"http://{host}/?key=abcdef")
    with pytest.raises(ConnectionError, match=r"no-such-host\.invalid"):
        do("http", url="http://no-such-host.invalid/")


@pytest.mark.slow
def test_a_server_that_is_silent_ends_in_time_or_with_the_step(do, web):
    web.answers["/silent"] = lambda handler: web.stop.wait() and None
    with pytest.raises(TimeoutError, match=r"took longer than 0\.2 s"):
        do("http", url=f"{web.url}/silent", timeout="200ms")
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StepCancelled):
        do("http", url=f"{web.url}/silent", stop=stop, timeout="1h")


@pytest.mark.slow
def test_a_drip_of_bytes_does_not_outlast_the_timeout(do, web, space):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while not web.stop.wait(0.02):
            handler.wfile.write(b"x")

    web.answers["/drip"] = drip
    with pytest.raises(TimeoutError):
        do("http", url=f"{web.url}/drip", timeout=0.3, save_as="drip.txt")
    assert os.listdir(space) == [".framework0"]


def test_an_answer_can_go_into_the_context(do, web, context):
    web.json("/items", [1, 2])
    assert "json" not in do("http", url=f"{web.url}/items", into="items")
    assert context.get("items") == [1, 2]


def test_params_that_contradict_each_other_are_refused(do):
    for params, words in [
        ({"json": 1, "data": "x"}, "json and data"),
        ({"save_as": "x", "into": "y"}, "save_as and into"),
        ({"redirects": 21}, "redirects"),
        ({"data": 3}, "data is a int"),
        ({"json": float("nan")}, "json cannot be sent"),
        ({"timeout": "soon"}, "timeout must be"),
        ({"params": {"a": [{}]}}, "params.a"),
    ]:
        with pytest.raises(UsageError, match=words):
            do("http", url="http://127.0.0.1:1/", **params)
    with pytest.raises(ScriptletError, match="did you mean headers"):
        do("http", url="http://127.0.0.1:1/", header={})


def test_a_file_outside_of_the_workspace_is_never_written(do, web, space):
    web.text("/x", "there")
    with pytest.raises(RefusedError, match="outside of the folders"):
        do("http", url=f"{web.url}/x", save_as="../outside.txt")
    assert (space.parent / "outside.txt").read_text() == "outside"


@pytest.mark.slow
def test_a_certificate_is_verified(do, web, monkeypatch):
    import ssl

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    web.server.socket = tls.wrap_socket(
        web.server.socket, server_side=True, do_handshake_on_connect=False
    )
    web.text("/x", "there")
    url = f"https://localhost:{web.server.server_port}/x"
    with pytest.raises(ConnectionError, match="not trusted"):
        do("http", url=url)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert do("http", url=url)["text"] == "there"
    with pytest.raises(ConnectionError, match=r"not trusted: .*127\.0\.0\.1"):
        do("http", url=url.replace("localhost", "127.0.0.1"))
    web.answers["/plain"] = (302, {"Location": "http://localhost/x"}, b"")
    with pytest.raises(RefusedError, match="not encrypted"):
        do("http", url=url.replace("/x", "/plain"))


def test_a_proxy_of_the_environment_is_used_unless_excepted(do, web, monkeypatch):
    web.answers["http://example.invalid/x"] = (200, {}, b"by proxy")
    monkeypatch.setenv("http_proxy", web.url)
    assert do("http", url="http://example.invalid/x")["text"] == "by proxy"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.text("/x", "directly")
    assert do("http", url=f"{web.url}/x")["text"] == "directly"
