"""Who names an artifact: found in the rows' text, without reading whole runs."""

from __future__ import annotations

import json

from framework0.runner.journal.schema import BATCH_BITS
from framework0.runner.seams import CACHED, SUCCEEDED
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from typing import Any

    from framework0.artifacts import Artifact

_RESULTS = (
    "SELECT runs.id, batches.text FROM batches JOIN runs ON runs.run = batches.id >> ?"
    " WHERE instr(batches.text, ?) ORDER BY batches.id"
)
_CHANGES = (
    "SELECT context, run, step, attempt, key, value FROM changes WHERE instr(value, ?) ORDER BY id"
)


class Mention(NamedTuple):
    """One place in the journal that names an artifact.

    ``run`` is the run whose journal it is in; ``step`` and ``attempt`` wrote it. ``key`` is the key of
    the context that got it, None for a result. ``kept`` is true when an earlier run's result was taken
    over.
    """

    artifact: Artifact
    run: str
    step: str
    attempt: int
    key: str | None
    kept: bool = False

    def __str__(self) -> str:
        what = "result" if self.key is None else f"context key {self.key!r}"
        return f"{what} of step {self.step!r} in run {self.run}, attempt {self.attempt}"


def mentions(connection: sqlite3.Connection, digest: str = "") -> Iterator[Mention]:
    """Yield where artifacts are named, in the order in which it happened; only ``digest`` if given."""
    from framework0.artifacts import artifacts_in

    wanted = f'"$artifact":"{digest}'
    for run, text in connection.execute(_RESULTS, (BATCH_BITS, wanted)):
        for item in _entries(text):
            # Only an attempt has something behind its figures, and only results are values of users.
            extra = item[9] if len(item) > 9 and type(item[0]) is int else {}  # noqa: PLR2004
            found = artifacts_in(json.dumps(extra.get("result")))
            kept = extra.get("reason", "").startswith("kept from run")
            for artifact in found:
                if artifact.digest.startswith(digest) and item[3] in (SUCCEEDED, CACHED):
                    yield Mention(artifact, run, item[1], item[2], None, kept)
    for context, run, step, attempt, key, value in connection.execute(_CHANGES, (wanted,)):
        for artifact in artifacts_in(value):
            if artifact.digest.startswith(digest):
                yield Mention(artifact, context, step or "", attempt or 0, key, run != context)


def referred(connection: sqlite3.Connection) -> dict[str, list[Artifact]]:
    """Return by run every artifact that a row of it names, without asking what the row is."""
    from framework0.artifacts import artifacts_in

    found: dict[str, list[Artifact]] = {}
    wanted = '"$artifact":"'
    for run, text in connection.execute(_RESULTS, (BATCH_BITS, wanted)):
        found.setdefault(run, []).extend(artifacts_in(text))
    for context, _, _, _, _, value in connection.execute(_CHANGES, (wanted,)):
        found.setdefault(context, []).extend(artifacts_in(value))
    return found


def _entries(text: Any) -> list[list[Any]]:
    try:
        found: list[list[Any]] = json.loads(text)
    except ValueError:
        # Whoever reads that run is told; here the others matter.
        return []
    return found
