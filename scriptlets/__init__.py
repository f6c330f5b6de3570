"""This workspace's scriptlets, and the registry that knows them. Real home: framework0.scriptlets."""

from framework0.scriptlets import discover as discover
from framework0.scriptlets import get_scriptlet as get_scriptlet
from framework0.scriptlets import register_scriptlet as register_scriptlet
from framework0.scriptlets import registered as registered

__all__ = ["discover", "get_scriptlet", "register_scriptlet", "registered"]
