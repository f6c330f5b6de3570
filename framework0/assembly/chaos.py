"""Proving a recipe: kill its runner at every boundary of the journal, resume, and compare the ends.

Each trial runs in a fresh copy of the workspace, in processes of its own, with a journal of its own. The
recipe is first run twice without a kill: what differs between those two differs by itself, and is
left out of every comparison.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.assembly.recipes import as_workspace, load_recipe
from framework0.assembly.scratch import copy_workspace
from framework0.context import Context
from framework0.errors import Framework0Error, UsageError
from framework0.runner import Journal
from framework0.tuples import NamedTuple
from framework0.workspace import find_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from framework0.recipe import Recipe
    from framework0.runner import RunHistory
    from framework0.workspace import Workspace

SESSION: Final = (sys.executable, "-P", "-m", "framework0.assembly.chaos_session")

PATIENCE: Final = 60.0
"""Seconds that a session may take beyond ten times what the run took undisturbed."""

ABSENT: Final = "(absent)"


class ChaosFailed(Framework0Error):
    """A run could not be tried at all: its process ended by itself, with a message."""


class End(NamedTuple):
    """What a run came to: everything that is compared, by name, and how many entries it recorded."""

    facts: Mapping[str, Any]
    entries: int


class Difference(NamedTuple):
    """Something that is not as in the undisturbed run."""

    what: str
    undisturbed: Any
    killed: Any


class Trial(NamedTuple):
    """One kill: at which boundary, whether the run was still going on then, and what was broken."""

    point: int
    killed: bool
    broken: tuple[Difference, ...]
    seconds: float


class Proof(NamedTuple):
    """All trials of a recipe, and what differs between two undisturbed runs."""

    recipe: str
    state: str
    boundaries: int
    left_out: tuple[str, ...]
    trials: tuple[Trial, ...]

    @property
    def holds(self) -> bool:
        """True when no trial found a difference."""
        return not any(trial.broken for trial in self.trials)


def chosen_points(boundaries: int, count: int | None, seed: int) -> list[int]:
    """Return the boundaries to kill at, in order: all of them, or ``count`` random ones."""
    if count is None or count >= boundaries:
        return list(range(boundaries))
    from random import Random

    # Repeatable on purpose: the seed is told with every difference.
    return sorted(Random(seed).sample(range(boundaries), count))  # noqa: S311


def prove(
    recipe: str,
    *,
    workspace: Workspace | str | Path | None = None,
    inputs: Mapping[str, Any] | None = None,
    choose: Callable[[int], Sequence[int]],
    tell: Callable[[str], None] = lambda _: None,
    session: Sequence[str] = SESSION,
    untrusted: bool = False,
) -> Proof:
    """Kill and resume ``recipe`` at the boundaries that ``choose`` picks of so many.

    The workspace itself, its journal included, is only read. ``session`` is the command that runs one
    process of a trial; with ``untrusted`` its steps run in a sandbox. Raises :class:`ChaosFailed` when the recipe cannot be run, and
    :class:`~framework0.errors.UsageError` when it lies outside of the workspace.
    """
    space = as_workspace(workspace)
    checked = load_recipe(recipe, workspace=space)
    inside = _inside(space, recipe)
    with tempfile.TemporaryDirectory(prefix="framework0-chaos-") as folder:
        wanted = {"recipe": inside, "inputs": dict(inputs or {}), "untrusted": untrusted}
        lab = _Lab(Path(folder), space, checked, wanted, session)
        tell("running it twice undisturbed")
        first, second = lab.undisturbed(), lab.undisturbed()
        left_out = sorted(one.what for one in _differences(first, second, ()))
        boundaries = min(first.entries, second.entries)
        points = [point for point in choose(boundaries) if point < boundaries]
        trials = []
        for number, point in enumerate(points, 1):
            trial = lab.trial(point, first, left_out)
            trials.append(trial)
            verdict = "differs" if trial.broken else "holds"
            tell(f"kill {number} of {len(points)}, at boundary {point} of {boundaries}: {verdict}")
    return Proof(checked.name, first.facts["run"], boundaries, tuple(left_out), tuple(trials))


def _inside(space: Workspace, recipe: str) -> str:
    """Return the recipe's path relative to the workspace."""
    try:
        return str(Path(recipe).resolve().relative_to(Path(space.root).resolve()))
    except ValueError:
        raise UsageError(
            f"{recipe} lies outside of the workspace {space.root}, of which each trial has a copy: "
            "name its own with --workspace"
        ) from None


