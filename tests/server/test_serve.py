"""The commands ``serve`` and ``token``, and what refuses to start."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import psutil
import pytest

from framework0.errors import UsageError, WorkspaceError
from framework0.server import ContextServer, ServerLimits
from framework0.server.service import SAME_SIGNAL
from framework0.workspace import local_token_path, read_local_token
from tests.conftest import REPOSITORY
from tests.server.conftest import PATIENCE, ROOT, Client, client_of, token_file, wait_until


def command(home, *words):
    return [sys.executable, "-m", "framework0", *words, "--workspace", str(home)]


@pytest.fixture
def environment(home):
    return {**os.environ, "XDG_STATE_HOME": str(home / "state")}


@contextmanager
def serving(words, environment):
    """Start a server as a person does; yield its process and what it said at its start."""
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, json.loads(process.stdout.readline() or process.stderr.read())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def client_at(said):
    return Client(said["port"], read_local_token(said["port"]))


@pytest.mark.slow
def test_a_server_says_where_it_is_and_ends_well_when_it_is_told_to(home, environment):
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json")
    with serving(words, environment) as (process, said):
        assert said["url"] == f"ws://localhost:{said['port']}"
        client = client_at(said)
        with client.socket() as opened:
            assert opened.ask(type="set", id=1, key="k", value=1)["version"] == 1
            process.send_signal(signal.SIGTERM)
            assert opened.hear()["type"] == "goodbye"
            assert opened.closing() == 1001
        assert process.wait(120) == 0
        assert not local_token_path(said["port"]).exists()
    (line,) = (home / ".framework0/server/audit.jsonl").read_text().splitlines()
    assert (json.loads(line)["did"], json.loads(line)["keys"]) == ("set", ["k"])


@pytest.mark.slow
def test_its_end_is_told_with_what_became_of_who_was_connected(home, environment):
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json")
    with serving(words, environment) as (process, said):
        client = client_at(said)
        with client.socket() as one, client.socket() as other:
            process.send_signal(signal.SIGTERM)
            assert [one.closing(), other.closing()] == [1001, 1001]
        assert process.wait(120) == 0
        last = process.stderr.read().splitlines()[-1]
    assert last == (
        "framework0: ended by SIGTERM: 2 connections ended in order; what was acknowledged is kept"
    )


@pytest.mark.slow
def test_an_address_for_a_browser_is_said_at_the_start_and_made_anew_by_a_command(
    home, environment
):
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json")
    with serving(words, environment) as (_, said):
        browse = command(home, "context", "browse", "--json")
        made = subprocess.run(
            browse,
            env={**environment, "FRAMEWORK0_CONTEXT": said["url"]},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for address in (said["browser"], json.loads(made.stdout)["browser"]):
            assert address.startswith(f"http://localhost:{said['port']}/enter?once=")
            with urllib.request.urlopen(address) as answer:
                assert "SameSite=Strict" in answer.headers["Set-Cookie"]
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(address)
        refused = subprocess.run(
            command(home, "context", "browse"), env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert refused.returncode == 2
        assert "a browser looks at the contexts of a server" in refused.stderr


@pytest.mark.slow
def test_open_leads_the_persons_browser_in_through_a_private_file(home, environment):
    browser = home / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > "$0.opened.tmp" && mv "$0.opened.tmp" "$0.opened"\n')
    browser.chmod(0o700)
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json", "--open")
    with serving(words, {**environment, "BROWSER": str(browser)}) as (process, said):
        opened = home / "browser.opened"
        wait_until(opened.exists)
        address = opened.read_text().strip()
        file = local_token_path_in(environment, said["port"])
        assert address == file.as_uri()
        # Nothing that lets anybody in is in the arguments of a program.
        assert "once=" not in address
        assert "/enter?once=" in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        assert not file.exists()


def local_token_path_in(environment, port):
    return local_token_path(port, environment).with_suffix(".html")


@pytest.mark.slow
def test_it_listens_on_this_machine_only(home, environment):
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json")
    with serving(words, environment) as (process, said):
        listening = [
            one.laddr
            for one in psutil.Process(process.pid).net_connections()
            if one.status == "LISTEN"
        ]
        assert [(address.ip, address.port) for address in listening] == [
            ("127.0.0.1", said["port"])
        ]


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(home, environment):
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json")
    end = time.monotonic() + PATIENCE
    # It waits some seconds for what was begun: a slow machine may be too late with the second one.
    while (code := ended_by_two(words, environment)) is None:
        assert time.monotonic() < end
    assert code == 130


def ended_by_two(words, environment):
    """Return how a server ends that is told to twice; None when it ended before the second time."""
    with serving(words, environment) as (process, said), client_at(said).raw() as connection:
        client = client_at(said)
        connection.sendall(
            b"PUT %b/keys/k HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n1"
            % (ROOT.encode(), client.port, client.token.encode())
        )
        client.get("/healthz")
        process.send_signal(signal.SIGINT)
        wait_until(lambda: not listens(client))
        # Signals that come close together count as one.
        apart = time.monotonic() + 1.5 * SAME_SIGNAL
        wait_until(lambda: time.monotonic() > apart)
        if process.poll() is not None:
            return None
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE)
        # The second one came into the last moments of a good end.
        return None if code == 0 else code


def listens(client):
    try:
        client.raw().close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.slow
def test_sighup_has_the_tokens_read_anew(home, environment):
    words = command(home, "serve", "--port", "0", "--store", "memory", "--json")
    with serving(words, environment) as (process, said):
        made = subprocess.run(
            command(home, "token", "create", "late", "--role", "read"),
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        client = Client(said["port"], made.stdout.strip())
        assert client.get("/readyz").status == 401
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: client.get("/readyz").status == 200)


@pytest.mark.slow
def test_the_documented_script_serves_too(home, environment):
    words = [
        sys.executable, str(REPOSITORY / "server/enhanced_context_server.py"), "--port", "0",
        "--debug", "--store", "memory", "--json", "--workspace", str(home),
    ]  # fmt: skip
    with serving(words, environment) as (process, said):
        client = client_at(said)
        with client.socket():
            assert client.get("/readyz", token=None).status == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        log = process.stderr.read()
    assert "(admin) came in from 127.0.0.1" in log
    assert re.search(r"^\d{2,4}.*refused GET \(401 token\) from 127.0.0.1", log, re.MULTILINE), log


@pytest.mark.parametrize(
    "options",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": ""},
        {"host": "example.invalid"},
        {"host": "0.0.0.0", "insecure": True},
        {"host": "0.0.0.0", "tls_terminated": True},
    ],
    ids=str,
)
def test_d1_beyond_this_machine_a_token_is_needed(home, options):
    with pytest.raises(UsageError, match="make a token first"):
        ContextServer(0, workspace=home, store="memory", **options).start_async()


def test_d1_beyond_this_machine_tls_is_needed(home):
    path, _ = token_file(home, someone="read")
    with pytest.raises(UsageError, match="--insecure"):
        ContextServer(0, "0.0.0.0", workspace=home, store="memory", token_file=path).start_async()


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["FRAMEWORK0_HOST", "option"])
def test_d1_the_command_refuses_with_2(home, environment, variable):
    words = command(home, "serve", "--port", "0", "--store", "memory")
    if variable == "option":
        words += ["--host", "0.0.0.0"]
    else:
        environment = {**environment, variable: "0.0.0.0"}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "make a token first" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_beyond_this_machine_it_serves_with_a_token_and_insecure(start, home):
    path, texts = token_file(home, someone="write")
    server = start(host="0.0.0.0", insecure=True, token_file=path)
    client = Client(server.port, texts["someone"])
    assert client.put(f"{ROOT}/keys/k", 1).status == 201
    assert not local_token_path(server.port).exists()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


def test_with_tls_both_interfaces_are_secure(start, certificate):
    cert, key = certificate
    server = start(tls_cert=cert, tls_key=key)
    token = read_local_token(server.port)
    trusted = ssl.create_default_context(cafile=cert)
    request = urllib.request.Request(
        f"https://localhost:{server.port}/readyz", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, context=trusted) as answer:
        assert answer.status == 200
    from websockets.sync.client import connect

    assert server.url.startswith("wss://localhost:")
    with connect(server.url, ssl=trusted, compression=None) as opened:
        opened.send(json.dumps({"type": "hello", "protocol": 1, "token": token}))
        assert json.loads(opened.recv())["type"] == "welcome"


@pytest.mark.parametrize(
    "files", [{"tls_cert": "x"}, {"tls_key": "x"}, {"tls_cert": "x", "tls_key": "y"}]
)
def test_tls_files_that_do_not_do_are_refused(home, files):
    with pytest.raises(UsageError, match=r"tls-cert|for TLS"):
        ContextServer(0, workspace=home, store="memory", **files).start_async()


def test_a_port_that_is_taken_is_said_to_be(start, home):
    server = start()
    with pytest.raises(WorkspaceError, match="errno 98"):
        ContextServer(server.port, workspace=home, store="memory").start_async()
    assert client_of(server).get("/healthz").status == 200


@pytest.mark.parametrize(
    "wrong", [{"store": "a/b"}, {"store": "sqlite:"}, {"port": -1}, {"port": 99999}]
)
def test_settings_that_cannot_be_are_refused(home, wrong):
    port = wrong.pop("port", 0)
    with pytest.raises(UsageError):
        ContextServer(port, workspace=home, **{"store": "memory", **wrong}).start_async()


def test_an_unknown_setting_is_refused(home):
    with pytest.raises(UsageError, match="colour"):
        ContextServer(0, workspace=home, colour="blue")


def test_a_server_is_started_once_and_stopped_as_often_as_one_likes(home, start):
    server = start()
    with pytest.raises(UsageError, match="runs already"):
        server.start_async()
    server.stop()
    server.stop()
    with server:
        assert client_of(server).get("/healthz").status == 200


def test_without_its_packages_one_sentence_says_what_to_install(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(UsageError, match=r"framework0\[server\]"):
        ContextServer(0, workspace=home, store="memory").start_async()


def test_it_serves_on_the_standard_loop_too(home, monkeypatch, start):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    client = client_of(start(limits=ServerLimits()))
    with client.socket(follow="**") as opened:
        opened.hear()
        client.set("k", 1)
        assert opened.hear()["changes"][0][:4] == [1, "k", 0, 1]


@pytest.mark.slow
def test_tokens_are_made_listed_and_revoked(home, environment):
    def run(*words, code=0):
        ended = subprocess.run(
            command(home, "token", *words),
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == code, ended.stderr
        return ended

    assert "no tokens" in run("list").stdout
    made = run("create", "nightly", "--role", "write", "--days", "90")
    assert made.stdout.startswith("f0_")
    assert "shown this once" in made.stderr
    listed = run("list").stdout
    assert "nightly" in listed
    assert "ends in 90.0 days" in listed
    found = json.loads(run("create", "ci", "--json").stdout)
    assert (found["role"], found["expires"]) == ("read", None)
    assert [one["name"] for one in json.loads(run("list", "--json").stdout)] == ["nightly", "ci"]
    assert "revoked" in run("revoke", "nightly").stdout
    assert "no token has" in run("revoke", "nightly", code=2).stderr
    assert "--days" in run("create", "x", "--days", "-1", code=2).stderr
    assert json.loads(run("revoke", "ci", "--json").stdout)["name"] == "ci"
