"""A module's file, read and parsed within bounds."""

from __future__ import annotations

import os
import stat
import warnings
from typing import TYPE_CHECKING, Final

from framework0.errors import Place
from framework0.source.facts import Broken, Unknown
from framework0.source.syntax import parse_python
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    import ast

    from framework0.source.finding import SourceFile

MAX_FILE: Final = 4 * 1024 * 1024
"""Bytes of a module that is read: generated tables may be larger, code that people write is not."""

_UNREADABLE: Final = "its file cannot be read"


class Module(NamedTuple):
    """A parsed module; ``content`` is its file as it is on disk."""

    name: str
    path: str
    package: str
    tree: ast.Module
    content: bytes

    def place(self, node: ast.AST) -> Place:
        """Return where ``node`` begins."""
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0)
        if column and not self.content.isascii():
            # The parser counts bytes of UTF-8, people count characters.
            before = self.content.splitlines()[line - 1][:column]
            column = len(before.decode("utf-8", "replace"))
        return Place(self.path, line, column + 1)


def read(path: str) -> bytes | Unknown:
    """Return a file's bytes, if it is a regular file that is not too large."""
    try:
        # Not blocking: a pipe in the place of a module must not hang whoever reads it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        return Unknown(f"{_UNREADABLE}: {error.strerror}")
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return Unknown(f"{path} is no regular file")
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        return Unknown(f"{path} is larger than {MAX_FILE // 1024 // 1024} MiB")
    return content


def parse(found: SourceFile) -> Module | Broken | Unknown:
    """Return the parsed module; Broken with the place of its syntax error."""
    content = read(found.path)
    if isinstance(content, Unknown):
        return content
    package = found.name if found.folders else found.name.rpartition(".")[0]
    try:
        with warnings.catch_warnings():
            # A doubtful escape in user code is for its own test run to complain about.
            warnings.simplefilter("ignore")
            tree = parse_python(content, found.path)
    except SyntaxError as error:
        place = Place(found.path, error.lineno or 1, max(error.offset or 1, 1))
        return Broken(f"{error.msg}", place)
    except (RecursionError, MemoryError):
        return Unknown(f"{found.path} is nested too deeply to be parsed")
    except ValueError as error:
        return Broken(str(error), Place(found.path, 1, 1))
    return Module(found.name, found.path, package, tree, content)
