from __future__ import annotations

import os
from pathlib import Path

import pytest

from framework0.errors import RefusedError, UsageError, WorkspaceError
from framework0.workspace import Settings, Workspace, find_workspace, is_id


def _find(start, **named):
    return find_workspace(start, environ={}, **named)


@pytest.mark.parametrize(
    ("mark", "content"),
    [
        (".framework0", None),
        ("framework0.toml", ""),
        ("pyproject.toml", "[tool.framework0]\n"),
        ("pyproject.toml", "[tool]\nframework0.grace = 2\n"),
        ("pyproject.toml", '["tool" . framework0]\n'),
        ("pyproject.toml", "tool = {framework0 = {}}\n"),
    ],
)
def test_the_nearest_marked_folder_upward_is_the_root(tmp_path, mark, content):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    if content is None:
        (tmp_path / mark).mkdir()
    else:
        (tmp_path / mark).write_text(content)
    found = _find(inner)
    assert found.root == tmp_path
    assert found.state == tmp_path / ".framework0"
    (inner / ".framework0").mkdir()
    assert _find(inner).root == inner


@pytest.mark.parametrize(
    "content",
    [
        "[tool.other]\n",
        'x = "framework0"\n',
        '[project]\ndependencies = ["framework0"]\n',
        "broken [",
    ],
)
def test_a_project_of_somebody_else_is_no_root(tmp_path, content):
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text(content)
    assert _find(inner).root == inner


def test_a_tool_table_without_ours_is_no_root(tmp_path):
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool]\nx = "framework0"\n')
    assert _find(inner).root == inner


def test_without_any_mark_the_current_folder_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find_workspace(environ={})
    assert found.root == tmp_path
    assert not found.state.exists()


def test_a_file_named_like_the_state_folder_is_no_mark(tmp_path):
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / ".framework0").write_text("")
    assert _find(inner).root == inner


def test_a_named_root_is_taken_as_it_is(tmp_path):
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / ".framework0").mkdir()
    assert _find(tmp_path, explicit=inner).root == inner
    with pytest.raises(UsageError, match="is not a folder"):
        _find(tmp_path, explicit=tmp_path / "absent")


def test_the_environment_moves_the_state_and_not_the_root(tmp_path):
    (tmp_path / "framework0.toml").write_text("grace = 1\n")
    found = find_workspace(tmp_path, environ={"FRAMEWORK0_HOME": str(tmp_path / "elsewhere")})
    assert (found.root, found.state) == (tmp_path, tmp_path / "elsewhere")
    assert found.settings.grace == 1
    assert (
        find_workspace(tmp_path, environ={"FRAMEWORK0_HOME": ""}).state == tmp_path / ".framework0"
    )


def test_the_state_is_closed_to_others_and_to_version_control(tmp_path):
    before = os.umask(0)
    try:
        state = _find(tmp_path).ensure_state()
    finally:
        os.umask(before)
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / ".gitignore").read_text() == "*\n"
    assert (state / ".gitignore").stat().st_mode & 0o777 == 0o600
    assert _find(tmp_path).ensure_state() == state


def test_a_file_where_the_state_should_be_is_named(tmp_path):
    (tmp_path / ".framework0").write_text("")
    with pytest.raises(WorkspaceError, match=r"\.framework0"):
        Workspace(tmp_path, tmp_path / ".framework0").ensure_state()


def test_a_linked_gitignore_is_not_written_through(tmp_path):
    state = tmp_path / ".framework0"
    state.mkdir()
    (state / ".gitignore").symlink_to(tmp_path / "victim")
    with pytest.raises(RefusedError):
        Workspace(tmp_path, state).ensure_state()
    assert not (tmp_path / "victim").exists()


def test_paths_of_the_state_lie_inside_it(tmp_path):
    workspace = _find(tmp_path)
    assert workspace.journal == tmp_path / ".framework0" / "journal.db"
    assert workspace.cache.parent == workspace.state
    assert workspace.run_folder("a-1").parent.parent == workspace.state
    with pytest.raises(UsageError, match="not a run's id"):
        workspace.run_folder("../a")
    assert repr(workspace).startswith(f"Workspace({str(tmp_path)!r}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        "a/b",
        "/a",
        "-a",
        "a b",
        "a\n",
        "a\0",
        "é",
        "x" * 101,
        ".hidden",
        "a\\b",
        "C:a",
        "~a",
    ],
)
def test_an_id_never_leads_anywhere_else(text):
    assert not is_id(text)


@pytest.mark.parametrize("text", ["a", "20261124-034501-1f9a03bc", "A.b_c-d", "x" * 100])
def test_an_id_is_a_plain_name(text):
    assert is_id(text)


