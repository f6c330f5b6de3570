"""The documented import names resolve to ours where the user's tree has none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

CHECK = """
import sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", {repository!r})]
sys.path.append({package!r})
from framework0.scriptlets import UserCode
import framework0.context, framework0.logs, framework0.scriptlets as ours
with UserCode([{root!r}]) as code:
    {body}
assert not [name for name in sys.modules if name.split(".")[0] in ("orchestrator", "scriptlets", "src")]
"""


@pytest.fixture
def check(tmp_path):
    """Run code in a process that has the package and no documented files, as after installing it."""
    package = tmp_path / "installed"
    package.mkdir()
    (package / "framework0").symlink_to(REPOSITORY / "framework0")

    def run(root, body):
        code = CHECK.format(
            repository=str(REPOSITORY), package=str(package), root=str(root), body=body
        )
        done = subprocess.run(
            [sys.executable, "-I", "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
        assert done.returncode == 0, done.stderr

    return run


@pytest.mark.parametrize(
    "line",
    [
        "from scriptlets.framework import BaseScriptlet as found; assert found is ours.BaseScriptlet",
        "from scriptlets.framework import register_scriptlet, ExecutionContext",
        "from scriptlets import BaseScriptlet as found; assert found is ours.BaseScriptlet",
        "from scriptlets import registry; assert registry.get_scriptlet is ours.get_scriptlet",
        "from orchestrator.context import Context as found; assert found is framework0.context.Context",
        "from src.core.logger import get_logger as found; assert found is framework0.logs.get_logger",
        "import src.core; assert src.core.__doc__ is None",
    ],
)
def test_with_nothing_of_the_users_every_documented_name_is_ours(check, tmp_path, line):
    check(tmp_path, line)


@pytest.mark.parametrize("init", [True, False])
def test_a_scriptlets_folder_of_the_users_own_still_finds_the_framework(check, workspace, init):
    files = {
        "scriptlets/mine.py": "from scriptlets.framework import BaseScriptlet\ndef go(): return BaseScriptlet"
    }
    if init:
        files["scriptlets/__init__.py"] = "MINE = True"
    root = workspace(files)
    check(root, "assert code.target('scriptlets.mine', 'go')() is ours.BaseScriptlet")


def test_a_framework_file_of_the_users_own_comes_first(check, workspace):
    root = workspace({"scriptlets/framework.py": "def go(): return 'theirs'"})
    check(root, "assert code.target('scriptlets.framework', 'go')() == 'theirs'")


def test_a_name_that_is_not_documented_stays_unknown(check, workspace):
    body = (
        "\n    try: import scriptlets.nothing\n"
        "    except ModuleNotFoundError: pass\n    else: raise AssertionError"
    )
    check(workspace({}), body)