class _Lab:
    """Where trials take place: a copy of the workspace to copy from, and one folder a trial."""

    def __init__(
        self,
        folder: Path,
        space: Workspace,
        checked: Recipe,
        wanted: Mapping[str, Any],
        session: Sequence[str],
    ) -> None:
        self._folder = folder
        self._original = folder / "original"
        copy_workspace(Path(space.root), self._original, Path(space.state))
        self._wanted = wanted
        self._session = tuple(session)
        self._count = 0
        self._usual = 0.0
        self._clean_up = {step.name for step in checked.steps if step.phase != "main"}

    def undisturbed(self) -> End:
        """Run it without a kill."""
        place = self._fresh()
        began = time.monotonic()
        place.session(None, None)
        self._usual = max(self._usual, time.monotonic() - began)
        return place.end()

    def trial(self, point: int, expected: End, left_out: Sequence[str]) -> Trial:
        """Kill it once, resume, and compare."""
        place = self._fresh()
        began = time.monotonic()
        killed = place.session(None, point)
        broken: list[Difference] = []
        if killed:
            acknowledged = place.acknowledged()
            place.session(place.run_id(), None)
            broken += place.done_again(acknowledged, self._clean_up)
        broken = [*_differences(expected, place.end(), left_out), *broken]
        place.clear()
        return Trial(point, killed, tuple(broken), time.monotonic() - began)

    def _fresh(self) -> _Place:
        self._count += 1
        folder = self._folder / str(self._count)
        copy_workspace(self._original, folder / "workspace", None)
        return _Place(folder, self._wanted, self._session, self._usual)


class _Place:
    """One copy of the workspace, the ledger beside it, and the sessions that take place in it."""

    def __init__(
        self,
        folder: Path,
        wanted: Mapping[str, Any],
        session: Sequence[str],
        usual: float,
    ) -> None:
        self._folder = folder
        self._ledger = folder / "ledger"
        self._root = folder / "workspace"
        self._wanted = wanted
        self._session = session
        self._patience = 10 * usual + PATIENCE
        self._seen = 0

    def session(self, run_id: str | None, point: int | None) -> bool:
        """Run one process to its end or its death; say whether it was killed at its point."""
        wanted = {
            **self._wanted,
            "workspace": str(self._root),
            "recipe": str(self._root / self._wanted["recipe"]),
            "ledger": str(self._ledger),
            "run": run_id,
            "point": point,
        }
        self._seen = len(self._lines())
        environment = {**os.environ, "FRAMEWORK0_HOME": str(self._root / ".framework0")}
        try:
            ended = subprocess.run(  # noqa: S603 - our own session, by its full path
                [*self._session, json.dumps(wanted)],
                cwd=self._root,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ChaosFailed(
                f"a session did not end within {self._patience:.0f} s"
                + (f" after a kill at boundary {point}" if point is not None else "")
            ) from None
        if ended.returncode == 0:
            return False
        if point is None or ended.returncode > 0:
            told = ended.stderr.decode(errors="replace").strip().splitlines()
            raise ChaosFailed(f"the recipe cannot be run: {told[-1] if told else ended.returncode}")
        return True

    def run_id(self) -> str:
        """Return the run of this place."""
        journal = Journal(find_workspace(explicit=self._root, environ={}).journal)
        try:
            return next(run.run_id for run in journal.runs() if not run.is_inner)
        finally:
            journal.close()

    def acknowledged(self) -> set[str]:
        """Return the steps that were acknowledged as succeeded."""
        return {
            words[1]
            for words in self._lines()
            if words[0] == "done" and words[3] == "succeeded" and words[4]
        }

    def done_again(self, acknowledged: set[str], clean_up: set[str]) -> Iterator[Difference]:
        """Yield the acknowledged steps that the last session began again; clean-up steps may."""
        again = {words[1] for words in self._lines()[self._seen :] if words[0] == "started"}
        for name in sorted(again & acknowledged):
            if name.rpartition("[")[0] not in clean_up and name not in clean_up:
                yield Difference(f"step {name}", "acknowledged, done once", "done again")

    def end(self) -> End:
        """Return what the run came to."""
        journal = Journal(find_workspace(explicit=self._root, environ={}).journal)
        try:
            run_id = next(run.run_id for run in journal.runs() if not run.is_inner)
            history = journal.read(run_id)
        finally:
            journal.close()
        return End(_facts(history), history.summary.records - len(history.sessions))

    def clear(self) -> None:
        """Remove the copy: a recipe may have hundreds of boundaries."""
        import shutil

        shutil.rmtree(self._folder, ignore_errors=True)

    def _lines(self) -> list[list[Any]]:
        if not self._ledger.exists():
            return []
        return [json.loads(line) for line in self._ledger.read_text().splitlines()]


def _facts(history: RunHistory) -> dict[str, Any]:
    """Return everything that two runs of a recipe should have in common, by what it is called."""
    facts: dict[str, Any] = {"run": history.summary.state}
    for record in history.attempts:
        if record.final:
            facts[f"state of step {record.name}"] = record.state
            facts[f"result of step {record.name}"] = record.outcome.result
    context = Context.private()
    context.load(history.changes)
    for key, value in context.items():
        facts[f"context key {key}"] = value
    return facts


def _differences(expected: End, found: End, left_out: Sequence[str]) -> list[Difference]:
    names = dict.fromkeys([*expected.facts, *found.facts])
    return [
        Difference(name, expected.facts.get(name, ABSENT), found.facts.get(name, ABSENT))
        for name in names
        if name not in left_out
        and expected.facts.get(name, ABSENT) != found.facts.get(name, ABSENT)
    ]
