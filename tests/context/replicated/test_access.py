"""TLS and passwords towards a cluster: real engines with both, and no password where others could read it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework0.context import Author
from framework0.context.change import Write
from framework0.context.replicated import ReplicatedStore, open_log
from framework0.context.replicated.access import Access, access_of, shown
from framework0.errors import RefusedError, StoreUnavailable, UsageError, WorkspaceError
from tests.context.replicated.clusters import CalmEtcdCluster, NatsCluster, _page, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.context.replicated.clusters import Cluster

PASSWORD = "it is a se:cret/@ß"
ME = Author("me")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine, which is its own authority."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert),
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


class SecureEtcd(CalmEtcdCluster):
    """Members that speak TLS to clients, and know the user ``ada`` once they run."""

    scheme = "etcds"

    def command(self, node: int) -> list[str]:
        plain = super().command(node)
        client = f"http://{self.client(node)}"
        secure = [word.replace("http:", "https:") if word == client else word for word in plain]
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        # A token that ends after a second: a server must log in again and again.
        return [*secure, "--cert-file", str(cert), "--key-file", str(key), "--auth-token-ttl", "1"]

    def ready(self, node: int) -> bool:
        try:
            return '"true"' in self.ask(node, "health")
        except OSError:
            return False

    def ask(self, node: int, path: str, body: dict[str, object] | None = None) -> str:
        trust = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        data = None if body is None else json.dumps(body).encode()
        url = f"https://{self.client(node)}/{path}"
        with urllib.request.urlopen(url, data, timeout=30, context=trust) as answer:
            return str(answer.read(), "utf-8")

    def begin(self) -> None:
        for user in ("root", "ada"):
            self.order("user/add", {"name": user, "password": PASSWORD})
        self.order("role/add", {"name": "root"})
        for user in ("root", "ada"):
            self.order("user/grant", {"user": user, "role": "root"})
        self.order("enable", {})

    def order(self, what: str, body: dict[str, object]) -> None:
        """Have it done, again when nobody answers, as while another leader is chosen."""
        tried: list[int] = []

        def done() -> bool:
            tried.append(0)
            try:
                self.ask(0, f"v3/auth/{what}", body)
            except urllib.error.HTTPError as error:
                with error:
                    # It is there already: the time before, only the answer was lost.
                    return error.code < HTTPStatus.INTERNAL_SERVER_ERROR and len(tried) > 1
            except OSError:
                return False
            return True

        wait_until(done, what)


class SecureNats(NatsCluster):
    """Servers that speak TLS to clients and know the user ``ada``."""

    scheme = "natss"

    def command(self, node: int) -> list[str]:
        words = super().command(node)
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        with open(words[-1], "a", encoding="utf-8") as configuration:
            configuration.write(
                f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n'
                f"authorization {{ user: ada, password: {json.dumps(PASSWORD, ensure_ascii=False)} }}\n"
            )
        return words

    def ready(self, node: int) -> bool:
        return '"ok"' in _page(f"http://{self._watch(node)}/healthz")

    def begin(self) -> None:
        """It knows its users from its configuration."""


@pytest.fixture(scope="module", params=[SecureEtcd, SecureNats], ids=["etcd", "nats"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("secure")
    certificate(folder)
    with request.param(folder) as running:
        running.begin()
        yield running


def address(cluster: Cluster, name: str, user: str = "ada@") -> str:
    hosts = cluster.url.partition("://")[2]
    return f"{cluster.scheme}://{user}{hosts}/{name}?ca={cluster.folder / 'cert.pem'}"  # type: ignore[attr-defined]


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMEWORK0_CLUSTER_PASSWORD", PASSWORD)


@pytest.mark.slow
def test_servers_share_a_context_over_tls_with_a_password(cluster: Cluster, password: None) -> None:
    one, other = (
        ReplicatedStore(open_log(address(cluster, "shared")), timeout=120) for _ in range(2)
    )
    try:
        for number in range(3):
            one.apply((Write("k", number),), ME, 1.0)
            other.refresh()
            entry = other.get("k")
            assert entry is not None
            assert entry.value == number
        # Longer than the life of an etcd token: both log in again, and nothing is lost.
        for seconds in (0.3, 0.3, 1.5, 1.5):
            one.apply((Write("n", 1),), ME, 1.0)
            threading.Event().wait(seconds)
        one.apply((Write("n", 2),), ME, 1.0)
        other.refresh()
        assert list(one.changes()) == list(other.changes())
    finally:
        one.close()
        other.close()


@pytest.mark.slow
def test_who_is_not_let_in_is_told_so_and_no_password_with_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMEWORK0_CLUSTER_PASSWORD", "wrong-and-secret")
    for user, words in (("ada@", "the user 'ada'"), ("bob@", "the user 'bob'"), ("", "user")):
        with pytest.raises(RefusedError, match=words) as caught:
            ReplicatedStore(open_log(address(cluster, "barred", user)), timeout=120)
        assert "wrong-and-secret" not in f"{caught.value!r}{caught.value.__cause__!r}"


@pytest.mark.slow
def test_a_cluster_that_nobody_vouches_for_is_not_spoken_to(
    cluster: Cluster, password: None, tmp_path: Path
) -> None:
    other, _ = certificate(tmp_path)
    where = address(cluster, "x").partition("?")[0]
    for wrong in (f"{where}?ca={other}", where, where.replace("s://", "://")):
        with pytest.raises((StoreUnavailable, RefusedError)):
            ReplicatedStore(open_log(wrong, timeout=0.5), timeout=1)


@pytest.mark.slow
def test_a_server_shows_no_password_in_its_arguments_its_words_or_its_files(
    cluster: Cluster, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    secret.chmod(0o600)
    environment = {
        **os.environ, "FRAMEWORK0_CLUSTER_PASSWORD_FILE": str(secret),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }  # fmt: skip
    words = [sys.executable, "-m", "framework0", "serve", "--port", "0", "--json", "--debug",
             "--workspace", str(tmp_path), "--store", address(cluster, "served")]  # fmt: skip
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        arguments = (f"/proc/{process.pid}/cmdline", f"/proc/{process.pid}/environ")
        shown_anywhere = said + "".join(
            Path(path).read_text(encoding="utf-8") for path in arguments
        )
        process.terminate()
        _, log = process.communicate(timeout=120)
    assert json.loads(said)["store"].startswith(f"{cluster.scheme}://ada@")  # type: ignore[attr-defined]
    secret.unlink()
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for text in (shown_anywhere, log, *(content.decode("utf-8", "replace") for content in kept)):
        assert PASSWORD not in text


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    for url in ("etcd://ada:hush@h:1/x", "natss://ada:hush@h:1/x", "redis://ada:hush@h/x",
                "etcd://ada:hush@h:port/x", "etcd://ada:hush@h/x?no=1", "etcd://ada:hush@/x"):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            open_log(url)
        assert "hush" not in str(caught.value)
    assert shown("etcd://a:b@h:1/x?q=1") == "etcd://…@h:1/x?q=1"
    assert shown("team") == "team"
    assert "hush" not in repr(Access(True, "ada", "hush"))
    for words in (["serve", "--port", "0", "--store"], ["context", "list", "--context"]):
        refused = subprocess.run(
            [sys.executable, "-m", "framework0", *words, "etcdx://ada:hush@h:1/x"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert refused.returncode == 2
        assert "hush" not in refused.stderr


def test_the_password_is_in_the_environment_or_in_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hush\n", encoding="utf-8")
    file.chmod(0o600)
    where = {"FRAMEWORK0_CLUSTER_PASSWORD_FILE": str(file)}
    assert access_of(False, "ada", {}, where).password == "hush"
    assert access_of(False, "ada", {}, {"FRAMEWORK0_CLUSTER_PASSWORD": ""}).password == ""
    assert access_of(False, "", {}, where).password == ""
    with pytest.raises(UsageError, match="leave one out"):
        access_of(False, "ada", {}, {**where, "FRAMEWORK0_CLUSTER_PASSWORD": "x"})
    with pytest.raises(UsageError, match="names a user: give the password"):
        access_of(False, "ada", {}, {})
    with pytest.raises(WorkspaceError, match="no file"):
        access_of(False, "ada", {}, {"FRAMEWORK0_CLUSTER_PASSWORD_FILE": str(tmp_path / "none")})
    file.chmod(0o644)
    with pytest.raises((RefusedError, WorkspaceError), match=str(file)):
        access_of(False, "ada", {}, where)


def test_files_for_tls_that_do_not_fit_are_refused_at_once(tmp_path: Path) -> None:
    for url, words in [
        ("etcd://h:1/x?ca=/x", "etcds:// or natss://"),
        ("etcds://h:1/x?ca=/nothing", "cannot be used"),
        ("etcds://h:1/x?key=/x", "without cert"),
        ("natss://h:1/x?cert=/nothing", "cannot be used"),
        ("etcds://h:1/x?ca=", "not known"),
        ("etcds://h:1/x?replicas=3", "not known"),
        ("natss://h:1/x?replicas=2", "replicas"),
    ]:
        with pytest.raises(UsageError, match=words):
            open_log(url)
    cert, key = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    for files in (f"cert={cert}&key={key}", f"cert={both}"):
        open_log(f"etcds://h:1/x?ca={cert}&{files}").close()
