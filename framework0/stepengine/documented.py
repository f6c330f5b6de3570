"""The documented import names of the step engine, resolved to ours wherever a library is used.

A node file may say ``from octo_step_engine_parameters import octo_step_engine_parameters`` in a
repository, in a folder of its own, or where only the package is installed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

DOCUMENTED: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "octo_step_engine_parameters": {
        "octo_step_engine_parameters": ("framework0.stepengine.parameters", "StepParameters"),
    },
    "octolockjson": {"octolockjson": ("framework0.jsonfile", "JsonFile")},
    "octo_lock_json": {"octo_lock_json": ("framework0.jsonfile", "JsonFile")},
    "octo_step_lib": {
        "COMPLETE": ("framework0.stepengine.arrows", "COMPLETE"),
        "StepNode": ("framework0.stepengine.node", "StepNode"),
        "octo_step_engine_parameters": ("framework0.stepengine.parameters", "StepParameters"),
    },
}
"""Documented module → its names → where each of them lives, and what it is called there."""


class DocumentedModules:
    """The meta path finder and loader of :data:`DOCUMENTED`."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return a spec for a documented name."""
        # The machinery of imports takes any object with these three methods for a loader.
        return ModuleSpec(name, self) if name in DOCUMENTED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make an empty module."""
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with its documented names."""
        names = DOCUMENTED[module.__name__]
        for name, (home, there) in names.items():
            setattr(module, name, getattr(import_module(home), there))
        module.__dict__["__all__"] = list(names)


_finder: Final = DocumentedModules()


def offer_documented_modules() -> None:
    """Have the documented names importable in this process, for as long as it lives.

    A module of that name which is imported already stays: it is the thin file at its documented path,
    and has the same classes.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
