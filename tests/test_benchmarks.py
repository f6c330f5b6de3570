"""Every benchmark runs to its end in a small form and prints its ratios. No time is judged here:
how long anything takes is a property of the machine, and `make bench` says it beside a floor."""

# The tables use signs that people read: a multiplication sign, an en dash.
# ruff: noqa: RUF001

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time

import pytest

from benchmarks import shapes
from benchmarks.floors import FLOORS
from benchmarks.table import bounded, faster, longer, render
from benchmarks.timing import Series, alternate

pytestmark = pytest.mark.usefixtures("unmeasured")

TABLES = {
    "start": (
        "framework0 --version",
        "framework0 --help",
        "one step from the shell",
        "peak resident",
    ),
    "engine": ("chain 20", "fan 20", "layered 400", "growth exponent", "peak memory a step"),
    "peers": ("chain 20", "Dask threads", "doit", "Prefect", "Snakemake"),
    "whole": ("layered 200", "peak memory a step"),
    "durability": ("PRAGMA synchronous = 2", "PRAGMA synchronous = 1", "rows read again"),
    "waiting": ("steps of 50 ms",),
    "resume": (
        "to the first new step",
        "recipe read",
        "recipe checked",
        "history read under the lock",
    ),
    "processes": ("layered 200, no-op, in processes, warm", "an array of 1 MB", "peak memory"),
    "cached": ("steps from the cache", "the run that fills it"),
    "reading": ("read and checked", "yaml12", "CSafeLoader"),
    "bus": ("a message to 10 callbacks", "PyPubSub", "nobody reads", "an array of 1 MB", "Queue"),
    "store": ("as a server commits them", "one in flight", "as of any", "delta of", "as kept"),
    "server": ("Starlette",),
    "jsonfile": ("unchanged file of 100 kB", "by 4 processes, synced", "longest wait", "diskcache"),
    "machine": ("lives of nodes, 5 in a circle", "write, fsync, replace"),
    "context": ("set a key", "get a key, in memory", "as of any version", "dict, list and lock"),
}


