"""Files that are broken: each is told where and how, none is overwritten, the good copy is offered."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import threading
from zlib import crc32

import pytest

from framework0.errors import JsonFileBroken, LockHeld, RefusedError, WorkspaceError
from framework0.jsonfile import JsonFile
from framework0.jsonfile.box import Box
from framework0.jsonfile.replacing import Former
from framework0.jsonfile.text import MOST_BYTES
from framework0.workspace import Gate

# What is in the file, and what is said of it behind its name.
BROKEN = {
    "empty": (b"", ":1:1: the file is empty (byte 0 of 0)"),
    "blanks": (b" \n\n", ":1:1: the file has nothing but 3 blanks (byte 0 of 3)"),
    "cut in a group": (
        b'{"g": {"a": 1,\n',
        ":2:1: the file ends too early (byte 15 of 15)",
    ),
    "cut in a text": (b'{"g": {"a": "hal', ":1:13: the file is not JSON: unterminated string"),
    "cut after a colon": (b'{"g":\n', "the file ends too early (byte 6 of 6)"),
    "zeros": (
        b"\0" * 40,
        ":1:1: the file holds a NUL, as files do after a power cut (byte 0 of 40)",
    ),
    "zeros at the end": (b'{"g": {}}\n\0\0', ":2:1: the file holds a NUL"),
    "byte order mark": (b"\xef\xbb\xbf{}", ":1:1: the file begins with a byte order mark"),
    "UTF-16": ('{"g": 1}'.encode("utf-16"), "the file holds a NUL"),
    "Latin-1": (b'{\n"g": {"a": "\xe9"}}', ":2:13: the file is not UTF-8 text (byte 14 of 18)"),
    "a list": (b"[1, 2]", ":1:1: the file holds a list, where an object is needed"),
    "a number": (b"\n 7", ":2:2: the file holds an integer, where an object is needed"),
    "null": (b"null", "the file holds null, where an object is needed"),
    "a text": (b'"x"', "the file holds a text, where an object is needed"),
    "garbage behind": (b'{"g": {}}\n}', ":2:1: the file is not JSON: extra data (byte 10 of 11)"),
    "two objects": (b"{}{}", ":1:3: the file is not JSON: extra data"),
    "single quotes": (b"{'g': 1}", ":1:2: the file is not JSON: expecting property name"),
    "a comma too many": (b'{"g": [1,]}', "the file is not JSON: expecting value (byte 9 of 11)"),
    "a comma missing": (
        b'{"a": 1\n "b": 2}',
        ":2:2: the file is not JSON: expecting ',' delimiter",
    ),
    "a comment": (b"{} // engine", ":1:4: the file is not JSON: extra data"),
    "NaN": (b'{"g": {"a": NaN}}', ":1:13: the file has NaN, which JSON does not have"),
    "infinite": (b'{"g": -Infinity}', "the file has -Infinity, which JSON does not have"),
    "a key twice": (b'{"g": 1,\n "g": 2}', ":2:2: the file gives 'g' twice in one object"),
    "nested too deep": (b'{"g": ' + b"[" * 100_000, "the file is nested too deep to be read"),
    "a number too long": (b'{"g": ' + b"9" * 5000 + b"}", "the file has a number that is too long"),
    "a conflict of git": (b"<<<<<<< HEAD\n{}\n", ":1:1: the file is not JSON: expecting value"),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "parameters.json"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_told_by_its_place_and_never_overwritten(kind, path):
    content, said = BROKEN[kind]
    path.write_bytes(content)
    for call in (
        lambda file: file.read(),
        lambda file: file.set("g", "a", value=1),
        lambda file: file.increment("g", "n"),
        lambda file: file.change(lambda document: document.clear()),
    ):
        with pytest.raises(JsonFileBroken) as caught:
            call(JsonFile(path))
        assert str(caught.value).startswith(str(path))
        assert said in str(caught.value)
        assert str(caught.value).endswith(
            "; nothing was overwritten: repair it, or move it away to begin anew"
        )
    assert path.read_bytes() == content
    assert sorted(os.listdir(path.parent)) == ["parameters.json", "parameters.json.lock"]


def test_the_good_copy_is_offered_and_is_the_state_before_the_last_change(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    file.set("g", "a", value=2)
    path.write_text('{"g": ')
    with pytest.raises(
        JsonFileBroken, match=r"the state before the last change is in .*\.bak$"
    ) as caught:
        file.read()
    assert caught.value.good_copy == str(file.good_copy)
    os.replace(file.good_copy, path)
    assert file.read() == {"g": {"a": 1}}


@pytest.mark.parametrize("links", [True, False])
def test_the_good_copy_is_a_file_of_its_own_also_where_files_have_one_name_only(
    links, path, monkeypatch
):
    if not links:

        def refuse(*_):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)
    file = JsonFile(path)
    for value in range(4):
        file.set("g", "a", value=value)
        before = {} if value == 0 else {"g": {"a": value - 1}}
        assert before == (JsonFile(file.good_copy).read() if value else {})
    assert path.stat().st_nlink == file.good_copy.stat().st_nlink == 1
    with open(path, "r+b") as opened:
        opened.truncate(3)
    assert JsonFile(file.good_copy).read() == {"g": {"a": 2}}
    assert stat.S_IMODE(file.good_copy.stat().st_mode) == 0o600
    assert [name for name in os.listdir(path.parent) if name.endswith(".draft")] == []


def test_a_state_before_whose_holder_died_takes_its_place_with_the_next_change(path, monkeypatch):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    file.set("g", "a", value=2)

    def die(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Former, "put", die)
        with pytest.raises(KeyboardInterrupt):
            file.set("g", "a", value=3)
    file.close()
    assert JsonFile(file.good_copy).read() == {"g": {"a": 1}}
    other = JsonFile(path)

    def look(document):
        assert document == {"g": {"a": 3}}
        assert JsonFile(file.good_copy).read() == {"g": {"a": 2}}

    other.change(look)
    assert [name for name in os.listdir(path.parent) if name.endswith(".draft")] == []


def test_what_a_holder_of_an_earlier_release_left_is_finished_too(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    file.set("g", "a", value=2)
    intent = {"inode": path.stat().st_ino, "checksum": crc32(path.read_bytes()), "answers": []}
    gate = Gate(file.lock_path)
    Box(gate, posting=False).intend(intent)
    gate.close()
    file.set("g", "a", value=3)
    assert JsonFile(file.good_copy).read() == {"g": {"a": 2}}


def test_a_good_copy_that_is_broken_itself_is_not_offered(path):
    path.write_text("{")
    path.with_name("parameters.json.bak").write_text("{")
    with pytest.raises(JsonFileBroken) as caught:
        JsonFile(path).read()
    assert caught.value.good_copy is None


def test_a_file_of_a_gigabyte_is_refused_by_its_size(path):
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(JsonFileBroken, match=r"has 1,073,741,824 bytes, more than the 67,108,864"):
        JsonFile(path).read()
    assert path.stat().st_size == 1 << 30


def test_a_change_that_would_make_the_file_too_large_is_refused(path):
    file = JsonFile(path, durable=False)
    file.set("g", "a", value=1)
    with pytest.raises(JsonFileBroken, match="nothing was written"):
        file.set("g", "b", value="x" * MOST_BYTES)
    assert file.read() == {"g": {"a": 1}}


@pytest.mark.parametrize("which", ["data", "lock"])
@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe", "folder"])
def test_what_is_no_file_of_our_own_is_refused_and_left_alone(which, kind, path, tmp_path):
    place = path if which == "data" else path.with_name("parameters.json.lock")
    victim = tmp_path / "victim"
    victim.write_text('{"v": 1}')
    if kind == "symlink":
        place.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, place)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    file = JsonFile(path)
    with pytest.raises(RefusedError, match="move it away"):
        file.set("g", "a", value=1)
    assert victim.read_text() == '{"v": 1}'
    assert [name for name in os.listdir(tmp_path) if name.endswith(".draft")] == []


def test_a_folder_in_place_of_the_good_copy_stops_a_change_before_it_is_made(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    file.good_copy.mkdir()
    with pytest.raises(WorkspaceError, match=r"cannot replace .*\.bak"):
        file.set("g", "a", value=2)
    assert file.get("g", "a") == 1
    assert [name for name in os.listdir(path.parent) if name.endswith(".draft")] == []


def test_a_missing_folder_is_named(tmp_path):
    file = JsonFile(tmp_path / "none" / "p.json")
    assert file.read() == {}
    with pytest.raises(WorkspaceError, match="its folder does not exist"):
        file.set("g", "a", value=1)


def test_a_read_only_folder_leaves_the_file_as_it_is(path, tmp_path, monkeypatch):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    before = path.read_bytes()
    real = os.open

    # A superuser may write anywhere, so the kernel's answer is given here.
    def refuse(name, flags, *more, **named):
        if flags & os.O_EXCL:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(
        WorkspaceError, match=r"cannot write beside .*Permission denied \(errno 13\)"
    ):
        file.set("g", "a", value=2)
    assert path.read_bytes() == before
    assert file.read() == {"g": {"a": 1}}


def test_a_file_that_may_not_grow_is_left_whole_and_no_draft_stays(path, run_python):
    JsonFile(path).set("g", "a", value="x" * 100)
    before = path.read_bytes()
    ended = run_python(
        "-c",
        f"""
