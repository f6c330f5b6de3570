"""The mode of an untrusted run is part of its record: whatever goes on with it keeps it, or refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from framework0.assembly.executors import Executors
from framework0.assembly.recipes import as_workspace, load_recipe
from framework0.assembly.running import run_recipe
from framework0.assembly.session import Options
from framework0.assembly.untrusted import prepare
from framework0.errors import RefusedError, UsageError
from tests.runner.sandbox.conftest import PATIENCE, Space, call, ended, has_all, space

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

__all__ = ["call", "ended", "has_all", "space"]

UNTRUSTED = ("--untrusted", "r.yaml", "--json")


def states(done):
    """The ends of the steps that ran; one that was kept may be told of as well."""
    ends = [
        one for one in map(json.loads, done.stdout.splitlines()) if one["event"] == "step_finished"
    ]
    return {one["step"]: one for one in ends if not one.get("reason", "").startswith("kept")}


def run_ids(space):
    return [one["id"] for one in json.loads(space.run("runs", "--json").stdout)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder for one workspace at a time, and its state after one run in it."""
    folder = tmp_path_factory.mktemp("failed")
    return folder / "space", folder / "kept"


@pytest.fixture
def failed(kept, call, has_all):
    """A workspace with an untrusted run of which one step succeeded and one failed."""
    live, before = kept
    if not before.exists():
        live.mkdir()
        space = Space(live)
        space.recipe(call("who"), call("fails_once", ", depends_on: [who]"))
        done = space.run("run", *UNTRUSTED)
        assert done.returncode == (1 if has_all else 5), done.stderr
        (live / "mended").touch()
        shutil.copytree(live, before)
    shutil.rmtree(live)
    shutil.copytree(before, live)
    return Space(live) if has_all else None


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (("resume",), ["fails_once"]),
        (("rerun",), ["who", "fails_once"]),
        (("rerun", "--failed"), ["fails_once"]),
        (("resume", "--untrusted"), ["fails_once"]),
    ],
)
def test_a_run_that_goes_on_or_is_repeated_keeps_its_walls(failed, words, again):
    if failed is None:
        return
    done = failed.run(*words, "--json")
    ends = states(done)
    assert done.returncode == 0, done.stderr
    assert list(ends) == again
    assert ends["fails_once"]["result"] == 1000
    for run in run_ids(failed):
        shown = json.loads(failed.run("show", run, "--json").stdout)
        assert shown["options"]["untrusted"] == "strict"


def test_a_new_run_from_changed_code_keeps_its_walls(failed):
    if failed is None:
        return
    with open(failed.folder / "r.yaml", "a") as file:
        file.write("  - {name: more, idx: 3, type: python, module: steps, function: who}\n")
    done = failed.run("resume", "--accept-changes", "--json")
    assert {name: one["result"] for name, one in states(done).items()} == {
        "fails_once": 1000,
        "more": 1000,
    }


def test_a_paused_run_that_is_continued_keeps_its_walls_and_its_variables(space, call, has_all):
    head = "inputs:\n  CANARY: {type: string, secret: true}\n"
    space.recipe(call("who", ", breakpoint: before"), head=head)
    (space.folder / "framework0.toml").write_text('env = ["CANARY"]\n')
    done = space.run("run", *UNTRUSTED, env={"CANARY": "abcdefgh"})
    if not has_all:
        assert done.returncode == 5
        return
    assert done.returncode == 6, done.stderr
    assert (
        space.run("continue", "--set", "a=1", "--stay", env={"CANARY": "abcdefgh"}).returncode == 0
    )
    (space.folder / "framework0.toml").write_text("")
    refused = space.run("continue", env={"CANARY": "abcdefgh"})
    assert refused.returncode == 2
    assert "CANARY" in refused.stderr
    (space.folder / "framework0.toml").write_text('env = ["CANARY"]\n')
    done = space.run("continue", "--json", env={"CANARY": "abcdefgh"})
    assert states(done)["who"]["result"] == 1000


def test_a_trusted_run_can_go_on_behind_walls(space, call, has_all):
    space.recipe(call("who"), call("fails_once", ", depends_on: [who]"))
    assert space.run("run", "r.yaml").returncode == 1
    (space.folder / "mended").touch()
    done = space.run("resume", "--untrusted", "--json")
    assert done.returncode == (0 if has_all else 5)
    assert not has_all or states(done)["fails_once"]["result"] == 1000


def test_an_attempt_of_an_untrusted_run_is_not_written_out_to_be_made_again(failed):
    if failed is None:
        return
    done = failed.run("repro", "fails_once", "-o", "folder")
    assert done.returncode == 5
    assert "outside of the sandbox" in done.stderr
    assert not (failed.folder / "folder").exists()


