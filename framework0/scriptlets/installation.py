"""What putting a set of roots into this process changes, and how it is undone.

Changed are ``sys.meta_path`` (two finders), ``sys.path`` (the roots, for code and child processes
that read it) and ``sys.modules`` (what is of the same name steps aside; what the run loaded leaves).
"""

from __future__ import annotations

import os
import sys

from framework0.scriptlets.documented import DocumentedNames, is_alias, is_documented_folder
from framework0.scriptlets.rootfinder import RootFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import ModuleType
    from typing import Final

_SITE: Final = frozenset({"site-packages", "dist-packages"})
"""Folders of installed packages: never user code, even when a virtual environment is in the root."""


class Installation:
    """One set of roots in this process; ``users`` counts the runs that share it."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = roots
        self.users = 0
        self.keep = False
        self._before: frozenset[str] = frozenset()
        self._aside: dict[str, ModuleType] = {}
        self._root_finder = RootFinder(roots)
        self._documented = DocumentedNames()

    def install(self) -> None:
        """Make the roots importable."""
        self._step_aside()
        self._before = frozenset(sys.modules)
        sys.meta_path.insert(0, self._root_finder)
        sys.meta_path.append(self._documented)
        place = next(
            (index for index, entry in enumerate(sys.path) if _is_site(entry)), len(sys.path)
        )
        # After the standard library, which a file named random.py must not replace.
        sys.path[place:place] = [root for root in self.roots if root not in sys.path]

    def remove(self, wanted: Collection[str]) -> None:
        """Undo it; roots that are ``wanted`` by others stay on the path."""
        sys.meta_path.remove(self._root_finder)
        sys.meta_path.remove(self._documented)
        for root in self.roots:
            if root not in wanted and root in sys.path:
                sys.path.remove(root)
        if not self.keep:
            self._forget_modules()
        for name, module in self._aside.items():
            sys.modules.setdefault(name, module)
        self._aside = {}

    def _step_aside(self) -> None:
        """Take modules out of sys.modules whose names the roots claim for files of their own."""
        claimed: dict[str, bool] = {}
        for name in list(sys.modules):
            top = name.partition(".")[0]
            if top not in claimed:
                claimed[top] = self._claims(top)
            if claimed[top]:
                self._aside[name] = sys.modules.pop(name)

    def _claims(self, top: str) -> bool:
        """Tell whether a root provides ``top`` while the one that is imported is another's."""
        if _is_ours(top):
            return False
        root = next((root for root in self.roots if _provides(root, top)), None)
        return root is not None and not is_inside(sys.modules.get(top), (root,))

    def _forget_modules(self) -> None:
        # A copy: what a list of the items allocates may collect garbage, whose end may import something.
        gone = [
            name
            for name, module in sys.modules.copy().items()
            if name not in self._before
            and (is_alias(module) or _is_user_code(name, module, self.roots))
        ]
        for name in gone:
            del sys.modules[name]
        registry = sys.modules.get("framework0.scriptlets.registry")
        if registry is not None:
            registry.forget_modules(gone)


def _is_site(entry: str) -> bool:
    return os.path.basename(entry.rstrip(os.sep)) in _SITE


def _is_ours(top: str) -> bool:
    """Tell whether a top-level name is not the user's to give: Python's, or this package's."""
    return top in sys.stdlib_module_names or top in {"__main__", "framework0"}


def _provides(root: str, top: str) -> bool:
    path = os.path.join(root, top)
    return (
        os.path.isfile(path + ".py")
        or os.path.isfile(os.path.join(path, "__init__.py"))
        or (is_documented_folder(top) and os.path.isdir(path))
    )


def _is_user_code(name: str, module: ModuleType, roots: tuple[str, ...]) -> bool:
    """Tell whether a module is the user's own Python, which can be loaded anew."""
    if _is_ours(name.partition(".")[0]) or not is_inside(module, roots):
        return False
    file = str(getattr(module, "__file__", None) or "")
    # A compiled module cannot always be loaded twice in one process.
    return file.endswith((".py", ".pyc")) or not file


def is_inside(module: ModuleType | None, roots: tuple[str, ...]) -> bool:
    """Tell whether a module's file, or a namespace package's folder, lies below one of ``roots``."""
    file = getattr(module, "__file__", None)
    places = [file] if isinstance(file, str) else list(getattr(module, "__path__", ()))
    return any(
        place.startswith(root.rstrip(os.sep) + os.sep)
        and not _SITE.intersection(place.split(os.sep))
        for place in map(os.path.abspath, places)
        for root in roots
    )
