"""A folder in which one attempt of a step can be made again: its arguments, its context, its code.

The same attempt gives the same bytes: nothing of the moment of writing is in there. What cannot be known
again (a secret, a value of the environment then, files a step reads) is not made up; the README says so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.assembly.code import CodeReader, code_name
from framework0.assembly.recipes import code_roots, recorded_recipe, sources_for
from framework0.context import Context
from framework0.errors import RefusedError, UsageError
from framework0.recipe import Scope, render
from framework0.runner import RUNNING
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from framework0.recipe import Recipe, Step
    from framework0.runner import AttemptRecord, RunHistory
    from framework0.workspace import Workspace

ATTEMPT_FORMAT: Final = 1
"""The version of ``attempt.json``; another one is refused when it is replayed."""

ATTEMPT_FILE: Final = "attempt.json"
CONTEXT_FILE: Final = "context.json"
CODE_FOLDER: Final = "code"

SCRIPT: Final = '''\
"""Make the attempt again that this folder is about; README.md tells what it is.

    python repro.py                 and stop in the debugger where it fails
    python repro.py --no-debugger   only show the traceback
"""

from pathlib import Path

from framework0.cli.replay import main

if __name__ == "__main__":
    raise SystemExit(main(Path(__file__).parent))
'''


class Attempted(NamedTuple):
    """What is to be made again. ``record`` is None for an attempt that was in flight at a crash."""

    node: int
    name: str
    step: Step
    attempt: int
    record: AttemptRecord | None
    item: Any
    place: int | None


def reproduce(
    history: RunHistory, name: str, attempt: int | None, folder: Path, space: Workspace
) -> list[str]:
    """Write the folder for an attempt of the step (or item) ``name``; return its notes.

    Without ``attempt`` the last one is meant. Raises :class:`~framework0.errors.UsageError` for a step
    or an attempt that there was not, or a step that runs nothing of its own, and
    :class:`~framework0.errors.RefusedError` for a step of an untrusted run and when the folder holds
    something.
    """
    header = history.header
    if header.options.get("untrusted"):
        raise RefusedError(
            f"run {header.run_id} is untrusted, and making an attempt again would run its code outside of the "
            f"sandbox: read the code, and when you trust it, run the recipe without --untrusted; "
            f"`framework0 logs {header.run_id}` shows what the step said"
        )
    if "machine" in header.options:
        from framework0.assembly.machines import refuse_machine

        refuse_machine(header)
    recipe = recorded_recipe(header.recipe_text, header.recipe_file)
    wanted = _find(history, recipe, name, attempt)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is there already: name another with -o, nothing was written")
    writing = _Writing(history, recipe, wanted, space)
    files = writing.files()
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return writing.notes


def _find(history: RunHistory, recipe: Recipe, name: str, attempt: int | None) -> Attempted:
    node, step, item, index = _node_of(history, recipe, name)
    inner = f"`framework0 show {history.header.run_id}.{node}`"
    elsewhere = {
        "recipe": f"runs a recipe: reproduce a step of the inner run, {inner}",
        "approval": "asks a person and runs nothing",
        "step_engine": f"runs a machine, whose state is in its instance's folder: {inner}",
    }
    if step.kind in elsewhere:
        raise UsageError(f"step {name!r} {elsewhere[step.kind]}")
    if step.foreach is not None and index is None:
        raise UsageError(f"step {name!r} runs once for each item: name one, as in '{name}[0]'")
    records = [one for one in history.attempts if one.node == node and one.attempt]
    known = {one.attempt: one for one in records}
    begun = max(history.started[node] if node < len(history.started) else 0, *known, 0)
    if not begun:
        raise UsageError(f"step {name!r} was never begun: there is nothing to reproduce")
    number = max(known, default=begun) if attempt is None else attempt
    if not 1 <= number <= begun:
        raise UsageError(f"step {name!r} has no attempt {number}: there were {begun}")
    return Attempted(node, name, step, number, known.get(number), item, index)


def _node_of(history: RunHistory, recipe: Recipe, name: str) -> tuple[int, Step, Any, int | None]:
    for step in recipe.steps:
        if step.name == name:
            return step.position, step, None, None
    for (node, kind), value in history.decisions.items():
        if kind == "foreach":
            step = recipe.steps[node]
            for index, item in enumerate(value["items"]):
                if name == f"{step.name}[{index}]":
                    return value["first"] + index, step, item, index
    raise UsageError(f"run {history.header.run_id} has no step {name!r}")


class _Writing:
    """Everything that goes into the folder, worked out once; ``notes`` say what is missing."""

    def __init__(
        self, history: RunHistory, recipe: Recipe, wanted: Attempted, space: Workspace
    ) -> None:
        self._history = history
        self._recipe = recipe
        self._wanted = wanted
        self._space = space
        self.notes: list[str] = []
        self._secrets = {
            one.name: one.env or one.name.upper() for one in recipe.inputs if one.secret
        }

    def files(self) -> dict[str, bytes]:
        """Return the content of every file by its path in the folder."""
        sources = sources_for(self._space, self._history.header.recipe_file)
        reader = CodeReader(sources, self._history.header.recipe_file)
        context = self._context()
        attempt = self._attempt(context, reader)
        code = self._code(reader)
        return {
            "README.md": self._readme(attempt).encode(),
            "repro.py": SCRIPT.encode(),
            ATTEMPT_FILE: _json(attempt),
            CONTEXT_FILE: _json(self._plain(context)),
            "recipe.yaml": self._history.header.recipe_text.encode(),
            **code,
        }

    # ------------------------------------------------------------------ the context

    def _context(self) -> Context:
        """Return the context as it was when the attempt began, as far as the journal tells."""
        record, wanted = self._wanted.record, self._wanted
        own = [
            change
            for change in self._history.changes
            if change.step == wanted.name and (change.attempt or 0) >= wanted.attempt
        ]
        others = [change for change in self._history.changes if change not in own]
        first = min((change.version for change in own), default=None)
        if first is not None:
            others = [change for change in others if change.version < first]
        elif record is not None:
            others = [change for change in others if change.at <= record.at]
        context = Context.private()
        context.load(others)
        return context

    def _plain(self, context: Context) -> dict[str, Any]:
        plain = {}
        for key, value in context.items():
            try:
                json.dumps(value)
            except TypeError:
                self.notes.append(f"the value of {key!r} is kept as a file and is left out")
            else:
                plain[key] = value
        return plain

    # ------------------------------------------------------------------ the attempt

    def _attempt(self, context: Context, reader: CodeReader) -> dict[str, Any]:
        wanted, step = self._wanted, self._wanted.step
        scope = self._scope(context)
        failure = wanted.record.outcome.failure if wanted.record is not None else None
        home = reader.home(step)
        return {
            "format": ATTEMPT_FORMAT,
            "run": self._history.header.run_id,
            "recipe": self._recipe.name,
            "step": wanted.name,
            "node": wanted.node,
            "position": step.position,
            "attempt": wanted.attempt,
            "state": None if wanted.record is None else wanted.record.state,
            "failure": None if failure is None else failure._asdict(),
            "type": step.kind,
            "module": home[0] if home else None,
            "function": home[1] if home else None,
            "args": _listed(render(step.args, scope)),
            "command": _listed(render(step.command, scope)),
            "env": {**scope.env, **render(dict(step.policy.env), scope)},
            "cwd": render(step.policy.cwd, scope),
            "workspace": str(self._space.root),
            "roots": self._roots(),
            "secrets": {placeholder(name): env for name, env in self._secrets.items()},
        }

    def _scope(self, context: Context) -> Scope:
        header, wanted = self._history.header, self._wanted
        steps = {step.name: {"result": None, "state": "pending"} for step in self._recipe.steps}
        for record in self._before():
            if record.name in steps:
                steps[record.name] = {"result": record.outcome.result, "state": record.state}
        names = (*self._recipe.env_allow, *self._space.settings.env)
        env = {name: os.environ[name] for name in names if name in os.environ}
        for name in names:
            told = "is what it is now" if name in env else "is not set here"
            self.notes.append(f"the variable {name} {told}; what it was then is not recorded")
        for name, variable in self._secrets.items():
            self.notes.append(f"the secret {name} is not in here: set {variable} to use it")
        more = {} if wanted.place is None else {"item": wanted.item, "index": wanted.place}
        return Scope(
            inputs={**header.inputs, **{name: placeholder(name) for name in self._secrets}},
            context=context,
            steps=steps,
            env=env,
            run={"id": header.run_id, "name": header.name, "recipe": self._recipe.name},
            **more,
        )

    def _before(self) -> Iterable[AttemptRecord]:
        """Yield what was recorded before the attempt, whose own record comes when it has ended."""
        for record in self._history.attempts:
            if record is self._wanted.record:
                return
            if record.final:
                yield record

    # ------------------------------------------------------------------ the code

    def _roots(self) -> list[str]:
        """Return where code is looked for, relative to the folder ``code``."""
        return [_relative(root, self._space) for root in self._code_roots()]

    def _code_roots(self) -> list[Path]:
        return [
            Path(root).absolute()
            for root in code_roots(self._space, self._history.header.recipe_file)
        ]

    def _code(self, reader: CodeReader) -> dict[str, bytes]:
        step = self._wanted.step
        if step.kind == "shell":
            return {}
        files = {}
        for path in sorted(reader.files_of(step)):
            name = _relative(Path(path), self._space)
            files[f"{CODE_FOLDER}/{name}"] = Path(path).read_bytes()
        recorded = self._history.header.code.get(code_name(step))
        if recorded is None:
            self.notes.append("the code is as it is now; what it was then is not recorded")
        elif recorded != reader.digest(step):
            self.notes.append("the code has changed since the attempt: it is here as it is now")
        return files

    # ------------------------------------------------------------------ the page

    def _readme(self, attempt: Mapping[str, Any]) -> str:
        failure = attempt["failure"]
        ended = attempt["state"] or "was in flight when its process died"
        lines = [
            f"# {attempt['step']}, attempt {attempt['attempt']}",
            "",
            f"Run {attempt['run']} of the recipe {attempt['recipe']}. The attempt {ended}.",
            "",
        ]
        if failure is not None:
            lines += ["```text", f"{failure['kind']}: {failure['message']}", "```", ""]
        if self._history.summary.state == RUNNING:
            self.notes.append("the run is still going on: what it writes later is not in here")
        lines += [
            "    python repro.py                 make it again; stop in the debugger where it fails",
            "    python repro.py --no-debugger   only show the traceback",
            "",
            "It needs Python with framework0, and what the code itself imports from elsewhere.",
            "",
            f"- `{ATTEMPT_FILE}`: arguments, command and environment, with every expression filled in",
            f"- `{CONTEXT_FILE}`: the context as the attempt found it",
            f"- `{CODE_FOLDER}/`: the files of the workspace that the step's code imports",
            "- `recipe.yaml`: the recipe as recorded",
            "",
            "Files that the step reads are not here: start it where they are found by their names.",
        ]
        if self.notes:
            lines += ["", "To be known:", "", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def placeholder(name: str) -> str:
    """Return what stands for a secret in the files; replaying puts the variable's value there."""
    return f"<secret {name}>"


def _relative(path: Path, space: Workspace) -> str:
    """Return a path below ``code``; what is outside of the workspace stands beside the rest."""
    root = Path(space.root).absolute()
    if path.absolute().is_relative_to(root):
        return path.absolute().relative_to(root).as_posix()
    outside = path.absolute()
    return "/".join(("outside", *outside.parts[1:]))


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _json(value: Any) -> bytes:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=repr)
    return text.encode() + b"\n"
