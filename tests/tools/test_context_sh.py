"""The shell client against the real server, in every plain shell there is here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from itertools import count
from threading import Event, Thread

import pytest

from framework0.context import RemoteStore, Write
from framework0.context.change import Author
from framework0.server import ContextServer, add_token, new_token
from framework0.workspace import read_local_token
from tests.conftest import REPOSITORY
from tests.ports import free_ports

pytestmark = pytest.mark.usefixtures("unmeasured")

SCRIPT = REPOSITORY / "tools/context.sh"
CANDIDATES = (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"])
SHELLS = [shell for shell in CANDIDATES if shutil.which(shell[0])]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("CONTEXT_SERVER_NAMESPACE", "CONTEXT_SERVER_CA", "FRAMEWORK0_CONTEXT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def server(home, monkeypatch):
    with ContextServer(0, store="memory", workspace=home) as server:
        monkeypatch.setenv("CONTEXT_SERVER_URL", f"http://localhost:{server.port}")
        yield server


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def sh(request, server):
    """Return what runs the script in one shell."""

    def run(*arguments, code=0, text=None):
        done = subprocess.run(
            [*request.param, SCRIPT, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    return run


def test_shellcheck_finds_nothing():
    done = subprocess.run(
        ["shellcheck", "--shell=sh", "--severity=style", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": os.pathsep.join([scripts_folder(), os.environ["PATH"]])},
    )
    assert (done.returncode, done.stdout) == (0, "")


def scripts_folder():
    import sysconfig

    return sysconfig.get_path("scripts")


@pytest.mark.slow
def test_the_example_of_the_documentation_works(sh):
    assert sh("set", "global.timeout", "30") == "1\n"
    assert sh("get", "global.timeout") == "30\n"


@pytest.mark.slow
def test_any_key_and_any_text_survive(sh, server):
    # Keys and texts go different ways, so each once will do.
    keys = ('ü "x" / %?#&', "a..b", "[0].x", "-n")
    texts = ('he said "hi"\n\tback\\slash ü \x01\x1f $(id) `id`', "", "%s\\n", "-e")
    for key, text in zip(keys, texts, strict=True):
        sh("set", key, text, "--text")
        assert sh("get", key, "--text") == f"{text}\n"
    assert sorted(sh("list").splitlines()) == sorted(keys)
    for key in keys:
        sh("delete", key)
    assert sh("list") == ""


@pytest.mark.slow
def test_values_are_json_or_text(sh):
    for value in ("30", "-1.5", "true", "null", '{"a": [1, "x"]}', '"quoted"', "[]"):
        sh("set", "a", value)
        assert json.loads(sh("get", "a")) == json.loads(value)
    sh("set", "a", "plain words")
    assert sh("get", "a") == '"plain words"\n'
    sh("set", "a", "-", text='{"from": "standard input"}')
    assert json.loads(sh("get", "a")) == {"from": "standard input"}
    assert "not JSON" in sh("set", "a", "{x", code=5)
    assert json.loads(sh("get", "a")) == {"from": "standard input"}


@pytest.mark.slow
def test_scripts_can_tell_by_the_exit_code_what_went_wrong(sh, server, monkeypatch):
    assert "no key 'a'" in sh("get", "a", code=1)
    assert "no key 'a'" in sh("delete", "a", code=1)
    sh("set", "a", "1")
    assert "is at version 1, not 5" in sh("set", "a", "2", "--expect", "5", code=3)
    assert sh("set", "a", "2", "--expect", "1") == "2\n"
    assert sh("get", "a", "--at", "1") == "1\n"
    assert sh("delete", "a", "--expect", "9", code=3)
    for wrong in (
        ("frob",),
        ("get",),
        ("set", "a"),
        ("get", "a", "b"),
        ("get", "a", "--ttl", "5"),
        ("set", "a", "1", "--ttl"),
        ("set", "a", "1", "--ttl", "soon"),
        ("list", "--what"),
    ):
        assert "context.sh:" in sh(*wrong, code=2)
    monkeypatch.setenv("FRAMEWORK0_CONTEXT_TOKEN", "f0_0_wrong")
    assert "token" in sh("get", "a", code=4)
    monkeypatch.setenv("FRAMEWORK0_CONTEXT_TOKEN", 'x" --output /tmp/x')
    assert "is no token" in sh("get", "a", code=2)
    monkeypatch.delenv("FRAMEWORK0_CONTEXT_TOKEN")
    monkeypatch.setenv("CONTEXT_SERVER_URL", "ftp://x")
    assert "http://host:port" in sh("get", "a", code=2)
    monkeypatch.setenv("CONTEXT_SERVER_URL", "http://localhost:1")
    assert "no answer from http://localhost:1" in sh("get", "a", code=7)
    assert sh("watch", code=7)


@pytest.mark.slow
def test_lists_and_histories_come_whole(sh, server):
    with_store(server, lambda store: store.apply(
        [Write(f"k.{number:04}", number) for number in range(1_500)], Author("x"), 1.0
    ))  # fmt: skip
    assert sh("list").splitlines() == [f"k.{number:04}" for number in range(1_500)]
    assert sh("list", "k.00*").splitlines() == [f"k.{number:04}" for number in range(100)]
    pages = [json.loads(line) for line in sh("history").splitlines()]
    assert [change["version"] for page in pages for change in page["changes"]] == list(
        range(1, 1501)
    )
    assert len(json.loads(sh("history", "k.0007"))["changes"]) == 1
    assert len(json.loads(sh("history", "--since", "1490"))["changes"]) == 10
    lines = [json.loads(line) for line in sh("export").splitlines()]
    assert (len(lines), lines[1]["key"]) == (1_501, "k.0000")
    assert len(sh("export", "k.00*").splitlines()) == 101
    assert json.loads(sh("status"))["context"]["version"] == 1_500


def with_store(server, work):
    store = RemoteStore(server.url)
    try:
        return work(store)
    finally:
        store.close()


@pytest.mark.slow
def test_a_namespace_is_a_context_of_its_own(sh, monkeypatch):
    sh("set", "a", "1")
    monkeypatch.setenv("CONTEXT_SERVER_NAMESPACE", "team")
    sh("set", "b", "2")
    assert sh("list") == "b\n"


@pytest.mark.slow
def test_the_token_is_in_no_list_of_arguments(server, tmp_path, monkeypatch):
    """A curl in front of the real one writes down what others could see."""
    seen = tmp_path / "seen"
    fake = tmp_path / "bin" / "curl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{seen}\nexec {shutil.which("curl")} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    token = read_local_token(server.port)
    monkeypatch.setenv("FRAMEWORK0_CONTEXT_TOKEN", token)
    subprocess.run([SCRIPT, "set", "a", "a secret value"], check=True, capture_output=True)
    assert "secret value" not in seen.read_text()
    assert token not in seen.read_text()
    assert "--request" in seen.read_text()


@pytest.mark.slow
def test_without_curl_it_says_so(server, tmp_path):
    done = subprocess.run(
        [shutil.which("sh"), SCRIPT, "get", "a"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "context.sh: curl is not installed\n")


def test_help_tells_every_command_and_exit_code():
    done = subprocess.run([SCRIPT, "help"], capture_output=True, text=True, check=True)
    assert (
        subprocess.run([SCRIPT], capture_output=True, text=True, check=True).stdout == done.stdout
    )
    for word in ("set", "get", "delete", "list", "history", "status", "watch", "monitor", "export"):
        assert f"\n  {word} " in done.stdout
    assert "CONTEXT_SERVER_URL" in done.stdout


class Watching:
    """The script while it follows changes; lines come as they are printed."""

    def __init__(self, shell, *arguments):
        self.process = subprocess.Popen(
            [*shell, SCRIPT, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        self.news = Event()
        self.thread = Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self.news.set()

    def wait(self, words, again=lambda: None):
        """Return the lines when the latest one holds ``words``."""
        end = time.monotonic() + 120
        while not (self.lines and words in self.lines[-1]):
            assert time.monotonic() < end, self.lines
            again()
            self.news.wait(0.1)
            self.news.clear()
        return self.lines

    def end(self):
        os.killpg(self.process.pid, 15)
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_watch_goes_on_through_a_restart_and_misses_nothing(home, monkeypatch, shell):
    token, text = new_token("ci", "write", time.time())
    add_token(home / "tokens.json", token, time.time())
    monkeypatch.setenv("FRAMEWORK0_CONTEXT_TOKEN", text)

    def serve(port):
        return ContextServer(
            port, store=f"sqlite:{home / 'c.db'}", workspace=home, token_file=home / "tokens.json"
        ).start_async()

    def put(server, key, value):
        with_store(server, lambda store: store.apply([Write(key, value)], Author("x"), 1.0))

    (port,) = free_ports(1)
    server = serve(port)
    monkeypatch.setenv("CONTEXT_SERVER_URL", f"http://localhost:{server.port}")
    put(server, "a.x", 0)
    watching = Watching(shell, "watch", "a.*", "--since", "0")
    monitor = Watching(shell, "monitor", "a.*")
    try:
        assert json.loads(watching.wait("version")[0])["value"] == 0
        numbers = count()
        monitor.wait("a.monitor", lambda: put(server, "a.monitor", next(numbers)))
        server.stop()
        server = serve(port)
        put(server, "b.x", 1), put(server, "a.x", 'say "2"')
        changes = [json.loads(line) for line in watching.wait("say")]
        assert changes[-1]["value"] == 'say "2"'
        assert {change["key"] for change in changes} == {"a.x", "a.monitor"}
        versions = [change["version"] for change in changes]
        assert versions == sorted(set(versions))
        monitor.wait("say")
        assert monitor.lines[-1].endswith('  a.x  "say \\"2\\""  (ci)')
    finally:
        watching.end()
        monitor.end()
        server.stop()
