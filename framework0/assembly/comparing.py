"""What of an earlier run still holds: its finished steps compared with the recipe and the code of now.

A finished step holds when what it does is defined as before, the code behind it is the same, and every
step before it holds. What only says how it is run (timeout, retry, executor) may change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from framework0.assembly.code import CodeReader, code_name
from framework0.assembly.recipes import load_recipe, recorded_recipe, sources_for
from framework0.recipe import MAIN
from framework0.runner import Plan
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework0.recipe import Recipe, Step
    from framework0.runner import AttemptRecord, RunHistory
    from framework0.workspace import Workspace

FINISHED: Final = frozenset({"succeeded", "cached"})

_DOES: Final = {
    "kind": "type",
    "module": "module",
    "function": "function",
    "command": "command",
    "recipe": "recipe",
    "args": "args",
    "when": "when",
    "depends_on": "depends_on",
    "phase": "place",
}
_RULES: Final = {
    "env": "env",
    "cwd": "cwd",
    "success_keys": "success",
    "exit_codes": "exit_codes",
}
"""What of a step decides what it does, and how that is called in a recipe."""

_SHOWN: Final = 40
"""Characters of a value that a reason shows."""

_ARGS_SHOWN: Final = 3
"""Arguments that a reason shows."""


class Held(NamedTuple):
    """One finished step: whether it holds, and why not. ``partly``: only items of it have finished."""

    step: str
    holds: bool
    reasons: tuple[str, ...]
    partly: bool = False


class Comparison(NamedTuple):
    """A run, whose recipe was ``recorded``, beside what its ``recipe`` and code are now.

    ``edited`` if the recipe means something else than it did, ``recoded`` if code behind a finished
    step has changed. ``added`` are steps that the recipe did not have. ``kept`` are the records of
    the steps that hold, for the nodes of the recipe as it is now.
    """

    run_id: str
    file: str
    recorded: Recipe
    recipe: Recipe
    edited: bool
    recoded: bool
    steps: tuple[Held, ...]
    added: tuple[str, ...]
    kept: tuple[AttemptRecord, ...]

    @property
    def changed(self) -> bool:
        """True when going on would be another run than the one that was begun."""
        return self.edited or self.recoded


def compare(history: RunHistory, space: Workspace) -> Comparison:
    """Compare a run with its recipe's file and the code as they are now.

    A file that is gone is no edit. Raises :class:`~framework0.errors.RecipeError` when the file is
    no longer a right recipe.
    """
    header = history.header
    old = recorded_recipe(header.recipe_text, header.recipe_file, space)
    file = header.recipe_file
    if os.path.isfile(file) and _digest(file) != header.recipe_digest:
        new = load_recipe(file, workspace=space)
    else:
        new = old._replace(code=_code_now(old, file, space))
    return _Comparing(history, space, old, new).run()


def _digest(file: str) -> str:
    """Return the digest of a recipe's text; whatever keeps it from being read, its reader tells."""
    from hashlib import sha256

    try:
        with open(file, "rb") as stream:
            return sha256(stream.read().removeprefix(b"\xef\xbb\xbf")).hexdigest()
    except OSError:
        return ""


def _code_now(recipe: Recipe, file: str, space: Workspace) -> Mapping[str, str]:
    """Return the code of an unchanged recipe; what is wrong with it is for its steps to find out."""
    return CodeReader(sources_for(space, file), file).read(recipe)


