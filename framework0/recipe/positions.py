"""Where each value of a recipe stands: a tree of marks as the composer saw them.

A mark is a plain tuple ``(line, column, parts)``, lines and columns from 0. ``parts`` is None for a
scalar, a list of marks for a list, and for a mapping a dict from key to
``(line, column, mark of the value)``. Tuples, not objects: a large recipe has a million of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Mark: TypeAlias = tuple[int, int, Any]


def find(root: Mark, path: Sequence[str | int], *, key: bool = False) -> tuple[int, int]:
    """Return line and column (from 0) of the value at ``path``, or of its key if ``key``.

    Where the path leads nowhere, the nearest ancestor that exists answers: by its key when the
    missing part was the last one, so that "timeout is missing" points at the step it misses in.
    """
    mark = root
    position = root[0], root[1]
    for depth, part in enumerate(path):
        parts = mark[2]
        if isinstance(parts, dict) and isinstance(part, str) and part in parts:
            line, column, mark = parts[part]
            wants_key = key and depth == len(path) - 1
            position = (line, column) if wants_key else (mark[0], mark[1])
        elif isinstance(parts, list) and isinstance(part, int) and 0 <= part < len(parts):
            mark = parts[part]
            position = mark[0], mark[1]
        else:
            break
    return position
