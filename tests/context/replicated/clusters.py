"""Real engines of three nodes on loopback, started by the tests that need them and ended with them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NODES = 3
_PATIENCE = 120.0


def wait_until(holds: Callable[[], bool], what: str, patience: float = _PATIENCE) -> None:
    """Return once ``holds()``; fail saying ``what`` when it takes longer than ``patience`` seconds."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.02)


class Cluster(ABC):
    """Three processes of one engine, each with its folder; nodes may be killed, stopped, started."""

    def __init__(
        self,
        folder: Path,
        *,
        host: Callable[[int], str] = lambda node: "127.0.0.1",
        before: Callable[[int], list[str]] = lambda node: [],
    ) -> None:
        """Keep the nodes' files in ``folder``; ``before`` a node's command may stand another."""
        self.folder = folder
        self.host = host
        self.before = before
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        ports = free_ports(3 * NODES)
        self.client_ports = ports[:NODES]
        self.peer_ports = ports[NODES : 2 * NODES]
        self.watch_ports = ports[2 * NODES :]

    @abstractmethod
    def command(self, node: int) -> list[str]:
        """Return how ``node`` is started."""

    @abstractmethod
    def ready(self, node: int) -> bool:
        """Whether ``node`` says that it has a leader and takes writes."""

    def leader(self, of: str = "") -> int:
        """Return the node that leads the others, once there is one: for a context of that name."""
        found: list[int] = []

        def somebody_leads() -> bool:
            found.extend(self._leaders(of))
            return bool(found)

        wait_until(somebody_leads, "a node says who leads")
        return found[0]

    @abstractmethod
    def _leaders(self, of: str) -> Iterator[int]:
        """Ask the nodes, and yield whom they say to lead at this moment."""

    def client(self, node: int) -> str:
        """Return where clients reach ``node``."""
        return f"{self.host(node)}:{self.client_ports[node]}"

    def peer(self, node: int) -> str:
        """Return where the other nodes reach ``node``."""
        return f"{self.host(node)}:{self.peer_ports[node]}"

    def start(self, node: int) -> None:
        """Start ``node``, again or for the first time."""
        home = self.folder / str(node)
        home.mkdir(parents=True, exist_ok=True)
        with open(home / "log", "ab") as log:
            self.processes[node] = subprocess.Popen(
                [*self.before(node), *self.command(node)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, node: int, number: signal.Signals) -> None:
        """Send ``number`` to ``node``; KILL is waited for."""
        process = self.processes[node]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()

    def __enter__(self) -> Self:
        try:
            for node in range(NODES):
                self.start(node)
            for node in range(NODES):
                wait_until(lambda node=node: self.ready(node), f"node {node} is ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.processes.values():
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class EtcdCluster(Cluster):
    """Three members of etcd."""

    @property
    def url(self) -> str:
        """Where the cluster is, as a store's address."""
        return "etcd://" + ",".join(map(self.client, range(NODES)))

    def command(self, node: int) -> list[str]:
        """Return the command of a member that knows the two others."""
        client, peer = f"http://{self.client(node)}", f"http://{self.peer(node)}"
        members = ",".join(f"n{each}=http://{self.peer(each)}" for each in range(NODES))
        return [
            engine("etcd"),
            *("--name", f"n{node}", "--data-dir", str(self.folder / str(node) / "data")),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", members, "--initial-cluster-state", "new"),
            *("--log-level", "error", "--logger", "zap"),
        ]

    def ready(self, node: int) -> bool:
        """Ask the member whether it is healthy: it then has a leader."""
        return '"true"' in _page(f"http://{self.client(node)}/health")

    def _leaders(self, of: str) -> Iterator[int]:
        """Ask each member whether it is the leader: of everything."""
        del of
        for node in range(NODES):
            metrics = _page(f"http://{self.client(node)}/metrics")
            if "\netcd_server_is_leader 1" in metrics:
                yield node


class CalmEtcdCluster(EtcdCluster):
    """Members that choose no other leader because the machine was busy for a second."""

    def command(self, node: int) -> list[str]:
        """Return the command of a member with more patience: in milliseconds."""
        return [
            *super().command(node),
            "--heartbeat-interval",
            "500",
            "--election-timeout",
            "10000",
        ]


class NatsCluster(Cluster):
    """Three servers of NATS with JetStream, which write to the disk before they answer."""

    @property
    def url(self) -> str:
        """Where the cluster is, as a store's address."""
        return "nats://" + ",".join(map(self.client, range(NODES)))

    def command(self, node: int) -> list[str]:
        """Write the configuration of a server that knows the two others; return how it starts."""
        home = self.folder / str(node)
        routes = [f"nats://{self.peer(each)}" for each in range(NODES) if each != node]
        configuration = home / "nats.conf"
        configuration.write_text(
            f'server_name: "n{node}"\nlisten: "{self.client(node)}"\n'
            f'http: "{self._watch(node)}"\n'
            f'jetstream {{ store_dir: "{home}/data", sync_interval: always }}\n'
            f'cluster {{ name: "tests", listen: "{self.peer(node)}",'
            f" routes: {json.dumps(routes)} }}\n",
            encoding="utf-8",
        )
        return [engine("nats-server"), "-c", str(configuration)]

    def ready(self, node: int) -> bool:
        """Ask the server whether JetStream works: it then has a meta leader."""
        return '"ok"' in _page(f"http://{self._watch(node)}/healthz")

    def _leaders(self, of: str) -> Iterator[int]:
        """Ask for the leader of a context's stream, or of any."""
        for node in range(NODES):
            told = _page(f"http://{self._watch(node)}/jsz?streams=1")
            account = json.loads(told or "{}").get("account_details") or [{}]
            for stream in account[0].get("stream_detail", ()):
                name = str(stream.get("cluster", {}).get("leader", ""))
                if stream["name"].startswith("framework0_") and of in stream["name"] and name:
                    yield int(name[1:])

    def _watch(self, node: int) -> str:
        return f"{self.host(node)}:{self.watch_ports[node]}"


def engine(name: str) -> str:
    """Return the path of an engine's program, which ``make test`` has installed."""
    found = shutil.which(name, path=os.pathsep.join([*_PLACES, os.environ.get("PATH", "")]))
    assert found is not None, f"{name} is missing: make test installs it"
    return found


def _page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read(), "utf-8", "replace")
    except OSError:
        return ""


# A test run that is killed leaves no engine behind.
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_ROOT = Path(__file__).resolve().parents[3]
_PLACES = (str(_ROOT / ".engines" / "usr" / "bin"), str(Path(os.sys.executable).parent))
