"""Archives: equal when the files are, and those of strangers refused whenever they could do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework0.errors import Framework0Error, RefusedError, UsageError

KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]


@pytest.fixture
def data(space):
    (space / "data/in").mkdir(parents=True)
    (space / "data/a.txt").write_text("a" * 1000)
    (space / "data/in/é.sh").write_text("run")
    (space / "data/in/é.sh").chmod(0o755)
    return space / "data"


def zipped(*members, **more):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = more.get("mode", stat.S_IFREG | 0o644) << 16
            whole.writestr(info, content)
    return file.getvalue()


def tarred(*members, kind=tarfile.REGTYPE, link=""):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as whole:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(content)
            whole.addfile(info, io.BytesIO(content))
    return file.getvalue()


def header_of(size):
    """Return a tar whose extended header says that it is ``size`` bytes long."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    return info.tobuf(tarfile.USTAR_FORMAT) + bytes(min(size, 4 * 1024 * 1024))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_archived_is_unpacked_again(do, data, space, kind):
    packed = do("files", action="archive", path="data", to=f"out/x.{kind}")
    assert (packed["files"], packed["bytes"]) == (2, 1003)
    found = do("files", action="unpack", path=f"out/x.{kind}", to="again")
    assert found == {"path": "again", "files": 2, "bytes": 1003}
    assert (space / "again/data/a.txt").read_text() == "a" * 1000
    assert (space / "again/data/in/é.sh").stat().st_mode & 0o111
    with pytest.raises(FileExistsError):
        do("files", action="unpack", path=f"out/x.{kind}", to="again")
    do("files", action="unpack", path=f"out/x.{kind}", to="again", overwrite=True)
    assert sorted(os.listdir(space)) == [".framework0", "again", "data", "out"]


@pytest.mark.parametrize("kind", KINDS)
def test_archives_of_equal_files_are_equal(do, data, space, kind):
    do("files", action="archive", path=["data/in", "data/a.txt"], to=f"one.{kind}")
    os.utime(data / "a.txt", (1_000_000_000, 1_000_000_000))
    (data / "in/é.sh").chmod(0o700)
    do("files", action="archive", path=["data/a.txt", "data/in"], to=f"two.{kind}")
    assert (space / f"one.{kind}").read_bytes() == (space / f"two.{kind}").read_bytes()


def test_an_archive_holds_no_links_nor_two_files_of_one_name(do, data):
    (data / "in/a.txt").write_text("x")
    with pytest.raises(UsageError, match=r"two files would be called a\.txt"):
        do("files", action="archive", path=["data/a.txt", "data/in/a.txt"], to="x.zip")
    (data / "link").symlink_to("a.txt")
    with pytest.raises(UsageError, match="is a link"):
        do("files", action="archive", path="data", to="x.zip")
    with pytest.raises(FileNotFoundError):
        do("files", action="archive", path="nothing", to="x.zip")


NAMES = ["../x", "a/../../x", "/x", "C:/x", "C:x", "..\\x", "a\\b", "x\0y", "x\ny", "x\x1b[2J", "a" * 201,
         "d/" * 60 + "x", "..", "a/..", "é" * 120]  # fmt: skip

