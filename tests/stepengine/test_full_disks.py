"""A disk that is full, or has no name left to give: the command says so, and the old value stands."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")

FILE = ".octo_step_engine_parameters.json"
GROUP = "global_parameters"


@pytest.fixture(params=["size=64k", "size=64k,nr_inodes=8"])
def small_disk(request):
    """A disk of 64 kilobytes, or one of few files; None without the right to mount one."""
    folder = Path(tempfile.mkdtemp(prefix="framework0-test-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    try:
        yield folder if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def fill_up(folder):
    """Take all that is left, bytes and names."""
    for number in range(10):
        with (
            contextlib.suppress(OSError),
            open(folder / f"ballast{number}", "wb", buffering=0) as file,
        ):
            file.writelines(itertools.repeat(b"x" * 1024))


@pytest.mark.slow
def test_a_full_disk_leaves_the_parameters_and_takes_changes_when_there_is_room(
    small_disk, run_python, tmp_path
):
    if small_disk is None:
        # Without the right to mount: tests/jsonfile shows the same by a limit of the process.
        assert os.geteuid() != 0
        return

    def ask(*words):
        return run_python("-m", "framework0", "step", "params", small_disk, *words)

    assert ask(GROUP, "run_step_count", "-i").stdout == "2\n"
    before = (small_disk / FILE).read_bytes()
    names = set(os.listdir(small_disk))
    fill_up(small_disk)
    for words in (("run_step_count", "-i"), ("step_engine_state", "RUNNING")):
        ended = ask(GROUP, *words)
        assert ended.returncode == 4
        assert "No space left on device (errno 28)" in ended.stderr
    assert (small_disk / FILE).read_bytes() == before
    assert ask(GROUP, "run_step_count").stdout == "2\n"
    ballast = {name for name in os.listdir(small_disk) if name.startswith("ballast")}
    assert set(os.listdir(small_disk)) == names | ballast
    for name in ballast:
        (small_disk / name).unlink()
    assert ask(GROUP, "run_step_count", "-i").stdout == "3\n"


@pytest.mark.slow
def test_a_read_only_disk_still_shows_the_parameters(small_disk, run_python):
    if small_disk is None:
        assert os.geteuid() != 0
        return

    def ask(*words):
        return run_python("-m", "framework0", "step", "params", small_disk, GROUP, *words)

    assert ask("run_step_count", "-i").stdout == "2\n"
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert ask("run_step_count").stdout == "2\n"
    ended = ask("run_step_count", "-i")
    assert ended.returncode == 4
    assert "Read-only file system (errno 30)" in ended.stderr
