"""A server on a store in a file: what was acknowledged is there again, and a full disk harms nothing."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from framework0.context.persist import SQLiteStore
from framework0.errors import StoreError
from framework0.server.answers import StorageFull, StorageTrouble, committed_or_refused, refusal_of
from framework0.workspace import read_local_token
from tests.server.conftest import ROOT, Client, client_of, wait_until
from tests.server.test_sockets import frames_of


@pytest.fixture
def durable(start):
    return start(store="shared")


def test_what_was_acknowledged_is_there_after_a_new_start(start, home):
    server = start(store="shared")
    client = client_of(server)
    client.set("k", {"x": 1})
    client.put("/v1/contexts/team/keys/k", 2)
    client.put(f"{ROOT}/tags/t", {})
    epoch = client.get(ROOT).json["epoch"]
    server.stop()
    assert sorted(path.name for path in (home / ".framework0/contexts").glob("*.db")) == [
        "shared+team.db", "shared.db"]  # fmt: skip
    client = client_of(start(store="shared"))
    assert client.get(f"{ROOT}/keys/k").json == {"x": 1}
    assert client.get(ROOT).json["epoch"] == epoch
    assert client.get("/v1/contexts").json["contexts"] == ["default", "team"]
    assert client.get("/v1/contexts/team/keys/k").json == 2
    assert client.get(f"{ROOT}/tags").json == {"tags": {"t": 1}}


def test_a_store_may_be_any_file(start, tmp_path):
    client = client_of(start(store=f"sqlite:{tmp_path / 'deep' / 'own.db'}"))
    client.set("k", 1)
    assert (tmp_path / "deep" / "own.db").exists()


def test_every_question_is_answered_from_the_file_too(durable):
    client = client_of(durable)
    for number in range(20):
        client.set(f"k{number % 3}", number)
    with client.socket(follow="**") as opened:
        assert opened.hear()["version"] == 20
        assert opened.ask(type="at", id=1, moment=2)["values"] == [["k0", 0], ["k1", 1]]
        assert len(opened.ask(type="history", id=2, since=15)["changes"]) == 5
        assert opened.ask(type="keys", id=3)["keys"] == ["k0", "k1", "k2"]
        assert opened.ask(type="tag", id=4, name="t", version=3)["type"] == "reply"
        assert opened.ask(type="set", id=5, key="k", value=1, expect=9)["code"] == "conflict"
        assert opened.ask(type="set", id=6, key="k", value=1)["version"] == 21
    assert client.get(f"{ROOT}/at?moment=t").json["version"] == 3
    assert client.get(f"{ROOT}/blame/k").json["version"] == 21
    assert len(client.get(f"{ROOT}/export").body.splitlines()) == 5


def test_what_another_process_writes_reaches_the_followers(durable, home):
    client = client_of(durable)
    with client.socket(follow="**") as opened:
        opened.hear()
        program = (
            "from pathlib import Path\nfrom framework0.context import Author, Write\n"
            "from framework0.context.persist import SQLiteStore\n"
            f"store = SQLiteStore(Path({str(home / '.framework0/contexts/shared.db')!r}))\n"
            "store.apply([Write('k', 7)], Author('other'), 1.0)\nstore.close()\n"
        )
        subprocess.run([sys.executable, "-c", program], check=True)
        assert opened.hear()["changes"][0][:4] == [1, "k", 0, 7]
    assert client.get(f"{ROOT}/keys/k").json == 7


def test_many_writes_share_a_commit(durable):
    client = client_of(durable)
    with client.socket() as opened:
        # All at once: one after the other, they might come as slowly as the disk takes them.
        opened.connection.socket.sendall(
            frames_of(*({"type": "set", "id": n, "key": f"k{n}", "value": n} for n in range(500)))
        )
        assert {opened.hear()["type"] for _ in range(500)} == {"reply"}
    found = client.get(ROOT).json
    assert found["writes"] == 500
    assert found["commits"] < 250


@contextmanager
def serving(home):
    words = [sys.executable, "-m", "framework0", "serve", "--port", "0", "--json", "--store",
             f"sqlite:{home / 'own.db'}", "--workspace", str(home)]  # fmt: skip
    process = subprocess.Popen(
        words, env={**os.environ, "XDG_STATE_HOME": str(home / "state")}, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        said = json.loads(process.stdout.readline())
        yield process, Client(said["port"], read_local_token(said["port"]))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_r19_a_full_disk_is_507_and_the_server_stays(home):
    with serving(home) as (process, client):
        client.set("first", 1)
        limited = psutil.Process(process.pid)
        size = max(path.stat().st_size for path in home.glob("own.db*"))
        limited.rlimit(psutil.RLIMIT_FSIZE, (size + 200_000, resource.RLIM_INFINITY))
        statuses = []
        for number in range(40):
            statuses.append(client.put(f"{ROOT}/keys/k{number}", os.urandom(15_000).hex()).status)
            if statuses[-1] == 507:
                break
        assert set(statuses) == {201, 507}
        refused = client.put(f"{ROOT}/keys/more", os.urandom(100_000).hex())
        assert (refused.status, refused.code) == (507, "storage_full")
        assert "Traceback" not in refused.body.decode()
        with client.socket() as opened:
            answer = opened.ask(type="set", id=1, key="more", value=os.urandom(100_000).hex())
            assert (answer["type"], answer["code"]) == ("error", "unavailable")
            assert opened.ask(type="get", id=2, key="first")["value"] == 1
        limited.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_until(lambda: client.put(f"{ROOT}/keys/again", 1).status == 201)
        kept = statuses.count(201) + 2
        assert len(client.get(f"{ROOT}/keys").json["keys"]) == kept
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    from pathlib import Path

    store = SQLiteStore(Path(home / "own.db"))
    assert len(store.keys()) == kept
    store.close()


def test_a_file_that_is_no_store_is_refused_at_the_start(start, home):
    path = home / "own.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        start(store=f"sqlite:{path}")


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (OSError(28, "No space left on device"), StorageFull, 507),
        (
            StoreError("cannot write: no space left on the disk (errno 28, ENOSPC)"),
            StorageFull,
            507,
        ),
        (StoreError("cannot write: [SQLITE_IOERR_WRITE]"), StorageFull, 507),
        (OSError(5, "Input/output error"), StorageTrouble, 503),
        (StoreError("cannot write: [SQLITE_IOERR_FSYNC]"), StorageTrouble, 503),
        (RuntimeError("a bug"), StorageTrouble, 503),
    ],
    ids=str,
)
def test_what_a_failed_commit_is_answered(error, kind, status):
    told = committed_or_refused(error)
    assert type(told) is kind
    assert refusal_of(told).status == status
