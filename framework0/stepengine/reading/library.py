"""A library of step nodes, read file by file; nothing of it is imported."""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Final

from framework0.errors import Place, Problem
from framework0.source import Broken, Library, Module, SourceFile
from framework0.stepengine.reading.classes import OUR_BASES, Family
from framework0.stepengine.reading.literals import UNKNOWN, Literals
from framework0.stepengine.reading.nodes import ReadNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFIX: Final = "step_node_"
CLASS_LIST: Final = "step_node_class_list"

MOST_FILES: Final = 10_000
"""Node files of one library; a folder with more is none that people keep."""


class ReadLibrary:
    """``nodes`` in the order of their files; ``problems`` are what kept something from being read.

    ``texts`` maps each file to its text, for the lines that are shown with problems.
    """

    def __init__(
        self, nodes: Sequence[ReadNode], problems: Sequence[Problem], texts: Mapping[str, str]
    ) -> None:
        self.nodes = tuple(nodes)
        self.problems = tuple(problems)
        self.texts = texts

    @property
    def whole(self) -> bool:
        """Whether every file was read, so that what was not found is not there."""
        return not self.problems


def node_files(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of the node files of a library folder, sorted; OSError if it cannot be listed."""
    with os.scandir(folder) as entries:
        found = [
            entry.name
            for entry in entries
            if entry.name.startswith(PREFIX) and entry.name.endswith(".py") and not entry.is_dir()
        ]
    return sorted(found)[:MOST_FILES]


def read_library(folder: str | os.PathLike[str]) -> ReadLibrary:
    """Read the node files of ``folder``; their places have the paths that ``folder`` begins.

    Raises OSError when the folder cannot be listed.
    """
    library = Library([os.fspath(folder)])
    literals = Literals(library)
    nodes: list[ReadNode] = []
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    files = node_files(folder)
    if not files:
        message = f"there is no node file in the library {os.fspath(folder)}: their names are {PREFIX}….py"
        problems.append(Problem("library-empty", message, Place(os.fspath(folder), 1, 1)))
    for file in files:
        path = os.path.join(os.fspath(folder), file)
        name = file.removesuffix(".py")
        if not name.isidentifier():
            message = f"the name of {file} is no name of a Python module"
            hint = "rename it with letters, digits and underscores"
            problems.append(Problem("node-file", message, Place(path, 1, 1), hint=hint))
            continue
        module = library.module(SourceFile(name, path, local=True))
        if isinstance(module, Module):
            texts[path] = module.content.decode("utf-8", "replace").removeprefix("\ufeff")
            nodes += _nodes_of(library, literals, module, problems)
        elif isinstance(module, Broken):
            texts[path] = _text_of(path)
            problems.append(
                Problem("node-import", f"{file} is no Python: {module.message}", module.place)
            )
        else:
            problems.append(Problem("node-file", module.reason, Place(path, 1, 1)))
    return ReadLibrary(nodes, problems, texts)


def _text_of(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().removeprefix("\ufeff")


def _nodes_of(
    library: Library, literals: Literals, module: Module, problems: list[Problem]
) -> Iterator[ReadNode]:
    listed = _listed(library, literals, module, problems)
    for statement in listed if listed is not None else _classes(module):
        family = Family(library, module, statement)
        if listed is None and not _is_node(family):
            continue
        try:
            yield ReadNode(library, literals, family)
        except RecursionError:
            problems.append(
                Problem("node-file", "it is nested too deeply", module.place(statement))
            )


def _classes(module: Module) -> list[ast.ClassDef]:
    return [statement for statement in module.tree.body if isinstance(statement, ast.ClassDef)]


def _is_node(family: Family) -> bool:
    """Tell whether the engine takes the class for a node when no list names the nodes."""
    return family.find("step_execute") is not None or "step_execute" in OUR_BASES.get(
        family.ours, ()
    )


def _listed(
    library: Library, literals: Literals, module: Module, problems: list[Problem]
) -> list[ast.ClassDef] | None:
    """Return the classes that ``step_node_class_list`` names, None without such a list."""
    definition = library.bindings(module).get(CLASS_LIST)
    if definition is None:
        return None
    place = (
        module.place(definition) if isinstance(definition, ast.AST) else Place(module.path, 1, 1)
    )
    if isinstance(definition, ast.Constant | ast.Dict):
        message = f"{CLASS_LIST} must be a list of classes, not {ast.unparse(definition):.60}"
        problems.append(Problem("node-class", message, place))
        return []
    if not isinstance(definition, ast.List | ast.Tuple) or CLASS_LIST in literals.changed(module):
        problems.append(_not_listed("which classes it names is computed", place))
        return []
    classes = {statement.name: statement for statement in _classes(module)}
    found = []
    for part in definition.elts:
        name = part.id if isinstance(part, ast.Name) else literals.read(module, None, part).value
        if isinstance(name, str) and name in classes:
            found.append(classes[name])
        elif name is UNKNOWN or not isinstance(name, str):
            problems.append(_not_listed(f"{ast.unparse(part)} is computed", module.place(part)))
        elif library.bindings(module).get(name) is not None:
            problems.append(_not_listed(f"{name} is defined elsewhere", module.place(part)))
        else:
            problems.append(
                Problem(
                    "node-class",
                    f"there is no class {name} in this file",
                    module.place(part),
                    hint=f"it has {', '.join(classes) or 'no class'}",
                )
            )
    return found


def _not_listed(reason: str, place: Place) -> Problem:
    return Problem(
        "node-unknown", f"not every node of this file is known: {reason}", place, severity="note"
    )
