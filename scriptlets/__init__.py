"""This workspace's scriptlets, and the names they are built from. Real home: framework0.scriptlets."""

from framework0.scriptlets import BaseScriptlet as BaseScriptlet, registry as registry

__all__ = ["BaseScriptlet", "registry"]