def test_settings_are_read_with_their_types(tmp_path):
    (tmp_path / "framework0.toml").write_text(
        'concurrency = 8\ndurability = "normal"\nexecutor = "process"\ngrace = 2.5\n'
        'env = ["HOME", "LANG"]\nkeep_runs = 30\n[limits]\nresult_bytes = 1000\n'
    )
    assert _find(tmp_path).settings == Settings(
        8, "normal", "process", 2.5, ("HOME", "LANG"), 30, 1000
    )


def test_our_own_file_goes_before_the_projects(tmp_path):
    (tmp_path / "framework0.toml").write_text("concurrency = 1\n")
    (tmp_path / "pyproject.toml").write_text("[tool.framework0]\nconcurrency = 2\n")
    assert _find(tmp_path).settings.concurrency == 1


def test_all_mistakes_of_the_settings_come_at_once_with_their_places(tmp_path):
    file = tmp_path / "framework0.toml"
    file.write_text(
        'concurency = 3\ngrace = "soon"\n  durability = "never"\nkeep_runs = true\nenv = "HOME"\n'
        "executor = 3\nzzz = 1\nconcurrency = -1\n[limits]\nresult_bytes = 1.5\nother = 2\n"
    )
    with pytest.raises(WorkspaceError) as caught:
        _find(tmp_path)
    lines = str(caught.value).splitlines()[1:]
    assert [line.removeprefix(str(file)).split(": ")[0] for line in lines] == [
        ":1:1", ":2:1", ":3:3", ":4:1", ":5:1", ":6:1", ":7:1", ":8:1", ":10:1", ":11:1",
    ]  # fmt: skip
    assert "unknown setting 'concurency' (did you mean 'concurrency'?)" in lines[0]
    assert "grace must be a number of seconds from 0 to 3600, not 'soon'" in lines[1]
    assert "durability must be one of full, normal, not 'never'" in lines[2]
    assert "whole number" in lines[3]
    assert "env must be a list of names" in lines[4]
    assert "known are concurrency" in lines[6]
    assert "result_bytes must be a whole number" in lines[8]


def test_a_mistake_in_the_projects_file_is_located_under_its_table(tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text('grace = 1\n[project]\ngrace = "x"\n[tool.framework0] # ours\ngrace = "y"\n')
    with pytest.raises(WorkspaceError, match=rf"{file}:5:1: grace must be"):
        _find(tmp_path)
    file.write_text("[tool]\nframework0 = {limits = 3, grace = 1}\n")
    with pytest.raises(WorkspaceError, match=rf"{file}:1:1: limits must be a table"):
        _find(tmp_path)
    file.write_text("[tool]\nframework0 = 3\n")
    with pytest.raises(WorkspaceError, match="must be a table"):
        _find(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"grace = = 1\n", "not valid TOML: .*line 1"), (b"grace = '\xff'\n", "not UTF-8 .byte 9.")],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, content, words):
    (tmp_path / "framework0.toml").write_bytes(content)
    with pytest.raises(WorkspaceError, match=words):
        _find(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "framework0.toml").write_text("")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(
        WorkspaceError, match=r"cannot read .*framework0\.toml: Permission denied .errno 13."
    ):
        _find(tmp_path)


def test_pools_and_the_bound_of_logs_are_settings(tmp_path):
    (tmp_path / "framework0.toml").write_text(
        "[pools]\ngpu = 2\ndata-base_1 = 10000\n[limits]\nmax_log_bytes = 1000000\n"
    )
    settings = find_workspace(tmp_path).settings
    assert settings.pools == {"gpu": 2, "data-base_1": 10000}
    assert settings.max_log_bytes == 1_000_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gpu = 0", "gpu must be a whole number from 1 to 10000, not 0"),
        ("gpu = 1.5", "gpu must be a whole number from 1 to 10000, not 1.5"),
        ("gpu = true", "gpu must be a whole number from 1 to 10000, not True"),
        ("GPU = 1", "unknown setting 'GPU' (a pool's name has up to 60 letters in lower case"),
        ('"../up" = 1', "unknown setting '../up' (a pool's name"),
        ('"" = 1', "unknown setting '' (a pool's name"),
        (f"{'x' * 61} = 1", "(a pool's name"),
    ],
)
def test_a_wrong_pool_is_told_with_its_place(tmp_path, line, said):
    file = tmp_path / "framework0.toml"
    file.write_text(f"[pools]\n{line}\n")
    with pytest.raises(WorkspaceError) as caught:
        find_workspace(tmp_path)
    assert f"{file}:" in str(caught.value)
    assert said in str(caught.value)


def test_pools_must_be_a_table(tmp_path):
    file = tmp_path / "framework0.toml"
    file.write_text("pools = 3\n")
    with pytest.raises(WorkspaceError, match=rf"{file}:1:1: pools must be a table"):
        find_workspace(tmp_path)
