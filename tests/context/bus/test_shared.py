"""Arrays and bytes in shared memory: the same values, no copy, and nobody can change them."""

from __future__ import annotations

import gc
import mmap
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from framework0 import segments
from framework0.context.bus import Shared, share
from framework0.context.bus.shared import from_told
from framework0.errors import BusError, ValueRefused

dtypes = (
    st_np.scalar_dtypes()
    | st_np.unicode_string_dtypes()
    | st_np.byte_string_dtypes()
    | st_np.array_dtypes(st_np.integer_dtypes())
)


@given(
    st_np.arrays(dtypes, st_np.array_shapes(min_dims=0, min_side=0, max_side=4)),
    st.sampled_from(["as it is", "transposed", "reversed", "every second"]),
)
@settings(deadline=None, max_examples=120)
def test_an_array_of_any_kind_and_shape_comes_out_as_it_went_in(array, turn):
    if turn == "transposed":
        array = array.T
    elif array.ndim and turn != "as it is":
        array = array[::-1] if turn == "reversed" else array[::2]
    opened = share(array).open()
    assert (opened.dtype, opened.shape) == (array.dtype, array.shape)
    assert opened.tobytes() == array.tobytes()
    assert not opened.flags.writeable


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=50)
def test_bytes_come_out_as_they_went_in(content):
    for value in (content, bytearray(content), memoryview(content), memoryview(content)[::2]):
        opened = share(value).open()
        assert bytes(opened) == bytes(value)
        assert opened.readonly


def test_what_is_shared_cannot_be_changed_by_who_made_it_either():
    array = np.arange(1000)
    shared = share(array)
    array[:] = 0
    assert shared.open()[7] == 7
    assert shared.segment.sealed()
    with pytest.raises(ValueError, match="read-only"):
        shared.open()[7] = 1
    with pytest.raises(OSError, match="permitted"):
        os.ftruncate(shared.segment.fileno(), 10)
    with pytest.raises(OSError, match="permitted"):
        os.pwrite(shared.segment.fileno(), b"x", 0)
    with pytest.raises(PermissionError):
        mmap.mmap(shared.segment.fileno(), 8)


def test_what_lies_in_shared_memory_is_shared_again_without_a_copy():
    first = share(np.arange(1000).reshape(10, 100))
    array = first.open()
    for part in (array, array[2:4], array.T, array.reshape(-1)[5:], array.view("u1")):
        again = share(part)
        assert again.segment is first.segment
        assert np.array_equal(again.open(), part)
    assert share(array[:, 3]).segment is not first.segment
    assert share(first) is first
    content = share(b"0123456789")
    part = content.open()[2:5]
    assert share(part).segment is content.segment
    assert bytes(share(part).open()) == b"234"
    # Bytes of an array are its memory too.
    assert share(memoryview(array[1])).segment is not content.segment


def test_an_array_can_be_written_where_it_lies():
    def fill(array):
        array[:] = np.arange(6).reshape(2, 3)

    shared = Shared.filled((2, 3), "i4", fill)
    assert shared.open().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert shared.nbytes == 24
    assert repr(shared) == "<an array in shared memory, 24 bytes>"
    assert repr(share(b"abc")) == "<bytes in shared memory, 3 bytes>"
    assert shared.segment.sealed()
    assert Shared.filled((0, 3), "f8", lambda _: None).open().shape == (0, 3)


def test_an_array_that_is_kept_by_who_fills_it_is_refused():
    kept = []
    with pytest.raises(BusError, match="kept by the function"):
        Shared.filled((2, 3), "i4", kept.append)
    with pytest.raises(ZeroDivisionError):
        Shared.filled((2, 3), "i4", lambda _: 1 / 0)
    with pytest.raises(ValueRefused, match="dtype object"):
        Shared.filled((2, 3), object, kept.append)


