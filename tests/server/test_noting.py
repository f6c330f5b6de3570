"""Who is turned away is in the log once: in a line, or in the count of those that are too many."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some

from framework0.server.noting import LINES, STRETCH_SECONDS, Noting


class Log:
    def __init__(self):
        self.lines = []
        self.time = 0.0
        self.noting = Noting(self.lines.append, lambda: self.time)


def test_a_few_have_a_line_each():
    log = Log()
    for number in range(LINES):
        log.noting.note("kind", f"line {number}")
    log.noting.tell_all()
    assert log.lines == [f"line {number}" for number in range(LINES)]


def test_many_are_counted_and_the_count_comes_in_time():
    log = Log()
    for number in range(LINES + 7):
        log.noting.note("kind", f"line {number}")
    log.time = STRETCH_SECONDS
    log.noting.tell_overdue()
    assert len(log.lines) == LINES
    log.time += 0.1
    log.noting.tell_overdue()
    assert log.lines[LINES:] == ["and 7 more: kind"]
    log.noting.note("kind", "again")
    assert log.lines[-1] == "again"


def test_one_kind_leaves_the_lines_of_others():
    log = Log()
    for _ in range(LINES + 1):
        log.noting.note("loud", "loud")
    log.noting.note("quiet", "quiet")
    assert log.lines[-1] == "quiet"


@settings(deadline=None)
@given(some.lists(some.tuples(some.sampled_from("abc"), some.floats(0, 5)), max_size=600))
def test_nobody_is_left_out_or_in_twice(events):
    log = Log()
    noted = {}
    for kind, passed in events:
        for _ in range(40):
            noted[kind] = noted.get(kind, 0) + 1
            log.noting.note(kind, f"one: {kind}")
        log.time += passed
        log.noting.tell_overdue()
    log.noting.tell_all()
    told = {}
    for line in log.lines:
        words, kind = line.split(": ")
        told[kind] = told.get(kind, 0) + (1 if words == "one" else int(words.split()[1]))
    assert told == noted
