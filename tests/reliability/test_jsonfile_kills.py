"""Many processes count in one file and are killed: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from framework0.errors import LockHeld
from framework0.jsonfile import JsonFile
from tests.reliability.counting import hunt

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["posted", "exact"])
def test_32_processes_that_are_killed_lose_no_count(mode, tmp_path):
    path = tmp_path / "p.json"
    acknowledged, killed = hunt(path, processes=32, quota=100, kills=100, mode=mode, seed=5)
    count = JsonFile(path).get("count")
    if mode == "exact":
        assert count == acknowledged == 3200
    else:
        assert acknowledged <= count <= acknowledged + killed
    assert killed == 100
    JsonFile(path, timeout=60).set("after", value=1)
    assert [name for name in os.listdir(tmp_path) if name.endswith(".draft")] == []


HOLDER = """
import sys, time
from pathlib import Path
from framework0.jsonfile import JsonFile
def change(document):
    print("held", flush=True)
    time.sleep(600)
JsonFile(Path(sys.argv[1])).change(change)
"""


@contextlib.contextmanager
def holding(path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_a_holder_that_is_killed_blocks_nobody_and_one_that_is_stopped_is_named(tmp_path):
    path = tmp_path / "p.json"
    with holding(path) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(LockHeld, match=f"process {process.pid} on ") as caught:
            JsonFile(path, timeout=0.1).increment("n")
        assert "taken up" not in str(caught.value)
        # It is withdrawn: nobody makes it later.
        process.kill()
        process.wait()
        assert JsonFile(path, timeout=60).increment("n") == 1


WAITING = """
import sys
from pathlib import Path
from framework0.jsonfile import JsonFile
print(JsonFile(Path(sys.argv[1])).increment("n"))
"""


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from framework0.jsonfile import JsonFile
from framework0.jsonfile.batch import Batch
from framework0.jsonfile.box import Box
from framework0.jsonfile.replacing import Draft, Former
owner, name = {
    "linked": (Batch, "_refuse_without_lock"),
    "draft": (Draft, "put"),
    "former": (Former, "put"),
    "put": (Box, "reply"),
    "told": (Box, "forget_intent"),
}[sys.argv[2]]
file = JsonFile(Path(sys.argv[1]))
def ready(document):
    print("held", flush=True)
    sys.stdin.readline()
    setattr(owner, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    document["holder"] = True
file.change(ready)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "holder"),
    [("linked", None), ("draft", None), ("former", True), ("put", True), ("told", True)],
)
def test_a_holder_killed_around_the_replacement_has_the_posted_change_made_once(
    moment, holder, tmp_path
):
    path = tmp_path / "p.json"
    JsonFile(path).set("n", value=10)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_AT, path, moment],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    waiting = subprocess.Popen(
        [
            sys.executable,
            "-c",
            WAITING,
            path,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    # The question stands in the lock file once the other waits.
    lock = path.with_name("p.json.lock")
    while b'"add"' not in lock.read_bytes():
        assert waiting.poll() is None
        time.sleep(0.01)
    process.communicate(b"go\n")
    assert process.returncode == -signal.SIGKILL
    assert waiting.communicate(timeout=600)[0] == "11\n"
    file = JsonFile(path)
    assert (file.get("n"), file.get("holder")) == (11, holder)
    if holder:
        # Whoever came next has given the copy its place: it is the state before the holder's change.
        assert JsonFile(file.good_copy).get("n") == 10
    assert file.increment("n") == 12
    assert [name for name in os.listdir(tmp_path) if name.endswith(".draft")] == []
