"""A hash of the code a step depends on: its module's file, and what that imports from the roots.

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

if TYPE_CHECKING:
    from framework0.source.finding import Found
    from framework0.source.resolving import Library


class Digester:
    """Hashes modules; each file is read and looked through once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._entries: dict[str, str] = {}
        self._imports: dict[str, frozenset[str]] = {}
        self._modules: dict[str, str] = {}

    def digest(self, module: str, function: str) -> str:
        """Return the hash for one step's code, in hexadecimal."""
        if module not in self._modules:
            self._modules[module] = self._closure(module)
        return _sha256(f"{self._modules[module]}\n{function}".encode())

    def _closure(self, module: str) -> str:
        lines = [f"of {module}"]
        seen: set[str] = set()
        pending = [module]
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            entry = self._entry(name)
            if entry:
                lines.append(f"{name} {entry}")
            parent = name.rpartition(".")[0]
            if parent:
                pending.append(parent)
            pending.extend(self._imports[name])
        return _sha256("\n".join(sorted(lines)).encode())

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