@pytest.mark.parametrize("options", [(), ("--untrusted",)])
def test_chaos_kills_and_resumes_in_the_mode_it_is_told(space, call, has_all, options):
    space.recipe(call("who"), call("who", name="again"))
    done = space.run("chaos", "r.yaml", "--points", "1", "--json", *options)
    if options and not has_all:
        assert done.returncode == 1
        return
    told = json.loads(done.stdout)
    assert (told["holds"], told["state"], len(told["trials"])) == (
        True,
        "succeeded",
        1,
    ), done.stderr


def test_chaos_tells_why_an_untrusted_recipe_cannot_be_run(space, call):
    space.recipe(call("who", ", executor: thread"))
    done = space.run("chaos", "r.yaml", "--untrusted")
    assert done.returncode == 1
    assert "which has no walls" in done.stderr


def test_a_schedule_keeps_that_its_recipe_is_untrusted(space, call, has_all):
    space.recipe(call("who"))
    words = ("schedule", "add", "often", "r.yaml", "--every", "1s", "--untrusted")
    assert space.run(*words).returncode == 0
    (listed,) = json.loads(space.run("schedule", "list", "--json").stdout)
    assert listed["untrusted"] is True
    server = space.start("serve-schedules", "--json")
    for line in server.stdout:
        event = json.loads(line)
        if event["event"] == "ended":
            break
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=PATIENCE)
    if not has_all:
        return
    told = space.run("show", event["run"], "--json")
    assert told.returncode == 0, (event, told.stderr)
    shown = json.loads(told.stdout)
    assert shown["options"]["untrusted"] == "strict"
    assert shown["state"] == "succeeded"


def test_the_cache_is_neither_read_nor_written(space, call, ended, has_all):
    space.recipe(call("who", ", cache: true"))
    assert space.run("run", "r.yaml", "--json").returncode == 0
    done = space.run("run", *UNTRUSTED)
    if has_all:
        assert ended(done, "who")["state"] == "succeeded"
        assert ended(done, "who")["result"] == 1000
    again = space.run("run", "r.yaml", "--json")
    assert ended(again, "who")["state"] == "cached"
    assert ended(again, "who")["result"] == os.getuid()


def test_from_python_the_mode_is_a_word(space, call, has_all, monkeypatch):
    space.recipe(call("who"))
    recipe = str(space.folder / "r.yaml")
    with pytest.raises(UsageError, match="untrusted is strict or best-effort, not 'yes'"):
        run_recipe(recipe, workspace=space.folder, untrusted="yes")
    if not has_all:
        with pytest.raises(RefusedError):
            run_recipe(recipe, workspace=space.folder, untrusted="strict")
        return
    result = run_recipe(recipe, workspace=space.folder, untrusted="strict")
    assert result.steps["who"].result == 1000


def test_without_its_walls_no_run_is_made(space):
    with pytest.raises(RuntimeError, match="without its walls"):
        Executors([], lambda _: None, options=Options(untrusted="strict"))


def test_a_missing_wall_is_warned_of_or_told(space, call, monkeypatch):
    space.recipe(call("who"))
    space_, recipe = as_workspace(space.folder), load_recipe(
        space.folder / "r.yaml", workspace=space.folder
    )
    monkeypatch.setattr(
        "framework0.assembly.untrusted.missing_layers", lambda _: {"Landlock": "too old"}
    )
    options = Options(untrusted="best-effort")
    with pytest.warns(RuntimeWarning, match="Landlock: too old"):
        prepare(recipe, options, space_)
    assert options.sandbox["missing"] == ["Landlock"]
    told = []
    options.on_missing = told.append
    prepare(recipe, options, space_)
    assert "NOT kept in" in told[0]
    with pytest.raises(RefusedError, match="cannot keep an untrusted step in"):
        prepare(recipe, Options(untrusted="strict"), space_)
    monkeypatch.setattr("framework0.assembly.untrusted.missing_layers", lambda _: {"Linux": "none"})
    with pytest.raises(RefusedError, match="Linux: none"):
        prepare(recipe, Options(untrusted="best-effort"), space_)


def test_a_step_is_placed_where_its_name_stands(space, call):
    (space.folder / "r.yaml").write_text(
        "metadata: {name: r}\nsteps:\n"
        '  - name: "odd"  # a remark\n    idx: 1\n    type: python\n    module: steps\n    function: who\n    executor: serial\n'
        "  - {idx: 2, type: python, module: steps, function: who, name: last, executor: thread}\n"
    )
    done = space.run("run", "--untrusted", "r.yaml")
    assert "r.yaml:3:5: step 'odd'" in done.stderr
    assert "r.yaml:1:1: step 'last'" in done.stderr
