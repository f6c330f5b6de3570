"""The step's own folder where it has no root of its own: one made outside for it, and removed after it."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from framework0.runner.sandbox import namespaces, root

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_own_folder(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``plan`` with a folder of the step's own; raise OSError when it cannot be made."""
    if not {namespaces.LAYER, root.LAYER} & set(plan["missing"]):
        return dict(plan)
    home = tempfile.mkdtemp(prefix="framework0-step-")
    folder = home if plan["folder"] == plan["home"] else plan["folder"]
    environment = {**plan["env"], "HOME": home, "TMPDIR": home}
    return {**plan, "home": home, "folder": folder, "env": environment, "made": home}


def remove_own_folder(plan: Mapping[str, Any]) -> None:
    """Remove the folder that was made for the step, when all of it has ended."""
    if "made" in plan:
        shutil.rmtree(plan["made"], ignore_errors=True)
