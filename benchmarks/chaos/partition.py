"""Cut one machine of three off while six clients read and write; is what they saw one history?

    python -m benchmarks.chaos.partition --engine etcd --seconds 60 --cut 30
    python -m benchmarks.chaos.partition --engine nats --fault kill --runs 20

Each engine node has a network of its own; the clients' stores, one beside each node, live in a fourth.
All of it exists only within user, network and mount namespaces that end with this program, for which
nobody has to be root (Linux, iproute2 and util-linux). Every call with its moments goes into a history
that ``tests/linearizability.py`` judges. A part of a run lasts until it has the needed acknowledged calls,
however slow the machine is; fewer within a minute more make the run void. ``--stale`` reads without asking
the majority: the control, which the checker should refuse, and whose fault lasts until something old was
read.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from framework0.context import Author
from framework0.context.change import Write
from framework0.context.replicated import ReplicatedStore, open_log
from framework0.errors import ContextError, StoreUnavailable, VersionConflict
from tests.context.replicated.clusters import EtcdCluster, NatsCluster, wait_until
from tests.linearizability import FOREVER, UNKNOWN, Operation, violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.context.replicated.clusters import Cluster

NODES = 3
CLIENTS = 6
KEYS = [f"k{number}" for number in range(6)]
# Below this many acknowledged calls in a phase, a history proves nothing.
NEEDED = 100
PATIENCE = 2.0
# Seconds that a part of a run may last beyond its time, until it has what it needs.
LONGER = 60.0
HOME = 9
FAULTS = ("leader", "follower", "kill", "pause")


class Outcome(NamedTuple):
    """What one run showed."""

    fault: str
    node: int
    before: int
    during: int
    after: int
    unknown: int
    first_ack: float
    equal_after: float
    broken: str | None


def main(arguments: list[str] | None = None) -> int:
    """Run as often as asked for, each time in namespaces of its own; 1 when a history is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=("etcd", "nats"), default="etcd")
    parser.add_argument("--fault", choices=FAULTS, default="leader")
    parser.add_argument("--seconds", type=float, default=60.0, help="of one run")
    parser.add_argument("--cut", type=float, default=30.0, help="seconds that the fault lasts")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--needed",
        type=int,
        default=NEEDED,
        help="acknowledged calls in a phase, or the run is void",
    )
    parser.add_argument("--stale", action="store_true", help="read without asking: the control")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if not chosen.inside:
        again = [sys.executable, "-m", "benchmarks.chaos.partition", "--inside", *sys.argv[1:]]
        if arguments is not None:
            again[4:] = arguments
        # fork: the namespaces end with the last process in them, also when this one is killed.
        apart = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork"]
        return subprocess.run([*apart, "--kill-child", *again], check=False).returncode
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    print(
        "| engine | fault | node | acked before · during · after | no answer | first ack after the "
        "fault | equal after healing | one history |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    bad = 0
    for number in range(chosen.runs):
        outcome = one_run(chosen, chosen.seed + number)
        bad += outcome.broken is not None
        print(row(chosen.engine, outcome), flush=True)
    return int(bad > 0)


def row(engine: str, outcome: Outcome) -> str:
    """Return the row of the table."""
    verdict = "yes" if outcome.broken is None else f"NO: {outcome.broken}"
    return (
        f"| {engine} | {outcome.fault} | {outcome.node} | "
        f"{outcome.before} · {outcome.during} · {outcome.after} | {outcome.unknown} | "
        f"{outcome.first_ack:.1f} s | {outcome.equal_after:.1f} s | {verdict} |"
    )


def one_run(chosen: argparse.Namespace, seed: int) -> Outcome:
    """Start the cluster, let the clients work, let the fault happen and end, judge what was seen."""
    chance = random.Random(seed)
    network = Network()
    folder = Path(tempfile.mkdtemp(prefix="framework0-partition-"))
    try:
        # Nodes are started on their own hosts from here; what asks them is at home.
        network.enter(HOME)
        with _cluster(chosen.engine, folder) as cluster:
            return _work(chosen, chance, cluster, network)
    finally:
        network.remove()
        shutil.rmtree(folder, ignore_errors=True)


class Network:
    """Four hosts on one switch: three nodes and the clients' home."""

    def __init__(self) -> None:
        self._ip("netns add switch", "-n switch link add br0 type bridge")
        self._ip("-n switch link set br0 up")
        for host in (*range(NODES), HOME):
            self._ip(
                f"netns add h{host}",
                f"-n h{host} link set lo up",
                f"link add v{host} netns h{host} type veth peer name p{host} netns switch",
                f"-n h{host} addr add {address(host)}/24 dev v{host}",
                f"-n h{host} link set v{host} up",
                f"-n switch link set p{host} master br0 up",
            )

    def cut(self, node: int, *, on: bool) -> None:
        """Cut ``node`` off from the other nodes, or heal that; the clients reach it all the time."""
        verb = "add" if on else "del"
        for other in set(range(NODES)) - {node}:
            for one, far in ((node, other), (other, node)):
                self._ip(f"-n h{one} route {verb} blackhole {address(far)}/32")

    def enter(self, host: int) -> None:
        """Let this process live on ``host`` from now on."""
        with open(f"/run/netns/h{host}", "rb") as space:
            _setns(space.fileno())

    def remove(self) -> None:
        """Take the hosts away."""
        for name in ("switch", *(f"h{host}" for host in (*range(NODES), HOME))):
            self._ip(f"netns del {name}")

    @staticmethod
    def _ip(*commands: str) -> None:
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)


