"""The documented import names, resolved to ours where the user's tree has no file for them.

``from scriptlets.framework import BaseScriptlet`` works in a workspace that has thin files of those
names, in one whose ``scriptlets/`` holds only the user's scriptlets, and in one with neither. The
finder stands last on the meta path: any real file comes first.
"""

from __future__ import annotations

from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

ALIASES: Final = {
    "orchestrator": "",
    "orchestrator.context": "framework0.context",
    "scriptlets": "framework0.scriptlets",
    "scriptlets.framework": "framework0.scriptlets",
    "scriptlets.registry": "framework0.scriptlets.registry",
    "src": "",
    "src.core": "",
    "src.core.logger": "framework0.logs",
}
"""Documented name → the room whose names it offers (empty: a package that only leads on)."""

PACKAGES: Final = frozenset({"orchestrator", "scriptlets", "src", "src.core"})

FOLDERS: Final = frozenset({"octo", "orchestrator", "scriptlets", "server", "src", "tools"})
"""Top folders of a documented workspace: a root's folder of this name counts without ``__init__``."""


def is_documented_folder(name: str) -> bool:
    """Tell whether ``name`` is a top folder of a documented workspace."""
    return name in FOLDERS


def is_alias(module: ModuleType) -> bool:
    """Tell whether :class:`DocumentedNames` made this module."""
    return bool(getattr(module, "__framework0_alias__", False))


class DocumentedNames:
    """The meta path finder and loader of :data:`ALIASES`."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return a spec for a documented name."""
        if name not in ALIASES:
            return None
        return ModuleSpec(name, self, is_package=name in PACKAGES)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make an empty module."""
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with the names of the room it stands for."""
        module.__dict__["__framework0_alias__"] = True
        home = ALIASES[module.__name__]
        if not home:
            return
        room = import_module(home)
        names = list(room.__all__)
        module.__dict__.update({name: getattr(room, name) for name in names})
        module.__dict__["__all__"] = names
        module.__doc__ = f"The names of {home}, under the documented name {module.__name__}."
