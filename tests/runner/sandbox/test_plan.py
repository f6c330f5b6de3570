"""What a step may see: worked out before anything runs, and refused where it would be too much."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from framework0.errors import RefusedError
from framework0.runner.processes.line import LineFlooded, pair
from framework0.runner.processes.tail import Budget
from framework0.runner.sandbox import plan as planning
from framework0.runner.sandbox import probing
from framework0.runner.sandbox.plan import plan_for
from framework0.runner.sandbox.scratch import remove_own_folder, with_own_folder


def shown(plan):
    return [path for path, _ in plan["readable"]]


def test_a_workspace_that_is_or_holds_the_home_folder_is_refused(tmp_path, monkeypatch):
    home = tmp_path / "people" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for root in (home, tmp_path, Path("/")):
        with pytest.raises(RefusedError, match="home folder"):
            plan_for(root, root / ".framework0", [], [])
    inner = home / "project"
    inner.mkdir()
    with pytest.raises(RefusedError, match="home folder"):
        plan_for(inner, inner / ".framework0", [str(tmp_path)], [])
    (tmp_path / "link").symlink_to(home)
    with pytest.raises(RefusedError, match="home folder"):
        plan_for(tmp_path / "link", tmp_path / ".framework0", [], [])
    found = shown(plan_for(inner, inner / ".framework0", [], []))
    assert str(inner) in found
    assert str(home) not in found


def test_the_home_folder_is_also_that_of_the_list_of_users(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    real = Path(os.path.expanduser(f"~{os.environ.get('USER', 'root')}"))
    homes = planning._homes()
    assert tmp_path.resolve() in homes
    assert len(homes) == 2 or real.resolve() == tmp_path
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    assert planning._homes() == [tmp_path.resolve()]


def test_the_folder_of_scratch_itself_is_refused():
    with pytest.raises(RefusedError, match="has its own files"):
        plan_for(Path("/tmp"), Path("/tmp/.framework0"), [], [])


def test_an_interpreter_in_the_home_folder_itself_is_refused(tmp_path, monkeypatch):
    space = tmp_path / "space"
    space.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "home"))
    with pytest.raises(RefusedError, match="Python is installed in"):
        plan_for(space, space / ".framework0", [], [])


def test_code_of_the_workspace_on_the_runner_s_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(RefusedError, match="import path of the runner"):
        plan_for(tmp_path, tmp_path / ".framework0", [], [])


def test_the_folder_in_which_the_command_was_started_is_not_shown(tmp_path, monkeypatch):
    (tmp_path / "space").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "library").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(
        sys, "path", ["", str(tmp_path / "here"), str(tmp_path / "library"), *sys.path]
    )
    found = shown(plan_for(tmp_path / "space", tmp_path / "space" / ".framework0", [], []))
    assert str(tmp_path / "here") not in found
    assert str(tmp_path) not in found
    assert str(tmp_path / "library") in found
    assert str(tmp_path / "space") in found


def test_what_lies_in_what_is_shown_is_not_shown_twice(tmp_path):
    (tmp_path / "inner").mkdir()
    found = shown(plan_for(tmp_path, tmp_path / ".framework0", [str(tmp_path / "inner")], []))
    assert str(tmp_path) in found
    assert str(tmp_path / "inner") not in found
    assert not any(path.startswith("/usr/") for path in found)


def test_a_workspace_by_a_link_is_shown_at_both_names(tmp_path):
    (tmp_path / "real" / "space").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    space = tmp_path / "link" / "space"
    plan = plan_for(space, space / ".framework0", [], [])
    assert [str(space), str(tmp_path / "real" / "space")] in plan["readable"]
    assert str(tmp_path / "real" / "space" / ".framework0") in plan["covered"]
    assert str(space / ".framework0") in plan["covered"]


def test_a_budget_cuts_once_and_says_so():
    budget = Budget(10)
    assert budget.take(b"12345678") == b"12345678"
    assert budget.take(b"90ab").startswith(b"90\n[the step printed")
    assert budget.take(b"more") == b""


def test_a_line_takes_no_more_than_its_allowance():
    line, other = pair()
    line.allowance = 20
    with line._socket, other:
        other.sendall(b"\0\0\0\x02{}" + b"\0\0\1\0")
        assert line.receive() == {}
        with pytest.raises(LineFlooded):
            line.receive()


def test_elsewhere_than_on_linux_all_walls_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list(probing.missing_layers({"missing": []})) == ["Linux"]


def test_a_trial_that_ends_without_a_word_is_no_sandbox(monkeypatch):
    monkeypatch.setattr(probing, "interpreter", lambda: ["false"])
    assert probing.missing_layers({"missing": []}) == {"sandbox": "the trial ended with 1"}


@pytest.mark.slow
def test_a_trial_that_fails_otherwise_is_told(tmp_path):
    plan = plan_for(tmp_path, tmp_path / ".framework0", [], [])
    found = probing.missing_layers({**plan, "descriptors": -7})
    assert list(found) == ["sandbox"]


def test_a_folder_is_made_only_where_there_is_no_own_root(tmp_path):
    plan = plan_for(tmp_path, tmp_path / ".framework0", [], [])
    assert with_own_folder(plan) == plan
    remove_own_folder(plan)
    made = with_own_folder({**plan, "missing": ["own root"]})
    assert made["home"] == made["folder"] == made["env"]["HOME"] == made["env"]["TMPDIR"]
    assert os.stat(made["home"]).st_mode & 0o777 == 0o700
    Path(made["home"], "file").write_text("x")
    remove_own_folder(made)
    assert not os.path.exists(made["home"])
    elsewhere = with_own_folder({**plan, "missing": ["namespaces"], "folder": "/x"})
    assert elsewhere["folder"] == "/x"
    remove_own_folder(elsewhere)
