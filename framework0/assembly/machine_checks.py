"""What a recipe says of machines, against the folders there are: nothing of a machine is imported or run.

Folders come and go, and another step may make them, so what is missing is a risk and no mistake.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Framework0Error, Problem
from framework0.recipe import near_name
from framework0.workspace import for_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from framework0.recipe import Document, Recipe, Step

KIND: Final = "step_engine"

SECTIONS: Final = {"main": "steps", "on_failure": "on_failure", "finally": "finally"}
"""Where the steps of a phase stand in the file."""


def check_machines(document: Document, recipe: Recipe) -> list[Problem]:
    """Return what is to be said of the folders and groups that the steps of machines name.

    What holds an expression is known only when it runs, and nothing is said of it.
    """
    found: list[Problem] = []
    seen: dict[str, int] = {}
    folder = os.path.dirname(os.path.abspath(document.file))
    for step in recipe.steps:
        place = seen[step.phase] = seen.get(step.phase, -1) + 1
        if step.kind == KIND:
            path = (SECTIONS[step.phase], place)
            found += _MachineCheck(document, step, path, folder).problems()
    return found


class _MachineCheck:
    """One step: ``path`` is where it stands, ``folder`` what its own paths begin at."""

    def __init__(self, document: Document, step: Step, path: tuple[str, int], folder: str) -> None:
        args: Any = step.args
        self._args: Mapping[str, Any] = args
        self._document = document
        self._path = path
        self._folder = folder
        # A step before it may make what is not there yet.
        self._is_first = step.position == 0

    def problems(self) -> Iterator[Problem]:
        """Yield what is missing, or looks misspelt."""
        instance, library = self._args["instance"], self._args["library"]
        missing = [
            self._missing(name, told)
            for name, told in (("instance", instance), ("library", library))
            if told is not None and not _is_open(told) and not os.path.isdir(self._there(told))
        ]
        yield from missing
        if not missing and not _is_open(instance) and not _is_open(library or ""):
            yield from self._misspelt(self._there(instance), library)

    def _there(self, told: str) -> str:
        return os.path.join(self._folder, for_system(told))

    def _missing(self, name: str, told: str) -> Problem:
        near = near_name(os.path.basename(told), _folders(os.path.dirname(self._there(told))))
        hint = f"did you mean {near!r}?" if near else "make the folder"
        if not near and not self._is_first:
            hint = "a step before it has to make it"
        return Problem(
            "machine-missing",
            f"{name} is {told!r:.60}, and there is no such folder beside the recipe",
            self._document.place((*self._path, name)),
            severity="warning" if near or self._is_first else "note",
            hint=hint,
        )

    def _misspelt(self, instance: str, library: str | None) -> Iterator[Problem]:
        """Yield each group of parameters that resembles one that the machine has, and is none."""
        groups = self._args["params"]
        if not groups or isinstance(groups, str):
            return
        try:
            known = set(_groups(instance, None if library is None else self._there(library)))
        # What is wrong with the machine itself is told by its own check, and when it is run.
        except (Framework0Error, OSError):
            return
        for name in groups:
            near = None if name in known else near_name(name, sorted(known))
            if near:
                yield Problem(
                    "machine-group",
                    f"no node of the machine declares a group {name!r:.60}, and its parameters have none",
                    self._document.place((*self._path, "args", name), key=True),
                    severity="warning",
                    hint=f"did you mean {near!r}?",
                )


def _is_open(told: str) -> bool:
    return "${{" in told


def _folders(parent: str) -> list[str]:
    try:
        return sorted(
            name for name in os.listdir(parent) if os.path.isdir(os.path.join(parent, name))
        )
    except OSError:
        return []


def _groups(instance: str, library: str | None) -> Iterable[str]:
    """Return the groups that the parameter file of an instance has, and those that its nodes declare."""
    from framework0.assembly.machines import parameter_file
    from framework0.runner.machines import SHARED
    from framework0.stepengine import library_of, read_library

    document = parameter_file(Path(instance)).read()
    nodes = read_library(library or library_of(Path(instance), document)).nodes
    declared = (group for node in nodes for group in (*node.facts.params, *node.facts.results))
    return [
        "global_parameters",
        SHARED,
        *document,
        *(node.name for node in nodes),
        *declared,
    ]
