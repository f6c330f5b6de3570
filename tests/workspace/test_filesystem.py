from __future__ import annotations

import pytest

from framework0.workspace import FileSystem, filesystem_of

LINE = "36 35 98:0 /mnt1 {mount} rw,noatime master:1 - {kind} /dev/root rw\n"


def _mounts(tmp_path, *pairs):
    file = tmp_path / "mountinfo"
    file.write_text("".join(LINE.format(mount=mount, kind=kind) for mount, kind in pairs))
    return str(file)


def test_the_longest_mount_that_holds_the_path_decides(tmp_path):
    mounts = _mounts(
        tmp_path,
        ("/", "ext4"),
        (str(tmp_path), "nfs4"),
        (f"{tmp_path}/in", "tmpfs"),
        (f"{tmp_path}/inner", "9p"),
    )
    assert filesystem_of(tmp_path / "x", mounts).kind == "nfs4"
    assert filesystem_of(tmp_path / "in" / "x", mounts) == FileSystem("tmpfs", f"{tmp_path}/in")
    assert filesystem_of(tmp_path / "inn", mounts).kind == "nfs4"


def test_of_two_on_one_point_the_later_lies_on_top(tmp_path):
    mounts = _mounts(tmp_path, ("/", "ext4"), ("/", "overlay"))
    assert filesystem_of(tmp_path, mounts).kind == "overlay"


def test_a_mount_with_a_space_in_its_name_is_found(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    mounts = _mounts(tmp_path, ("/", "ext4"), (f"{tmp_path}/a\\040b", "cifs"))
    assert filesystem_of(folder, mounts).kind == "cifs"


def test_a_link_is_followed_to_where_it_leads(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    mounts = _mounts(tmp_path, ("/", "ext4"), (f"{tmp_path}/far", "nfs"))
    assert filesystem_of(tmp_path / "near", mounts).remote


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse", "virtiofs"]
)
def test_what_several_hosts_may_share_is_remote(kind):
    assert FileSystem(kind, "/").remote


@pytest.mark.parametrize(
    "kind",
    ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuse.fuse-overlayfs", "fuseblk", ""],
)
def test_a_local_disk_is_not(kind):
    assert not FileSystem(kind, "/").remote


def test_a_system_that_does_not_tell_is_trusted(tmp_path):
    assert filesystem_of(tmp_path, str(tmp_path / "absent")) == FileSystem("", "")


def test_this_machine_tells(tmp_path):
    found = filesystem_of(tmp_path)
    assert found.kind
    assert str(tmp_path).startswith(found.mount)
