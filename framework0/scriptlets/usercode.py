"""The user's own modules, found in the workspace for the length of a run.

:class:`UserCode` makes the roots (the workspace, then the recipe's folder) importable on entry and
puts everything back on exit:

- A module or package of a root comes before anything installed or already imported, so a workspace
  with its own ``scriptlets/`` gets that one. A folder without ``__init__.py`` does so only for the
  names of a documented workspace (``scriptlets``, ``src`` …); else Python's rule holds, by which
  any regular package elsewhere wins. The standard library's names are never taken over.
- Modules of the same name from elsewhere step aside on entry and come back on exit. Modules loaded
  from the roots during the run leave on exit: the next run sees the files as they are then, and two
  runs with different roots never get each other's modules. Entering equal roots again while they are
  active shares them. Runs with *different* roots that overlap in time and use equal module names
  need processes of their own: ``sys.modules`` is one per process.
- The documented names (``scriptlets.framework``, ``orchestrator.context``, ``src.core.logger``)
  resolve to ours wherever the user's tree has none (:mod:`framework0.scriptlets.documented`).
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from typing import TYPE_CHECKING, Any

from framework0.scriptlets.documented import DocumentedNames, is_documented_folder
from framework0.scriptlets.rootfinder import RootFinder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType, TracebackType

_lock = RLock()
_active: list[UserCode] = []
_path_before: list[str] = []


class UserCode:
    """A ``with`` block in which the modules of ``roots`` can be imported.

    With ``keep`` the modules loaded stay loaded afterwards, for classes that are to be used later.
    """

    def __init__(self, roots: Sequence[str | os.PathLike[str]], *, keep: bool = False) -> None:
        self.roots = tuple(dict.fromkeys(os.path.abspath(root) for root in roots))
        self.keep = keep
        self._targets: dict[tuple[str, str], Any] = {}
        self._shared: UserCode | None = None
        self._before: frozenset[str] = frozenset()
        self._aside: dict[str, ModuleType] = {}
        self._finders: tuple[RootFinder, DocumentedNames] | None = None

    def __repr__(self) -> str:
        return f"UserCode({list(self.roots)!r})"

    def __enter__(self) -> UserCode:
        with _lock:
            if not _active:
                _path_before[:] = sys.path
            self._shared = next((code for code in _active if code.roots == self.roots), None)
            _active.append(self)
            if self._shared is None:
                self._step_aside()
                self._before = frozenset(sys.modules)
                self._finders = (RootFinder(self.roots), DocumentedNames())
                sys.meta_path.insert(0, self._finders[0])
                sys.meta_path.append(self._finders[1])
                _add_to_path(self.roots)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _lock:
            _active.remove(self)
            self._targets.clear()
            heir = next((code for code in _active if code._shared is self), None)
            if heir is not None:
                self._hand_over(heir)
            elif self._shared is None:
                self._put_back()
            if not _active:
                sys.path[:] = _path_before

    def target(self, module: str, function: str) -> Any:
        """Import ``module`` and return its ``function``, which may be dotted (``Class.method``).

        Raises :class:`~framework0.errors.ScriptletError`: no such module (with the near name), a
        module that fails to import (with its own error, file and line), no such function (with the
        near name), or something that cannot be called.
        """
        known = self._targets.get((module, function))
        if known is not None:
            return known
        from framework0.scriptlets.targets import find_target

        found = find_target(self.roots, module, function)
        self._targets[module, function] = found
        return found

    def _step_aside(self) -> None:
        """Take modules out of sys.modules whose names the roots claim for files of their own."""
        claims: dict[str, bool] = {}
        for name in list(sys.modules):
            top = name.partition(".")[0]
            if top not in claims:
                claims[top] = self._claims(top)
            if claims[top]:
                self._aside[name] = sys.modules.pop(name)

    def _claims(self, top: str) -> bool:
        """Tell whether a root provides ``top`` while another place's is imported."""
        if top in sys.stdlib_module_names or top in {"__main__", "framework0"}:
            return False
        for root in self.roots:
            path = os.path.join(root, top)
            provided = (
                os.path.isfile(path + ".py")
                or os.path.isfile(os.path.join(path, "__init__.py"))
                or (is_documented_folder(top) and os.path.isdir(path))
            )
            if provided:
                return not _is_inside(sys.modules.get(top), (root,))
        return False

    def _hand_over(self, heir: UserCode) -> None:
        heir._shared = None
        heir._before, heir._aside, heir._finders = self._before, self._aside, self._finders
        heir.keep = heir.keep or self.keep
        for code in _active:
            if code._shared is self:
                code._shared = heir

    def _put_back(self) -> None:
        for finder in self._finders or ():
            sys.meta_path.remove(finder)
        self._finders = None
        others = {root for code in _active for root in code.roots}
        for root in self.roots:
            if root not in others and root not in _path_before and root in sys.path:
                sys.path.remove(root)
        if not self.keep:
            self._forget_modules()
        for name, module in self._aside.items():
            sys.modules.setdefault(name, module)
        self._aside = {}

    def _forget_modules(self) -> None:
        gone = [
            name
            for name, module in list(sys.modules.items())
            if name not in self._before
            and (_is_inside(module, self.roots) or getattr(module, "__framework0_alias__", False))
        ]
        for name in gone:
            del sys.modules[name]
        registry = sys.modules.get("framework0.scriptlets.registry")
        if registry is not None:
            registry.forget_modules(gone)


def _is_inside(module: ModuleType | None, roots: tuple[str, ...]) -> bool:
    """Tell whether a module's file, or a namespace package's folder, lies below one of ``roots``."""
    if module is None:
        return False
    file = getattr(module, "__file__", None)
    places = [file] if isinstance(file, str) else list(getattr(module, "__path__", ()))
    return any(
        os.path.abspath(place).startswith(root.rstrip(os.sep) + os.sep)
        for place in places
        for root in roots
    )


def _add_to_path(roots: tuple[str, ...]) -> None:
    """Put the roots before the installed packages, yet after the standard library."""
    place = next(
        (
            index
            for index, entry in enumerate(sys.path)
            if os.path.basename(entry.rstrip(os.sep)) in {"site-packages", "dist-packages"}
        ),
        len(sys.path),
    )
    sys.path[place:place] = [root for root in roots if root not in sys.path]
