"""Finds top-level modules in the run's roots, ahead of everything installed."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

from framework0.scriptlets.documented import is_documented_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class RootFinder:
    """A meta path finder over ``roots``; submodules follow their package by themselves."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = list(roots)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where the roots have ``name``, or None to let the usual search go on."""
        if path is not None or name in sys.stdlib_module_names or name == "framework0":
            return None
        spec = PathFinder.find_spec(name, self.roots, target)
        if spec is None or (spec.loader is None and not is_documented_folder(name)):
            return None
        return spec
