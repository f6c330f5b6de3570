"""The scriptlets' door: the base class, its registry, and how scriptlets are found and performed."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.scriptlets.base import BaseScriptlet as BaseScriptlet
    from framework0.scriptlets.control import Control as Control
    from framework0.scriptlets.discovery import discover as discover
    from framework0.scriptlets.documented import ALIASES as ALIASES
    from framework0.scriptlets.lifecycle import aperform as aperform
    from framework0.scriptlets.lifecycle import is_async as is_async
    from framework0.scriptlets.lifecycle import perform as perform
    from framework0.scriptlets.parameters import Parameter as Parameter
    from framework0.scriptlets.registry import Registered as Registered
    from framework0.scriptlets.registry import get_scriptlet as get_scriptlet
    from framework0.scriptlets.registry import register_scriptlet as register_scriptlet
    from framework0.scriptlets.registry import registered as registered
    from framework0.scriptlets.registry import unregister as unregister
    from framework0.scriptlets.resources import Resources as Resources
    from framework0.scriptlets.together import Ended as Ended
    from framework0.scriptlets.together import ExecutionContext as ExecutionContext
    from framework0.scriptlets.together import Report as Report
    from framework0.scriptlets.usercode import UserCode as UserCode
    from framework0.scriptlets.verdict import failure_in as failure_in

_HOMES = {
    "ALIASES": "documented",
    "BaseScriptlet": "base",
    "Control": "control",
    "Ended": "together",
    "ExecutionContext": "together",
    "Parameter": "parameters",
    "Registered": "registry",
    "Report": "together",
    "Resources": "resources",
    "UserCode": "usercode",
    "aperform": "lifecycle",
    "discover": "discovery",
    "failure_in": "verdict",
    "get_scriptlet": "registry",
    "is_async": "lifecycle",
    "perform": "lifecycle",
    "register_scriptlet": "registry",
    "registered": "registry",
    "unregister": "registry",
}

__all__ = [
    "ALIASES",
    "BaseScriptlet",
    "Control",
    "Ended",
    "ExecutionContext",
    "Parameter",
    "Registered",
    "Report",
    "Resources",
    "UserCode",
    "aperform",
    "discover",
    "failure_in",
    "get_scriptlet",
    "is_async",
    "perform",
    "register_scriptlet",
    "registered",
    "unregister",
]


__getattr__ = opening(__name__, _HOMES)
