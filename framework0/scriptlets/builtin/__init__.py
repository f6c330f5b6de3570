"""The scriptlets that come with the product, each usable as a step's ``type`` and from Python.

    from framework0.scriptlets import perform
    from framework0.scriptlets.builtin import Http

    perform(Http, None, {"url": "https://example.org/items"})

Which name stands for which class is in :mod:`framework0.source.plugins`, where the checker finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.scriptlets.builtin.asserting import Assert as Assert
    from framework0.scriptlets.builtin.files import Files as Files
    from framework0.scriptlets.builtin.http import Http as Http
    from framework0.scriptlets.builtin.notify import Notify as Notify
    from framework0.scriptlets.builtin.poll import Poll as Poll
    from framework0.scriptlets.builtin.read import Read as Read
    from framework0.scriptlets.builtin.sql import Sql as Sql
    from framework0.scriptlets.builtin.template import Template as Template
    from framework0.scriptlets.builtin.wait import Wait as Wait
    from framework0.scriptlets.builtin.write import Write as Write

_HOMES = {
    "Assert": "asserting",
    "Files": "files",
    "Http": "http",
    "Notify": "notify",
    "Poll": "poll",
    "Read": "read",
    "Sql": "sql",
    "Template": "template",
    "Wait": "wait",
    "Write": "write",
}

__all__ = [
    "Assert",
    "Files",
    "Http",
    "Notify",
    "Poll",
    "Read",
    "Sql",
    "Template",
    "Wait",
    "Write",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
