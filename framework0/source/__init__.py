"""What can be known about user code by reading files: never by importing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework0.source.bindings import Bindings as Bindings
    from framework0.source.bindings import Imported as Imported
    from framework0.source.bindings import Opaque as Opaque
    from framework0.source.facts import Answer as Answer
    from framework0.source.facts import Broken as Broken
    from framework0.source.facts import Facts as Facts
    from framework0.source.facts import Missing as Missing
    from framework0.source.facts import Parameter as Parameter
    from framework0.source.facts import Signature as Signature
    from framework0.source.facts import Unknown as Unknown
    from framework0.source.finding import SourceFile as SourceFile
    from framework0.source.near import near_names as near_names
    from framework0.source.parsing import Module as Module
    from framework0.source.plugins import builtin_scriptlets as builtin_scriptlets
    from framework0.source.raised import is_ours as is_ours
    from framework0.source.raised import message_of as message_of
    from framework0.source.raised import trace_text as trace_text
    from framework0.source.raised import without_ours as without_ours
    from framework0.source.resolving import Code as Code
    from framework0.source.resolving import Library as Library
    from framework0.source.resolving import OurName as OurName
    from framework0.source.sources import Sources as Sources
    from framework0.source.syntax import parse_python as parse_python

__all__ = [
    "Answer",
    "Bindings",
    "Broken",
    "Code",
    "Facts",
    "Imported",
    "Library",
    "Missing",
    "Module",
    "Opaque",
    "OurName",
    "Parameter",
    "Signature",
    "SourceFile",
    "Sources",
    "Unknown",
    "builtin_scriptlets",
    "is_ours",
    "message_of",
    "near_names",
    "parse_python",
    "trace_text",
    "without_ours",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    homes = {
        "Bindings": "bindings",
        "Code": "resolving",
        "Imported": "bindings",
        "Library": "resolving",
        "Module": "parsing",
        "Opaque": "bindings",
        "OurName": "resolving",
        "SourceFile": "finding",
        "Sources": "sources",
        "builtin_scriptlets": "plugins",
        "is_ours": "raised",
        "message_of": "raised",
        "near_names": "near",
        "parse_python": "syntax",
        "trace_text": "raised",
        "without_ours": "raised",
    }
    home = homes.get(name, "facts")
    value = getattr(import_module(f"framework0.source.{home}"), name)
    globals()[name] = value
    return value
