"""The parameters of an instance: its schema, its methods, and its command lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.cli.main import main
from framework0.cli.step_params import documented_main
from framework0.errors import JsonFileBroken, ValueRefused
from framework0.stepengine import ENGINE_STATES, STEP_STATES, StepParameters, shown, typed
from tests.conftest import REPOSITORY

PARAMS = StepParameters()
FILE, LOCK = PARAMS.get_default_param_file_name(), PARAMS.get_default_param_lock_file_name()
SCRIPTS = ("octo_step_engine_parameters.py", "scriptlet_step_engine_params.py")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=[*SCRIPTS, "framework0 step params"])
def ask(request, tmp_path, monkeypatch, capsys):
    """Ask one of the three command lines; return (exit code, what it printed, what it complained).

    With ``started`` as a program, as a person does; otherwise by the function that this program calls.
    """
    script = request.param
    command = (
        [REPOSITORY / "octo/modules" / script]
        if script in SCRIPTS
        else [sys.executable, "-m", *script.split()]
    )
    # The first line of a script asks for python3: it is to be this one.
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (bin_folder / "python3").chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    instance = tmp_path / "instance"
    instance.mkdir()

    def run(*args, cwd=instance):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", [str(command[0])])
        try:
            code = documented_main(args) if script in SCRIPTS else main(["step", "params", *args])
        except SystemExit as ended:
            code = ended.code
        told = capsys.readouterr()
        return code, told.out, told.err

    def started(*args, cwd=instance):
        ended = subprocess.run(
            [*command, *args],
            cwd=cwd,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    run.started = started
    run.instance = str(instance)
    return run


def test_the_schema_names_and_states_are_the_documented_ones():
    group = PARAMS.get_default_param_dict().pop("global_parameters")
    assert group == {
        "step_engine_library_path": "",
        "step_engine_instance_path": "",
        "step_engine_state": "INACTIVE",
        "current_step_module": "",
        "current_step_node": "",
        "current_step_state": "INACTIVE",
        "first_step_module": "",
        "first_step_node": "",
        "run_step_count": 1,
    }
    assert (FILE, LOCK) == (
        ".octo_step_engine_parameters.json",
        ".octo_step_engine_parameters.lock",
    )
    assert {"STARTUP", "RUNNING", "COMPLETE_SUCCESS", "COMPLETE_ERROR"} < set(ENGINE_STATES)
    assert {"ENTER", "EXECUTE", "EXIT", "ADVANCE", "JUMP", "INACTIVE"} == set(STEP_STATES)
    PARAMS.get_default_param_dict()["global_parameters"]["run_step_count"] = 9
    assert PARAMS.get_default_param_dict()["global_parameters"] == group


def test_reading_makes_the_file_and_whatever_is_missing_in_it(here):
    default = PARAMS.get_default_param_dict()
    assert PARAMS.read_json_dict(default, FILE, LOCK) == default
    assert json.loads((here / FILE).read_text()) == default
    (here / FILE).write_text('{"global_parameters": {"run_step_count": 7}, "mine": {"a": 1}}')
    found = PARAMS.read_json_dict(default, FILE, LOCK)
    assert found["global_parameters"] == {**default["global_parameters"], "run_step_count": 7}
    assert found["mine"] == {"a": 1}
    assert json.loads((here / FILE).read_text()) == found
    assert sorted(os.listdir(here)) == [FILE, f"{FILE}.bak", LOCK]


def test_an_empty_default_still_makes_the_file(here):
    assert PARAMS.read_json_dict({}, FILE, LOCK) == {}
    assert (here / FILE).read_text() == "{}\n"


def test_updates_and_counts_return_the_whole_file(here):
    default = PARAMS.get_default_param_dict()
    found = PARAMS.update_json_dict(default, FILE, LOCK, "mine", "a", {"deep": [1]})
    assert found == {**default, "mine": {"a": {"deep": [1]}}}
    up = PARAMS.increment_json_dict(
        default, FILE, LOCK, "global_parameters", "run_step_count", True
    )
    assert up["global_parameters"]["run_step_count"] == 2
    down = PARAMS.increment_json_dict(default, FILE, LOCK, "mine", "new", False)
    assert down["mine"] == {"a": {"deep": [1]}, "new": -1}
    with pytest.raises(ValueRefused, match=r"mine.a is an object"):
        PARAMS.increment_json_dict(default, FILE, LOCK, "mine", "a", True)


def test_files_are_as_seen_from_the_current_folder_and_many_can_be_used(tmp_path, monkeypatch):
    default = PARAMS.get_default_param_dict()
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        PARAMS.update_json_dict(default, FILE, LOCK, "mine", "a", number)
    opened = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert opened < 150
    monkeypatch.chdir(tmp_path / "3")
    assert PARAMS.read_json_dict(default, FILE, LOCK)["mine"] == {"a": 3}


def test_a_broken_file_is_not_replaced_by_defaults(here):
    (here / FILE).write_text('{"global_parameters": {')
    with pytest.raises(JsonFileBroken, match="nothing was overwritten"):
        PARAMS.read_json_dict(PARAMS.get_default_param_dict(), FILE, LOCK)
    assert (here / FILE).read_text() == '{"global_parameters": {'


def test_parameters_are_displayed_as_json(capsys):
    PARAMS.dictionary_display(PARAMS.get_default_param_dict())
    assert json.loads(capsys.readouterr().out) == PARAMS.get_default_param_dict()


@pytest.mark.slow
def test_the_documented_command_lines(ask):
    where, group = ask.instance, "global_parameters"
    code, everything, _ = ask.started()
    assert (code, json.loads(everything)) == (0, PARAMS.get_default_param_dict())
    assert ask()[:2] == ask(where, cwd="/")[:2] == (0, everything)
    assert json.loads(ask(where, group)[1]) == PARAMS.get_default_param_dict()[group]
    assert ask(where, group, "current_step_state") == (0, "INACTIVE\n", "")
    assert ask(where, group, "current_step_state", "RUNNING") == (0, "RUNNING\n", "")
    assert ask(where, group, "current_step_state") == (0, "RUNNING\n", "")
    assert ask(where, group, "run_step_count", "-i") == (0, "2\n", "")
    assert ask(where, group, "run_step_count", "-d") == (0, "1\n", "")
    assert ask.started(where, group, "run_step_count", "41") == (0, "41\n", "")


@pytest.mark.slow
def test_wrong_use_is_told_and_changes_nothing(ask):
    where, group = ask.instance, "global_parameters"
    ask()
    file = Path(where, FILE)
    before = file.read_text()
    wrong = {
        (where, group, "run_step_count", "many"): (
            1,
            "global_parameters.run_step_count is 1, so its new value must be an integer, which 'many' is not",
        ),
        (where, group, "current_step_state", "-i"): (1, "is a text ('INACTIVE'), not an integer"),
        (where, "global_parameter"): (1, "did you mean global_parameters?"),
        (where, group, "nothing"): (1, "there is no 'nothing' in"),
        (where, group, "-i"): (2, "-i and -d take INSTANCE GROUP NAME"),
        (where, group, "run_step_count", "3", "-d"): (2, "and no VALUE"),
        (where, group, "run_step_count", "-i", "-d"): (2, "not allowed with"),
        (where + "/none",): (2, "is no folder: name the folder of an instance"),
    }
    for number, (words, (code, said)) in enumerate(wrong.items()):
        ended = ask(*words) if number else ask.started(*words)
        assert ended[0] == code, words
        assert said in " ".join(ended[2].split())
    assert file.read_text() == before
    file.write_text("{")
    code, _, said = ask(where)
    assert (code, ":1:2: the file ends too early (byte 1 of 1)" in said) == (4, True)


def test_json_can_be_asked_for(tmp_path, run_python):
    ended = run_python(
        *("-m", "framework0", "step", "params", tmp_path, "global_parameters"),
        *("current_step_state", "--json"),
    )
    assert (ended.returncode, ended.stdout) == (0, '"INACTIVE"\n')


TYPED = [
    ("x", "old", "x"),
    ("7", "old", "7"),
    ("7", 1, 7),
    ("-7", 1, -7),
    ("true", False, True),
    ("FALSE", True, False),
    ("7", 1.5, 7.0),
    ("1e3", 1.5, 1000.0),
    ("7", None, 7),
    ("x y", None, "x y"),
    ("null", None, None),
    ("NaN", None, "NaN"),
    ('{"a": [1]}', None, {"a": [1]}),
    ('{"a": 1}', {}, {"a": 1}),
    ("[1]", [2], [1]),
]
REFUSED = [
    ("1.5", 1, "an integer"),
    ("true", 1, "an integer"),
    ("9" * 30, 1, "an integer"),
    ("1", True, "true or false"),
    ("x", 1.5, "a number"),
    ("true", 1.5, "a number"),
    ("NaN", 1.5, "a number"),
    ("[]", {}, "a JSON object"),
    ("{}", [], "a JSON list"),
    ("x", [], "a JSON list"),
]


@pytest.mark.parametrize(("text", "now", "value"), TYPED)
def test_a_typed_value_keeps_the_type_of_what_it_replaces(text, now, value):
    found = typed(text, now, "g.a")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("text", "now", "wanted"), REFUSED)
def test_a_typed_value_of_another_type_is_refused(text, now, wanted):
    with pytest.raises(ValueRefused, match=f"its new value must be {wanted}, which"):
        typed(text, now, "g.a")


@given(st.integers(-(2**62), 2**62) | st.booleans() | st.text() | st.lists(st.integers()))
def test_what_is_shown_can_be_typed_in_again(value):
    assert typed(shown(value), value, "g.a") == value


@pytest.mark.slow
def test_modules_are_importable_from_their_folder_alone(tmp_path):
    shutil.copytree(REPOSITORY / "octo", tmp_path / "octo")
    (tmp_path / "framework0").symlink_to(REPOSITORY / "framework0")
    text = (
        "import sys; sys.path.append('octo/modules')\n"
        "import octolockjson, octo_lock_json, octo_step_engine_parameters as module\n"
        "assert octolockjson.octolockjson is octo_lock_json.octo_lock_json\n"
        "assert module.octo_step_engine_parameters().get_default_param_file_name()[0] == '.'\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, env={"PATH": "/bin"}, check=False, timeout=300
    )
    assert ended.returncode == 0
