"""What can be known about user code by reading files: never by importing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework0.source.facts import Answer as Answer
    from framework0.source.facts import Broken as Broken
    from framework0.source.facts import Facts as Facts
    from framework0.source.facts import Missing as Missing
    from framework0.source.facts import Parameter as Parameter
    from framework0.source.facts import Signature as Signature
    from framework0.source.facts import Unknown as Unknown
    from framework0.source.near import near_names as near_names
    from framework0.source.plugins import builtin_scriptlets as builtin_scriptlets
    from framework0.source.sources import Sources as Sources

__all__ = [
    "Answer",
    "Broken",
    "Facts",
    "Missing",
    "Parameter",
    "Signature",
    "Sources",
    "Unknown",
    "builtin_scriptlets",
    "near_names",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    homes = {"Sources": "sources", "builtin_scriptlets": "plugins", "near_names": "near"}
    home = homes.get(name, "facts")
    value = getattr(import_module(f"framework0.source.{home}"), name)
    globals()[name] = value
    return value
