"""The folder of an attempt: written for each kind of step, and really run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import PATIENCE, new_workspace, plain_environment
from tests.cli.conftest import STEPS as COMMON

HELPER = """
def divide(top, below):
    return top / below
"""

STEPS = """
import asyncio
import os

from framework0.scriptlets import BaseScriptlet
from helper import divide


def put(context, key, value):
    context.set(key, value)
    return value


def ratio(context, top, below):
    context.set("half", "written")
    return divide(top + context.get("base"), below)


async def later(context, wait):
    await asyncio.sleep(0)
    raise LookupError(f"{wait} and {context.get('base')}")


class Judge(BaseScriptlet):
    def run(self, context, params):
        if params["how"] == "raise":
            raise KeyError(context.get("base"))
        return {"status": "failed", "message": "judged " + params["how"]}


def with_secret(token):
    raise PermissionError(f"{len(token)} characters: " + os.environ.get("MODE", "no mode"))


def flaky(context):
    context.set("tries", context.get("tries", 0) + 1)
    context.set("last", "changed")
    raise OSError("again")


def fine(context):
    context.set("deleted", 1)
    context.delete("base")
    return {"all": "well"}
"""

RECIPE = """
metadata: {name: failing}
order: graph
env: [MODE]
inputs:
  token: {secret: true, env: TOKEN}
  below: {type: integer, default: 0}
steps:
  - {name: base, module: steps, function: put, args: {key: base, value: 5}}
  - {name: two, module: steps, function: put, args: {key: second, value: "${{ steps.base.result }}"},
     depends_on: [base]}
  - {name: ratio, module: steps, function: ratio, depends_on: [two],
     args: {top: "${{ steps.two.result }}", below: "${{ inputs.below }}"}}
  - {name: later, module: steps, function: later, args: {wait: "${{ env.MODE }}"}, depends_on: [two]}
  - {name: raises, module: steps, function: Judge, args: {how: raise}, depends_on: [two]}
  - {name: judged, module: steps, function: Judge, args: {how: sternly}, depends_on: [two]}
  - {name: each, module: steps, function: ratio, foreach: [1, 0], depends_on: [two],
     args: {top: "${{ index }}", below: "${{ item }}"}}
  - {name: shell, type: shell, command: [sh, -c, "echo $GREETING ${{ context.base }}; exit 3"],
     env: {GREETING: hello}, depends_on: [two]}
  - {name: absent, type: shell, command: [no-such-program], depends_on: [two]}
  - {name: secret, module: steps, function: with_secret, args: {token: "${{ inputs.token }}"},
     depends_on: [two]}
  - {name: flaky, module: steps, function: flaky, retry: 3, depends_on: [two]}
  - {name: fine, module: steps, function: fine, depends_on: [ratio, each, later, raises, judged,
     shell, secret, flaky, absent], when: always()}
  - {name: skipped, module: steps, function: fine, when: "false"}
  - {name: ask, type: approval, prompt: Hm?, when: "false"}
