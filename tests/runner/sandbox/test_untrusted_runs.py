"""The untrusted mode as a person meets it: what it refuses, what it bounds, what it says of a missing wall."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from framework0.runner.sandbox.plan import environment

pytestmark = pytest.mark.slow

WITHOUT_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
BEFORE = ("unshare", "-Ur", "sh", "-c", WITHOUT_NAMESPACES, "sh")
"""What makes a machine that forbids namespaces of users of this one."""


@pytest.mark.parametrize("executor", ["thread", "serial"])
def test_an_executor_of_the_runner_is_refused_with_its_place(space, call, executor):
    space.recipe(call("who", f", executor: {executor}"))
    done = space.run("run", "--untrusted", "r.yaml")
    assert done.returncode == 5
    assert "r.yaml:3:6" in done.stderr
    assert executor in done.stderr


def test_an_executor_asked_for_in_the_command_is_refused(space, call):
    space.recipe(call("who"))
    done = space.run("run", "--untrusted", "--executor", "thread", "r.yaml")
    assert done.returncode == 5
    assert "leave --executor out" in done.stderr


def test_a_recipe_within_the_recipe_is_refused(space, call):
    (space.folder / "inner.yaml").write_text(
        "metadata: {name: i}\nsteps:\n  - " + call("who") + "\n"
    )
    space.recipe("{name: inner, idx: 1, type: recipe, recipe: inner.yaml}")
    done = space.run("run", "--untrusted", "r.yaml")
    assert done.returncode == 5
    assert "runs another recipe" in done.stderr


def test_walls_may_be_missing_only_where_there_are_to_be_some(space, call):
    space.recipe(call("who"))
    done = space.run("run", "--missing-walls", "allow", "r.yaml")
    assert done.returncode == 2
    assert "goes with --untrusted" in done.stderr


def test_a_runner_that_would_load_the_workspace_s_modules_itself_is_refused(space, call):
    (space.folder / "psutil.py").write_text("raise SystemExit('loaded by the runner')\n")
    space.recipe(call("who"))
    path = f"{space.folder}:{os.environ['PYTHONPATH']}"
    done = space.run("run", "--untrusted", "r.yaml", env={"PYTHONPATH": path})
    assert done.returncode == 5
    assert "import path of the runner" in done.stderr
    assert "-P -m framework0" in done.stderr


def test_the_runner_never_imports_from_the_workspace(space, call, ended, has_all):
    planted = "import os\nif os.getuid() != 1000:\n    open(__file__ + '.ran', 'w')\n"
    for name in ("psutil", "yaml", "numpy", "pyarrow", "opentelemetry", "shtab", "cronsim"):
        (space.folder / f"{name}.py").write_text(planted)
    space.recipe(call("who"), call("gives", ", args: {value: 1}", "again"))
    done = space.run("run", "--untrusted", "r.yaml", "--json")
    assert not list(space.folder.glob("*.ran"))
    if has_all:
        assert ended(done, "again")["state"] == "succeeded"


def test_a_missing_namespace_is_refused_by_name_and_with_exit_code_5(space, call):
    space.recipe(call("who"))
    done = space.run("run", "--untrusted", "r.yaml", before=BEFORE)
    assert done.returncode == 5, done.stderr
    for wall in ("namespaces: ", "own root: ", "process limit: "):
        assert wall in done.stderr
    assert "--missing-walls allow" in done.stderr
    assert space.run("runs", "--json").stdout.strip() == "[]"


def test_where_a_wall_may_be_missing_it_is_said_loudly_and_the_others_stand(space, call, ended):
    beside = Path.home() / f".escape-{os.getpid()}"
    space.recipe(
        call("writes", f", continue_on_error: true, args: {{path: {beside}}}"),
        call("writes", ", args: {path: mine}", "own"),
        call("variables"),
        "{name: dies, idx: 9, type: shell, command: [python3, -c, 'import os; os.abort()']}",
    )
    options = ("--untrusted", "--missing-walls", "allow")
    done = space.run("run", *options, "r.yaml", "--json", before=BEFORE)
    assert "NOT kept in" in done.stderr
    assert "own root: needs the namespaces" in done.stderr
    written = beside.exists()
    beside.unlink(missing_ok=True)
    assert written == ("Landlock:" in done.stderr), (done.stdout, done.stderr)
    assert ended(done, "own")["state"] == "succeeded"
    folder = ended(done, "variables")["result"]["HOME"]
    assert ended(done, "variables")["result"]["TMPDIR"] == folder
    assert Path(folder).name.startswith("framework0-step-")
    assert not os.path.exists(folder)
    assert "SIGABRT" in ended(done, "dies")["failure"]["message"]


def test_what_a_step_prints_is_bounded(space, call, has_all):
    space.recipe(call("prints_much"))
    done = space.run("run", "--untrusted", "r.yaml")
    assert done.returncode == (0 if has_all else 5)
    for log in space.folder.glob(".framework0/runs/*/logs/00001.1.log"):
        assert log.stat().st_size < 17 << 20
        assert "printed more than it may" in log.read_bytes()[-200:].decode()


def test_what_a_step_says_to_the_runner_is_bounded(space, call, has_all):
    space.recipe(call("says_much"))
    done = space.run("run", "--untrusted", "r.yaml")
    assert done.returncode == (1 if has_all else 5)
    assert "more to the runner than it may" in done.stderr or not has_all


def test_a_result_that_looks_like_a_reference_gives_no_file_of_another_run(
    space, call, ended, has_all
):
    space.recipe(call("gives", f", args: {{value: {list(range(100_000))}}}"))
    space.run("run", "r.yaml")
    (digest,) = {
        one.stem for one in space.folder.glob(".framework0/artifacts/*/*") if len(one.stem) > 60
    } or {"0" * 64}
    forged = {"$artifact": digest, "format": "json", "bytes": 1}
    (space.folder / "steps.py").write_text(f"def gives(value):\n    return {forged!r}\n")
    space.recipe(call("gives", ", args: {value: 0}"))
    done = space.run("run", "--untrusted", "r.yaml", "--json")
    assert done.returncode in ((0, 1) if has_all else (5,))
    assert "99999" not in done.stdout


def test_the_environment_is_an_allow_list_and_the_step_s_own(space, call, ended, has_all):
    space.recipe(call("variables", ", env: {OWN: x}"))
    done = space.run("run", "--untrusted", "r.yaml", "--json", env={"CANARY": "x"})
    if not has_all:
        assert done.returncode == 5
        return
    names = set(ended(done, "variables")["result"])
    assert names <= {*environment(), "OWN", "LC_CTYPE"}
    assert "OWN" in names


def test_a_command_runs_behind_the_walls_and_one_that_is_not_there_is_told(space, ended, has_all):
    space.recipe(
        "{name: here, idx: 1, type: shell, shell: true, command: 'id -u; pwd; ls /'}",
        "{name: nowhere, idx: 2, type: shell, command: [no-such-program]}",
    )
    done = space.run("run", "--untrusted", "r.yaml", "--json")
    if not has_all:
        assert done.returncode == 5
        return
    uid, folder, *names = ended(done, "here")["result"]["stdout"].split()
    assert (uid, folder) == ("1000", "/tmp")
    assert "var" not in names
    assert 'there is no command "no-such-program"' in ended(done, "nowhere")["failure"]["message"]


def test_a_folder_that_the_step_cannot_see_is_told(space, call, ended, has_all):
    space.recipe(call("who", ", cwd: /var"), call("who", f", cwd: {space.folder}", "seen"))
    done = space.run("run", "--untrusted", "r.yaml", "--json")
    if not has_all:
        assert done.returncode == 5
        return
    message = ended(done, "who")["failure"]["message"]
    assert re.search("'/var' cannot be entered: No such file", message), message


def test_a_secret_is_not_read_from_a_variable_that_only_the_recipe_names(space, call, has_all):
    head = "inputs:\n  CANARY: {type: string, secret: true}\n"
    space.recipe(call("who"), head=head)
    plain = space.run("run", "r.yaml", env={"CANARY": "abcdefgh"})
    assert plain.returncode == 0, plain.stderr
    done = space.run("run", "--untrusted", "r.yaml", env={"CANARY": "abcdefgh"})
    assert done.returncode == 2
    assert "CANARY" in done.stderr
    (space.folder / "framework0.toml").write_text('env = ["CANARY"]\n')
    done = space.run("run", "--untrusted", "r.yaml", env={"CANARY": "abcdefgh"})
    assert done.returncode == (0 if has_all else 5), done.stderr


def test_an_ordinary_user_has_the_same_walls(space, call, ended, has_all, ordinary):
    # pytest's own folders are root's alone.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        space.recipe(
            call("who"),
            call("forks"),
            call("writes", ", args: {path: mine}"),
            call("writes", f", args: {{path: {name}/out}}", "out"),
        )
        shutil.copytree(space.folder, Path(name, "space"))
        for path in (Path(name), *Path(name).rglob("*")):
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
            os.chown(path, 65534, 65534) if os.geteuid() == 0 else None
        space.folder = Path(name, "space")
        done = space.run(
            "run", "--untrusted", "r.yaml", "--json", before=ordinary, env={"HOME": name + "/none"}
        )
        if not has_all:
            assert done.returncode == 5
            return
        assert ended(done, "who")["result"] == 1000, done.stderr
        assert 50 < ended(done, "forks")["result"] < 400
        assert ended(done, "writes")["state"] == "succeeded"
        assert "Read-only" in ended(done, "out")["failure"]["message"]
        owner = (space.folder / ".framework0").stat().st_uid
        assert owner == (65534 if os.geteuid() == 0 else os.geteuid())
