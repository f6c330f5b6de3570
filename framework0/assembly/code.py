"""What the code behind the steps of a recipe is: a hash for each thing that steps name.

Steps of one function share one entry, so that a recipe of 10,000 steps adds lines to its run's record,
not a megabyte that every list of runs would read. A shell step has no entry: its command is its code,
and stands in the recipe.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from framework0.recipe import Recipe, Step
    from framework0.source import Sources

FILE: Final = "file "
"""Entries that begin so hold a file's own hash, by which a change is named."""

MAX_DEPTH: Final = 10
"""Recipes within recipes that are looked into: as many as a run goes down."""

_SECTIONS: Final = ("steps", "on_failure", "finally")


def code_name(step: Step) -> str:
    """Return the name of the entry for a step's code; empty for a step without one."""
    if step.kind == "python":
        return f"{step.module}:{step.function}"
    if step.kind == "recipe":
        return f"recipe {step.recipe}"
    return "" if step.kind in ("shell", "approval", "step_engine") else f"type {step.kind}"


class CodeReader:
    """Reads the code of one recipe's steps. ``files`` are the inner recipes that were read."""

    def __init__(self, sources: Sources, recipe_file: str) -> None:
        self.files: set[str] = set()
        self._sources = sources
        self._folder = os.path.dirname(os.path.abspath(recipe_file))
        self._roots = [os.path.abspath(root) for root in sources.roots()]

    def read(self, recipe: Recipe) -> dict[str, str]:
        """Return the entries for all steps, and one for each file they depend on."""
        entries: dict[str, str] = {}
        paths: dict[str, str] = {}
        modules: set[str] = set()
        for step in recipe.steps:
            name = code_name(step)
            if name and name not in entries:
                entries[name] = self.digest(step)
                self._note_files(step, modules, paths)
        for path, digest in paths.items():
            entries[FILE + self._shown(path)] = digest
        return entries

    def digest(self, step: Step) -> str:
        """Return the hash of one step's code."""
        if step.kind == "recipe":
            inner = os.path.join(self._folder, step.recipe or "")
            return _sha256(self._inner(inner, MAX_DEPTH))
        home = self.home(step)
        return _sha256([step.kind]) if home is None else self._sources.digest(*home)

    def files_of(self, step: Step) -> Mapping[str, str]:
        """Return the files of code that a step of this workspace depends on, each with its hash."""
        home = self.home(step)
        return {} if home is None else self._sources.code_files(home[0])

    def changed_files(self, step: Step, recorded: Mapping[str, str]) -> list[str]:
        """Return which files behind a step are not those of ``recorded``, as entries name them."""
        shown = self.shown_files(step)
        return sorted(name for name, digest in shown.items() if recorded.get(FILE + name) != digest)

    def shown_files(self, step: Step) -> dict[str, str]:
        """Return the files of a step's code by their names within the workspace, each with its hash."""
        return {self._shown(path): digest for path, digest in self.files_of(step).items()}

    def home(self, step: Step) -> tuple[str, str] | None:
        """Return the module and the function or class behind a step, None where there is no such."""
        if step.kind == "python":
            return step.module, step.function
        return self._sources.step_kinds().get(step.kind)

    def _note_files(self, step: Step, modules: set[str], paths: dict[str, str]) -> None:
        home = self.home(step)
        if home is not None and home[0] not in modules:
            modules.add(home[0])
            paths.update(self._sources.code_files(home[0]))

    def _inner(self, file: str, depth: int) -> Iterator[str]:
        """Yield what a recipe's file holds, and the code of its steps, recipes within it included."""
        from framework0.recipe import read_document

        self.files.add(file)
        try:
            document = read_document(file)
        except RecipeError as error:
            yield f"unreadable: {error.problems[0].code}"
            return
        yield document.digest
        folder = os.path.dirname(file)
        for raw in _raw_steps(document.data):
            module, function, kind = raw.get("module"), raw.get("function"), raw.get("type")
            if isinstance(module, str) and isinstance(function, str):
                yield self._sources.digest(module, function)
            elif kind == "recipe" and isinstance(raw.get("recipe"), str) and depth:
                yield from self._inner(os.path.join(folder, raw["recipe"]), depth - 1)
            elif isinstance(kind, str) and kind in self._sources.step_kinds():
                yield self._sources.digest(*self._sources.step_kinds()[kind])

    def _shown(self, path: str) -> str:
        for root in self._roots:
            if path.startswith(root + os.sep):
                return os.path.relpath(path, root).replace(os.sep, "/")
        return path


def _raw_steps(data: Any) -> Iterator[Mapping[str, Any]]:
    for section in _SECTIONS:
        steps = data.get(section) if isinstance(data, dict) else None
        yield from (raw for raw in steps or () if isinstance(raw, dict))


def _sha256(parts: Iterable[str]) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
