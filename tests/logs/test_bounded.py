"""A bounded log: never longer than it may be, its beginning and end kept, the rest counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.logs import BoundedLog
from framework0.secrets import Masker

LEFT_OUT = re.compile(r"^… ([\d,]+) bytes of output are left out here: max_log_bytes is [\d,]+ …$")


def written(tmp_path, limit, *texts):
    log = BoundedLog(tmp_path / "step.log", limit=limit)
    for text in texts:
        log.write(text)
    log.close()
    return (tmp_path / "step.log").read_text(encoding="utf-8")


def dropped(text):
    found = [LEFT_OUT.match(line) for line in text.split("\n")]
    (only,) = [match for match in found if match]
    return int(only[1].replace(",", ""))


def test_what_fits_is_kept_as_it_is(tmp_path):
    lines = "".join(f"line {n}\n" for n in range(80))
    assert written(tmp_path, 1000, lines) == lines


def test_the_beginning_and_the_end_are_kept_and_the_rest_is_counted(tmp_path):
    lines = [f"line {n}\n" for n in range(10_000)]
    text = written(tmp_path, 2000, *lines)
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 9998\nline 9999\n")
    assert len(text.encode()) <= 2000
    kept = sum(len(line) + 1 for line in text.split("\n") if line.startswith("line"))
    assert dropped(text) == sum(map(len, lines)) - kept


def test_a_line_longer_than_the_log_is_cut_and_the_notice_has_a_line_to_itself(tmp_path):
    text = written(tmp_path, 1000, "x" * 100_000, "\nlast\n")
    assert text.startswith("xxx")
    assert text.endswith("…\nlast\n")
    assert dropped(text) == 100_001 - text.index("\n")
    assert len(text.encode()) <= 1000


@given(
    st.lists(st.text(st.sampled_from("ab\nü"), max_size=400), max_size=30),
    st.integers(1000, 3000),
)
@settings(deadline=None, max_examples=60)
def test_no_log_gets_longer_than_it_may_and_nothing_is_lost_uncounted(
    tmp_path_factory, texts, limit
):
    folder = tmp_path_factory.mktemp("log")
    text = written(folder, limit, "", *texts, "end\n")
    whole = "".join(texts) + "end\n"
    assert len(text.encode()) <= limit
    assert text.endswith("end\n")
    if len(whole.encode()) <= limit - 160:
        assert text == whole
    elif "left out" in text:
        notice = re.search(r"\n?… .* …\n", text)
        rest = len(text.encode()) - len(notice[0].encode().lstrip(b"\n"))
        assert dropped(text) in {len(whole.encode()) - rest, len(whole.encode()) - rest + 1}


@pytest.mark.slow
def test_100_mb_that_a_child_writes_into_the_descriptor_are_bounded(tmp_path):
    log = BoundedLog(tmp_path / "step.log", limit=1_000_000)
    log.write("before\n")
    code = "import os\nfor n in range(1000): os.write(1, b'y' * 99_999 + b'\\n')\nos.write(1, b'done\\n')"
    subprocess.run([sys.executable, "-c", code], stdout=log.fileno(), check=True)
    log.close()
    size = os.path.getsize(tmp_path / "step.log")
    assert 900_000 < size <= 1_000_000
    text = (tmp_path / "step.log").read_text(encoding="utf-8")
    assert text.startswith("before\nyyy")
    assert text.endswith("\ndone\n")
    assert dropped(text) > 98_000_000


def test_secrets_are_masked_in_the_end_that_is_kept_too(tmp_path):
    log = BoundedLog(tmp_path / "step.log", Masker(["hunter2!"]), limit=1000)
    log.write("filling\n" * 1000 + "the secret is hunter2!\n")
    log.close()
    text = (tmp_path / "step.log").read_text(encoding="utf-8")
    assert "hunter2!" not in text
    assert "the secret is" in text


def test_what_is_written_after_the_end_is_lost_and_a_second_close_does_nothing(tmp_path):
    log = BoundedLog(tmp_path / "step.log", limit=1000)
    log.write("line\n" * 1000)
    log.close()
    before = (tmp_path / "step.log").read_bytes()
    log.write("late\n")
    log.close()
    assert (tmp_path / "step.log").read_bytes() == before


def test_a_silent_step_makes_no_file(tmp_path):
    BoundedLog(tmp_path / "step.log", limit=1000).close()
    assert not (tmp_path / "step.log").exists()
