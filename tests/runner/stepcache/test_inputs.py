"""Declared files count by content, whatever their times say."""

from __future__ import annotations

import os

import pytest

from framework0.runner.stepcache import inputs
from framework0.runner.stepcache.inputs import InputFiles
from framework0.runner.stepcache.parts import ABSENT


@pytest.fixture
def files(tmp_path):
    return InputFiles(str(tmp_path))


def old(path):
    """Give a file the times of long ago, as far as its owner can."""
    os.utime(path, (1_000, 1_000))


def test_the_same_content_has_the_same_hash_under_any_time(tmp_path, files):
    path = tmp_path / "a"
    path.write_text("x")
    first = files.digest("a")
    old(path)
    assert files.digest("a") == first
    assert InputFiles(str(tmp_path)).digest("a") == first


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path, files):
    path = tmp_path / "a"
    path.write_text("x")
    old(path)
    first = files.digest("a")
    path.write_text("y")
    old(path)
    assert files.digest("a") != first


def test_a_settled_file_is_read_once(tmp_path, files, monkeypatch):
    path = tmp_path / "a"
    path.write_text("x")
    monkeypatch.setattr(inputs, "SETTLED", -60.0)
    first = files.digest("a")
    monkeypatch.setattr(inputs, "_read", None)
    assert files.digest("a") == first


def test_a_folder_counts_with_all_below_it(tmp_path, files):
    folder = tmp_path / "d" / "e"
    folder.mkdir(parents=True)
    (folder / "a").write_text("1")
    seen = {files.digest("d")}
    (folder / "b").write_text("2")
    seen.add(files.digest("d"))
    (folder / "b").rename(folder / "c")
    seen.add(files.digest("d"))
    (folder / "a").write_text("3")
    seen.add(files.digest("d"))
    assert len(seen) == 4


def test_what_is_not_there_is_said(files):
    assert files.digest("nothing") == ABSENT
    assert files.digest("nothing/below") == ABSENT


def test_a_file_beside_a_path_through_it_is_absent(tmp_path, files):
    (tmp_path / "a").write_text("x")
    assert files.digest("a/b") == ABSENT


def test_a_pipe_is_refused_and_hangs_nobody(tmp_path, files):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        files.digest("pipe")


def test_a_folder_of_too_many_files_is_refused(tmp_path, files, monkeypatch):
    monkeypatch.setattr(inputs, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
    with pytest.raises(ValueError, match="more than 2 files"):
        files.digest(".")
