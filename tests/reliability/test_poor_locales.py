"""Where the system's encoding is ASCII, recipes and machines find folders of any letters all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from framework0.errors import Framework0Error
from framework0.runner.machines import ProcessHost
from framework0.stepengine import reset_instance
from tests.stepengine.libraries import FILE, node_text, write_instance, write_library

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

LIBRARY = "бібліотека"
MACHINE = "Gerät"

STEPS = """
import os


def told():
    return [os.environb[b"WORD"].decode("utf-8"), os.path.basename(os.getcwdb()).decode("utf-8")]
"""

RECIPE = f"""
metadata: {{name: letters}}
steps:
  - {{name: words, type: shell, command: [test, -d, "../{LIBRARY}"], cwd: {LIBRARY}}}
  - {{name: shell, type: shell, shell: true, command: 'test "$WORD" = ж', env: {{WORD: ж}}}}
  - {{name: own, module: poor_steps, function: told, executor: process, cwd: {LIBRARY}, env: {{WORD: ж}}}}
  - {{name: fresh, module: poor_steps, function: told, cwd: {LIBRARY}, env: {{WORD: ж, LANG: C}}}}
  - {{name: inner, type: recipe, recipe: {LIBRARY}/внутри.yaml}}
  - {{name: machine, type: step_engine, instance: {MACHINE}, library: {LIBRARY}}}
"""


@pytest.fixture
def folder(tmp_path):
    write_library(tmp_path / LIBRARY, node_text("a", first_node_step_bool=1, execute="print('ж')"))
    (tmp_path / LIBRARY / "внутри.yaml").write_text(
        "steps:\n  - {name: x, module: builtins, function: dict}\n", encoding="utf-8"
    )
    (tmp_path / "poor_steps.py").write_text(STEPS, encoding="utf-8")
    (tmp_path / "letters.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / MACHINE).mkdir()
    return tmp_path


def framework0(folder, *words):
    """Run a command in a locale that knows ASCII alone."""
    ended = subprocess.run(
        [sys.executable, "-m", "framework0", *words],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout.decode("ascii")


def test_a_machine_finds_its_library_by_what_it_is_told_and_by_what_it_has_kept(folder):
    framework0(folder, "step", "run", MACHINE, "--library", LIBRARY)
    kept = json.loads((folder / MACHINE / FILE).read_text(encoding="utf-8"))["global_parameters"]
    assert kept["step_engine_library_path"] == f"../{LIBRARY}"
    assert kept["step_engine_instance_path"] == str(folder / MACHINE)
    reset_instance(folder / MACHINE)
    told = json.loads(framework0(folder, "step", "run", MACHINE, "--json"))
    assert told["state"] == "COMPLETE_SUCCESS"


def test_a_recipe_finds_folders_words_and_runs_of_its_own(folder):
    events = map(json.loads, framework0(folder, "run", "letters.yaml", "--json").splitlines())
    results = {one["step"]: one["result"] for one in events if "result" in one}
    assert results["own"] == results["fresh"] == ["ж", LIBRARY]
    assert results["machine"]["node"] == "a"


def test_why_a_library_could_not_even_be_looked_at_is_told(tmp_path):
    # No bytes of a path are meant by half a surrogate pair.
    host = ProcessHost(tmp_path / "half\ud800", write_instance(tmp_path / "press"))
    try:
        with pytest.raises(Framework0Error, match="could not be imported: UnicodeEncodeError: "):
            host.describe()
    finally:
        host.close()
