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

from framework0.scriptlets.installation import Installation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, Self

_lock = RLock()
_installed: list[Installation] = []
_path_before: list[str] = []


def active_roots() -> tuple[str, ...]:
    """Return the roots that are importable now, those of the run entered last first."""
    with _lock:
        return tuple(dict.fromkeys(root for each in reversed(_installed) for root in each.roots))


class UserCode:
    """A ``with`` block in which the modules of ``roots`` can be imported.

    With ``keep`` the modules loaded stay loaded afterwards, for classes that are to be used later.
    """

    def __init__(self, roots: Sequence[str | os.PathLike[str]], *, keep: bool = False) -> None:
        self.roots = tuple(dict.fromkeys(os.path.abspath(root) for root in roots))
        self.keep = keep
        self._targets: dict[tuple[str, str], Any] = {}
        self._entered: list[Installation] = []

    def __repr__(self) -> str:
        return f"UserCode({list(self.roots)!r})"

    def __enter__(self) -> Self:
        with _lock:
            if not _installed:
                _path_before[:] = sys.path
            known = next((each for each in _installed if each.roots == self.roots), None)
            if known is None:
                known = Installation(self.roots)
                known.install()
                _installed.append(known)
            known.users += 1
            known.keep = known.keep or self.keep
            self._entered.append(known)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _lock:
            self._targets.clear()
            installation = self._entered.pop()
            installation.users -= 1
            if installation.users:
                return
            _installed.remove(installation)
            still_used = {root for each in _installed for root in each.roots}
            installation.remove(still_used.union(_path_before))
            if not _installed:
                # Also what a step did to the path ends with the run.
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