class _Comparing:
    def __init__(self, history: RunHistory, space: Workspace, old: Recipe, new: Recipe) -> None:
        self.history = history
        self.space = space
        self.old = old
        self.new = new
        options = history.header.options
        only, skip = options.get("only", ()), options.get("skip", ())
        names = {step.name for step in new.steps}
        self.plan = Plan(
            new,
            only=[name for name in only if name in names],
            skip=[name for name in skip if name in names],
        )
        self.finished, self.partly = _finished(history, old)
        self._direct: dict[str, tuple[str, ...]] = {}
        self._reader: CodeReader | None = None
        self.recoded = False

    def run(self) -> Comparison:
        names = {step.name for step in self.new.steps}
        known = {step.name for step in self.old.steps}
        before = {step.name: step for step in self.old.steps}
        reasons: dict[str, tuple[str, ...]] = {}
        for node in sorted(range(len(self.plan)), key=self._turn):
            step = self.plan.steps[node]
            if step.name in before:
                reasons[step.name] = self._reasons(before[step.name], step, reasons)
        held = []
        for step in self.old.steps:
            if step.name in self.finished or step.name in self.partly:
                why = reasons.get(step.name) if step.name in names else self._gone(step, known)
                held.append(Held(step.name, not why, why or (), step.name in self.partly))
        return Comparison(
            self.history.header.run_id,
            self.history.header.recipe_file,
            self.old,
            self.new,
            _meaning(self.old) != _meaning(self.new),
            self.recoded,
            tuple(held),
            tuple(step.name for step in self.new.steps if step.name not in known),
            tuple(self._kept({one.step for one in held if one.holds and not one.partly})),
        )

    def _turn(self, node: int) -> tuple[int, int]:
        return self.plan.phase[node], self.plan.rank[node]

    def _kept(self, holding: set[str]) -> Iterator[AttemptRecord]:
        reason = f"kept from run {self.history.header.run_id}"
        for step in self.new.steps:
            if step.name in holding and step.phase == MAIN:
                yield self.finished[step.name]._replace(node=step.position, reason=reason)

    def _reasons(
        self, old: Step, new: Step, known: Mapping[str, tuple[str, ...]]
    ) -> tuple[str, ...]:
        direct = [*_differences(old, new)]
        if not direct and (old.name in self.finished or old.name in self.partly):
            direct += self._code_change(new)
        if direct:
            return tuple(direct)
        return tuple(self._upstream(new, known))

    def _code_change(self, step: Step) -> Iterator[str]:
        recorded = self.history.header.code
        name = code_name(step)
        if not name or name not in recorded or recorded[name] == self.new.code.get(name):
            return
        self.recoded = True
        if self._reader is None:
            self._reader = CodeReader(sources_for(self.space, self.new.file), self.new.file)
        files = self._reader.changed_files(step, recorded)
        yield f"changed: code of {', '.join(files) or name.removeprefix('recipe ')}"

    def _upstream(self, step: Step, known: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        for parent in self.plan.parents[step.position]:
            above = self.plan.steps[parent]
            if parent in self.plan.left_out:
                continue
            if known.get(above.name):
                yield f"upstream {above.name} changed"
            elif above.name not in known:
                yield f"upstream {above.name} is new"
            elif above.name not in self.finished:
                yield f"upstream {above.name} runs again"

    def _gone(self, step: Step, known: set[str]) -> tuple[str, ...]:
        """Say that a step is no longer there, and under which name it may live on."""
        for other in self.new.steps:
            if other.name not in known and not any(_differences(step, other)):
                return (f"removed, or renamed to {other.name!r}?",)
        return ("removed",)


def _finished(history: RunHistory, old: Recipe) -> tuple[dict[str, AttemptRecord], set[str]]:
    """Return the last records of the steps that are complete, and the names of those partly so."""
    last: dict[int, AttemptRecord] = {}
    for record in history.attempts:
        if record.final:
            last[record.node] = record
    complete: dict[str, AttemptRecord] = {}
    partly: set[str] = set()
    for step in old.steps:
        ended = last.get(step.position)
        skipped = history.decisions.get((step.position, "when")) is False
        if ended is not None and (
            ended.state in FINISHED or (ended.state == "skipped" and skipped)
        ):
            complete[step.name] = ended
            continue
        opened = history.decisions.get((step.position, "foreach"))
        items = range(opened["first"], opened["first"] + len(opened["items"])) if opened else ()
        if any(item in last and last[item].state in FINISHED for item in items):
            partly.add(step.name)
    return complete, partly


def _differences(old: Step, new: Step) -> Iterator[str]:
    """Yield what of a step's definition has changed, in the words of a recipe."""
    if old.args != new.args:
        yield f"changed: args{_args(old.args, new.args)}"
    words = [
        word
        for name, word in _DOES.items()
        if name != "args" and getattr(old, name) != getattr(new, name)
    ]
    words += [
        word
        for name, word in _RULES.items()
        if getattr(old.policy, name) != getattr(new.policy, name)
    ]
    items = [None if step.foreach is None else step.foreach.items for step in (old, new)]
    if items[0] != items[1]:
        words.append("foreach")
    if words:
        yield f"changed: {', '.join(words)}"


def _args(old: Any, new: Any) -> str:
    """Return the arguments that differ, with their values; nothing if they have no names."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return ""
    names = [name for name in {**old, **new} if old.get(name, _args) != new.get(name, _args)]
    told = ", ".join(
        f"{name} {_value(old, name)} → {_value(new, name)}" for name in names[:_ARGS_SHOWN]
    )
    return f" ({told}{' …' if len(names) > _ARGS_SHOWN else ''})" if names else " (their order)"


def _value(args: Mapping[str, Any], name: str) -> str:
    from framework0.logs import one_line

    if name not in args:
        return "none"
    text = one_line(repr(args[name]))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _meaning(recipe: Recipe) -> Sequence[Any]:
    """Return what of a recipe a run depends on; remarks and descriptions are not among it."""
    steps = [
        [getattr(step, name) for name in step.__slots__ if name != "description"]
        for step in recipe.steps
    ]
    rest = ("name", "inputs", "order", "env_allow", "fail_fast", "deadline")
    return [*(getattr(recipe, name) for name in rest), steps]
