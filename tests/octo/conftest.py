"""What the tests of the example libraries share: copies of instances, and scripts that run alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

LIBRARIES = REPOSITORY / "octo/modules/step_engine_library"
INSTANCES = REPOSITORY / "octo/instances"
FILE = ".octo_step_engine_parameters.json"


class Instance:
    """A folder in which nodes run, and what they leave in its parameter file."""

    def __init__(self, folder):
        self.folder = folder

    def read(self):
        return json.loads((self.folder / FILE).read_text(encoding="utf-8"))

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
def instance(tmp_path):
    """Make an instance: an empty folder, or a copy of the example's of that name."""

    def make(name=None):
        folder = tmp_path / (name or "instance")
        if name is None or not (INSTANCES / name).is_dir():
            folder.mkdir()
        else:
            # What a run in the repository itself has left is no part of the example.
            shutil.copytree(INSTANCES / name, folder, ignore=shutil.ignore_patterns(".octo_*"))
        return Instance(folder)

    return make
