"""Doors that load what stands behind them when it is first asked for (PEP 562).

A room's door names everything the room offers; loading all of it at once would cost every start of
the command what only a few of them use.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def opening(
    door: str, homes: Mapping[str, str], names_there: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of the package ``door``.

    ``homes`` maps each name to the module of the package it lives in; ``names_there`` gives the names
    that are others there. What was asked for once is an ordinary attribute of the door from then on.
    """

    def fetched(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        there = name if names_there is None else names_there.get(name, name)
        value = getattr(import_module(f"{door}.{home}"), there)
        setattr(sys.modules[door], name, value)
        return value

    return fetched
