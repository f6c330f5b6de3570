"""What a scriptlet is built from. Real home: framework0.scriptlets."""

from framework0.scriptlets import BaseScriptlet as BaseScriptlet
from framework0.scriptlets import ExecutionContext as ExecutionContext
from framework0.scriptlets import Parameter as Parameter
from framework0.scriptlets import register_scriptlet as register_scriptlet

__all__ = ["BaseScriptlet", "ExecutionContext", "Parameter", "register_scriptlet"]
