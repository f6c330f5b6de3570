from __future__ import annotations

import gc
import hashlib
import os
import stat
import threading

import numpy as np
import pytest

from framework0.artifacts import Artifact
from framework0.errors import ArtifactError, RefusedError
from tests.artifacts.conftest import files_in


def test_a_file_is_named_by_its_content_and_is_its_owners_alone(store, folder):
    before = os.umask(0)
    try:
        artifact = store.put(b"abc")
    finally:
        os.umask(before)
    digest = hashlib.sha256(b"abc").hexdigest()
    assert artifact == Artifact(digest, "bytes", 3)
    path = folder / digest[:2] / digest[2:]
    assert path.read_bytes() == b"abc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(f.stat().st_mode) for f in (folder, path.parent)} == {0o700}


def test_the_same_content_is_written_once(store, later, folder):
    one = store.put(np.arange(1000))
    file = files_in(folder)[0]
    number = file.stat().st_ino
    assert later().put(np.arange(1000)) == one
    assert files_in(folder) == [file]
    assert file.stat().st_ino == number


def test_what_was_loaded_from_here_is_not_looked_at_again(store, monkeypatch):
    array = store.load(store.put(np.arange(100_000)))
    monkeypatch.setattr("framework0.artifacts.store.encode", None)
    assert store.put(array) == store.put(array)
    assert store.load(store.put(array)) is array


def test_an_object_that_is_gone_is_forgotten(store):
    artifact = store.put(np.arange(100_000))
    array = store.load(artifact)
    assert len(store._handed._by_object) == 1
    del array
    gc.collect()
    assert not store._handed._by_object
    assert not store._handed._by_reference
    assert store.load(artifact)[5] == 5


def test_a_view_or_a_copy_of_what_was_loaded_is_looked_at(store):
    array = store.load(store.put(np.arange(100_000)))
    copy = array.copy()
    copy[0] = 7
    assert store.load(store.put(copy))[0] == 7
    assert len(store.load(store.put(array[:5]))) == 5


@pytest.mark.parametrize(
    "value", [np.arange(20_000), b"x" * 100, {"a": 1}], ids=["npy", "bytes", "json"]
)
def test_every_flipped_byte_is_told_with_the_file_and_who_wrote_it(store, later, folder, value):
    artifact = store.put(value)
    path = store.path(artifact)
    content = bytearray(path.read_bytes())
    for place in {0, len(content) // 2, len(content) - 1}:
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArtifactError) as caught:
            later(told=lambda _: "by step 'load' of run 7").load(artifact)
        assert str(path) in str(caught.value)
        assert "damaged" in str(caught.value)
        assert "by step 'load' of run 7" in str(caught.value)
        content[place] ^= 1


def test_a_flip_is_found_by_the_process_that_wrote_the_file_too(store):
    artifact = store.put(b"abc")
    store.path(artifact).write_bytes(b"abd")
    with pytest.raises(ArtifactError, match="damaged"):
        store.load(artifact)


def test_a_file_that_is_gone_or_short_is_an_error_in_words_and_written_again(store, later):
    artifact = store.put(b"abc" * 100)
    store.path(artifact).write_bytes(b"abc")
    assert not later().has(artifact)
    with pytest.raises(ArtifactError, match="its 3 bytes are not the 300"):
        later().load(artifact)
    assert later().put(b"abc" * 100) == artifact
    assert later().load(artifact) == b"abc" * 100
    store.path(artifact).unlink()
    assert not later().hold(artifact)
    with pytest.raises(ArtifactError, match=r"is gone.*run the step again"):
        later().load(artifact)


def test_verify_reads_the_file_whatever_was_found_before(store):
    artifact = store.put(b"abc")
    store.verify(artifact)
    path = store.path(artifact)
    found = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(ArtifactError, match="damaged"):
        store.verify(artifact)


def test_no_link_is_followed(store, later, tmp_path):
    artifact = store.put(b"abc")
    path = store.path(artifact)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="errno 40"):
        later().load(artifact)


def test_a_folder_that_cannot_be_is_an_error_in_words(tmp_path, later, folder):
    folder.write_text("in the way")
    with pytest.raises(ArtifactError, match=r"errno 20.*nothing half written is left"):
        later().put(b"abc")


def test_content_that_holds_a_secret_is_refused_and_json_is_left_to_the_masker(later, folder):
    store = later(hides=lambda content: b"hush" in bytes(content))
    with pytest.raises(RefusedError, match="holds a secret"):
        store.put(np.frombuffer(b"xxhushxx", dtype="u1"))
    assert files_in(folder) == []
    assert store.load(store.put(np.zeros(3))).sum() == 0


def test_what_a_process_relies_on_is_noted_before_it_is_there(later, tmp_path, folder, monkeypatch):
    pins = tmp_path / "pins"
    store = later(pins=pins)
    artifact = store.put(b"abc")
    store.put(b"abc")
    store.hold(artifact)
    assert pins.read_text().split() == [artifact.digest]
    monkeypatch.setattr(os, "replace", lambda *_: pytest.fail("no rename yet"))
    with pytest.raises(pytest.fail.Exception):
        store.put(b"other")
    assert len(pins.read_text().split()) == 2
    assert len(files_in(folder)) == 1


def test_pins_that_cannot_be_written_are_an_error_in_words(later, tmp_path):
    with pytest.raises(ArtifactError, match="cannot keep"):
        later(pins=tmp_path / "no" / "pins").put(b"abc")


def test_threads_that_write_the_same_at_once_agree(later, folder):
    store = later(durable=False)
    barrier = threading.Barrier(8)
    made = []

    def work(number):
        barrier.wait(300)
        made.extend(store.put(b"%d" % (count % 5) * 1000) for count in range(20))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 160
    assert len(set(made)) == len(files_in(folder)) == 5
    assert {store.load(artifact)[:1] for artifact in made} == {b"0", b"1", b"2", b"3", b"4"}
