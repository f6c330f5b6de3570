"""Say in words what the statistics in the context mean."""

from __future__ import annotations

from orchestrator.context import Context


def describe(context: Context, column: str, group: str = "") -> str:
    """Print one line about ``statistics.<column>`` (or one group of it) and return it.

    Raises KeyError when the context holds no such statistics.
    """
    key = f"statistics.{column}.{group}" if group else f"statistics.{column}"
    found = context.get(key)
    if found is None:
        raise KeyError(
            f"{key} is not in the context: has the analysis run, and is there such a group?"
        )
    line = (
        f"{group or 'all'}: {found['count']} values of {column}, median {found['median']:g},"
        f" from {found['minimum']:g} to {found['maximum']:g}"
    )
    print(line)
    return line
