"""Reading a recipe's file: one clear sentence for whatever is not a readable recipe, at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from framework0.errors import RecipeError
from framework0.recipe import textfile
from framework0.recipe.limits import MAX_FILE_BYTES
from framework0.recipe.load import read_document

READER = """
import os, sys
from framework0.errors import RecipeError
from framework0.recipe.load import read_document
if os.geteuid() == 0:
    os.setuid(65534)
try:
    read_document("secret.yaml")
except RecipeError as error:
    print(error)
"""


def refused(path):
    """Read a file that cannot be read, without waiting for it; return the one problem told."""
    # A second is promised; a busy machine may take several, waiting for a pipe takes for ever.
    begun = time.monotonic()
    with pytest.raises(RecipeError) as caught:
        read_document(path)
    assert time.monotonic() - begun < 60
    (problem,) = caught.value.problems
    assert problem.place.file == os.fspath(path)
    assert (problem.place.line, problem.place.column) >= (1, 1)
    assert problem.hint
    return problem


def test_a_file_is_read_whole(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("steps: []\n" + "# more\n" * 100_000)
    document = read_document(path)
    assert document.data == {"steps": []}
    assert document.file == str(path)
    assert len(document.text) == path.stat().st_size


def test_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "r.yaml").write_text("a: 1\n")
    (tmp_path / "link.yaml").symlink_to("r.yaml")
    assert read_document(tmp_path / "link.yaml").data == {"a": 1}


def test_a_missing_file_is_told_with_the_near_name(tmp_path):
    (tmp_path / "example.yaml").write_text("a: 1\n")
    problem = refused(tmp_path / "exmaple.yaml")
    assert problem.code == "file-missing"
    assert "example.yaml" in problem.hint


def test_a_missing_file_without_a_near_name_is_told(tmp_path):
    assert refused(tmp_path / "example.yaml").hint == "check the path"
    assert refused(tmp_path / "no" / "folder.yaml").hint == "check the path"


@pytest.mark.parametrize("name", ["file.txt/x.yaml", "x" * 300, "a\0b", "loop.yaml"])
def test_a_path_that_leads_to_no_file_is_told(tmp_path, name):
    (tmp_path / "file.txt").write_text("a: 1\n")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert refused(f"{tmp_path}/{name}").code == "file-missing"


def test_a_folder_is_told(tmp_path):
    problem = refused(tmp_path)
    assert (problem.code, problem.message) == ("file-kind", "this is a folder, not a recipe file")


def test_a_pipe_nobody_writes_to_is_told_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "pipe" in refused(tmp_path / "pipe.yaml").message


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_told_and_never_opened(device):
    assert "device" in refused(device).message


def test_a_socket_is_told(tmp_path, monkeypatch):
    # The path of a socket may have 108 bytes only.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.yaml")
        assert "socket" in refused("s.yaml").message


def test_a_file_one_may_not_read_is_told(tmp_path, repository):
    tmp_path.chmod(0o755)
    path = tmp_path / "secret.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o000)
    # As root every file may be read, so another user asks, from inside the folder: the folders
    # above need not let him in.
    done = subprocess.run(
        [sys.executable, "-c", READER],
        cwd=tmp_path,
        env={"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("secret.yaml:1:1: this file may not be read by you")


def test_a_gigabyte_of_holes_is_refused_by_its_size(tmp_path):
    path = tmp_path / "sparse.yaml"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    problem = refused(path)
    assert problem.code == "file-too-large"
    assert "1,073,741,824" in problem.message


def test_one_byte_too_many_is_refused_and_none_too_many_is_read(tmp_path):
    path = tmp_path / "r.yaml"
    with path.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    assert refused(path).code == "file-too-large"
    with path.open("r+b") as stream:
        stream.truncate(MAX_FILE_BYTES)
    assert len(textfile.read_bytes(str(path))) == MAX_FILE_BYTES


def test_a_file_that_changes_once_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "r.yaml"
    path.write_text("a: 1\n")
    changes = iter(["a: 22\n"])
    read = os.read

    def read_while_somebody_writes(descriptor, size):
        content = read(descriptor, size)
        if (text := next(changes, None)) is not None:
            path.write_text(text)
        return content

    monkeypatch.setattr(os, "read", read_while_somebody_writes)
    assert read_document(path).data == {"a": 22}


def test_a_file_that_never_rests_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "r.yaml"
    path.write_text("a: 1\n")
    read = os.read

    def read_while_somebody_writes(descriptor, size):
        content = read(descriptor, size)
        with path.open("a") as stream:
            stream.write("# more\n")
        return content

    monkeypatch.setattr(os, "read", read_while_somebody_writes)
    assert refused(path).code == "file-changed"


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "r.yaml"
    path.write_text("a: 1\n")
    monkeypatch.setattr(os, "read", lambda _descriptor, _size: b"")
    assert refused(path).code == "file-changed"


def test_an_error_of_the_disk_is_told_in_its_own_words(tmp_path, monkeypatch):
    path = tmp_path / "r.yaml"
    path.write_text("a: 1\n")

    def fail(_descriptor, _size):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    problem = refused(path)
    assert problem.code == "file-unreadable"
    assert "Input/output error" in problem.message


@pytest.mark.parametrize(
    ("content", "told", "line", "column"),
    [
        (b"a: 1\nb: caf\xe9\n", "0xe9", 2, 7),
        ("a: 日本 ".encode() + b"\xff\n", "0xff", 1, 7),
        ("a: 日".encode()[:-1], "0xe6", 1, 4),
        ("a: 1\n".encode("utf-16"), "UTF-16", 1, 1),
        (b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), "UTF-16", 1, 1),
        ("a: 1\n".encode("utf-32"), "UTF-32", 1, 1),
        (b"\x00\x00\xfe\xff" + "a: 1\n".encode("utf-32-be"), "UTF-32", 1, 1),
        (b"a: \xed\xa0\x80\n", "0xed", 1, 4),
        (b"a: \xc0\x80\n", "0xc0", 1, 4),
    ],
)
def test_what_is_not_utf8_is_told_with_its_place(tmp_path, content, told, line, column):
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    problem = refused(path)
    assert problem.code == "encoding"
    assert told in problem.message
    assert (problem.place.line, problem.place.column) == (line, column)


def test_text_in_utf16_without_a_mark_is_refused_for_its_nul_characters(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_bytes("a: 1\n".encode("utf-16-le"))
    assert refused(path).code == "control-character"