import resource
from pathlib import Path
from framework0.jsonfile import JsonFile
file = JsonFile(Path({str(path)!r}))
file.increment("g", "n")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    file.set("g", "a", value="y" * 200_000)
except Exception as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
file.increment("g", "n")
""",
    )
    assert ended.stdout.startswith("WorkspaceError cannot write")
    assert "File too large (errno 27); the file is as it was" in ended.stdout
    assert "cannot write to the lock file" in ended.stderr
    assert JsonFile(path).get("g", "n") == 1
    assert before != path.read_bytes()
    assert [name for name in os.listdir(path.parent) if name.endswith(".draft")] == []


def test_a_lock_file_removed_while_held_is_noticed_before_anything_is_written(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)

    def change(document):
        document["g"]["a"] = 2
        file.lock_path.unlink()

    with pytest.raises(RefusedError, match="removed or replaced while it was held"):
        file.change(change)
    assert file.get("g", "a") == 1
    assert sorted(os.listdir(path.parent)) == ["parameters.json", "parameters.json.bak"] or sorted(
        os.listdir(path.parent)
    ) == ["parameters.json"]
    file.set("g", "a", value=3)
    assert file.get("g", "a") == 3


def test_the_mode_of_the_file_is_kept_and_a_new_one_is_for_its_owner(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    fresh = JsonFile(path)
    fresh.set("g", "a", value=2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_error_of_a_time_limit_names_the_holder(path):
    first = JsonFile(path)
    second = JsonFile(path, timeout=0.05)
    errors = []

    def change(document):
        for call in (lambda: second.set("g", "a", value=1), lambda: second.change(dict.clear)):
            with pytest.raises(LockHeld) as caught:
                call()
            errors.append(caught.value)

    first.change(change)
    assert [f"process {os.getpid()} on " in str(error) for error in errors] == [True, True]
    assert all(re.search(r"\(parameters\.json\), for \d+\.", str(error)) for error in errors)
    assert "taken up" not in str(errors[0])
    assert first.read() == {}


def failing(monkeypatch, which, number):
    """Have the calls of ``os.fsync`` on files, or on folders, fail as on a disk that is dying."""
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) is (which == "folder"):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_draft_that_does_not_reach_the_disk_leaves_the_file_as_it_was(number, path, monkeypatch):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    with monkeypatch.context() as patch:
        failing(patch, "file", number)
        with pytest.raises(WorkspaceError, match=rf"\(errno {number}\); the file is as it was"):
            file.set("g", "a", value=2)
    assert file.get("g", "a") == 1
    assert sorted(os.listdir(path.parent)) == ["parameters.json", "parameters.json.lock"]
    file.set("g", "a", value=3)
    assert JsonFile(path).get("g", "a") == 3


def test_a_folder_that_cannot_be_synced_is_told_and_synced_by_the_next_change(path, monkeypatch):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    with monkeypatch.context() as patch:
        failing(patch, "folder", errno.EIO)
        with pytest.raises(WorkspaceError, match="in the file, but may not survive a power cut"):
            file.set("g", "a", value=2)
        # Not told to be done as long as that is so.
        with pytest.raises(WorkspaceError, match="sync the folder"):
            JsonFile(path).set("g", "a", value=2)
    assert file.get("g", "a") == 2
    JsonFile(path).set("g", "b", value=3)
    assert file.read() == {"g": {"a": 2, "b": 3}}


def test_a_file_that_others_never_cease_to_change_is_given_up(path):
    file = JsonFile(path)
    file.set("g", "a", value=0)

    def change(document):
        draft = path.with_name("editor")
        draft.write_text(json.dumps({"g": {"a": document["g"]["a"] + 1}}))
        os.replace(draft, path)
        document["g"]["b"] = True

    with pytest.raises(RefusedError, match="being changed by others without its lock"):
        file.change(change)
    assert file.read() == {"g": {"a": 100}}


def test_who_is_interrupted_while_waiting_asks_for_nothing_any_more(path, monkeypatch):
    first, second = JsonFile(path), JsonFile(path)

    def interrupted(_):
        assert b'["add"' in first.lock_path.read_bytes()
        raise KeyboardInterrupt

    def change(document):
        with monkeypatch.context() as patch:
            patch.setattr("time.sleep", interrupted)
            with pytest.raises(KeyboardInterrupt):
                second.increment("n")

    first.change(change)
    assert first.read() == {}
    assert second.increment("n") == 1


def test_who_waits_at_a_lock_file_that_is_removed_takes_the_new_one(path):
    first, second = JsonFile(path), JsonFile(path, timeout=120)
    first.set("n", value=1)
    second.set("m", value=1)
    waiting = threading.Thread(target=second.increment, args=("n",))

    def change(document):
        waiting.start()
        while b'["add"' not in first.lock_path.read_bytes():
            assert waiting.is_alive()
        first.lock_path.unlink()
        document["n"] = 100

    with pytest.raises(RefusedError, match="removed or replaced"):
        first.change(change)
    waiting.join()
    assert JsonFile(path).read() == {"n": 2, "m": 1}


def test_a_system_that_grants_no_locks_is_named(path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("framework0.workspace.kernel.lock", refuse)
    with pytest.raises(WorkspaceError, match=r"cannot lock .*\.lock: .* \(errno 37\)"):
        JsonFile(path).set("g", "a", value=1)
    assert not path.exists()
