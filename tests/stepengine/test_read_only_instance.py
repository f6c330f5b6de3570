"""An instance that cannot be written to is not run: the command says so, and nothing of it is changed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

FILE = ".octo_step_engine_parameters.json"
NODE = "class step_node_a:\n    def step_execute(self):\n        print('it ran')\n"


@pytest.fixture
def read_only():
    """An instance's folder that even root cannot write to: on a disk mounted to be read only."""
    folder = Path(tempfile.mkdtemp(prefix="framework0-test-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False
    )
    (folder / "step_node_a.py").write_text(NODE, encoding="utf-8")
    (folder / FILE).write_text('{"global_parameters": {"run_step_count": 7}}\n', encoding="utf-8")
    try:
        if mounted.returncode == 0:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        else:
            # Whoever may not mount is held back by the mode of a folder.
            assert os.geteuid() != 0
            folder.chmod(0o555)
        yield folder
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)
        else:
            folder.chmod(0o755)
            for path in folder.iterdir():
                path.unlink()
        folder.rmdir()


@pytest.mark.parametrize("words", [("run",), ("resume",), ("reset", "--yes")])
def test_an_instance_that_cannot_be_written_to_is_left_alone(words, read_only, run_python):
    before = (read_only / FILE).read_bytes()
    ended = run_python("-m", "framework0", "step", words[0], read_only, *words[1:])
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith("framework0: cannot ")
    assert str(read_only) in ended.stderr
    assert (read_only / FILE).read_bytes() == before
    assert sorted(os.listdir(read_only)) == [FILE, "step_node_a.py"]


def test_an_instance_that_cannot_be_written_to_is_still_checked_and_drawn(read_only, run_python):
    assert run_python("-m", "framework0", "step", "check", read_only).returncode == 0
    drawn = run_python("-m", "framework0", "step", "draw", read_only)
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert "step_node_a" in drawn.stdout