"""

SECRET = "a-very-secret-token"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """One workspace for all tests here, which only look at what it holds, or put it back."""
    return new_workspace(tmp_path_factory.mktemp("repro") / "workspace")


@pytest.fixture(scope="module")
def failed(workspace):
    """The id of a run in which every kind of step has failed once."""
    (workspace / "helper.py").write_text(HELPER)
    (workspace / "steps.py").write_text(COMMON + STEPS)
    (workspace / "failing.yaml").write_text(RECIPE)
    said = subprocess.run(
        [sys.executable, "-m", "framework0", "run", "failing.yaml", "--json"],
        cwd=workspace,
        env={**plain_environment(), "TOKEN": SECRET, "MODE": "quick"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert said.returncode == 1, said.stderr
    return json.loads(said.stdout.splitlines()[0])["run"]


@pytest.fixture
def written(workspace, framework0, failed, tmp_path):
    """Write the folder of a step and return it."""

    def write(step, *words, name="out", env=None):
        folder = tmp_path / name
        said = framework0(
            "repro", failed, step, "-o", folder, *words, env={"MODE": "quick", **(env or {})}
        )
        assert said.code == 0, said.stderr
        assert said.stdout == f"python {folder / 'repro.py'}\n"
        return folder

    return write


def replay(folder, *words, stdin="", env=None, cwd=None):
    from tests.conftest import REPOSITORY

    kept = {name: value for name, value in os.environ.items() if name not in ("TOKEN", "MODE")}
    return subprocess.run(
        [sys.executable, folder / "repro.py", *words],
        # Nothing of the workspace is at hand: only the folder and the product.
        cwd=cwd or folder,
        env={**kept, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("ratio", ["ZeroDivisionError: division by zero", "helper.py", "return top / below"]),
        ("later", ["LookupError: quick and 5"]),
        ("raises", ["KeyError: 5"]),
        ("judged", ["it failed: status: judged sternly"]),
        ("each[1]", ["ZeroDivisionError"]),
        ("shell", ["hello 5", "exit code 3"]),
        ("absent", ["No such file or directory"]),
    ],
)
def test_each_kind_of_step_fails_again_as_it_failed(written, step, told):
    folder = written(step)
    said = replay(folder, "--no-debugger")
    assert said.returncode == 1, said.stderr
    for words in told:
        assert words in said.stdout + said.stderr


@pytest.mark.slow
def test_the_debugger_stops_at_the_line_that_failed(written):
    said = replay(written("ratio"), stdin="p top, below\nw\nq\n")
    assert said.returncode == 1
    assert "return top / below" in said.stdout
    assert "(10, 0)" in said.stdout


@pytest.mark.measured
@pytest.mark.slow
def test_what_did_not_fail_is_made_again_too(written):
    said = replay(written("fine"), "--no-debugger")
    assert said.returncode == 0
    assert "did not fail; its result: {'all': 'well'}" in said.stderr
    assert "context deleted = 1" in said.stderr
    assert "context base deleted" in said.stderr


@pytest.mark.measured
@pytest.mark.slow
def test_the_context_is_as_the_attempt_found_it(written):
    folder = written("ratio")
    found = json.loads((folder / "context.json").read_text())
    # Steps beside it may have written the key `half` before it did.
    assert {key: found[key] for key in ("base", "second")} == {"base": 5, "second": 5}
    attempt = json.loads((folder / "attempt.json").read_text())
    assert attempt["args"] == {"top": 5, "below": 0}
    for number in (1, 3):
        folder = written("flaky", "--attempt", str(number), name=f"flaky{number}")
        # What a failed attempt wrote was taken back before the next one began.
        found = json.loads((folder / "context.json").read_text())
        assert {key: found.get(key) for key in ("tries", "last")} == {"tries": None, "last": None}
        assert json.loads((folder / "attempt.json").read_text())["attempt"] == number


@pytest.mark.measured
@pytest.mark.slow
def test_a_secret_is_nowhere_in_the_folder_and_comes_from_the_environment(written):
    folder = written("secret", env={"TOKEN": SECRET})
    for path in folder.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    assert "set TOKEN to use it" in (folder / "README.md").read_text()
    said = replay(folder, "--no-debugger")
    assert "TOKEN is not set" in said.stderr
    said = replay(folder, "--no-debugger", env={"TOKEN": "twelve-chars"})
    assert "12 characters: quick" in said.stderr


@pytest.mark.slow
def test_the_same_attempt_gives_the_same_bytes(written, workspace):
    first, second = written("ratio", name="one"), written("ratio", name="two")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert {str(file) for file in files} >= {"code/steps.py", "code/helper.py", "repro.py"}
    assert all((first / file).read_bytes() == (second / file).read_bytes() for file in files)


@pytest.mark.measured
@pytest.mark.slow
def test_code_that_was_edited_since_is_said_to_be(written, workspace):
    assert "has changed" not in (written("ratio", name="before") / "README.md").read_text()
    (workspace / "helper.py").write_text(HELPER.replace("top / below", "top // below"))
    try:
        folder = written("ratio", name="after")
    finally:
        (workspace / "helper.py").write_text(HELPER)
    assert "the code has changed since the attempt" in (folder / "README.md").read_text()
    assert "//" in replay(folder, "--no-debugger").stderr


@pytest.mark.measured
@pytest.mark.slow
def test_a_folder_of_its_own_is_made_and_never_written_over(framework0, failed, workspace):
    made = workspace / f"repro-{failed}-each_1_"
    said = framework0("repro", failed, "each[1]")
    assert said.code == 0
    assert (made / "README.md").exists()
    again = framework0("repro", failed, "each[1]")
    assert (again.code, "is there already" in again.stderr) == (5, True)
    shutil.rmtree(made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody"], "has no step 'nobody'"),
        (["skipped"], "was never begun"),
        (["each"], "name one, as in 'each[0]'"),
        (["ask"], "asks a person"),
        (["ratio", "--attempt", "7"], "has no attempt 7: there were 1"),
        ([], "name the step too"),
    ],
)
def test_what_cannot_be_made_again_is_refused(framework0, failed, words, told):
    said = framework0("repro", failed, *words)
    assert (said.code, told in said.stderr) == (2, True), said.stderr


@pytest.mark.measured
@pytest.mark.slow
def test_a_step_that_runs_a_recipe_leads_to_the_inner_run(workspace, framework0, failed):
    (workspace / "outer.yaml").write_text(
        "steps: [{name: inner, type: recipe, recipe: failing.yaml}]\n"
    )
    framework0("run", "outer.yaml", "--name", "outer", env={"TOKEN": SECRET})
    said = framework0("repro", "outer", "inner")
    assert (said.code, "reproduce a step of the inner run" in said.stderr) == (2, True)


@pytest.mark.measured
@pytest.mark.slow
def test_a_damaged_folder_or_a_wrong_word_is_answered(written):
    folder = written("ratio")
    assert replay(folder, "--help").returncode == 2
    attempt = json.loads((folder / "attempt.json").read_text())
    (folder / "attempt.json").write_text(json.dumps({**attempt, "format": 99}))
    said = replay(folder)
    assert (said.returncode, "another version" in said.stderr) == (2, True)
    (folder / "attempt.json").write_text("{")
    assert "holds no attempt" in replay(folder).stderr


@pytest.mark.slow
def test_an_attempt_in_flight_at_a_crash_can_be_made_again(killed_run, framework0, tmp_path):
    folder = tmp_path / "flying"
    assert framework0("repro", killed_run, "gate", "-o", folder).code == 0
    assert "was in flight when its process died" in (folder / "README.md").read_text()