HOSTILE = {
    **{f"zip {name[:9]!r}": lambda name=name: zipped(("ok", b"1"), (name, b"2")) for name in NAMES},
    **{
        f"tar {name[:9]!r}": lambda name=name: tarred(("ok", b"1"), (name, b"2"))
        for name in NAMES
        if "\0" not in name
    },
    "zip twice": lambda: zipped(("a", b"1"), ("A", b"2")),
    "zip twice by accents": lambda: zipped(("é", b"1"), ("e\u0301", b"2")),
    "zip file and folder": lambda: zipped(("a", b"1"), ("a/b", b"2")),
    "zip folder and file": lambda: zipped(("a/b", b"1"), ("a", b"2")),
    "zip link": lambda: zipped(("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
    "zip device": lambda: zipped(("a", b""), mode=stat.S_IFCHR | 0o666),
    "zip bomb": lambda: zipped(("a", bytes(20_000_000))),
    "zip of many": lambda: zipped(*((f"f{n}", b"") for n in range(10_001))),
    "zip that is none": lambda: b"PK\x03\x04" + bytes(100),
    "zip cut": lambda: zipped(("a", b"x" * 1000))[:-30],
    "tar link": lambda: tarred(("a", b""), kind=tarfile.SYMTYPE, link="/etc"),
    "tar hard link": lambda: tarred(("a", b""), kind=tarfile.LNKTYPE, link="/etc/passwd"),
    "tar device": lambda: tarred(("a", b""), kind=tarfile.CHRTYPE),
    "tar fifo": lambda: tarred(("a", b""), kind=tarfile.FIFOTYPE),
    "tar twice": lambda: tarred(("a", b"1"), ("a", b"2")),
    "tar cut": lambda: tarred(("a", b"x" * 5000))[:2000],
    "tar that is none": lambda: b"x" * 2000,
    "tar of many": lambda: tarred(*((f"f{n}", b"") for n in range(101))),
    "tar header": lambda: header_of(4 * 1024 * 1024),
    "tar.gz header bomb": lambda: gzip.compress(header_of(8 * 1024**3 - 1)),
    "tar.gz bomb": lambda: gzip.compress(tarred(("a", bytes(20_000_000)))),
    "tar.bz2 bomb": lambda: bz2.compress(tarred(("a", bytes(20_000_000)))),
    "tar.xz bomb": lambda: lzma.compress(tarred(("a", bytes(20_000_000)))),
    "tar.gz that is none": lambda: b"\x1f\x8b" + bytes(50),
    "tar.xz that is none": lambda: b"\xfd7zXZ\0" + bytes(50),
    "tar.bz2 cut": lambda: bz2.compress(tarred(("a", os.urandom(100_000))))[:50_000],
    "tar.gz cut": lambda: gzip.compress(tarred(("a", os.urandom(100_000))))[:50_000],
}
"""What makes each archive, of the kind that its name begins with: made when it is tried, since some are large."""

BOUNDS = {"tar of many": {"max_files": 100}}
"""A tar is unpacked up to its bound; the usual one, of 10,000 files, is that of the zip."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_leaves_nothing_anywhere(do, space, name):
    kind = name.split()[0]
    (space / f"x.{kind}").write_bytes(HOSTILE[name]())
    with pytest.raises(RefusedError) as told:
        do("files", action="unpack", path=f"x.{kind}", to="out", **BOUNDS.get(name, {}))
    assert str(told.value).isprintable()
    assert f"x.{kind}" in str(told.value)
    assert sorted(os.listdir(space)) == [".framework0", f"x.{kind}"]
    assert sorted(os.listdir(space.parent)) == ["outside.txt", "work"]


def test_an_encrypted_archive_is_told(do, space):
    content = bytearray(zipped(("a", b"x")))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", content, content.find(sign) + at, 1)
    (space / "x.zip").write_bytes(content)
    with pytest.raises(RefusedError, match="encrypted"):
        do("files", action="unpack", path="x.zip", to="out")


def test_a_checksum_that_is_wrong_is_told(do, space):
    content = bytearray(zipped(("a", b"x" * 10)))
    struct.pack_into("<I", content, content.find(b"PK\x01\x02") + 16, 1)
    (space / "x.zip").write_bytes(content)
    with pytest.raises(RefusedError, match="CRC"):
        do("files", action="unpack", path="x.zip", to="out")


def test_limits_can_be_raised_and_lowered(do, space):
    (space / "x.zip").write_bytes(zipped(("a", bytes(20_000_000)), ("b", b"1")))
    assert do("files", action="unpack", path="x.zip", to="out", max_bytes=20_000_001)["files"] == 2
    for params, words in [
        ({"max_bytes": 1000}, "raise max_bytes"),
        ({"max_files": 1}, "raise max_files"),
    ]:
        with pytest.raises(RefusedError, match=words):
            do("files", action="unpack", path="x.zip", to="out2", **params)


def test_folders_and_dots_in_names_are_well(do, space):
    (space / "x.tar").write_bytes(
        tarred(("./", b""), ("./a/./b", b"1"), ("a/c", b"2")).replace(b"", b"")
    )
    do("files", action="unpack", path="x.tar", to="out")
    assert (space / "out/a/b").read_text() + (space / "out/a/c").read_text() == "12"


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_byte_leads_to_more_than_a_clear_answer(do, space, data):
    kind = data.draw(st.sampled_from(["zip", "tar", "tar.gz"]))
    made = {"zip": zipped(("a", b"x" * 300), ("b/c", b"y"))}
    made["tar"] = tarred(("a", b"x" * 300), ("b/c", b"y"))
    made["tar.gz"] = gzip.compress(made["tar"], mtime=0)
    content = bytearray(made[kind])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (space / f"x.{kind}").write_bytes(content)
    try:
        do("files", action="unpack", path=f"x.{kind}", to="out")
    except Framework0Error:
        assert not (space / "out").exists()
    else:
        do("files", action="remove", path="out")
    assert sorted(os.listdir(space.parent)) == ["outside.txt", "work"]