@pytest.mark.parametrize(
    "value",
    ["text", 3, {"a": 1}, np.array([{}, None]), np.ma.masked_array([1, 2], [0, 1]), np.float64(1)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_neither_an_array_nor_bytes_is_refused(value):
    with pytest.raises(ValueRefused):
        share(value)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        [0, 10],
        [-1, 10, None],
        [0, -1, None],
        [0, 10**30, None],
        [60, 10, None],
        ["0", 10, None],
        [0, 10, 5],
    ],
)
def test_a_description_that_leaves_its_memory_is_refused(told):
    with pytest.raises(BusError, match="does not lie in the memory"):
        from_told(told, share(b"0123456789").segment)


@pytest.mark.parametrize(
    "header",
    [
        [],
        ["u1"],
        ["|u1", [5], "C"],
        ["|u1", [-4], "C"],
        ["|u1", [2**62, 2**62], "C"],
        ["|u1", [10**30], "C"],
        ["|u1", "4", "C"],
        ["|u1", [4], "X"],
        ["|u1", [1] * 100, "C"],
        ["|O", [1], "C"],
        ["<f8", [4], "C"],
        ["nonsense", [4], "C"],
        [None, [4], "C"],
        [{"names": ["a"]}, [1], "C"],
        [[["a", "|O"]], [1], "C"],
        [[["a"]], [1], "C"],
        [[5], [1], "C"],
        [[["a", "u1", 5]], [1], "C"],
        [[["a", "u1", [2**40]]], [1], "C"],
    ],
)
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(BusError, match="no array") as refused:
        from_told([0, 4, header], share(b"0123").segment).open()
    assert "Traceback" not in str(refused.value)


def test_an_array_with_no_numpy_to_read_it_says_what_to_install(monkeypatch):
    shared = share(np.arange(4))
    monkeypatch.delitem(sys.modules, "framework0.context.bus.arrays")
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(BusError, match=r"framework0\[arrays\]"):
        shared.open()


def test_shared_memory_ends_with_the_last_who_holds_it():
    def held():
        gc.collect()
        return [
            target
            for name in os.listdir("/proc/self/fd")
            if "memfd:framework0" in (target := read_link(name))
        ]

    def read_link(name):
        try:
            return os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            return ""

    before = len(held())
    array = share(np.zeros(100_000)).open()
    assert len(held()) > before
    view = array[5:10]
    del array
    assert view.sum() == 0
    del view
    assert len(held()) == before


FALLBACK = """
import errno, os, sys
how = sys.argv[1]
def refused(*_):
    raise OSError(errno.ENOSYS, "no such call")
if how == "absent":
    del os.memfd_create
else:
    os.memfd_create = refused
import numpy as np
from framework0 import segments
from framework0.context.bus import Shared, channel, share
shared = share(np.arange(100_000))
assert not segments.can_seal() and not shared.segment.sealed()
assert shared.open()[-1] == 99_999
assert Shared.filled((3,), "i4", lambda a: a.fill(7)).open().tolist() == [7, 7, 7]
sender, receiver = channel()
sender.send("a", {"array": shared.open(), "bytes": b"abc"})
message = receiver.receive(120)
assert message.value["array"].sum() == shared.open().sum() and bytes(message.value["bytes"]) == b"abc"
print(os.readlink(f"/proc/self/fd/{shared.segment.fileno()}"))
"""


@pytest.mark.parametrize("how", ["absent", "refused"])
def test_where_there_is_no_memfd_unlinked_files_do_the_same(how):
    done = subprocess.run(
        [sys.executable, "-c", FALLBACK, how],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    name, _, deleted = done.stdout.rstrip().partition(" ")
    assert (deleted, os.path.exists(name)) == ("(deleted)", False)


def test_another_trouble_with_memory_is_not_taken_for_a_missing_call(monkeypatch):
    def full(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "memfd_create", full)
    with pytest.raises(OSError, match="Too many"):
        share(b"0123")
    with pytest.raises(OSError, match="Too many"):
        segments.filled(10, lambda _: None)
