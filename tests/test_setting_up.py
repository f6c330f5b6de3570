"""The way in: what a stranger is told when his machine cannot make the environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / ".ci" / "environment"


@pytest.fixture
def machine(tmp_path):
    """A machine whose Python interpreters are shell scripts; run the script on it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for needed in ("bash", "head", "rm"):
        (programs / needed).symlink_to(
            f"/bin/{needed}" if os.path.exists(f"/bin/{needed}") else f"/usr/bin/{needed}"
        )

    def run(pythons, *wanted):
        for name, body in pythons.items():
            (programs / name).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
            (programs / name).chmod(0o755)
        return subprocess.run(
            ["/bin/bash", SCRIPT, tmp_path / "made", *wanted],
            env={"PATH": str(programs)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


OLD = 'case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac'
NO_VENV = """
case "$2" in
    *version_info*) exit 0;;
    *) exit 1;;
esac
"""
REAL = f'exec "{sys.executable}" "$@"'


@pytest.mark.parametrize(
    ("pythons", "wanted", "told"),
    [
        ({}, [], ["Python 3.11 or newer", "no python3 at all", "PYTHON="]),
        ({"python3": OLD}, [], ["Python 3.11 or newer", "Python 3.9.2", "PYTHON="]),
        ({"python3": OLD}, ["python3"], ["'python3' is Python 3.9.2", "Python 3.11 or newer"]),
        ({}, ["python3.12"], ["no 'python3.12' here"]),
        (
            {"python3": NO_VENV},
            [],
            ["'python3' cannot make virtual environments", "apt install python3-venv"],
        ),
    ],
    ids=[
        "no python",
        "too old",
        "the one named is too old",
        "the one named is absent",
        "no venv module",
    ],
)
def test_a_machine_that_cannot_is_told_what_to_do(machine, pythons, wanted, told):
    ended = machine(pythons, *wanted)
    assert ended.returncode == 1
    assert [words for words in told if words not in ended.stderr] == []


@pytest.mark.slow
def test_a_newer_python_beside_an_old_one_is_found(machine, tmp_path):
    ended = machine({"python3": OLD, "python3.12": REAL})
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "made" / "bin" / "python").exists()


def test_every_target_of_the_makefile_that_people_type_is_explained():
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    told = subprocess.run(
        ["make", "-C", REPOSITORY, "help"], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    for target in ("demo", "test", "check", "docs", "bench", "clean", "lock"):
        assert f"make {target}" in told
        assert f"\n{target}:" in text


def test_the_gate_runs_the_two_commands_of_the_contributing_page():
    gate = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert "\nmake check" in gate
    assert "\nmake test" in gate
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("ci", ["true", ""])
def test_a_skipped_test_fails_the_gate_and_nothing_else(run_python, tmp_path, ci):
    (tmp_path / "conftest.py").write_text(
        (REPOSITORY / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    word = "sk" + "ip"
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n\n\n@pytest.mark.{word}\ndef test_a(): ...\n\n\ndef test_b(): ...\n",
        encoding="utf-8",
    )
    ended = run_python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path, env={"CI": ci}, timeout=600
    )
    assert ended.returncode == (1 if ci else 0), ended.stdout
    assert ("not run, which CI does not accept: " in ended.stdout) is bool(ci)
