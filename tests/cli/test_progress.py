"""The live view on a real terminal: it counts, it forecasts, and it leaves nothing behind."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading

import pytest

from framework0.cli.progress import FAILURES_SHOWN, LiveProgress
from framework0.cli.remaining import Remaining
from framework0.runner import AttemptRecord, Failure, Outcome

CONTROL = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n")


def screen(text):
    """Return the rows a terminal shows after it was sent ``text``."""
    rows, row, column, place = [""], 0, 0, 0
    while place < len(text):
        found = CONTROL.match(text, place)
        if found is None:
            line = rows[row].ljust(column)
            rows[row] = line[:column] + text[place] + line[column + 1 :]
            column, place = column + 1, place + 1
            continue
        place = found.end()
        if found.group() == "\r":
            column = 0
        elif found.group() == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif found.group(2) == "A":
            row -= int(found.group(1) or 1)
        elif found.group(2) == "J":
            rows = [*rows[:row], rows[row][:column]]
        else:
            assert found.group(2) == "m", found.group()
    return rows


class Terminal:
    """A pseudo terminal with ``framework0 WORDS`` in its foreground."""

    def __init__(self, words, cwd, env, columns):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.text = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "framework0", *words],
            cwd=cwd,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Only the process itself can take its terminal; it does nothing else in between.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)

    def read_until(self, wanted):
        """Read on until what was shown since the start matches the pattern ``wanted``."""
        while not re.search(wanted, self.text):
            assert self._read(), f"{wanted!r} was never shown: {self.text!r}"

    def press(self, keys):
        os.write(self._master, keys)

    def end(self):
        """Read to the end and return the exit code."""
        while self._read():
            continue
        return self._process.wait(120)

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self):
        ready, _, _ = select.select([self._master], [], [], 120)
        assert ready, f"nothing more was shown within 120 s: {self.text!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:
            # Linux says "input/output error" once nobody has the other side open.
            return False
        self.text += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def terminal(workspace, environment):
    opened = []

    def on_terminal(*words, columns=100, env=None):
        opened.append(
            Terminal(words, workspace, {**environment, "TERM": "xterm", **(env or {})}, columns)
        )
        return opened[-1]

    yield on_terminal
    for one in opened:
        one.close()


def open_gate(workspace):
    (workspace / "gate").write_text("opened", encoding="utf-8")


@pytest.mark.measured
@pytest.mark.slow
def test_a_long_run_shows_how_far_it_is_and_leaves_only_its_lines(terminal, workspace, pipes):
    shown = terminal("run", "waiting.yaml")
    pipes()
    shown.read_until(r"1/2  50%  \d:\d\d.*\n.*gate")
    assert "█" in shown.text
    open_gate(workspace)
    assert shown.end() == 0
    rows = [row for row in screen(shown.text) if row]
    assert [row.split()[:2] for row in rows[1:3]] == [["ok", "first"], ["ok", "gate"]]
    assert rows[3].endswith("succeeded: 2 succeeded")
    assert len(rows) == 4
    assert "\x1b[32m" in shown.text


@pytest.mark.measured
@pytest.mark.slow
def test_earlier_runs_tell_how_long_it_will_take(terminal, workspace, pipes):
    first = terminal("run", "waiting.yaml")
    pipes()
    first.read_until("gate")
    open_gate(workspace)
    assert first.end() == 0
    second = terminal("run", "waiting.yaml")
    pipes()
    second.read_until(r"about \d:\d\d left")
    open_gate(workspace)
    assert second.end() == 0


@pytest.mark.measured
@pytest.mark.slow
def test_ctrl_c_ends_it_clean(terminal, pipes):
    shown = terminal("run", "waiting.yaml")
    pipes()
    shown.read_until("1/2")
    shown.press(b"\x03")
    assert shown.end() == 130
    rows = screen(shown.text)
    assert not any("█" in row or "1/2" in row for row in rows), rows
    assert any("cancelled: 1 succeeded, 1 cancelled" in row for row in rows), rows
    assert "Traceback" not in shown.text


@pytest.mark.slow
def test_no_color_means_no_color(terminal, workspace, pipes):
    shown = terminal("run", "waiting.yaml", env={"NO_COLOR": "1"})
    pipes()
    shown.read_until("1/2")
    open_gate(workspace)
    assert shown.end() == 0
    assert not re.search(r"\x1b\[\d*m", shown.text)


@pytest.mark.slow
def test_a_narrow_terminal_gets_one_short_line(terminal, workspace, pipes):
    shown = terminal("run", "waiting.yaml", columns=30)
    pipes()
    shown.read_until(r"1/2 50% \d:\d\d")
    open_gate(workspace)
    assert shown.end() == 0
    assert "█" not in shown.text


@pytest.mark.measured
@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(terminal, kind):
    shown = terminal("run", "good.yaml", env={"TERM": kind})
    assert shown.end() == 0
    assert "\x1b" not in shown.text
    assert re.search(r"ok  count  .*\n +ok  total  .*\n +ok  greet", shown.text)


def test_what_steps_print_and_progress_are_never_mixed(terminal):
    shown = terminal("run", "good.yaml", "-s")
    assert shown.end() == 0
    assert "\x1b" not in shown.text
    assert "hello you" in shown.text


def record(node, name, state="succeeded", *, final=True):
    failure = Failure("ValueError", "it broke") if state == "failed" else None
    return AttemptRecord(node, name, 1, state, final, 0.0, Outcome(state, None, failure, 0.1), "")


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal and keeps what it was sent."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def progress(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    live = LiveProgress(FakeTerminal())
    yield live
    live.close()


def shown_by(live):
    live.close()
    # As the kernel does it for a terminal.
    return live._stream.getvalue().replace("\n", "\r\n")


def test_a_large_run_tells_only_what_did_not_go_well(progress):
    progress.run_started("r", 100_000)
    progress.step_finished([record(node, f"s{node}") for node in range(50)])
    progress.step_finished([record(50, "broken", "failed")])
    assert "51/100,000" in progress.lines(80)[0]
    assert "1 failed" in progress.lines(80)[0]
    rows = [row for row in screen(shown_by(progress)) if row]
    assert rows == ["run r: 100,000 steps", "   FAILED  broken  0.100 s  it broke"]


def test_a_long_reason_takes_one_line_while_the_run_lasts(progress):
    progress.run_started("r", 50)
    long = Outcome("failed", None, Failure("ValueError", "word " * 100), 0.1)
    progress.step_finished([AttemptRecord(0, "a", 1, "failed", True, 0.0, long)])
    assert max(map(len, screen(shown_by(progress)))) == 80


def test_very_many_failures_are_counted_not_told(progress):
    progress.run_started("r", 1000)
    progress.step_finished([record(node, f"s{node}", "failed") for node in range(500)])
    assert "500 failed" in progress.lines(80)[0]
    assert shown_by(progress).count("FAILED") == FAILURES_SHOWN


def test_items_of_a_foreach_are_no_steps(progress):
    progress.run_started("r", 2)
    progress.step_finished([record(2, "each[0]"), record(3, "each[1]", "failed")])
    assert "0/2" in progress.lines(80)[0]
    text = shown_by(progress)
    assert "each[0]" not in text
    assert "each[1]" in text


def test_an_attempt_that_will_be_tried_again_is_told_and_not_counted(progress):
    progress.run_started("r", 50)
    progress.step_finished([record(0, "flaky", "failed", final=False)])
    assert progress.lines(80)[0].split()[1:3] == ["0/50", "0%"]
    assert "will be tried again" in shown_by(progress)


def test_running_steps_show_their_own_progress_and_the_rest_is_counted(progress):
    progress.run_started("r", 500)
    progress.step_started("copy", 1)
    progress.step_progress("copy", 1500, 9000)
    for number in range(100):
        progress.step_started(f"other-{number}", 1)
    first, second = progress.lines(80)
    assert second.startswith("  copy 1,500/9,000, other-0, ")
    assert re.search(r" and \d+ more$", second)
    assert max(len(first), len(second)) < 80
    progress.step_finished([record(0, "copy")])
    assert "copy" not in progress.lines(80)[1]


@pytest.mark.parametrize("columns", [20, 40, 59, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(progress, columns):
    progress.run_started("r", 100_000)
    progress.step_started("名前" * 90, 1)
    progress.step_started("x" * 200, 1)
    from framework0.recipe import text_width

    assert all(text_width(line) < columns for line in progress.lines(columns))


def test_a_name_cannot_move_the_cursor(progress):
    progress.run_started("r", 1)
    progress.step_started("evil\x1b[2J", 1)
    assert "\x1b" not in "".join(progress.lines(80))


def test_a_stop_is_said_while_it_lasts(progress):
    progress.run_started("r", 1)
    progress.stopping = "SIGINT"
    assert "stopping (SIGINT); again to stop at once" in progress.lines(100)[0]


def test_an_ascii_terminal_gets_an_ascii_bar(progress):
    progress._stream.encoding = "ascii"
    live = LiveProgress(progress._stream)
    live.run_started("r", 2)
    live.step_finished([record(0, "a")])
    assert live.lines(80)[0].startswith("#" * 12 + "-" * 12 + "  1/2")
    live.close()


def test_a_terminal_that_goes_away_does_not_end_the_run(progress):
    progress.run_started("r", 1)
    progress._stream.close()
    progress.close()
    progress.step_finished([record(0, "a")])
    progress.run_finished("succeeded", 0.1)


def test_a_closed_view_leaves_no_thread(progress):
    before = set(threading.enumerate())
    progress.run_started("r", 1)
    [own] = set(threading.enumerate()) - before
    progress.close()
    progress.close()
    assert not own.is_alive()


def plan_of(text):
    from framework0.assembly import recorded_recipe
    from framework0.runner import Plan

    return Plan(recorded_recipe(text, "r.yaml"))


CHAIN = """
order: graph
steps:
  - {name: a, module: m, function: f}
  - {name: b, module: m, function: f, depends_on: [a]}
  - {name: c, module: m, function: f, depends_on: [b]}
  - {name: d, module: m, function: f}
