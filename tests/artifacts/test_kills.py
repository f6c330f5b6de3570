"""Kills at every call into the file system, a full disk, and eight processes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from framework0.artifacts import Artifacts, Roots, sweep
from framework0.artifacts.sweeping import ABANDONED
from framework0.workspace import Gate
from tests.artifacts.conftest import files_in
from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

VALUE = b"precious" * 300_000


def drive(*arguments, **env):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.artifacts.driver", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        text=True,
    )


def end(process):
    out, _ = process.communicate(timeout=600)
    return process.returncode, out


def test_a_kill_at_any_point_of_put_leaves_the_whole_file_or_none(tmp_path):
    point = survived = 0
    while True:
        point += 1
        home = tmp_path / str(point)
        home.mkdir()
        folder = home / "artifacts"
        code, out = end(drive("put", folder, point))
        store = Artifacts(folder)
        digest_file = [f for f in files_in(folder) if not f.name.startswith(".")]
        assert all(file.read_bytes() == VALUE for file in digest_file)
        survived += bool(digest_file)
        artifact = store.put(VALUE)
        assert store.load(artifact) == VALUE
        later = time.time() + ABANDONED + 10
        sweep(
            folder, Gate(home / "gate"), lambda kept=artifact: Roots({kept.digest}, ()), now=later
        )
        assert files_in(folder) == [store.path(artifact)]
        if code == 0:
            assert out == "done\n"
            break
        assert code == -signal.SIGKILL
    # Enough points to have met each stage: before the file, in it, and after its rename.
    assert point > 10
    assert 1 < survived < point


def test_a_kill_at_any_point_of_a_sweep_loses_nothing_that_is_referred_to(tmp_path):
    folder = tmp_path / "artifacts"
    store = Artifacts(folder, durable=False)
    kept = [store.put(b"keep %d" % number) for number in range(3)]
    referred = " ".join(artifact.digest for artifact in kept)
    point = 0
    while True:
        point += 1
        for number in range(3):
            store.put(b"drop %d" % number)
        code, out = end(drive("clean", folder, point, REFERRED=referred))
        assert [store.load(artifact) for artifact in kept] == [b"keep 0", b"keep 1", b"keep 2"]
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert out == "done\n"
    assert point > 5
    assert len(files_in(folder)) == 3


def test_a_full_disk_is_an_error_in_words_and_leaves_nothing(tmp_path):
    folder = tmp_path / "artifacts"
    code, out = end(drive("full", folder, 1_000_000))
    assert code == 0
    assert "errno 27" in out
    assert "nothing half written is left; make room" in out
    assert [file.read_bytes() for file in files_in(folder)] == [b"small"]


def test_eight_processes_and_a_sweeper_lose_nothing(tmp_path):
    folder = tmp_path / "artifacts"
    workers = [drive("many", folder, number) for number in range(8)]
    gate = Gate(tmp_path / "gate")

    def roots():
        pins = [file.read_text().split() for file in tmp_path.glob("pins-*")]
        return Roots((), {digest for digests in pins for digest in digests})

    while any(worker.poll() is None for worker in workers):
        Artifacts(folder, gate=gate, durable=False).put(b"nobody's")
        sweep(folder, gate, roots, now=time.time())
    assert [end(worker) for worker in workers] == [(0, "done\n")] * 8
    sweep(folder, gate, roots, now=time.time())
    assert len(files_in(folder)) == 7