def _setns(descriptor: int) -> None:
    """Enter a network namespace; a function of ``os`` only from Python 3.12 on."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    clone_newnet = 0x40000000
    if libc.setns(descriptor, clone_newnet):
        raise OSError(ctypes.get_errno(), "setns")


def address(host: int) -> str:
    """Return the address of a host."""
    return f"10.77.0.{host + 1}"


def _cluster(engine: str, folder: Path) -> Cluster:
    kind: type[Cluster] = {"etcd": EtcdCluster, "nats": NatsCluster}[engine]
    return kind(folder, host=address, before=lambda node: ["ip", "netns", "exec", f"h{node}"])


class Clients:
    """Six threads, two at each store, that record what they asked for and what they were told."""

    def __init__(
        self, stores: list[ReplicatedStore], chance: random.Random, *, stale: bool
    ) -> None:
        self.history: list[Operation] = []
        self.unknown = 0
        self._stores = stores
        self._stale = stale
        self._values = iter(range(1, 10**9))
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number, chance.randrange(10**9)))
            for number in range(CLIENTS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._start

    def acknowledged_since(self, begun: float) -> int:
        """Return how many calls that began then or later have had their answer."""
        seen = list(self.history)
        return sum(1 for call in seen if call.start >= begun and call.end != FOREVER)

    def stop(self) -> None:
        """End, once each call has ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int, seed: int) -> None:
        chance = random.Random(seed)
        store = self._stores[number % NODES]
        known: dict[str, tuple[Any, int]] = {}
        while not self._stop.is_set():
            key = chance.choice(KEYS)
            kind = chance.choice(["read", "read", "write", "cas"])
            if kind == "cas" and key not in known:
                kind = "read"
            value = None if kind == "read" else next(self._values)
            expected, version = known.get(key, (None, 0)) if kind == "cas" else (None, 0)
            call = Operation(key, kind, self.now(), FOREVER, value, expected, UNKNOWN)
            try:
                if kind == "read":
                    if not self._stale:
                        store.refresh()
                    entry = store.get(key)
                    known[key] = (None, 0) if entry is None else (entry.value, entry.version)
                    out: Any = known[key][0]
                else:
                    wanted = {key: version} if kind == "cas" else None
                    made = store.apply((Write(key, value),), Author("client"), time.time(), wanted)
                    known[key] = (value, made[-1].version)
                    out = True
            except VersionConflict:
                out = False
            except StoreUnavailable as error:
                if kind == "read" or error.happened is False:
                    continue
                self.unknown += 1
                self.history.append(call)
                continue
            self.history.append(call._replace(end=self.now(), out=out))


