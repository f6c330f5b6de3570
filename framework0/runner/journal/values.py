"""What the journal takes in and gives out: plain values."""

from __future__ import annotations

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from framework0.context import Change
    from framework0.runner.seams import AttemptRecord

RUNNING: Final = "running"
"""In the journal: not ended. As told to people: not ended, and its process is alive."""

INTERRUPTED: Final = "interrupted"
"""Not ended, and its process is gone: it can be resumed. Found out, never stored."""

DAMAGED: Final = "damaged"
"""Its row does not match its checksum. Found out, never stored."""


class RunHeader(NamedTuple):
    """What is known of a run before its first step.

    ``inputs`` and ``options`` are JSON, without secrets. ``code`` holds the hash of the code
    behind each thing that steps name (``module:function``, ``recipe FILE``, ``type KIND``), and of each
    file of it (``file PATH``); empty in runs of older versions. ``created_at`` is epoch seconds. ``parent`` is the run this one
    repeats, if any.
    """

    run_id: str
    name: str = ""
    recipe_name: str = ""
    recipe_file: str = ""
    recipe_text: str = ""
    recipe_digest: str = ""
    inputs: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    parent: str | None = None
    created_at: float = 0.0
    code: Mapping[str, str] = {}


class RunSummary(NamedTuple):
    """One line of the list of runs.

    ``state`` is ``running``, ``interrupted`` or what the run ended with. ``nodes`` is how many
    steps it has, ``records`` how many entries its history has. ``pid`` and ``host`` are of the
    process that ran it last. ``schedule`` says of which schedule it is, and when it was due.
    """

    run_id: str
    name: str
    recipe_name: str
    recipe_file: str
    recipe_digest: str
    state: str
    created_at: float
    finished_at: float | None
    nodes: int
    records: int
    parent: str | None
    pid: int
    host: str
    schedule: Mapping[str, Any] | None = None

    @property
    def is_inner(self) -> bool:
        """True for a run that a step of its parent began, so that it is a part of that run."""
        return self.parent is not None and self.run_id.startswith(f"{self.parent}.")


class Decision(NamedTuple):
    """What was decided once about a node and holds on resume (``when``, ``foreach`` …)."""

    node: int
    kind: str
    value: Any


class Session(NamedTuple):
    """One process that worked on the run: the first began it, each further one resumed it."""

    at: float
    pid: int
    host: str


class RunHistory(NamedTuple):
    """All of a run, verified. ``attempts`` are in the order in which they became durable.

    ``decisions`` maps (node, kind) to the value. ``started`` is, by node, how many attempts began
    (the last of them may have no record: it was in flight when the process died). ``unkept`` maps
    (node, attempt) to the bytes of a result that was too large to keep.
    """

    header: RunHeader
    summary: RunSummary
    sessions: tuple[Session, ...]
    attempts: tuple[AttemptRecord, ...]
    decisions: Mapping[tuple[int, str], Any]
    changes: Sequence[Change]
    started: Sequence[int]
    unkept: Mapping[tuple[int, int], int]
