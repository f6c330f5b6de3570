"""The list of runs: which there are, which of them live, which one a few characters mean."""

from __future__ import annotations

import json

from framework0.errors import JournalCorrupt, RunNotFound
from framework0.runner.journal.runrow import COLUMNS, RunRow
from framework0.runner.journal.schema import BATCH_BITS
from framework0.runner.journal.values import DAMAGED, INTERRUPTED, RUNNING, RunSummary
from framework0.runner.moves import RUN_PAUSED
from framework0.runner.seams import SUCCEEDED
from framework0.workspace import holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Final

LOCK: Final = "lock"
"""The file in a run's folder that its process holds for the life of the run."""

STARTED: Final = "started"
"""The file in a run's folder that counts the attempts that have begun."""

EXPECT_RUNS: Final = 9
"""How many earlier runs an expectation looks at: enough for a median, few enough to follow change."""

EXPECT_ENTRIES: Final = 60_000
"""No further run is looked at beyond that many entries, which take about a tenth of a second."""

_NEAR: Final = 5
"""How many ids an error names."""

_HEADS: Final = "coalesce((SELECT heads.records FROM heads WHERE heads.run = runs.run), 0)"


def is_alive(folder: Path) -> bool:
    """Tell whether a living process holds the run whose folder this is."""
    return holder(folder / LOCK) is not None


def ids(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the ids of all runs."""
    return frozenset(run_id for (run_id,) in connection.execute("SELECT id FROM runs"))


def listed(
    connection: sqlite3.Connection, path: Path, limit: int | None, recipe: str | None
) -> list[RunSummary]:
    """Return the runs, newest first, each with the state it is in now."""
    query = f"SELECT {COLUMNS}, {_HEADS} FROM runs"  # noqa: S608
    values: list[Any] = []
    if recipe is not None:
        query += " WHERE recipe = ?"
        values.append(recipe)
    query += " ORDER BY run DESC LIMIT ?"
    values.append(-1 if limit is None else limit)
    found = connection.execute(query, values).fetchall()
    summaries = []
    for columns in found:
        row, records = RunRow(*columns[:-1]), columns[-1]
        try:
            row.verified(path)
            summaries.append(row.summary(_state_now(connection, path, row), records))
        except JournalCorrupt:
            # Said in its own line: one damaged run must not hide the others.
            summaries.append(_damaged(row, records))
    return summaries


def find(
    runs: Sequence[RunSummary],
    prefix: str | None,
    wanted: Callable[[RunSummary], bool] | None,
) -> str:
    """Return the id that is meant, from ``runs`` with the newest first."""
    if prefix is None:
        for run in runs:
            if wanted is None or wanted(run):
                return run.run_id
        raise RunNotFound(f"{_none_fits(runs)}: name one, or begin one with `framework0 run`")
    matching = [run.run_id for run in runs if run.run_id.startswith(prefix)] if prefix else []
    if prefix in matching or len(matching) == 1:
        return prefix if prefix in matching else matching[0]
    if matching:
        some = ", ".join(matching[:_NEAR])
        raise RunNotFound(f"{len(matching)} runs begin with {prefix!r} ({some}): name more of it")
    for run in runs:
        if prefix and run.name == prefix:
            return run.run_id
    raise RunNotFound(f"no run begins with {prefix!r}: {_near(runs, prefix)}")


def _none_fits(runs: Sequence[RunSummary]) -> str:
    if not runs:
        return "there is no run yet"
    latest = f"the latest, {runs[0].run_id}, is {runs[0].state}"
    if runs[0].state == RUNNING:
        latest += f" in process {runs[0].pid} on {runs[0].host}"
    return f"none of the {len(runs)} runs fits ({latest})"


def prunable(runs: Sequence[RunSummary], keep: int | None, since: float | None) -> list[RunSummary]:
    """Return those of ``runs``, newest first, beyond the newest ``keep`` and begun up to ``since``.

    A run that lives stays, and so does one that waits for a person: neither has ended. What runs inside
    another run goes the way of the outermost.
    """
    by_id = {run.run_id: run for run in runs}
    outermost = {run.run_id: _outermost(run, by_id) for run in runs}
    first = [run for run in runs if outermost[run.run_id] is run]
    going = {
        run.run_id
        for place, run in enumerate(first)
        if run.state not in (RUNNING, RUN_PAUSED)
        and (keep is None or place >= keep)
        and (since is None or run.created_at <= since)
    }
    return [run for run in runs if outermost[run.run_id].run_id in going and run.state != RUNNING]


def _outermost(run: RunSummary, by_id: Mapping[str, RunSummary]) -> RunSummary:
    while run.is_inner and run.parent is not None and run.parent in by_id:
        run = by_id[run.parent]
    return run


def expected_seconds(connection: sqlite3.Connection, recipe: str) -> dict[str, float]:
    """Return the median seconds by step name over the latest runs of the recipe ``recipe``."""
    rows = connection.execute(
        "SELECT run FROM runs WHERE recipe = ? ORDER BY run DESC LIMIT ?", (recipe, EXPECT_RUNS)
    ).fetchall()
    seen: dict[str, list[float]] = {}
    entries = 0
    for (run,) in rows:
        for item in _items(connection, run):
            entries += 1
            if type(item[0]) is int and item[3] == SUCCEEDED:
                seen.setdefault(item[1], []).append(item[6])
        if entries > EXPECT_ENTRIES:
            break
    return {name: _median(seconds) for name, seconds in seen.items()}


def _items(connection: sqlite3.Connection, run: int) -> Iterator[list[Any]]:
    first = run << BATCH_BITS
    for (text,) in connection.execute(
        "SELECT text FROM batches WHERE id BETWEEN ? AND ? ORDER BY id",
        (first, first + (1 << BATCH_BITS) - 1),
    ):
        try:
            yield from json.loads(text)
        except ValueError:
            # An expectation may do without a damaged row; whoever reads that run is told.
            continue


def _median(values: list[float]) -> float:
    values.sort()
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return (values[middle - 1] + values[middle]) / 2


def _state_now(connection: sqlite3.Connection, path: Path, row: RunRow) -> str:
    if row.state != RUNNING or is_alive(path.parent / "runs" / row.id):
        return row.state
    # The lock is freed after the end is written: look at the row again before calling it dead.
    again = connection.execute("SELECT state FROM runs WHERE run = ?", (row.run,)).fetchone()
    if again is None or again[0] == RUNNING:
        return INTERRUPTED
    return str(again[0])


def _damaged(row: RunRow, records: int) -> RunSummary:
    return RunSummary(
        str(row.id), "", str(row.recipe), "", "", DAMAGED, 0.0, None, 0, records, None, 0, ""
    )


def _near(runs: Sequence[RunSummary], prefix: str) -> str:
    import difflib

    ids = [run.run_id for run in runs]
    names = [run.name for run in runs if run.name]
    near = difflib.get_close_matches(prefix, ids + names, n=_NEAR, cutoff=0.5) or ids[:_NEAR]
    return f"did you mean {', '.join(near)}?" if near else "there is no run yet"
