"""What can be asked of a document as data: set a value, or count one up or down. Pure."""

from __future__ import annotations

from framework0.errors import ValueRefused
from framework0.jsonfile.text import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

SET: Final = "set"
ADD: Final = "add"

LARGEST: Final = 2**63 - 1
"""Counts stay within 64 bits, so that readers in other languages see the same number."""


def apply_edit(document: dict[str, Any], edit: Sequence[Any]) -> Any:
    """Change ``document`` in place as ``edit`` (kind, keys, value) says; return the new value.

    Groups that are missing are made. Nothing is changed when it raises
    :class:`~framework0.errors.ValueRefused`.
    """
    kind, keys, value = edit
    group = _group(document, keys)
    last = keys[-1]
    if kind == ADD:
        value = _sum(group.get(last, 0) if group is not None else 0, value, keys)
    if group is None:
        group = document
        for key in keys[:-1]:
            group = group.setdefault(key, {})
    group[last] = value
    return value


def _group(document: dict[str, Any], keys: Sequence[str]) -> dict[str, Any] | None:
    """Return the object that holds the last key; None when it has to be made."""
    here: Any = document
    for depth, key in enumerate(keys[:-1]):
        if key not in here:
            return None
        here = here[key]
        if not isinstance(here, dict):
            path = ".".join(keys[: depth + 1])
            raise ValueRefused(
                f"{path} is {kind_of(here)}, not a group: {keys[depth + 1]!r} cannot be put into it",
                path=path,
            )
    assert isinstance(here, dict)
    return here


def _sum(now: Any, step: int, keys: Sequence[str]) -> int:
    path = ".".join(keys)
    if isinstance(now, bool) or not isinstance(now, int):
        shown = f"{now!r:.60}"
        raise ValueRefused(
            f"{path} is {kind_of(now)} ({shown}), not an integer: it cannot be counted", path=path
        )
    found = now + step
    if not -LARGEST - 1 <= found <= LARGEST:
        raise ValueRefused(f"{path} would leave the range of 64 bits at {now:,}", path=path)
    return found
