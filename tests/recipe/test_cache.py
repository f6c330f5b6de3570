"""What was read is kept by its hash, and never believed when anything about it is odd."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading

import pytest

from framework0.errors import RecipeError
from framework0.recipe import cache as cache_module
from framework0.recipe.cache import RecipeCache
from framework0.recipe.load import digest_of, parse_text, read_document

TEXT = "steps:\n  - name: load\n    args: {a: no, b: [1, 2.5, null, true, é]}\n  - name: x\n    name: y\n"


@pytest.fixture
def kept(tmp_path):
    """A cache in a folder that does not exist yet."""
    return RecipeCache(tmp_path / "state" / "cache", version="1.0")


@pytest.fixture
def recipe(tmp_path):
    """A recipe's file with two problems in it."""
    path = tmp_path / "r.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def entries(kept):
    """The entries of the cache, by name."""
    return sorted(kept.folder.iterdir())


def facts(document):
    """All a document says."""
    problems = [
        (p.code, p.message, str(p.place), p.severity, p.hint, [(w, str(o)) for w, o in p.related])
        for p in document.problems
    ]
    return document.file, document.text, document.digest, document.data, problems


def test_a_cached_recipe_is_the_recipe_that_was_read(kept, recipe, monkeypatch):
    first = read_document(recipe, kept)
    monkeypatch.setattr("framework0.recipe.load.parse_text", None)
    second = read_document(recipe, kept)
    assert facts(first) == facts(second) == facts(read_document_without_cache(recipe))
    assert len(first.problems) == 2
    assert second.place(("steps", 1, "name")) == first.place(("steps", 1, "name"))


def read_document_without_cache(path):
    """Read the file again, as if nothing had been kept."""
    return parse_text(path.read_text(encoding="utf-8"), str(path))


def test_the_places_of_a_cached_recipe_are_in_the_file_asked_for(kept, recipe, tmp_path):
    read_document(recipe, kept)
    other = tmp_path / "other.yaml"
    other.write_bytes(recipe.read_bytes())
    assert {problem.place.file for problem in read_document(other, kept).problems} == {str(other)}
    assert len(entries(kept)) == 1


def test_a_recipe_that_cannot_be_read_is_not_kept(kept, tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("a: [\n")
    with pytest.raises(RecipeError, match="ends while"):
        read_document(path, kept)
    assert not kept.folder.exists()


def test_what_another_version_read_is_read_again(kept, recipe, monkeypatch):
    read_document(recipe, kept)
    digest = digest_of(TEXT)
    assert kept.load(digest, "r") is not None
    assert RecipeCache(kept.folder, version="1.1").load(digest, "r") is None
    monkeypatch.setattr(cache_module, "FORMAT", cache_module.FORMAT + 1)
    assert RecipeCache(kept.folder, version="1.0").load(digest, "r") is None


def test_an_entry_damaged_anywhere_is_ignored_and_written_anew(kept, recipe):
    expected = facts(read_document(recipe, kept))
    (path,) = entries(kept)
    whole = path.read_bytes()
    damaged = [whole[:at] for at in range(0, len(whole), 7)]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))
    ]
    for content in damaged:
        path.write_bytes(content)
        assert kept.load(digest_of(TEXT), "r") is None
    assert facts(read_document(recipe, kept)) == expected
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"data": [], "problems": []}',
        b'{"data": {}}',
        b'{"data": {}, "problems": 3}',
        b'{"data": {}, "problems": [[1]]}',
        b"{" * 10,
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_an_entry_somebody_else_made_up_is_ignored(kept, recipe, body):
    read_document(recipe, kept)
    (path,) = entries(kept)
    digest = digest_of(TEXT)
    path.write_bytes(kept._header(digest, body) + b"\n" + body)
    assert kept.load(digest, "r") is None


def test_the_entry_of_another_text_is_not_believed(kept):
    one, other = (digest_of(text) for text in ("a: 1\n", "a: 2\n"))
    assert kept.store(one, {"a": 1}, ())
    (path,) = entries(kept)
    path.rename(path.with_name(path.name.replace(one, other)))
    assert kept.load(other, "r") is None


def test_an_entry_is_json_that_only_its_owner_may_list(kept):
    assert kept.store(digest_of("x"), {"a": "é"}, ())
    (path,) = entries(kept)
    head, body = path.read_bytes().split(b"\n", 1)
    assert json.loads(body) == {"data": {"a": "é"}, "problems": []}
    assert head.endswith(hashlib.sha256(body).hexdigest().encode())
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700


def test_the_cache_keeps_the_latest_entries_and_no_more(kept, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_ENTRIES", 3)
    digests = [digest_of(str(number)) for number in range(6)]
    for number, digest in enumerate(digests):
        assert kept.store(digest, {"n": number}, ())
        for age, earlier in enumerate(reversed(digests[: number + 1])):
            if kept._path(earlier).exists():
                os.utime(kept._path(earlier), (1_000_000 - age, 1_000_000 - age))
    assert [kept.load(digest, "r") is not None for digest in digests] == [False] * 3 + [True] * 3


def test_the_cache_takes_so_many_bytes_and_no_more(kept, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_BYTES", 1_000)
    assert not kept.store(digest_of("huge"), {"a": "x" * 600}, ())
    for number in range(9):
        assert kept.store(digest_of(str(number)), {"a": "x" * 300}, ())
    assert sum(path.stat().st_size for path in entries(kept)) <= 1_000


def test_what_a_killed_writer_left_behind_is_cleared_in_time(kept, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_ENTRIES", 2)
    kept.folder.mkdir(parents=True)
    for number in range(5):
        left = kept.folder / f"{digest_of(str(number))}.recipe.json.{number}.new"
        left.write_bytes(b"half")
        os.utime(left, (number, number))
    (kept.folder / "somebody-elses.txt").write_text("keep me")
    assert kept.store(digest_of("x"), {}, ())
    assert len(entries(kept)) == 3
    assert (kept.folder / "somebody-elses.txt").exists()


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_cache(tmp_path, recipe):
    (tmp_path / "file").write_text("not a folder")
    kept = RecipeCache(tmp_path / "file", version="1.0")
    assert read_document(recipe, kept).data["steps"][0]["name"] == "load"
    assert not kept.store(digest_of(TEXT), {}, ())


def test_a_disk_that_fails_while_writing_leaves_nothing_behind(kept, monkeypatch):
    def fail(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    assert not kept.store(digest_of(TEXT), {}, ())
    assert entries(kept) == []


def test_a_digest_that_could_be_a_path_is_refused(kept):
    for digest in ("../x", "", "A" * 64, "0" * 63):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            kept.load(digest, "r")


def test_many_writers_of_one_entry_leave_one_whole_entry(kept):
    digest = digest_of("x")
    data = {"a": list(range(2_000))}
    writers = [threading.Thread(target=kept.store, args=(digest, data, ())) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert kept.load(digest, "r").data == data
    assert len(entries(kept)) == 1
