from __future__ import annotations

import os
import subprocess
import sys

import pytest

from framework0.errors import JournalError
from framework0.runner.journal.marks import MAX_ATTEMPTS, StartMarks, read_marks


def _plain():
    """The environment without what makes children measure coverage: a kill tears its file too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "started"


def test_attempts_are_numbered_from_one_for_each_node(path):
    marks = StartMarks(path, 3)
    assert [marks.add(0), marks.add(0), marks.add(2)] == [1, 2, 1]
    marks.close()
    assert read_marks(path)[:4] == (2, 0, 1, 0)
    again = StartMarks(path, 3)
    assert again.add(0) == 3
    again.close()


def test_what_is_counted_survives_a_kill(path):
    program = """
import os, signal, sys
from pathlib import Path
from framework0.runner.journal.marks import StartMarks
marks = StartMarks(Path(sys.argv[1]), 5000)
for node in range(5000):
    marks.add(node)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(path)], env=_plain(), check=False)
    assert killed.returncode == -9
    assert read_marks(path)[:5000] == (1,) * 5000


def test_more_nodes_keep_the_counts_of_the_others(path):
    marks = StartMarks(path, 1)
    marks.add(0)
    marks.extend(1)
    marks.extend(100_000)
    assert marks.add(99_999) == 1
    assert marks.add(0) == 2
    marks.close()
    # Fewer nodes than there are counters shrink nothing.
    again = StartMarks(path, 1)
    assert again.add(99_999) == 2
    again.close()


@pytest.mark.parametrize("content", [b"", b"\x02", b"\x02\x00\x01"])
def test_a_torn_file_counts_from_what_is_whole(path, content):
    path.write_bytes(content)
    assert len(read_marks(path)) == len(content) // 2
    marks = StartMarks(path, 2)
    assert marks.add(0) == (3 if content else 1)
    marks.close()


def test_no_file_means_nothing_was_started(path):
    assert read_marks(path) == ()


def test_a_file_that_cannot_be_read_is_named(path):
    path.mkdir()
    with pytest.raises(JournalError, match=r"started: .*errno 21"):
        read_marks(path)


def test_counts_are_lifted_and_never_lowered(path):
    marks = StartMarks(path, 3)
    marks.add(0)
    marks.add(0)
    marks.raise_to([(0, 1), (1, 5)])
    assert [marks.add(0), marks.add(1)] == [3, 6]
    marks.close()


def test_a_node_in_a_loop_is_stopped_before_its_counter_overflows(path):
    marks = StartMarks(path, 1)
    marks.raise_to([(0, MAX_ATTEMPTS)])
    with pytest.raises(JournalError, match="in a loop"):
        marks.add(0)
    marks.close()
    assert read_marks(path)[0] == MAX_ATTEMPTS


def test_no_room_is_an_error_and_not_a_death(path):
    # A hole in a mapped file would end the process by SIGBUS at the first store.
    program = """
import resource, sys
from pathlib import Path
from framework0.errors import JournalError
from framework0.runner.journal.marks import StartMarks
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
marks = StartMarks(Path(sys.argv[1]), 1)
marks.add(0)
try:
    marks.extend(1_000_000)
except JournalError as error:
    assert "started: File too large (errno 27)" in str(error), error
    assert marks.add(0) == 2
    print("told")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=_plain(),
    )
    assert done.stdout == "told\n"