def run(repository, tmp_path, *words):
    return subprocess.run(
        [sys.executable, "-m", *words, "--scratch", str(tmp_path)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def cells(output):
    lines = [line for line in output.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def measured(repository, tmp_path, table):
    """Measure a table in its small form; return its rows."""
    ended = run(repository, tmp_path, "benchmarks", table, "--tiny")
    assert ended.returncode == 0, ended.stderr
    heading, *rows = cells(ended.stdout)
    assert heading == ["work", "ours", "floor or peer", "ratio", "reach", "reached?"]
    for told in TABLES[table]:
        assert any(told in " ".join(row) for row in rows), told
    assert all(len(row) == 6 for row in rows)
    asked = [row for row in rows if re.match("[≤≥] [0-9.]+", row[4])]
    assert all(row[5] in {"yes", "NO", "–"} for row in asked)
    assert re.search(r"Python 3\.\d+\.\d+ · .* cores · load", ended.stdout, re.DOTALL)
    assert os.listdir(tmp_path) == []
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("table", sorted(TABLES.keys() - {"durability"}))
def test_each_table_is_measured_and_printed_with_what_it_is_held_against(
    repository, tmp_path, table
):
    assert measured(repository, tmp_path, table)


@pytest.mark.slow
def test_durable_means_a_sync_for_each_commit_and_the_control_shows_the_difference(
    repository, tmp_path
):
    full, normal = measured(repository, tmp_path, "durability")
    assert "PRAGMA synchronous = 2 (FULL)" in full[1]
    assert "PRAGMA synchronous = 1 (NORMAL)" in normal[1]
    assert [row[2] for row in (full, normal)] == [
        "rows read again by another process 300 of 300"
    ] * 2
    assert (full[5], normal[5]) == ("yes", "yes")


@pytest.mark.slow
def test_the_long_kill_test_finds_nothing_broken(repository, tmp_path):
    ended = run(repository, tmp_path, "benchmarks.chaos", "--kills", "4", "--steps", "200")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = {row[0]: row for row in cells(ended.stdout)}
    assert found["steps acknowledged and lost"][1] == "0"
    assert found["steps acknowledged and run again"][1] == "0"
    assert found["steps completed"][1] == "200"
    assert found["kills (SIGKILL)"][5] == "yes"


@pytest.mark.slow
def test_the_long_kill_test_finds_a_runner_that_acknowledges_too_early(repository, tmp_path):
    words = ("benchmarks.chaos", "--kills", "4", "--steps", "160", "--ack-early")
    end = time.monotonic() + 120
    # What was acknowledged too early is lost if a kill comes before it is written: nearly always.
    for seed in itertools.count(1):
        ended = run(repository, tmp_path, *words, "--seed", str(seed))
        if "was acknowledged and is lost" in ended.stdout:
            break
        assert time.monotonic() < end, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "trials", "more"),
    [("timeouts", 1, []), ("cancels", 1, []), ("kills", 3, []), ("kills", 2, ["--control"])],
)
def test_the_long_test_of_endings_finds_nothing_but_in_its_control(
    repository, tmp_path, what, trials, more
):
    words = ["--of", what, "--trials", str(trials), *more]
    ended = run(repository, tmp_path, "benchmarks.chaos.endings", *words)
    if what == "timeouts":
        # Its bounds are seconds on a machine of its own; here all shapes have to be tried and told.
        for told in (": told that its time is over, within", ": timed out, gone by grace"):
            assert ended.stdout.count(told) == 8, ended.stdout + ended.stderr
        # How long it takes is nothing to go by here; that each was told, by events and journal, is.
        assert "inf" not in ended.stdout, ended.stdout + ended.stderr
        return
    if what == "cancels":
        # As above: what is left after two seconds depends on who else is at work.
        wrong = [row for row in cells(ended.stdout) if row[0].endswith("state than told")]
        assert [row[5] for row in wrong] == ["yes"] * 3, ended.stdout + ended.stderr
        return
    assert ended.returncode == 0, ended.stdout + ended.stderr
    judged = [row[5] for row in cells(ended.stdout)[1:] if row[5] in ("yes", "NO")]
    assert ("NO" in judged) is bool(more)


@pytest.mark.slow
def test_the_long_test_of_stuck_runs_finds_what_ends_them_late(repository, tmp_path):
    words = ["--only", "main thread in C", "--grace", "0.1", "--control"]
    ended = run(repository, tmp_path, "benchmarks.chaos.stuck", *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = cells(ended.stdout)[1:]
    assert [row[0] for row in rows] == [
        f"the main thread in C, {name}" for name in ("SIGINT", "SIGTERM")
    ]
    assert [row[5] for row in rows] == ["NO", "NO"]
    # Late, and right in everything else.
    assert all(
        re.fullmatch(r"0 of 1 in time: [0-9.]+ s \([^;]*\)", row[1]) for row in rows
    ), ended.stdout


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_a_floor_runs_every_node_once_after_its_parents_and_leaves_a_row_for_each(
    tmp_path, name, shape
):
    import sqlite3
    from contextlib import closing

    calls = []
    parents = shapes.SHAPES[shape](250)
    FLOORS[name](parents, lambda: calls.append(None), 4, tmp_path / "floor.db")
    with closing(sqlite3.connect(tmp_path / "floor.db")) as connection:
        order = [node for (node,) in connection.execute("SELECT node FROM steps ORDER BY rowid")]
    assert len(calls) == 250
    assert sorted(order) == list(range(250))
    place = {node: number for number, node in enumerate(order)}
    assert all(place[parent] < place[node] for node in order for parent in parents[node])


def test_the_sides_of_a_comparison_take_turns():
    turns = []
    alternate(3, lambda: turns.append("ours"), lambda: turns.append("floor"))
    assert turns == ["ours", "floor"] * 3


def test_a_reach_is_missed_when_it_is_missed():
    fast, slow = Series([0.1, 0.1, 0.1]), Series([0.1, 0.3, 5.0])
    assert longer("work", slow, "floor", fast, most=2)[3:] == ("3.00 ×", "≤ 2 ×", "NO")
    assert longer("work", slow, "floor", fast, most=4)[5] == "yes"
    assert faster("work", 30, slow, "floor", fast, least=0.5)[3:] == ("0.33 ×", "≥ 0.5 ×", "NO")
    assert faster("work", 30, fast, "floor", slow, least=0.5)[5] == "yes"
    assert bounded("work", 3.2, 3, "kB")[5] == "NO"
    assert bounded("work", 2.9, 3, "kB")[5] == "yes"


def test_the_spread_stands_beside_the_median():
    assert str(Series([0.012, 0.010, 0.019])) == "12 ms (10–19)"
    assert Series([0.5, 1.0, 2.0]).rate(1000) == "1,000/s (500–2,000)"


def test_the_table_is_markdown_whose_columns_line_up():
    text = render([bounded("work", 2.9, 3, "kB"), bounded("longer work", 2.9, 3, "kB")])
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert set(lines[1]) == {"|", "-"}
