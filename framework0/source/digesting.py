"""A hash of the code a step depends on: its part of its module, and what that imports from the roots.

Modules from elsewhere (the standard library, installed packages) count by name only: their versions
are the environment's business.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from framework0.source.facts import Unknown
from framework0.source.finding import Namespace, SourceFile
from framework0.source.imports import imported_by
from framework0.source.parsing import Module, read
from framework0.source.slicing import Slices, finds_other_ways

if TYPE_CHECKING:
    from framework0.source.finding import Found
    from framework0.source.resolving import Library


class Digester:
    """Hashes modules; each file is read and looked through once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._entries: dict[str, str] = {}
        self._imports: dict[str, frozenset[str]] = {}
        self._closures: dict[str, dict[str, str]] = {}
        self._slices: dict[str, Slices | None] = {}

    def digest(self, module: str, function: str) -> str:
        """Return the hash for one step's code, in hexadecimal."""
        closure = self._closure(module)
        slices = self._slices[module]
        if slices is not None:
            closure = {**closure, module: _sha256(slices.of(function))}
        lines = [f"{function} of {module}", *(f"{name} {entry}" for name, entry in closure.items())]
        return _sha256("\n".join(sorted(lines)).encode())

    def files(self, module: str) -> dict[str, str]:
        """Return the files below the roots that code of ``module`` depends on, each with its hash."""
        files = {}
        for name, entry in self._closure(module).items():
            found = self.library.finder.find(name)
            if isinstance(found, SourceFile) and found.local:
                files[found.path] = entry
        return files

    def _closure(self, module: str) -> dict[str, str]:
        """Return what stands for each module that ``module`` depends on, itself included."""
        known = self._closures.get(module)
        if known is None:
            known = self._closures[module] = self._reached(module)
            self._slices[module] = self._slices_of(module, known)
        return known

    def _reached(self, module: str) -> dict[str, str]:
        reached: dict[str, str] = {}
        seen: set[str] = set()
        pending = [module]
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            entry = self._entry(name)
            if entry:
                reached[name] = entry
            parent = name.rpartition(".")[0]
            if parent:
                pending.append(parent)
            pending.extend(self._imports[name])
        return reached

    def _slices_of(self, module: str, reached: dict[str, str]) -> Slices | None:
        """Return the parts of ``module``; None where it counts as a whole."""
        own = None
        for name in reached:
            found = self.library.finder.find(name)
            if not isinstance(found, SourceFile) or not found.local:
                continue
            read = self.library.module(found)
            imports_it = name != module and module in self._imports[name]
            if not isinstance(read, Module) or imports_it or finds_other_ways(read.content):
                return None
            own = read if name == module else own
        return None if own is None else Slices(own)

    def _entry(self, name: str) -> str:
        """Return what stands for one module in the hash, nothing for a name that is no module."""
        if name not in self._entries:
            found = self.library.finder.find(name)
            self._imports[name] = frozenset()
            self._entries[name] = self._of(name, found)
        return self._entries[name]

    def _of(self, name: str, found: Found | None) -> str:
        if isinstance(found, SourceFile) and found.local:
            return self._local(name, found)
        if isinstance(found, Namespace):
            return "folder"
        if found is not None:
            return "elsewhere"
        # In `from a import b`, b is mostly no module; but a missing top module may come to be.
        return "" if "." in name else "missing"

    def _local(self, name: str, found: SourceFile) -> str:
        module = self.library.module(found)
        if isinstance(module, Module):
            self._imports[name] = imported_by(module)
            return _sha256(module.content)
        # A file that cannot be parsed still has content that may change.
        content = read(found.path)
        return "unreadable" if isinstance(content, Unknown) else _sha256(content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