"""


def test_the_longest_chain_decides_when_workers_are_many():
    left = Remaining(plan_of(CHAIN), {"a": 1.0, "b": 2.0, "c": 3.0, "d": 1.0}, limit=8)
    assert left.seconds([("a", 0.0), ("d", 0.0)], 0.0) == 6.0
    left.ended(0)
    assert left.seconds([("b", 1.0)], 2.0) == 4.0


def test_the_work_that_is_left_decides_when_workers_are_few():
    left = Remaining(plan_of(CHAIN), {"a": 1.0, "b": 2.0, "c": 3.0, "d": 1.0}, limit=1)
    assert left.seconds([], 0.0) == 7.0
    left.ended(3)
    left.ended(3)
    assert left.seconds([], 0.0) == 6.0


def test_a_step_that_takes_longer_than_before_does_not_make_it_negative():
    left = Remaining(plan_of(CHAIN), {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}, limit=1)
    assert left.seconds([("a", 0.0)], 100.0) == 0.0


def test_nothing_is_forecast_from_too_little():
    assert Remaining(plan_of(CHAIN), {"a": 1.0}, limit=1).seconds([], 0.0) is None
    assert Remaining(plan_of(CHAIN), {}, limit=1).seconds([], 0.0) is None


def test_a_step_never_seen_counts_as_the_average_of_the_others():
    left = Remaining(plan_of(CHAIN), {"a": 1.0, "b": 3.0}, limit=1, ended=[0])
    assert left.seconds([("unknown", 0.0)], 0.0) == 7.0
