"""Checking libraries of step nodes: what is wrong with a machine, before it runs."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.stepengine.checking.library import Checked as Checked
    from framework0.stepengine.checking.library import check_machine as check_machine

__all__ = ["Checked", "check_machine"]

_HOMES = {"Checked": "library", "check_machine": "library"}

__getattr__ = opening(__name__, _HOMES)
