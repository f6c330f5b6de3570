"""What the parameter file of an instance says about its machine, read without its lock and without a change."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Place, UsageError, WorkspaceError
from framework0.jsonfile import parse_object
from framework0.stepengine.parameters import FILE_NAME
from framework0.stepengine.reading.library import node_files
from framework0.stepengine.standing import told_library

if TYPE_CHECKING:
    from collections.abc import Mapping

GLOBAL: Final = "global_parameters"
ENGINE: Final = "step_engine"

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Machine:
    """An instance, or a library alone: where its nodes are, and what its parameter file says.

    ``file`` is the parameter file, None for a library alone; ``library`` the folder of its nodes as
    a path to show; ``parameters`` all of the file's groups.
    """

    def __init__(
        self, library: str, file: str | None, text: str, parameters: Mapping[str, Any]
    ) -> None:
        self.library = library
        self.file = file
        self.text = text
        self.parameters = parameters

    def group(self, name: str) -> Mapping[str, Any]:
        """Return a group of parameters, empty when there is none."""
        found = self.parameters.get(name)
        return found if isinstance(found, dict) else {}

    def told(self, name: str) -> str:
        """Return a text among the global parameters, empty when it is none."""
        found = self.group(GLOBAL).get(name)
        return found if isinstance(found, str) else ""

    def place(self, group: str, name: str) -> Place | None:
        """Return where a value stands in the parameter file; its beginning if it is not found."""
        if self.file is None:
            return None
        return place_in(self.text, (group, name), self.file)


def read_machine(folder: str, library: str | None = None) -> Machine:
    """Return the instance or the library that ``folder`` is; ``library`` names another folder of nodes.

    A folder with a parameter file is an instance, any other with ``step_node_*.py`` a library. Raises
    :class:`~framework0.errors.UsageError` for a folder that is neither,
    :class:`~framework0.errors.JsonFileBroken` for a parameter file that is broken and
    :class:`~framework0.errors.WorkspaceError` for one that cannot be read.
    """
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is no folder: name the folder of an instance or of a library")
    file = os.path.join(folder, FILE_NAME)
    if not os.path.exists(file):
        if library is not None:
            return Machine(_folder(library), file, "", {})
        if not _nodes(folder):
            raise UsageError(
                f"{folder} is neither an instance nor a library: it has no {FILE_NAME} and no step_node_*.py"
            )
        return Machine(folder, None, "", {})
    try:
        with open(file, "rb") as content:
            found = content.read()
    except OSError as error:
        raise WorkspaceError(f"{file} cannot be read: {error.strerror}") from error
    parameters = parse_object(found, file)
    machine = Machine("", file, found.decode("utf-8"), parameters)
    told = library or told_library(machine.group(GLOBAL), folder)
    machine.library = _folder(told if library else os.path.join(folder, told)) if told else folder
    return machine


def _nodes(folder: str) -> list[str]:
    try:
        return node_files(folder)
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be listed: {error.strerror}") from error


def _folder(path: str) -> str:
    found = os.path.normpath(path)
    if not os.path.isdir(found):
        raise UsageError(
            f"the library {found} is no folder: name one with --library, or set step_engine_library_path"
        )
    return found


def place_in(text: str, path: tuple[str, ...], file: str) -> Place:
    """Return where the value at ``path`` begins in a JSON text; line 1, column 1 if it is not there."""
    depth = 0
    matched = 0
    key: str | None = None
    wanted = -1
    for token in _TOKEN.finditer(text):
        word = token[0]
        if wanted >= 0:
            if word != ":":
                line = text.count("\n", 0, token.start()) + 1
                return Place(file, line, token.start() - text.rfind("\n", 0, token.start()))
        elif word in "{[":
            depth += 1
        elif word in "}]":
            depth -= 1
            matched = min(matched, max(depth - 1, 0))
        elif word == ":" and key == path[matched] and depth == matched + 1:
            matched += 1
            if matched == len(path):
                wanted = token.end()
        key = json.loads(word) if word.startswith('"') else None
    return Place(file, 1, 1)
