"""R25: files of every format open and tell what was written; what a newer version wrote is refused."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from framework0.context import Author, Entry, MemoryStore, Write
from framework0.context.persist import SQLiteStore, schema
from tests.context.persist.conftest import put
from tests.context.persist.write_fixture import ENDS, FIXTURES, STEP, fill

RELEASED = sorted(FIXTURES.glob("v*.db"))


@pytest.fixture(params=RELEASED, ids=lambda file: file.stem)
def old(request, path):
    path.parent.mkdir()
    shutil.copyfile(request.param, path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == int(
            request.param.stem[1:]
        )
    return path


def test_every_format_has_its_fixture():
    assert [file.stem for file in RELEASED] == [f"v{n + 1}" for n in range(schema.VERSION)]


def test_a_file_of_every_format_tells_what_was_written(old):
    model = MemoryStore()
    fill(model)
    with closing(SQLiteStore(old)) as store:
        assert store.version() == store.verify() == model.version() == 40
        assert list(store.changes()) == list(model.changes())
        assert store.entries() == model.entries()
        for version in range(41):
            assert store.at(version) == model.at(version)
        assert list(store.changes(key="rows")) == list(model.changes(key="rows"))
        assert store.get("ends") == Entry(True, 28, ENDS)
        assert store.tags() == {"early": 6}
        assert len(store.epoch()) == 32


def test_a_file_of_every_format_goes_on(old):
    with closing(SQLiteStore(old, segment_changes=10, keep_changes=5)) as store:
        made = store.apply((Write("title", 1),), STEP, 1.0, operation="another")
        assert made[0].version == 41
        for number in range(40):
            put(store, "new", number)
        picture = store.at(6)
        assert store.kept_since() > 40
        assert set(picture) == {"title", "rows", "n"}
    with closing(SQLiteStore(old)) as again:
        assert again.at(6) == picture
        assert again.verify() == again.version() - again.kept_since()
        assert next(again.changes()).who == Author("test").who
