"""The scriptlets' door: the base class, its registry, and how an attempt is performed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.scriptlets.base import BaseScriptlet as BaseScriptlet
    from framework0.scriptlets.control import Control as Control
    from framework0.scriptlets.lifecycle import aperform as aperform
    from framework0.scriptlets.lifecycle import is_async as is_async
    from framework0.scriptlets.lifecycle import perform as perform
    from framework0.scriptlets.parameters import Parameter as Parameter
    from framework0.scriptlets.resources import Resources as Resources
    from framework0.scriptlets.usercode import UserCode as UserCode

_HOMES = {
    "BaseScriptlet": "base",
    "Control": "control",
    "Parameter": "parameters",
    "Resources": "resources",
    "UserCode": "usercode",
    "aperform": "lifecycle",
    "is_async": "lifecycle",
    "perform": "lifecycle",
}

__all__ = [
    "BaseScriptlet",
    "Control",
    "Parameter",
    "Resources",
    "UserCode",
    "aperform",
    "is_async",
    "perform",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
