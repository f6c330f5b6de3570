from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework0.artifacts import Artifact, format_of
from framework0.artifacts.formats import MAP_FROM
from framework0.errors import ArtifactError, ValueRefused

RECORDS = np.array([(1.5, 2), (2.5, 3)], dtype=[("größe", "f4"), ("b", "i2")])

ARRAYS = {
    "floats": np.arange(6.0),
    "columns first": np.arange(12).reshape(3, 4).copy(order="F"),
    "no dimension": np.array(5),
    "nothing in it": np.zeros((0, 3)),
    "text": np.array(["a", "größer"]),
    "every other one": np.arange(10)[::2],
    "a window": np.arange(10_000.0).reshape(100, 100)[::2, ::3],
    "turned": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "dates": np.array(["2026-11-24"], dtype="M8[D]"),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "big-endian": np.arange(4, dtype=">i4"),
    "records": RECORDS,
    "no width": np.array([""], dtype="S0"),
    "large": np.arange(100_000.0),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_comes_back_as_it_was_and_cannot_be_changed(store, later, array):
    found = later().load(store.put(array))
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert (found == array).all()
    assert type(found) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        found[...] = array


def test_a_file_is_what_numpy_itself_reads(store):
    artifact = store.put(ARRAYS["large"])
    assert (np.load(store.path(artifact)) == ARRAYS["large"]).all()
    assert artifact.bytes == store.path(artifact).stat().st_size


def test_a_large_array_is_mapped_and_not_read(store, later):
    small, large = np.zeros(8), np.zeros(MAP_FROM)
    assert isinstance(later().load(store.put(large)).base, np.memmap)
    assert not isinstance(later().load(store.put(small)).base, np.memmap)


def test_a_table_comes_back_equal(store, later):
    table = pa.table({"n": [1, 2, None], "t": ["x", None, "größer"], "l": [[1], [], [2, 3]]})
    assert later().load(store.put(table)).equals(table)


def test_bytes_of_every_kind_come_back_as_bytes(store, later):
    for value in (b"", b"abc", bytearray(b"abc"), memoryview(b"abcdef")[::2]):
        assert later().load(store.put(value)) == bytes(value)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
        max_leaves=20,
    )
)
def test_json_comes_back_as_it_was_in_the_order_it_had(store, later, value):
    found = later().load(store.put(value))
    assert repr(found) == repr(value)


def test_json_is_fresh_each_time(store):
    artifact = store.put({"rows": [1, 2]})
    store.load(artifact)["rows"].append(3)
    assert store.load(artifact) == {"rows": [1, 2]}


def test_references_inside_json_are_loaded_with_it(store, later):
    artifact = store.put({"parts": [store.put(np.arange(3)), store.put(b"x")], "n": 1})
    assert artifact.format == "tree"
    found = later().load(artifact)
    assert (found["parts"][0] == np.arange(3)).all()
    assert (found["parts"][1], found["n"]) == (b"x", 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([object()]), "dtype object"),
        (np.array([{"a": 1}], dtype=[("x", "O")]), "Python objects"),
        (np.ma.array([1, 2], mask=[0, 1]), "MaskedArray"),
        (object(), "a object is not JSON"),
        ({"deep": [float("nan")]}, "not JSON"),
        ({1, 2}, "a set is not JSON"),
    ],
)
def test_what_no_format_can_hold_is_refused_in_words(store, folder, value, words):
    with pytest.raises(ValueRefused, match=words):
        store.put(value)
    assert not folder.exists()


def test_a_pickle_that_calls_itself_an_array_is_never_unpickled(store, later):
    hostile = store.put(
        b"\x80\x04\x95\x12\x00\x00\x00\x00\x00\x00\x00cbuiltins\nprint\n\x8c\x01x\x85R."
    )
    with pytest.raises(ArtifactError, match="not what NumPy writes"):
        later().load(Artifact(hostile.digest, "npy", hostile.bytes))


def test_what_calls_itself_a_table_and_is_none_is_an_error_of_ours(store, later):
    other = store.put(b"not a table")
    with pytest.raises(ArtifactError, match="not what Arrow writes"):
        later().load(Artifact(other.digest, "arrow", other.bytes))
    with pytest.raises(ArtifactError, match="does not know: update framework0"):
        later().load(Artifact(other.digest, "zarr", other.bytes))


WITHOUT = """
import sys
from pathlib import Path
from framework0.artifacts import Artifact, Artifacts
from framework0.errors import ArtifactError
sys.modules[{library!r}] = None
try:
    Artifacts(Path({folder!r})).load(Artifact({digest!r}, {kind!r}, {size}))
except ArtifactError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "library", "words"),
    [
        (np.arange(3), "numpy", "framework0[arrays]"),
        (pa.table({"a": [1]}), "pyarrow", "framework0[tables]"),
    ],
)
def test_without_the_library_one_sentence_says_what_to_install(
    store, folder, value, library, words
):
    made = store.put(value)
    script = WITHOUT.format(
        library=library, folder=str(folder), digest=made.digest, kind=made.format, size=made.bytes
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert f"pip install '{words}'" in done.stdout
    assert library in done.stdout


@pytest.mark.slow
def test_looking_for_a_format_imports_no_library():
    script = (
        "import sys; from framework0.artifacts import format_of;"
        "assert format_of(b'x') == 'bytes' and format_of({}) is None;"
        "assert not {'numpy', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_only_what_is_no_json_has_a_format_of_its_own():
    assert format_of({"a": 1}) is None
    assert format_of(object()) is None
    assert format_of(np.arange(2)) == "npy"
    assert format_of(pa.table({"a": [1]})) == "arrow"
