"""Kill a context server again and again while clients write and watch; is anything lost, or told twice?

    python -m benchmarks.chaos.servers --kills 200
    python -m benchmarks.chaos.servers --kills 10 --sabotage early

One server with a file for a store is killed (SIGKILL) at random moments and started anew. Writers send
transactions under operation ids, each expecting the version that its last answer named, and send
again what got no answer. Watchers follow everything, leave at random too, and come back with ``since``.
At the end the file is opened and held against what was acknowledged and what each watcher was told.

``--sabotage`` is the control, which must be found out: ``early`` makes the server acknowledge before the
commit, ``nameless`` makes the writers send again without an operation id and expecting nothing. What the
second one is for happens only between a commit and its answer, so its server answers a while later.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from framework0.context import Change
from framework0.context.persist import SQLiteStore
from framework0.server import add_token, new_token
from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0
SABOTAGES = ("early", "nameless")
# Seconds that an answer is held back where a kill is to come between it and the commit.
LATE = 0.02
# A watcher leaves by itself after so many messages, on average.
STAYS = 40


class Outcome(NamedTuple):
    """What one trial showed."""

    kills: int
    acknowledged: int
    versions: int
    told: int
    returns: int
    resyncs: int
    restarts: list[float]
    broken: list[str]


def main(arguments: list[str] | None = None) -> int:
    """Run one trial and print its row; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--watchers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", choices=SABOTAGES)
    parser.add_argument("--serve", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.serve is not None:
        return _serve_sabotaged(chosen.serve)
    with tempfile.TemporaryDirectory(prefix="framework0-servers-") as folder:
        outcome = asyncio.run(Trial(chosen, Path(folder)).run())
    print(
        "| kills | acknowledged · changes | told to watchers · came back · resyncs | restart median · "
        "95 % · longest | promises kept |"
    )
    print("| --- | --- | --- | --- | --- |")
    print(row(outcome))
    return int(bool(outcome.broken))


def row(outcome: Outcome) -> str:
    """Return the row of the table."""
    restarts = sorted(outcome.restarts)
    verdict = "yes" if not outcome.broken else f"NO: {'; '.join(outcome.broken[:3])}"
    return (
        f"| {outcome.kills} | {outcome.acknowledged:,} · {outcome.versions:,} | "
        f"{outcome.told:,} · {outcome.returns:,} · {outcome.resyncs} | "
        f"{statistics.median(restarts):.2f} · {restarts[int(len(restarts) * 0.95)]:.2f} · "
        f"{restarts[-1]:.2f} s | {verdict} |"
    )


class Server:
    """The process under test, at the same port and on the same file through all its lives."""

    def __init__(self, folder: Path, sabotage: str | None) -> None:
        self.port = free_ports(1)[0]
        self.file = folder / "context.db"
        tokens = folder / "tokens.json"
        token, self.token = new_token("chaos", "admin", time.time())
        add_token(tokens, token, time.time())
        words = ["serve", "--port", str(self.port), "--json", "--store", f"sqlite:{self.file}"]
        words += ["--token-file", str(tokens), "--workspace", str(folder)]
        start = ["benchmarks.chaos.servers", "--serve", sabotage] if sabotage else ["framework0"]
        self._command = [sys.executable, "-m", *start, *words]
        self._environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; return the seconds until it listened."""
        began = time.monotonic()
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=subprocess.PIPE, stderr=log
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, self._log.read_text(encoding="utf-8")
        return time.monotonic() - began

    def end(self, number: signal.Signals) -> None:
        """Send it a signal, and wait until it has ended."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Trial:
    """One server, those who write and those who watch, and what they were told."""

    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self._chosen = chosen
        self._chance = random.Random(chosen.seed)
        self._server = Server(folder, chosen.sabotage)
        self._named = chosen.sabotage != "nameless"
        # Of the writers: each keeps its connection as long as that lasts.
        self._lines: dict[int, Any] = {}
        self._stopping = False
        self._last: int | None = None
        self.acknowledged: set[tuple[int, int]] = set()
        self.told: list[list[list[Any]]] = [[] for _ in range(chosen.watchers)]
        self.returns = 0
        self.resyncs = 0
        self.broken: list[str] = []

    async def run(self) -> Outcome:
        """Kill as often as wanted, and judge what is there in the end."""
        loop = asyncio.get_running_loop()
        restarts = [self._server.start()]
        writers = [loop.create_task(self._write(each)) for each in range(self._chosen.writers)]
        watchers = [loop.create_task(self._watch(each)) for each in range(self._chosen.watchers)]
        try:
            for _ in range(self._chosen.kills):
                await self._some_more(self._chance.randrange(5, 60))
                # The moment within a commit is chosen by chance too.
                await asyncio.sleep(self._chance.uniform(0, 0.01))
                self._server.end(signal.SIGKILL)
                restarts.append(await loop.run_in_executor(None, self._server.start))
            await self._some_more(50)
            self._stopping = True
            await asyncio.wait_for(asyncio.gather(*writers), PATIENCE)
            self._last = await self._version()
            await asyncio.wait_for(asyncio.gather(*watchers), PATIENCE)
        finally:
            for task in (*writers, *watchers):
                task.cancel()
            self._server.end(signal.SIGTERM)
        store = SQLiteStore(self._server.file)
        changes = list(store.changes())
        store.close()
        self._judge(changes)
        # The first start makes the file: only the others are starts after a kill.
        return Outcome(
            self._chosen.kills,
            len(self.acknowledged),
            len(changes),
            sum(map(len, self.told)),
            self.returns,
            self.resyncs,
            restarts[1:] or restarts,
            self.broken,
        )

    async def _some_more(self, count: int) -> None:
        """Wait until ``count`` more writes are acknowledged, or a promise was seen broken."""
        wanted = len(self.acknowledged) + count
        end = time.monotonic() + PATIENCE
        while len(self.acknowledged) < wanted and not self.broken:
            assert time.monotonic() < end, "nobody acknowledges anything any more"
            await asyncio.sleep(0.002)

    async def _write(self, me: int) -> None:
        """Write one thing after another; what gets no answer is sent again."""
        number, version = 0, 0
        while not self._stopping:
            number += 1
            asked = self._transaction(me, number, version)
            answer = await self._answer(me, asked)
            if answer["type"] != "reply":
                self.broken.append(f"writer {me} was refused its {number}th write: {answer}")
                return
            # The second change of the transaction, the one of this writer's own key, is the last.
            version = answer["version"]
            self.acknowledged.add((me, number))

    def _transaction(self, me: int, number: int, version: int) -> dict[str, Any]:
        writes = [{"key": "all", "value": [me, number]}, {"key": f"own.{me}", "value": number}]
        asked: dict[str, Any] = {"type": "transaction", "id": number, "writes": writes}
        if self._named:
            asked["operation"] = f"{me}.{number}"
            asked["expected"] = {f"own.{me}": version}
        return asked

    async def _answer(self, me: int, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, sent again over a new connection after each cut."""
        while True:
            line = self._lines.get(me)
            try:
                if line is None:
                    line, _ = await self._connect()
                    self._lines[me] = line
                await line.send(json.dumps(asked))
                while True:
                    heard: dict[str, Any] = json.loads(await line.recv())
                    if heard.get("id") == asked["id"]:
                        return heard
            except _lost():
                self._lines.pop(me, None)
                await asyncio.sleep(0.01)

    async def _watch(self, me: int) -> None:
        """Follow everything through all cuts, until the last version has come."""
        chance = random.Random(self._chosen.seed * 1000 + me)
        known = self.told[me]
        position, epoch = 0, None
        while self._last is None or position < self._last:
            try:
                line, welcome = await self._connect(follow="**", since=position, epoch=epoch)
                self.returns += 1
                self._greeted(me, welcome, epoch, position)
                epoch = welcome["epoch"]
                for _ in range(chance.randrange(1, 2 * STAYS)):
                    message = json.loads(await asyncio.wait_for(line.recv(), 0.5))
                    if message["type"] == "changes":
                        known += message["changes"]
                        position = self._follow(me, message["changes"], position)
                    elif message["type"] == "snapshot" and not message["more"]:
                        position = message["version"]
                await line.close()
            except _lost():
                await asyncio.sleep(chance.uniform(0.01, 0.05))

    def _greeted(self, me: int, welcome: dict[str, Any], epoch: str | None, position: int) -> None:
        if epoch is None:
            return
        self.resyncs += welcome["resume"] != "changes"
        if welcome["epoch"] != epoch or welcome["version"] < position:
            self.broken.append(f"watcher {me} was at {position} and is greeted with {welcome}")

    def _follow(self, me: int, changes: list[list[Any]], position: int) -> int:
        for change in changes:
            if change[0] <= position:
                self.broken.append(f"watcher {me} was told of {change[0]} after {position}")
            elif change[0] > position + 1:
                self.broken.append(f"watcher {me} was not told of {position + 1}")
            position = change[0]
        return position

    async def _version(self) -> int:
        line, welcome = await self._connect()
        await line.close()
        return int(welcome["version"])

    async def _connect(self, **hello: Any) -> tuple[Any, dict[str, Any]]:
        from websockets.asyncio.client import connect

        line = await connect(
            f"ws://127.0.0.1:{self._server.port}", compression=None, max_size=None, close_timeout=1
        )
        said = {key: value for key, value in hello.items() if value is not None}
        greeting = {"type": "hello", "protocol": 1, "token": self._server.token, **said}
        await line.send(json.dumps(greeting))
        welcome = json.loads(await line.recv())
        assert welcome["type"] == "welcome", welcome
        return line, welcome

    def _judge(self, changes: list[Change]) -> None:
        """Hold what the file has against what was acknowledged, and what each watcher was told."""
        if [change.version for change in changes] != list(range(1, len(changes) + 1)):
            self.broken.append("the versions in the file are not 1, 2, 3, …")
        made = [tuple(change.value) for change in changes if change.key == "all"]
        if len(set(made)) != len(made):
            self.broken.append(f"{len(made) - len(set(made))} writes happened twice")
        lost = self.acknowledged - set(made)
        if lost:
            self.broken.append(f"{len(lost)} acknowledged writes are lost, such as {min(lost)}")
        facts = {change.version: (change.key, change.value) for change in changes}
        for me, told in enumerate(self.told):
            wrong = [one[0] for one in told if facts.get(one[0]) != (one[1], one[3])]
            if wrong:
                self.broken.append(f"watcher {me} was told another {wrong[0]} than there is")


def _lost() -> tuple[type[BaseException], ...]:
    from websockets.exceptions import WebSocketException

    return WebSocketException, OSError, TimeoutError, EOFError


def _serve_sabotaged(words: list[str]) -> int:
    """Be a server that acknowledges before the commit, or long after it: ``words`` begin with which."""
    from framework0.cli.main import main as framework0
    from framework0.server.commits import Commits

    submit = Commits.submit
    sabotage, *words = words

    def early(self: Commits, request: Any, done: Callable[[Any], None]) -> None:
        version = self._feed.version + len(request.writes)
        key, value, removed, _ = request.writes[-1]
        at = request.at
        done((Change(version, key, value, removed, None, False, "early", None, None, None, at),))
        submit(self, request._replace(expected=None), lambda _: None)

    def late(self: Commits, request: Any, done: Callable[[Any], None]) -> None:
        submit(self, request, lambda outcome: self._loop.call_later(LATE, done, outcome))

    Commits.submit = early if sabotage == "early" else late  # type: ignore[method-assign]
    return framework0(words)


if __name__ == "__main__":
    raise SystemExit(main())
