"""Where a module's file is, found the way a run would import it, without importing anything.

The order is that of a run (``framework0.scriptlets.UserCode``): the standard library's names are
its own; then the roots, where a regular package or module counts, and a folder without
``__init__.py`` only if it is one of a documented workspace; then the import path; last, folders
without ``__init__.py`` anywhere.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from framework0.source.near import near_names
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DOCUMENTED_FOLDERS: Final = frozenset(
    {"octo", "orchestrator", "scriptlets", "server", "src", "tools"}
)
"""Top folders of a documented workspace: packages even without ``__init__.py``."""

DOCUMENTED_MODULES: Final = frozenset(
    {
        "orchestrator",
        "orchestrator.context",
        "scriptlets",
        "scriptlets.framework",
        "scriptlets.registry",
        "src",
        "src.core",
        "src.core.logger",
    }
)
"""Names that lead to the product itself wherever the user's tree has no file for them."""

MAX_LISTED: Final = 2000
"""Module names gathered for a near name at most."""

_EXTENSIONS: Final = (".so", ".pyd")
_SKIPPED: Final = frozenset(
    {"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"}
)


class SourceFile(NamedTuple):
    """A module with a Python file. ``local`` if below a root; ``folders`` is where submodules are."""

    name: str
    path: str
    local: bool
    folders: tuple[str, ...] = ()


class Native(NamedTuple):
    """A module without Python source; ``trusted`` if Python itself brings it."""

    name: str
    trusted: bool


class Namespace(NamedTuple):
    """A package that is only folders."""

    name: str
    folders: tuple[str, ...]
    local: bool


class Ours(NamedTuple):
    """A documented name, or a module of this product, with no file in the user's tree."""

    name: str


Found = SourceFile | Native | Namespace | Ours


class Finder:
    """Finds modules for one list of roots; what was found is remembered."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots = tuple(dict.fromkeys(os.path.abspath(root) for root in roots))
        self._known: dict[str, Found | None] = {}
        self._compiled: dict[str, frozenset[str]] = {}
        self._elsewhere = [
            os.path.abspath(entry or os.curdir)
            for entry in sys.path
            if isinstance(entry, str) and os.path.abspath(entry or os.curdir) not in self.roots
        ]

    def find(self, name: str) -> Found | None:
        """Return where module ``name`` is, or None."""
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> Found | None:
        if not all(part.isidentifier() for part in name.split(".")):
            return None
        if name == "os.path":
            return self.find(os.path.__name__)
        parent, _, last = name.rpartition(".")
        return self._inside(name, parent, last) if parent else self._top(name)

    def _inside(self, name: str, parent: str, last: str) -> Found | None:
        above = self.find(parent)
        if isinstance(above, Native):
            # A package written in C fills in its own submodules; nothing can be read about them.
            return Native(name, above.trusted)
        folders = above.folders if isinstance(above, SourceFile | Namespace) else ()
        local = isinstance(above, SourceFile | Namespace) and above.local
        found = self._in_folders(name, last, folders, local=local)
        if found is None and name.startswith("framework0."):
            return _ours(name)
        return Ours(name) if found is None and name in DOCUMENTED_MODULES else found

    def _top(self, name: str) -> Found | None:
        if name in sys.builtin_module_names:
            return Native(name, trusted=True)
        if name in sys.stdlib_module_names:
            found = self._in_folders(name, name, self._elsewhere, local=False)
            return found._replace(trusted=True) if isinstance(found, Native) else found
        if name == "framework0":
            return Ours(name)
        return (
            self._in_roots(name)
            or self._in_folders(name, name, self._elsewhere, local=False, namespaces=False)
            or _editable(name)
            or self._in_folders(name, name, (*self.roots, *self._elsewhere), local=True)
            or (Ours(name) if name in DOCUMENTED_MODULES else None)
        )

    def _in_roots(self, name: str) -> Found | None:
        namespaces = name in DOCUMENTED_FOLDERS
        for root in self.roots:
            found = self._in_folders(name, name, (root,), local=True, namespaces=namespaces)
            if found is not None:
                return found
        return None

    def _in_folders(
        self, name: str, last: str, folders: Sequence[str], *, local: bool, namespaces: bool = True
    ) -> Found | None:
        """Look for one module in ``folders``, in their order, as Python's path finder does."""
        portions: list[str] = []
        for folder in folders:
            path = os.path.join(folder, last)
            if os.path.isdir(path):
                start = os.path.join(path, "__init__.py")
                if os.path.isfile(start):
                    return SourceFile(name, start, local, (path,))
                portions.append(path)
            if last in self._extensions(folder):
                return Native(name, trusted=False)
            if os.path.isfile(path + ".py"):
                return SourceFile(name, path + ".py", local)
            if os.path.isfile(path + ".pyc"):
                return Native(name, trusted=False)
        if portions and namespaces:
            return Namespace(name, tuple(portions), local)
        return None

    def _extensions(self, folder: str) -> frozenset[str]:
        """Return the names of the compiled modules in ``folder``, which is listed once."""
        if folder not in self._compiled:
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            self._compiled[folder] = frozenset(
                file.partition(".")[0] for file in names if file.endswith(_EXTENSIONS)
            )
        return self._compiled[folder]

    def archives(self) -> list[str]:
        """Return the entries of the import path that are files, into which is not looked."""
        return [entry for entry in (*self.roots, *self._elsewhere) if os.path.isfile(entry)]

    def near(self, name: str) -> tuple[str, ...]:
        """Return names of modules that resemble ``name``, best first."""
        listed = list(self.listed())
        near = near_names(name, listed)
        if near:
            return near
        last = name.rpartition(".")[2]
        same = tuple(known for known in listed if known.rpartition(".")[2] == last)[:3]
        return same or near_names(name, sorted(sys.stdlib_module_names))

    def listed(self) -> Iterator[str]:
        """Yield the dotted names of the modules below the roots, at most MAX_LISTED."""
        count = 0
        for root in self.roots:
            for folder, folders, files in os.walk(root):
                folders[:] = sorted(f for f in folders if f.isidentifier() and f not in _SKIPPED)
                inside = os.path.relpath(folder, root)
                prefix = "" if inside == os.curdir else inside.replace(os.sep, ".") + "."
                for file in sorted(files):
                    stem, suffix = os.path.splitext(file)
                    if suffix != ".py" or not stem.isidentifier():
                        continue
                    yield prefix[:-1] if stem == "__init__" else prefix + stem
                    count += 1
                    if count >= MAX_LISTED:
                        return


def _ours(name: str) -> Found:
    """Return a module of the product; those of the built-in step types are read like a user's."""
    from framework0.source.plugins import builtin_file

    path = builtin_file(name)
    return Ours(name) if path is None else SourceFile(name, path, local=False)


def _editable(name: str) -> Found | None:
    """Ask the finders of packages installed for editing, which keep a table of folders."""
    for finder in sys.meta_path:
        home = getattr(finder, "__module__", "") or ""
        if not home.startswith("__editable__"):
            continue
        spec = finder.find_spec(name, None)
        if spec is not None and spec.origin and spec.origin.endswith(".py"):
            return SourceFile(
                name, spec.origin, False, tuple(spec.submodule_search_locations or ())
            )
    return None
