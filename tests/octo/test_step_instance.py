"""``octo_step_instance.py``: the documented snippet as written, and the script that goes on from there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.stepengine.libraries import FILE, node_text, write_instance, write_library

MODULES = REPOSITORY / "octo" / "modules"

pytestmark = pytest.mark.slow

SNIPPET = """
from octo_step_engine_parameters import octo_step_engine_parameters

# Initialize
params_obj = octo_step_engine_parameters()
default_dict = params_obj.get_default_param_dict()
param_file = params_obj.get_default_param_file_name()
lock_file = params_obj.get_default_param_lock_file_name()

# Read instance parameters
dict_obj = params_obj.read_json_dict(default_dict, param_file, lock_file)

for name, value in (
    ("step_engine_state", "STARTUP"),
    ("current_step_module", "step_node_001"),
    ("current_step_node", "step_node_001"),
    ("current_step_state", "ENTER"),
):
    params_obj.update_json_dict(
        default_dict, param_file, lock_file, "global_parameters", name, value
    )
"""


def instance_script(*words, cwd):
    return subprocess.run(
        [sys.executable, str(MODULES / "octo_step_instance.py"), *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def instance(tmp_path):
    (tmp_path / ".framework0").mkdir(mode=0o700)
    first = node_text("001", {"next": "step_node_002"}, execute="print('one')")
    write_library(
        tmp_path / "nodes",
        first.replace("'001'", "'step_node_001'"),
        node_text("002", execute="print('two')").replace("'002'", "'step_node_002'"),
    )
    return write_instance(tmp_path / "press", "../nodes")


def state_of(instance):
    content = json.loads((instance / FILE).read_text(encoding="utf-8"))
    return content["global_parameters"]["step_engine_state"]


def test_a_machine_that_was_started_up_by_hand_runs_from_the_node_that_was_written(instance):
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(MODULES)!r})\n{SNIPPET}"],
        cwd=instance,
        check=True,
        timeout=120,
    )
    assert state_of(instance) == "STARTUP"
    ran = instance_script("press", cwd=instance.parent)
    assert (ran.returncode, ran.stdout) == (0, "one\ntwo\n"), ran.stderr
    assert state_of(instance) == "COMPLETE_SUCCESS"


def test_the_script_begins_or_goes_on_whichever_the_instance_needs(instance, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".framework0").mkdir(mode=0o700, parents=True)
    paused = instance_script(
        instance, "--first", "step_node_001", "--break", "step_node_002", cwd=elsewhere
    )
    assert (paused.returncode, paused.stdout) == (6, "one\n"), paused.stderr
    resumed = instance_script(instance, cwd=elsewhere)
    assert (resumed.returncode, resumed.stdout) == (0, "two\n"), resumed.stderr
    again = instance_script(instance, cwd=elsewhere)
    assert (again.returncode, "step reset" in again.stderr) == (2, True)
