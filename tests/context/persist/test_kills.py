"""R12 for the store: writers killed at any moment lose nothing acknowledged, and nothing counts twice."""

from __future__ import annotations

import collections
import random
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from framework0.context.persist import SQLiteStore
from tests.context.persist.conftest import environment

pytestmark = pytest.mark.usefixtures("unmeasured")

WRITER = Path(__file__).with_name("writer.py")
WRITERS = 8
KILLS = 40
# Acknowledged calls that each kill waits for at least: fewer would prove nothing.
AT_LEAST = 8
SEED = 11
# Seconds for a control to find its fault, which is a matter of chance for a single kill.
PATIENCE = 120


class Trial:
    """Writers of one file, some of which are killed, and what each has been told."""

    def __init__(self, path, *sabotage):
        self.path, self.sabotage = path, sabotage
        self.told = collections.defaultdict(dict)
        self.heard = threading.Condition()
        self.running = {}
        self.chance = random.Random(SEED)
        self.broken = []
        self.kills = 0

    def start(self, name):
        """Let a writer go on behind the last number that it has been told."""
        first = max(self.told[name], default=0) + 1
        process = subprocess.Popen(
            [sys.executable, WRITER, self.path, name, str(first), "1000000", *self.sabotage],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        listener = threading.Thread(target=self.listen, args=(name, process))
        listener.start()
        self.running[name] = process, listener

    def listen(self, name, process):
        for line in process.stdout:
            # What was written before the kill was told before it; the last line may be torn.
            if line.endswith("\n"):
                number, version = map(int, line.split())
                with self.heard:
                    self.told[name][number] = version
                    self.heard.notify_all()

    def kill(self, name, acknowledged=0):
        """Kill a writer once it was told so many more."""
        process, listener = self.running.pop(name)
        with self.heard:
            enough = len(self.told[name]) + acknowledged
            self.heard.wait_for(lambda: len(self.told[name]) >= enough, timeout=PATIENCE)
        process.kill()
        listener.join()
        complaint = process.stderr.read()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        if complaint:
            self.broken.append(f"{name}: {complaint}")
        self.kills += 1

    def run(self, kills):
        names = [f"w{number}" for number in range(WRITERS)]
        for name in names:
            self.start(name)
        while self.kills < kills:
            name = self.chance.choice(names)
            self.kill(name, self.chance.randrange(AT_LEAST, 30))
            self.start(name)
        for name in names:
            self.kill(name)
        return self.verdict()

    def verdict(self):
        """Return the promises that were broken."""
        broken = list(self.broken)
        with closing(SQLiteStore(self.path)) as store:
            store.verify()
            changes = list(store.changes())
            count = store.get("count").value
        if [change.version for change in changes] != list(range(1, len(changes) + 1)):
            broken.append("versions have gaps or come twice")
        made = collections.Counter(
            (change.key, change.value) for change in changes if change.key != "count"
        )
        broken += [f"{call} happened {times} times" for call, times in made.items() if times > 1]
        at = {change.version: (change.key, change.value) for change in changes}
        for name, told in self.told.items():
            broken += [
                f"{name} was told that {number} is version {version}, which is {at.get(version)}"
                for number, version in told.items()
                if at.get(version) != (name, number)
            ]
        if count != len(made):
            broken.append(f"the count is {count} after {len(made)} calls")
        return broken


@pytest.mark.slow
def test_forty_kills_under_eight_writers_lose_nothing_and_repeat_nothing(path):
    trial = Trial(path)
    assert trial.run(KILLS) == []
    acknowledged = sum(map(len, trial.told.values()))
    assert trial.kills >= KILLS
    assert acknowledged >= KILLS * AT_LEAST
    with closing(SQLiteStore(path)) as store:
        calls = sum(1 for change in store.changes() if change.key != "count")
        # What was done and not told is at most what was going on at each kill.
        assert acknowledged <= calls <= acknowledged + trial.kills


@pytest.mark.slow
@pytest.mark.parametrize("sabotage", ["early", "anonymous"])
def test_the_same_trial_finds_a_sabotaged_writer(path, sabotage):
    trial = Trial(path, sabotage)
    end = time.monotonic() + PATIENCE
    while not trial.run(trial.kills + 2):
        assert time.monotonic() < end, f"{sabotage!r} broke no promise in {trial.kills} kills"
