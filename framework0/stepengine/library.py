"""The library of a machine: its node files, imported, and the classes in them."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from framework0.errors import LibraryError, Place, Problem
from framework0.source import message_of, near_names
from framework0.stepengine.documented import offer_documented_modules
from framework0.stepengine.nodes import (
    DICTIONARIES,
    LIFECYCLE,
    facts_from,
    node_from,
    refuse,
    twice_defined,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any, Final

    from framework0.stepengine.seams import NodeFacts

PREFIX: Final = "step_node_"
"""What the name of each node file begins with."""

CLASS_LIST: Final = "step_node_class_list"
"""The name under which a module lists its nodes' classes, if it does."""


def node_files(folder: Path) -> list[Path]:
    """Return the node files of a library, by name.

    Raises :class:`~framework0.errors.LibraryError` when there is no such folder, when it has no node file,
    or one that Python could not import by its name.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        message = f"the library {folder} cannot be read: {error.strerror or error}"
        hint = "name it with --library DIR, or set global_parameters.step_engine_library_path"
        raise LibraryError((Problem("library-missing", message, hint=hint),)) from error
    found = [
        folder / name
        for name in names
        if name.startswith(PREFIX) and name.endswith(".py") and (folder / name).is_file()
    ]
    if not found:
        message = f"there is no node file in the library {folder}: their names are {PREFIX}….py"
        hint = "name the folder of the nodes: --library DIR, which is kept for the next time"
        raise LibraryError((Problem("library-empty", message, hint=hint),))
    refuse([_misnamed(path) for path in found if not path.stem.isidentifier()])
    return found


class Library:
    """The node classes of one folder, by the name of their node; importable until it is closed.

    Modules of the same names from another folder step aside meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.classes: dict[str, type] = {}
        self._aside: dict[str, ModuleType] = {}
        self._modules: list[str] = []

    def load(self) -> list[NodeFacts]:
        """Import every node file, and return the facts about each node.

        Raises :class:`~framework0.errors.LibraryError` with every problem of every file.
        """
        files = node_files(self.folder)
        offer_documented_modules()
        self._step_aside([path.stem for path in files])
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        problems: list[Problem] = []
        facts: list[NodeFacts] = []
        for path in files:
            for one, cls, wrong in self._read(path, problems):
                problems += wrong
                facts.append(one)
                self.classes.setdefault(one.name, cls)
        if not facts and not problems:
            problems.append(without_a_node(str(self.folder)))
        refuse([*problems, *twice_defined(facts)])
        return facts

    def close(self) -> None:
        """Put back what stood aside, and forget the library's modules."""
        for name in self._modules:
            sys.modules.pop(name, None)
        sys.modules.update(self._aside)
        self._modules.clear()
        self._aside.clear()
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))

    def _step_aside(self, names: list[str]) -> None:
        self._modules = names
        for name in names:
            module = sys.modules.pop(name, None)
            if module is not None:
                self._aside[name] = module

    def _read(
        self, path: Path, problems: list[Problem]
    ) -> Iterator[tuple[NodeFacts, type, list[Problem]]]:
        try:
            module = importlib.import_module(path.stem)
        # A node file is the user's code: whatever it raises is told with its place.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            problems.append(_import_failed(path, self.folder, error))
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = _named_lines(text)
        for cls in _classes_of(module, Place(str(path), lines.get(CLASS_LIST, 1), 1), problems):
            line = lines.get(cls.__name__, 0)
            facts, wrong = facts_about(cls, path.stem, str(path), line, text)
            yield facts, cls, wrong


def facts_about(
    cls: type, module: str, file: str, line: int = 0, text: str = ""
) -> tuple[NodeFacts, list[Problem]]:
    """Return the facts about a node's class and what is wrong with them.

    ``line`` is that of the class, ``text`` that of its file.
    """
    lines: dict[str, int] = {}
    declared = {word: getattr(cls, word, None) for word in ("name", *DICTIONARIES)}
    # The lines of single keys are looked up once there is a problem to place.
    for again in (False, True):
        facts, problems = facts_from(
            cls.__name__,
            module,
            file,
            line,
            declared,
            methods=[word for word in LIFECYCLE if callable(getattr(cls, word, None))],
            description=_description_of(cls),
            lines=lines,
        )
        problems += node_from(facts)[1]
        if again or not problems:
            break
        from framework0.stepengine.lines import lines_of

        lines = lines_of(text, cls.__name__)
    return facts, problems


def _classes_of(module: ModuleType, place: Place, problems: list[Problem]) -> list[type]:
    listed: Any = getattr(module, CLASS_LIST, None)
    if listed is None:
        return [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and value.__module__ == module.__name__
            and callable(getattr(value, "step_execute", None))
        ]
    if not isinstance(listed, (list, tuple)):
        message = f"{CLASS_LIST} must be a list of classes, not {listed!r:.60}"
        problems.append(Problem("node-class", message, place))
        return []
    found = []
    for entry in listed:
        value = getattr(module, entry, None) if isinstance(entry, str) else entry
        if isinstance(value, type):
            found.append(value)
            continue
        names = [name for name, other in vars(module).items() if isinstance(other, type)]
        near = near_names(str(entry), names, 1)
        problems.append(
            Problem(
                "node-class",
                f"{CLASS_LIST} names {entry!r:.60}, which is no class of {module.__name__}",
                place,
                hint=f"did you mean {near[0]}?" if near else None,
            )
        )
    return found


def _description_of(cls: type) -> str:
    said = getattr(cls, "description", None)
    return said if isinstance(said, str) else (cls.__doc__ or "").strip().partition("\n")[0]


def _named_lines(text: str) -> dict[str, int]:
    """Return the line of each class, and that of the list of classes."""
    import re

    found: dict[str, int] = {}
    named = re.compile(rf"[ \t]*class[ \t]+(\w+)|({CLASS_LIST})[ \t]*[:=]")
    for number, line in enumerate(text.splitlines(), 1):
        if match := named.match(line):
            found.setdefault(match[1] or match[2], number)
    return found


def without_a_node(folder: str) -> Problem:
    """Return the problem of a library whose files hold no node."""
    return Problem(
        "library-empty",
        f"no file of the library {folder} holds a node",
        hint=f"a node is a class with step_execute, or one that {CLASS_LIST} names",
    )


def _misnamed(path: Path) -> Problem:
    return Problem(
        "node-file",
        f"the name of {path.name} is no name of a Python module",
        Place(str(path), 1, 1),
        hint="rename it with letters, digits and underscores",
    )


def _import_failed(path: Path, folder: Path, error: BaseException) -> Problem:
    message = f"{path.name} cannot be imported: {type(error).__name__}: {message_of(error)}"
    return Problem("node-import", message, _place_of(path, folder, error))


def _place_of(path: Path, folder: Path, error: BaseException) -> Place:
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno or 1, error.offset or 1)
    place = Place(str(path), 1, 1)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(str(folder) + os.sep):
            place = Place(file, trace.tb_lineno, 1)
        trace = trace.tb_next
    return place
