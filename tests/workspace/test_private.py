"""Files that nobody else may read."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from framework0.errors import RefusedError, WorkspaceError
from framework0.workspace import (
    local_token_path,
    read_local_token,
    read_private,
    replace_private,
    write_local_token,
)


def test_what_was_written_is_read_again_and_only_its_owner_can(tmp_path):
    path = tmp_path / "deep" / "secret"
    previous = os.umask(0)
    try:
        replace_private(path, b"one")
        replace_private(path, b"two")
    finally:
        os.umask(previous)
    assert read_private(path) == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_no_file_is_nothing(tmp_path):
    assert read_private(tmp_path / "none") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_reach_is_refused(tmp_path, mode):
    path = tmp_path / "secret"
    replace_private(path, b"x")
    path.chmod(mode)
    with pytest.raises(RefusedError, match="by others"):
        read_private(path)


def test_another_users_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    replace_private(path, b"x")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(RefusedError, match="belongs to user"):
        read_private(path)


def test_a_link_is_refused_and_a_folder_too(tmp_path):
    target = tmp_path / "target"
    replace_private(target, b"x")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(RefusedError, match="symbolic link"):
        read_private(link)
    with pytest.raises(RefusedError, match="folder"):
        read_private(tmp_path)


def test_a_file_too_large_to_be_one_is_refused(tmp_path):
    path = tmp_path / "secret"
    replace_private(path, b"x" * (1024 * 1024 + 1))
    with pytest.raises(WorkspaceError, match="no file of ours"):
        read_private(path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    replace_private(path, b"old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceError, match="errno 28"):
        replace_private(path, b"new")
    assert read_private(path) == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_the_local_token_of_a_port_is_in_the_state_folder_of_its_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert read_local_token(1) is None
    path = write_local_token(1, "f0_a_b")
    assert path == local_token_path(1) == tmp_path / "framework0" / "servers" / "1.token"
    assert read_local_token(1) == "f0_a_b"
    assert read_local_token(2) is None


def test_a_relative_state_folder_does_not_count():
    path = local_token_path(5, {"XDG_STATE_HOME": "somewhere"})
    assert path.is_absolute()
    assert path.parts[-5:] == (".local", "state", "framework0", "servers", "5.token")
