"""A JSON file that many processes read and change at once: locked, replaced whole, never torn."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.jsonfile.file import JsonFile as JsonFile
    from framework0.jsonfile.text import parse_object as parse_object
    from framework0.jsonfile.text import render_object as render_object

__all__ = ["JsonFile", "parse_object", "render_object"]

_HOMES = {"JsonFile": "file", "parse_object": "text", "render_object": "text"}

__getattr__ = opening(__name__, _HOMES)