def _work(
    chosen: argparse.Namespace, chance: random.Random, cluster: Cluster, network: Network
) -> Outcome:
    stores = [
        _open(f"{chosen.engine}://{address(node)}:{cluster.client_ports[node]}/context")
        for node in range(NODES)
    ]
    node = cluster.leader() if chosen.fault != "follower" else (cluster.leader() + 1) % NODES
    clients = Clients(stores, chance, stale=chosen.stale)
    clients.start()
    calm = (chosen.seconds - chosen.cut) / 2
    _last(calm, lambda: clients.acknowledged_since(0) >= chosen.needed)
    begun = clients.now()
    _begin_fault(chosen.fault, node, cluster, network)
    _last(chosen.cut, lambda: _shown(chosen, clients, begun))
    healed = clients.now()
    _end_fault(chosen.fault, node, cluster, network)
    _last(calm, lambda: clients.acknowledged_since(healed) >= chosen.needed)
    clients.stop()
    history = sorted(clients.history)
    equal = _seconds_until_equal(stores)
    for store in stores:
        store.close()
    acked = [call for call in history if call.end != FOREVER]
    phases = (
        [call for call in acked if call.end < begun],
        [call for call in acked if begun <= call.start and call.end < healed],
        [call for call in acked if call.start >= healed],
    )
    writes = [call.end for call in phases[1] if call.kind == "write"]
    return Outcome(
        chosen.fault,
        node,
        *map(len, phases),
        clients.unknown,
        min(writes, default=healed) - begun,
        equal,
        _verdict(history, phases, chosen.needed),
    )


def _open(url: str) -> ReplicatedStore:
    """Open the context, once the cluster is there for it too."""
    end = time.monotonic() + LONGER
    while True:
        try:
            return ReplicatedStore(open_log(url), timeout=PATIENCE)
        except StoreUnavailable:
            if time.monotonic() > end:
                raise


def _last(seconds: float, enough: Callable[[], bool]) -> None:
    """Return after so many seconds, and later where it is not yet enough."""
    end = time.monotonic() + seconds + LONGER
    time.sleep(seconds)
    while not enough() and time.monotonic() < end:
        time.sleep(0.2)


def _shown(chosen: argparse.Namespace, clients: Clients, begun: float) -> bool:
    """Whether the fault has lasted for long enough to show what it is for."""
    if clients.acknowledged_since(begun) < chosen.needed:
        return False
    return not chosen.stale or _something_old_was_read(list(clients.history))


def _something_old_was_read(history: list[Operation]) -> bool:
    """Whether a call read what had been followed by another write before that call began."""
    made = [call for call in history if call.kind != "read" and call.out is True]
    ends = {call.value: call.end for call in made}
    for read in history:
        if read.kind == "read" and read.out in ends:
            followed = [call for call in made if call.key == read.key]
            if any(ends[read.out] < call.start and call.end < read.start for call in followed):
                return True
    return False


def _begin_fault(fault: str, node: int, cluster: Cluster, network: Network) -> None:
    if fault == "kill":
        cluster.signal(node, signal.SIGKILL)
    elif fault == "pause":
        cluster.signal(node, signal.SIGSTOP)
    else:
        network.cut(node, on=True)


def _end_fault(fault: str, node: int, cluster: Cluster, network: Network) -> None:
    if fault == "kill":
        cluster.start(node)
    elif fault == "pause":
        cluster.signal(node, signal.SIGCONT)
    else:
        network.cut(node, on=False)


def _verdict(
    history: list[Operation], phases: tuple[list[Operation], ...], needed: int
) -> str | None:
    few = [str(len(phase)) for phase in phases if len(phase) < needed]
    if few:
        return f"void: only {', '.join(few)} acknowledged calls in a phase"
    key = violation(history)
    return None if key is None else f"the calls on {key} fit no order"


def _seconds_until_equal(stores: list[ReplicatedStore]) -> float:
    start = time.monotonic()

    def equal() -> bool:
        for store in stores:
            try:
                store.refresh()
            except ContextError:
                return False
        said = [json.dumps(list(store.changes()), default=str) for store in stores]
        return said[0] == said[1] == said[2]

    wait_until(equal, "the three stores hold the same")
    return time.monotonic() - start


if __name__ == "__main__":
    raise SystemExit(main())
