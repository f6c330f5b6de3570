"""What the tests of the example libraries share: copies of instances, and scripts that run alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from framework0.jsonfile import JsonFile
from tests.conftest import REPOSITORY

LIBRARIES = REPOSITORY / "octo/modules/step_engine_library"
INSTANCES = REPOSITORY / "octo/instances"
FILE = ".octo_step_engine_parameters.json"
LOCK = ".octo_step_engine_parameters.lock"


class Instance:
    """A folder in which nodes run, and what they leave in its parameter file."""

    def __init__(self, folder):
        self.folder = folder

    def read(self):
        return json.loads((self.folder / FILE).read_text(encoding="utf-8"))

    def set(self, group, name, value):
        """Set one parameter, before a machine runs."""
        JsonFile(self.folder / FILE, self.folder / LOCK).set(group, name, value=value)

    def step(self, verb, *words, code=0):
        """Run ``framework0 step VERB`` on this instance, as a person would."""
        return self.command("step", verb, self.folder, *words, code=code)

    def command(self, *words, code=0):
        """Run the command, away from the repository, and see that it ends with ``code``."""
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "framework0", *map(str, words)],
            cwd=self.folder.parent,
            env={
                **os.environ,
                "FRAMEWORK0_HOME": str(self.folder.parent / "state"),
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        return ended

    def script(self, script, *arguments):
        """Run a node's file as a script, as from a shell in the instance's folder."""
        return subprocess.run(
            [sys.executable, script, *arguments],
            cwd=self.folder,
            # Neither the package nor its modules are on the path: the script finds them by itself.
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def instance(tmp_path, unmeasured):
    """Make an instance: an empty folder, or a copy of the example's of that name.

    The examples are none of what is measured, and what the engine does with them is tried elsewhere.
    """

    def make(name=None):
        folder = tmp_path / (name or "instance")
        if name is None or not (INSTANCES / name).is_dir():
            folder.mkdir()
        else:
            # What a run in the repository itself has left is no part of the example.
            shutil.copytree(INSTANCES / name, folder, ignore=shutil.ignore_patterns(".octo_*"))
        return Instance(folder)

    return make
