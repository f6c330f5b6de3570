"""R5 for what a crash leaves: bits flipped in the log that SQLite has not yet moved into the database.

The database itself, every byte and every bit, is the matter of ``tests/runner/journal/test_damage.py``.
A frame of the log that does not fit its checksum ends the log, as a torn one does: SQLite cannot tell
the two apart. So the answer is a beginning of the history, by whole commits, or a refusal; never a
mixture, and never a changed record. This is the one difference from the bar, which wants a flip in the
middle of the log refused: its own format could tell, SQLite's cannot.
"""

from __future__ import annotations

import random
import shutil

import pytest

from framework0.errors import Framework0Error
from framework0.runner import AttemptRecord, Journal, Outcome, RunHeader

COMMITS = 8
RECORDS = 40
FRAME_HEADER = 24
LOG_HEADER = 32


def record(node):
    return AttemptRecord(node, f"s{node}", 1, "succeeded", True, 1.5, Outcome("succeeded", node))


@pytest.fixture
def crashed(tmp_path):
    """The files of a run of 40 records in 8 commits, as a kill leaves them: (folder, page size)."""
    journal = Journal(tmp_path / "first" / "journal.db")
    header = RunHeader("run-1", recipe_text="steps: []\n", recipe_digest="d", created_at=1.0)
    recorder = journal.begin(header, RECORDS)
    for commit in range(COMMITS):
        for node in range(commit * 5, commit * 5 + 5):
            recorder.mark_started(node)
            recorder.append(record(node), ())
        recorder.flush()
    folder = tmp_path / "crashed"
    folder.mkdir(mode=0o700)
    for name in ("journal.db-wal", "journal.db"):
        shutil.copyfile(tmp_path / "first" / name, folder / name)
    (folder / "runs" / "run-1").mkdir(parents=True, mode=0o700)
    shutil.copyfile(
        tmp_path / "first" / "runs" / "run-1" / "started", folder / "runs" / "run-1" / "started"
    )
    recorder.close()
    journal.close()
    return folder


def read(folder):
    """Return the nodes of the history there, None when it is refused."""
    # Each look recovers the log anew, as the first one after a crash does.
    (folder / "journal.db-shm").unlink(missing_ok=True)
    journal = Journal(folder / "journal.db")
    try:
        history = journal.read("run-1")
    except Framework0Error:
        return None
    finally:
        journal.close()
    nodes = [found.node for found in history.attempts]
    assert list(history.attempts) == [record(node) for node in nodes]
    assert history.summary.state == "interrupted"
    return nodes


@pytest.mark.slow
def test_a_flipped_bit_of_the_log_gives_whole_commits_from_the_first_or_a_refusal(crashed):
    log = crashed / "journal.db-wal"
    content = log.read_bytes()
    page = int.from_bytes(content[8:12], "big")
    frame = FRAME_HEADER + page
    frames = (len(content) - LOG_HEADER) // frame
    assert frames > COMMITS
    assert read(crashed) == list(range(RECORDS))

    seed = 17
    luck = random.Random(seed)
    # Every bit of the log's own header and of a frame's header in the middle; elsewhere, a sample.
    middle = LOG_HEADER + frames // 2 * frame
    places = [*range(LOG_HEADER), *range(middle, middle + FRAME_HEADER)]
    flips = [(place, bit) for place in places for bit in range(8)]
    flips += [(luck.randrange(len(content)), luck.randrange(8)) for _ in range(1_000)]
    noticed = 0
    with log.open("r+b", buffering=0) as file:
        for place, bit in flips:
            file.seek(place)
            file.write(bytes([content[place] ^ (1 << bit)]))
            nodes = read(crashed)
            story = f"seed {seed}, byte {place}, bit {bit}: {nodes}"
            if nodes is not None:
                assert nodes == list(range(len(nodes))), story
                assert len(nodes) % 5 == 0, story
            noticed += nodes is None or len(nodes) < RECORDS
            file.seek(place)
            file.write(content[place : place + 1])
    assert noticed > len(flips) * 0.9, "the flips hit nothing that counts"
    assert read(crashed) == list(range(RECORDS))


def test_what_was_lost_that_way_runs_again_as_a_further_attempt(crashed):
    log = crashed / "journal.db-wal"
    content = log.read_bytes()
    frame = FRAME_HEADER + int.from_bytes(content[8:12], "big")
    place = len(content) - frame + FRAME_HEADER + 5
    log.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    kept = read(crashed)
    assert kept is not None
    assert len(kept) == RECORDS - 5
    journal = Journal(crashed / "journal.db")
    recorder = journal.resume("run-1", RECORDS)
    # The count of starts is kept elsewhere: the step can see that it may have had its effect before.
    assert [recorder.mark_started(node) for node in range(RECORDS - 5, RECORDS)] == [2] * 5
    recorder.finish("failed")
    journal.close()
