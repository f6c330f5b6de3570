from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from framework0.errors import RefusedError, WorkspaceError
from framework0.workspace import files, hold, holder, make_private_folder, open_private


def _fail(number, text):
    def call(*_arguments, **_named):
        raise OSError(number, text)

    return call


def open_here(folder):
    """Return the paths below a folder that this process has open: other threads open others."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in found if path.startswith(str(folder))]


def test_folders_made_here_are_for_their_owner_only_whatever_the_umask(tmp_path):
    for umask in (0o000, 0o777):
        before = os.umask(umask)
        try:
            make_private_folder(tmp_path / f"a{umask}" / "b")
        finally:
            os.umask(before)
        for folder in (tmp_path / f"a{umask}", tmp_path / f"a{umask}" / "b"):
            assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_exists_keeps_its_mode(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    make_private_folder(tmp_path / "shared" / "ours")
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755


def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(WorkspaceError, match="a is a file where a folder is needed"):
        make_private_folder(tmp_path / "a")
    with pytest.raises(WorkspaceError, match="a is a file where a folder is needed"):
        make_private_folder(tmp_path / "a" / "b")


def test_a_folder_made_by_somebody_else_in_between_is_taken(tmp_path, monkeypatch):
    really = Path.mkdir

    def first_somebody_else(path, **named):
        really(path, **named)
        really(path, **named)

    monkeypatch.setattr(Path, "mkdir", first_somebody_else)
    make_private_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def test_a_folder_that_cannot_be_made_is_named_with_its_errno(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", _fail(28, "No space left on device"))
    with pytest.raises(
        WorkspaceError, match=r"cannot create the folder .*/a: .*errno 28.*FRAMEWORK0_HOME"
    ):
        make_private_folder(tmp_path / "a")


@pytest.mark.parametrize("call", ["open", "lstat"])
def test_a_file_that_cannot_be_opened_is_named_with_its_errno(tmp_path, monkeypatch, call):
    (tmp_path / "file").touch(mode=0o600)
    monkeypatch.setattr(files.os, call, _fail(5, "Input/output error"))
    for reach in (open_private, hold, holder):
        with pytest.raises(WorkspaceError, match=r"file: Input/output error \(errno 5\)"):
            reach(tmp_path / "file")


def test_a_file_swapped_for_another_after_the_first_look_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "victim").touch(mode=0o644)
    really = files.os.open

    def swapped(path, flags, *mode):
        (tmp_path / "file").unlink()
        (tmp_path / "file").hardlink_to(tmp_path / "victim")
        return really(path, flags, *mode)

    monkeypatch.setattr(files.os, "open", swapped)
    with pytest.raises(RefusedError, match="hard link"):
        open_private(tmp_path / "file")
    assert open_here(tmp_path) == []
    assert (tmp_path / "victim").stat().st_mode & 0o777 == 0o644


def test_a_lock_whose_place_cannot_be_looked_at_is_given_back(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    hold(path).release()
    really = os.lstat
    looks = []

    def fails_at_last(name, **named):
        looks.append(name)
        if len(looks) == 2:
            raise OSError(5, "Input/output error")
        return really(name, **named)

    monkeypatch.setattr(files.os, "lstat", fails_at_last)
    with pytest.raises(WorkspaceError, match=r"cannot look at .*errno 5"):
        hold(path)
    monkeypatch.undo()
    assert holder(path) is None


def test_a_description_that_cannot_be_written_keeps_nobody_from_holding(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "pwrite", _fail(28, "No space left on device"))
    with hold(tmp_path / "lock"):
        assert holder(tmp_path / "lock").pid == 0


def test_a_lock_call_that_fails_for_another_reason_is_not_taken_for_busy(tmp_path, monkeypatch):
    from framework0.workspace import kernel

    monkeypatch.setattr(kernel.fcntl, "flock", _fail(37, "No locks available"))
    with pytest.raises(OSError, match="No locks available"):
        hold(tmp_path / "lock")


def test_the_state_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    from framework0.workspace import Workspace

    monkeypatch.setattr(files.os, "write", _fail(28, "No space left on device"))
    with pytest.raises(WorkspaceError, match=r"cannot write .*\.gitignore: .*errno 28"):
        Workspace(tmp_path, tmp_path / ".framework0").ensure_state()
