"""Torn and flipped: the history is exactly a prefix of what was committed, or it is refused."""

from __future__ import annotations

import random
import sqlite3

import pytest

from framework0.errors import Framework0Error, JournalCorrupt, JournalError
from framework0.runner.journal import Journal

PAGE = 512


@pytest.fixture
def small(path):
    """A journal with small pages, so that every byte of it can be tried."""
    path.parent.mkdir(mode=0o700)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return Journal(path)


@pytest.mark.slow
def test_a_log_torn_at_any_byte_gives_exactly_the_commits_before_it(small, path, header, record):
    log = path.with_name("journal.db-wal")
    recorder = small.begin(header(), 9)
    connection = recorder._writer._connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ends = [log.stat().st_size]
    for node in range(3):
        recorder.append(record(node), ())
        recorder.flush()
        ends.append(log.stat().st_size)
    database, content = path.read_bytes(), log.read_bytes()
    recorder.close()
    path.write_bytes(database)
    assert len(content) == ends[-1] > ends[1] > ends[0] == 0

    complete = len(ends) - 1
    with log.open("wb") as file:
        file.write(content)
    for size in range(len(content), -1, -1):
        with log.open("r+b") as file:
            file.truncate(size)
        path.with_name("journal.db-shm").unlink(missing_ok=True)
        while ends[complete] > size:
            complete -= 1
        journal = Journal(path)
        attempts = journal.read("run-1").attempts
        journal.close()
        assert attempts == tuple(record(node) for node in range(complete)), size


def _filled(journal, header, record, change, finish):
    recorder = journal.begin(header(), 40)
    for batch in range(8):
        for node in range(batch * 5, batch * 5 + 5):
            brief = record(node, seconds=0, cpu_seconds=0, peak_memory=0)
            recorder.append(brief, [change(node + 1)] if node < 2 else ())
        recorder.flush()
    recorder.decide(3, "when", True)
    if finish:
        recorder.finish("succeeded")
    else:
        recorder.close()
    journal.close()


def _pages_of_history(path):
    """Return the numbers of the pages that hold rows of ours, by SQLite's own account."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    roots = dict(connection.execute("SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0"))
    connection.close()
    content = path.read_bytes()
    ours = ("runs", "batches", "heads", "recipes", "changes", "change_heads")
    pages = []
    todo = [page for page, name in roots.items() if name in ours]
    while todo:
        page = todo.pop()
        pages.append(page)
        start = (page - 1) * PAGE
        if content[start] in (2, 5):
            cells = int.from_bytes(content[start + 3 : start + 5], "big")
            todo.append(int.from_bytes(content[start + 8 : start + 12], "big"))
            for cell in range(cells):
                at = start + 12 + 2 * cell
                offset = start + int.from_bytes(content[at : at + 2], "big")
                todo.append(int.from_bytes(content[offset : offset + 4], "big"))
    return sorted(pages)


@pytest.mark.slow
@pytest.mark.parametrize("finish", [True, False], ids=["finished", "interrupted"])
def test_no_flipped_bit_makes_another_history(small, path, header, record, change, finish):
    _filled(small, header, record, change, finish)
    reader = Journal(path)
    original = reader.read("run-1")
    reader.close()
    assert len(original.attempts) == 40
    pages = set(_pages_of_history(path))
    content = path.read_bytes()
    # Every bit of what rows occupy; of empty space and of other pages, a sample.
    luck = random.Random(5)
    tried = refused = 0
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(content):
            ours = position // PAGE + 1 in pages and byte
            bits = range(8) if ours and (finish or luck.random() < 0.03) else (luck.randrange(8),)
            if not ours and luck.random() > 0.05:
                continue
            for bit in bits:
                file.seek(position)
                file.write(bytes([byte ^ (1 << bit)]))
                tried += 1
                refused += _refused_or_same(path, original)
            file.seek(position)
            file.write(bytes([byte]))
    assert tried > (20_000 if finish else 1_000)
    assert refused > tried / 2


def _refused_or_same(path, original):
    journal = Journal(path)
    try:
        found = journal.read("run-1")
    except Framework0Error:
        return True
    finally:
        journal.close()
    assert found == original
    return False


def _change_by_hand(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


_NEXT = "(SELECT max(id) + 1 FROM batches)"


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("DELETE FROM batches WHERE id & 255 = 4", "entry 12"),
        ("UPDATE batches SET text = replace(text, 'step-7', 'step-8')", "entry 7"),
        ("UPDATE batches SET id = id + 100 WHERE id & 255 = 9", "entry 37"),
        ("DELETE FROM batches WHERE id & 255 >= 9", "entry 37"),
        ("UPDATE batches SET records = records + 1 WHERE id & 255 = 3", "entry 7"),
        (
            f"INSERT INTO batches SELECT {_NEXT}, records, text, crc FROM batches LIMIT 1",
            "entry 44",
        ),
        ("UPDATE heads SET crc = crc + 1", "entry 44"),
        ("DELETE FROM heads", "entry 44"),
    ],
)
def test_a_row_removed_changed_moved_or_added_is_named(
    journal, path, header, record, change, statement, entry
):
    _filled(journal, header, record, change, finish=True)
    _change_by_hand(path, statement)
    with pytest.raises(JournalCorrupt, match=rf"journal\.db: run run-1 .* {entry} "):
        journal.read("run-1")
    with pytest.raises(JournalCorrupt, match="run-1"):
        journal.resume("run-1", 40)


def test_a_lost_tail_is_seen_though_the_heads_agree(journal, path, header, record, change):
    _filled(journal, header, record, change, finish=True)
    _change_by_hand(
        path,
        "DELETE FROM batches WHERE id & 255 >= 9",
        "UPDATE heads SET batch = 8, records = 36, crc = (SELECT crc FROM batches WHERE id & 255 = 8)",
    )
    with pytest.raises(JournalCorrupt, match="entry 37"):
        journal.read("run-1")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE runs SET state = 'failed'", "own row does not match"),
        ("UPDATE runs SET id = 'run-2'", "own row does not match"),
        ("UPDATE recipes SET text = 'steps: [x]'", "recipe of run run-1 is damaged or missing"),
        ("DELETE FROM recipes", "recipe of run run-1 is damaged or missing"),
        ("UPDATE changes SET value = '9'", "context log of run-1 is damaged"),
        ("DROP TABLE heads", "no such table"),
    ],
)
def test_damage_outside_of_the_history_is_named_too(
    journal, path, header, record, change, statement, words
):
    _filled(journal, header, record, change, finish=True)
    _change_by_hand(path, statement)
    with pytest.raises(JournalError, match=words):
        journal.read("run-1")


def test_a_damaged_run_is_listed_as_damaged_beside_the_others(journal, path, header):
    journal.begin(header("run-1"), 1).finish("succeeded")
    journal.begin(header("run-2"), 1).finish("succeeded")
    _change_by_hand(path, "UPDATE runs SET header = '{' WHERE run = 1")
    assert [(run.run_id, run.state) for run in journal.runs()] == [
        ("run-2", "succeeded"),
        ("run-1", "damaged"),
    ]


@pytest.mark.parametrize(
    "content",
    [b"not a database at all\n" * 100, b"SQLite format 3\0" + b"\xff" * 2000, b"\0" * 4096],
    ids=["text", "header only", "zeros"],
)
def test_what_is_no_journal_is_refused_and_left_as_it_is(journal, path, header, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match=r"journal\.db"):
        journal.runs()
    with pytest.raises(JournalCorrupt, match=r"journal\.db"):
        journal.begin(header(), 1)
    assert path.read_bytes() == content
