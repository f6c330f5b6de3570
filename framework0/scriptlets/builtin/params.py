"""Params that several built-in scriptlets take, read the same way by each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_CLASSES: Final = {f"{digit}xx": range(100 * digit, 100 * digit + 100) for digit in range(1, 6)}
_EVERY_STATUS: Final = range(100, 600)


def seconds(name: str, value: Any, *, zero: bool = False) -> float:
    """Return a duration in seconds; raise UsageError for what is none."""
    from framework0.durations import parse_duration

    try:
        return parse_duration(value, zero=zero)
    except ValueError as error:
        raise UsageError(f"{name} {error}") from None


def statuses(given: Sequence[Any]) -> Collection[int]:
    """Return the HTTP statuses that ``[200, 404]`` or ``[2xx, 404]`` mean; raise UsageError."""
    found: set[int] = set()
    for entry in given:
        known = _CLASSES.get(str(entry).lower())
        if known is not None:
            found.update(known)
        elif isinstance(entry, int) and not isinstance(entry, bool) and entry in _EVERY_STATUS:
            found.add(entry)
        else:
            raise UsageError(
                f"{entry!r} is no status: write a number like 404, or a class like 2xx"
            )
    return found


def texts(name: str, value: Any) -> list[str]:
    """Return one text, or a list of them, as a list; raise UsageError for anything else."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise UsageError(f"{name} must be a text or a list of texts")
    return found
