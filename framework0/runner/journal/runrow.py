"""The row of one run: its header, its end, and the checksum over both."""

from __future__ import annotations

import json

from framework0.errors import JournalCorrupt
from framework0.runner.journal.chain import encode, seal
from framework0.runner.journal.values import RunHeader, RunSummary
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Final

COLUMNS: Final = (
    "run, id, recipe, created, nodes, state, finished, records, head, header, process, crc"
)


class RunRow(NamedTuple):
    """One row of ``runs``, as stored."""

    run: int
    id: str
    recipe: str
    created: float
    nodes: int
    state: str
    finished: float | None
    records: int | None
    head: int | None
    header: str
    process: str
    crc: int

    def sealed(self) -> RunRow:
        """Return the row with the checksum that belongs to its content."""
        return self._replace(crc=seal(list(self[:-1])))

    def verified(self, path: object) -> RunRow:
        """Return the row, or raise :class:`~framework0.errors.JournalCorrupt`."""
        try:
            right = seal(list(self[:-1])) == self.crc
        except (TypeError, ValueError):
            right = False
        if not right:
            raise JournalCorrupt(
                f"{path}: run {self.id!r} is damaged: its own row does not match its checksum; "
                "restore a copy of the journal, or prune the run"
            )
        return self

    @property
    def seed(self) -> int:
        """What the first batch's checksum is seeded with: which run, and how it began."""
        return seal([self.run, self.id, self.recipe, self.created, self.header])

    def summary(self, state: str, records: int) -> RunSummary:
        """Return what a list of runs shows; ``state`` is the state as it is now."""
        header = json.loads(self.header)
        process = json.loads(self.process)
        return RunSummary(
            self.id,
            header["name"],
            self.recipe,
            header["recipe_file"],
            header["recipe_digest"],
            state,
            self.created,
            self.finished,
            self.nodes,
            records,
            header["parent"],
            process["pid"],
            process["host"],
            header["options"].get("schedule"),
        )

    def full_header(self, recipe_text: str) -> RunHeader:
        """Return the header with the recipe's text put back."""
        return RunHeader(**json.loads(self.header), recipe_text=recipe_text)

    def insert(self, connection: sqlite3.Connection) -> None:
        """Add the row; its number and its id must be new."""
        marks = ",".join("?" * len(self))
        connection.execute(f"INSERT INTO runs VALUES ({marks})", self)  # noqa: S608

    def update(self, connection: sqlite3.Connection) -> None:
        """Put the parts that change in a run's life in the place of what they were."""
        connection.execute(
            "UPDATE runs SET nodes = ?, state = ?, finished = ?, records = ?, head = ?,"
            " process = ?, crc = ? WHERE run = ?",
            (
                self.nodes,
                self.state,
                self.finished,
                self.records,
                self.head,
                self.process,
                self.crc,
                self.run,
            ),
        )


def header_text(header: RunHeader) -> str:
    """Return what the row keeps of a header: all but the recipe's text, which is kept once."""
    values: dict[str, Any] = header._asdict()
    del values["recipe_text"]
    for name in ("inputs", "options", "code"):
        values[name] = dict(values[name])
    return encode(values)
