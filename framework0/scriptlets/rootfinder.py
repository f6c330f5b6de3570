"""Finds modules in the run's roots, top-level ones ahead of everything installed.

Python knows compiled code for that of its source by the source's size and its time in whole seconds. So a
file that is edited within a second of being compiled could be run as it was before the edit, by a run
that has recorded what it is now. What has just been written is compiled anew each time, and not kept.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import PathFinder, SourceFileLoader

from framework0.scriptlets.documented import is_documented_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Final

YOUNG: Final = 2.0
"""Seconds after its last change in which a file may change again without its time telling: one, and as much again
for file systems that keep time in steps of two."""


class FreshLoader(SourceFileLoader):
    """Loads a module from its source, whatever compiled code there is, and keeps none."""

    def path_stats(self, path: str) -> dict[str, Any]:
        """Tell nothing, by which ``importlib`` neither reads nor writes compiled code."""
        raise OSError(f"{path} has just been written")


def _with_fresh_loader(spec: ModuleSpec) -> ModuleSpec:
    """Have a file of Python source that has just been written loaded as it is."""
    if type(spec.loader) is SourceFileLoader:
        try:
            age = time.time() - os.stat(spec.loader.path).st_mtime
        except OSError:
            # The loader itself tells.
            return spec
        if age < YOUNG:
            spec.loader = FreshLoader(spec.loader.name, spec.loader.path)
    return spec


class RootFinder:
    """A meta path finder over ``roots``; submodules are found where their package is."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = list(roots)
        self._inside = tuple(os.path.join(root, "") for root in roots)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where the roots have ``name``, or None to let the usual search go on."""
        if path is not None:
            return self._find_below(name, path, target)
        if name in sys.stdlib_module_names or name == "framework0":
            return None
        spec = PathFinder.find_spec(name, self.roots, target)
        if spec is None or (spec.loader is None and not is_documented_folder(name)):
            return None
        return _with_fresh_loader(spec)

    def _find_below(
        self, name: str, path: Sequence[str], target: ModuleType | None
    ) -> ModuleSpec | None:
        """Return where a package of the roots has its submodule, if that has just been written."""
        places = [str(place) for place in path]
        # What is installed in there is edited by nobody, and there is much of it.
        if not any(each.startswith(self._inside) and "-packages" not in each for each in places):
            return None
        spec = PathFinder.find_spec(name, places, target)
        if spec is None or type(_with_fresh_loader(spec).loader) is not FreshLoader:
            return None
        return spec
