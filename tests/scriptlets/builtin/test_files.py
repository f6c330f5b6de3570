from __future__ import annotations

import hashlib
import os
import stat
import threading

import pytest

from framework0.errors import RefusedError, StepCancelled, StepError, UsageError
from framework0.scriptlets.builtin.confined import Roots


def tree(folder):
    """Return every entry below a folder with what it is and holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = path.read_text() if path.is_file() else "folder"
    return found


@pytest.fixture
def data(space):
    """A folder with files, a folder and a link in it."""
    (space / "data/in").mkdir(parents=True)
    (space / "data/a.txt").write_text("a")
    (space / "data/in/b.txt").write_text("b")
    (space / "data/in/run.sh").write_text("run")
    (space / "data/in/run.sh").chmod(0o4755)
    return space / "data"


@pytest.fixture
def outside(space):
    """What lies beside the workspace must be the same afterwards."""
    yield space.parent
    assert (space.parent / "outside.txt").read_text() == "outside"
    assert sorted(os.listdir(space.parent)) == ["outside.txt", "work"]
    assert (space / ".framework0/kept.txt").read_text() == "ours"


def test_a_file_is_copied_with_its_mode_and_time(do, data, space):
    os.utime(data / "a.txt", (1, 2))
    assert do("files", action="copy", path="data/a.txt", to="new/b.txt") == {
        "path": "new/b.txt",
        "files": 1,
        "bytes": 1,
    }
    found = (space / "new/b.txt").stat()
    assert (found.st_mtime, (space / "new/b.txt").read_text()) == (2, "a")
    with pytest.raises(FileExistsError, match="overwrite: true"):
        do("files", action="copy", path="data/a.txt", to="new/b.txt")


def test_a_folder_is_copied_whole_links_as_links(do, data, space):
    (data / "link").symlink_to("/etc/passwd")
    assert do("files", action="copy", path="data", to="copy")["files"] == 3
    assert tree(space / "copy") == tree(data)
    assert stat.S_IMODE((space / "copy/in/run.sh").stat().st_mode) == 0o755
    (data / "c.txt").write_text("c")
    do("files", action="copy", path="data", to="copy", overwrite=True)
    assert tree(space / "copy") == tree(data)
    assert sorted(os.listdir(space)) == [".framework0", "copy", "data"]


@pytest.mark.slow
def test_a_folder_of_many_files_is_copied_too(do, space):
    (space / "many").mkdir()
    for number in range(150):
        (space / f"many/{number}").write_text("x")
    assert do("files", action="copy", path="many", to="copy")["files"] == 150
    assert len(os.listdir(space / "copy")) == 150


def test_what_is_copied_in_part_is_taken_away_again(do, data, space):
    os.mkfifo(data / "in/z")
    with pytest.raises(UsageError, match="data/in/z is no file"):
        do("files", action="copy", path="data", to="copy")
    stop = threading.Event()
    stop.set()
    with pytest.raises(StepCancelled):
        do("files", stop=stop, action="copy", path="data", to="copy")
    assert sorted(os.listdir(space)) == [".framework0", "data"]


def test_moving_renames_also_a_link(do, data, space):
    (space / "link").symlink_to("data/a.txt")
    do("files", action="move", path="link", to="in/link2")
    do("files", action="move", path="data", to="moved")
    assert os.readlink(space / "in/link2") == "data/a.txt"
    assert (space / "moved/a.txt").read_text() == "a"
    assert not data.exists()
    (space / "x").write_text("x")
    with pytest.raises(FileExistsError):
        do("files", action="move", path="x", to="moved")
    do("files", action="move", path="x", to="moved", overwrite=True)
    assert (space / "moved").read_text() == "x"
    with pytest.raises(FileNotFoundError, match="nothing"):
        do("files", action="move", path="nothing", to="y")


def test_moving_to_another_disk_copies_and_removes(do, data, space, monkeypatch):
    real = os.rename

    def other_disk(one, two, **folders):
        if folders.get("src_dir_fd") != folders.get("dst_dir_fd"):
            raise OSError(18, "Invalid cross-device link")
        real(one, two, **folders)

    monkeypatch.setattr(os, "rename", other_disk)
    before = tree(data)
    do("files", action="move", path="data", to="moved")
    assert tree(space / "moved") == before
    assert sorted(os.listdir(space)) == [".framework0", "moved"]


def test_removing_follows_no_link(do, data, space, outside):
    (data / "up").symlink_to(outside)
    (space / "link").symlink_to(outside / "outside.txt")
    assert do("files", action="remove", path="link")["removed"] is True
    assert do("files", action="remove", path="data")["removed"] is True
    assert os.listdir(space) == [".framework0"]
    with pytest.raises(FileNotFoundError):
        do("files", action="remove", path="data")
    assert do("files", action="remove", path="data", missing_ok=True)["removed"] is False
    assert do("files", action="remove", path="no/such/folder", missing_ok=True)["removed"] is False


@pytest.mark.parametrize(
    "path",
    ["..", "../outside.txt", "/", "/etc/passwd", ".", "", "data/..", "data/../../outside.txt", ".framework0",
     ".framework0/kept.txt", "up/outside.txt", "up", "framework0.toml", "data/../framework0.toml", "x\0y"],
)  # fmt: skip
def test_nothing_outside_is_removed_moved_or_overwritten(do, data, space, outside, path):
    (space / "framework0.toml").write_text("")
    (space / "up").symlink_to(outside)
    before = tree(space)
    for params in (
        {"action": "remove", "path": path},
        {"action": "move", "path": path, "to": "stolen"},
        {"action": "copy", "path": "data/a.txt", "to": path, "overwrite": True},
        {"action": "move", "path": "data/a.txt", "to": path, "overwrite": True},
        {"action": "archive", "path": "data", "to": path, "format": "zip", "overwrite": True},
        {"action": "unpack", "path": "data/a.txt", "to": path, "format": "zip", "overwrite": True},
    ):
        if path == "up" and params["action"] in {"remove", "move", "copy"}:
            # The link itself is in the workspace, and it is what would go.
            continue
        with pytest.raises((RefusedError, UsageError)):
            do("files", **params)
        assert tree(space) == before


def test_a_link_put_there_after_the_check_is_not_followed(space, outside):
    roots = Roots(str(space), (), str(space / ".framework0"))
    (space / "in").mkdir()
    (space / "in/a.txt").write_text("a")
    resolve = roots.resolve

    def exchanged(path, **more):
        real = resolve(path, **more)
        if (space / "in").is_dir() and not (space / "in").is_symlink():
            os.rename(space / "in", space / "was")
            (space / "in").symlink_to(outside)
        return real

    roots.resolve = exchanged
    with pytest.raises(OSError, match="in"), roots.replacing("in/outside.txt") as file:
        file.write(b"changed")
    (space / "in").unlink()
    os.rename(space / "was", space / "in")
    with pytest.raises(OSError, match="in"):
        roots.open_to_read("in/a.txt")
    (space / "in").unlink()


def test_a_file_exchanged_for_a_link_is_not_read(space):
    roots = Roots(str(space))
    (space / "a.txt").write_text("a")
    resolve = roots.resolve

    def exchanged(path, **more):
        real = resolve(path, **more)
        (space / "a.txt").unlink()
        (space / "a.txt").symlink_to(space.parent / "outside.txt")
        return real

    roots.resolve = exchanged
    with pytest.raises(OSError, match=r"a\.txt"):
        roots.open_to_read("a.txt")


def test_checksums_are_those_of_the_files_and_can_be_demanded(do, data):
    wanted = hashlib.sha256(b"a").hexdigest()
    found = do("files", action="checksum", path="data/a.txt", expect=wanted.upper())
    assert found == {"checksums": {"data/a.txt": wanted}, "checksum": wanted}
    with pytest.raises(StepError, match=r"data/in/b\.txt has the sha256"):
        do("files", action="checksum", path=["data/a.txt", "data/in/b.txt"], expect=wanted)
    found = do("files", action="checksum", path=["data/a.txt", "data/in/b.txt"], algorithm="md5")
    assert list(found) == ["checksums"]
    assert found["checksums"]["data/a.txt"] == hashlib.md5(b"a").hexdigest()


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("data/*.txt", ["data/a.txt"]),
        ("data/**/*.txt", ["data/a.txt", "data/in/b.txt"]),
        ("**", ["data/a.txt", "data/in/b.txt", "data/in/run.sh", "inside"]),
        ("data/**", ["data/a.txt", "data/in/b.txt", "data/in/run.sh"]),
        ("*/in/[a-c].t?t", ["data/in/b.txt"]),
        ("data/.*", ["data/.hidden"]),
        ("data/in", []),
        ("data/a.txt", ["data/a.txt"]),
        ("nothing/*.txt", []),
        (".framework0/*", []),
        ("**/kept.txt", []),
    ],
)
def test_a_pattern_finds_what_is_in_the_workspace(do, data, space, context, pattern, names):
    (data / ".hidden").write_text("h")
    (data / "up").symlink_to(space.parent)
    (data / "out.txt").symlink_to(space.parent / "outside.txt")
    (space / "inside").symlink_to("data/a.txt")
    if pattern.startswith(".framework0"):
        with pytest.raises(RefusedError):
            do("files", action="glob", path=pattern)
        return
    found = do("files", action="glob", path=pattern, into="found")
    assert found == {"paths": names, "count": len(names)}
    assert context.get("found") == names


def test_params_that_mean_nothing_to_an_action_are_refused(do, data):
    for params, words in [
        ({"action": "copy", "path": "data/a.txt"}, "copy needs to"),
        ({"action": "remove", "path": "data", "to": "x"}, "to means nothing to remove"),
        ({"action": "glob", "path": ["x"]}, "glob takes one path"),
        ({"action": "checksum", "path": []}, "text or a list"),
        ({"action": "copy", "path": 3, "to": "x"}, "path must be a text"),
        ({"action": "glob", "path": "/etc/*"}, "begins with no /"),
        ({"action": "copy", "path": "data", "to": "data/in/copy"}, "within each other"),
        (
            {"action": "move", "path": "data/in", "to": "data", "overwrite": True},
            "within each other",
        ),
        ({"action": "archive", "path": "data", "to": "x.rar"}, "no ending that tells"),
    ]:
        with pytest.raises(UsageError, match=words):
            do("files", **params)


HOSTILE = [
    "-rf",
    "--help",
    "$(touch marker)",
    ";touch marker",
    "a\nb",
    "`touch marker`",
    "* ?",
    "'\"\\",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_a_name_byte_for_byte(do, space, outside, name):
    (space / name).write_text("content")
    do("files", action="copy", path=name, to=f"copies/{name}")
    assert os.listdir(space / "copies") == [name]
    assert list(do("files", action="checksum", path=name)["checksums"]) == [name]
    do("files", action="archive", path="copies", to="kept.tar")
    if "\n" in name or "\\" in name:
        # Allowed where the user has such a file, not from an archive.
        with pytest.raises(RefusedError):
            do("files", action="unpack", path="kept.tar", to="again")
    else:
        do("files", action="unpack", path="kept.tar", to="again")
        assert [path.name for path in (space / "again").rglob("*") if path.is_file()] == [name]
    do("files", action="move", path=name, to=f"moved/{name}")
    do("files", action="remove", path=f"copies/{name}")
    assert os.listdir(space / "moved") == [name]
    assert os.listdir(space / "copies") == []
    assert not list(space.rglob("marker"))


def test_a_pattern_has_bounds(do, data):
    for pattern, words in [("*" * 5_000, "characters"), ("*/" * 100 + "a", "parts")]:
        with pytest.raises(UsageError, match=words):
            do("files", action="glob", path=pattern)


def test_the_reference_names_the_limits_of_patterns(repository):
    from framework0.scriptlets.builtin import finding

    told = (repository / "docs" / "reference" / "builtin-scriptlets.md").read_text()
    for limit, what in (
        (finding.LONGEST_PATTERN, "characters"),
        (finding.MOST_PARTS, "parts"),
        (finding.MOST_FOUND, "files"),
    ):
        assert f"at most {limit:,} {what}" in told
