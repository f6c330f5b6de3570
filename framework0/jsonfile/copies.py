"""Copies of documents that their owner may change, made quickly where values are plain."""

from __future__ import annotations

from framework0.jsonfile.text import is_flat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Document:
    """A parsed object that is never changed, and gives out copies."""

    __slots__ = ("_flat", "_rest", "content")

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self._flat = frozenset(
            key for key, value in content.items() if isinstance(value, dict) and is_flat(value)
        )
        self._rest = len(self._flat) < len(content)

    def copy(self) -> dict[str, Any]:
        """Return a copy that shares nothing changeable with this one or with any other copy."""
        flat = self._flat
        if not self._rest:
            return {key: value.copy() for key, value in self.content.items()}
        return {
            key: value.copy() if key in flat else copy_value(value)
            for key, value in self.content.items()
        }


def copy_value(value: Any) -> Any:
    """Return a copy of a JSON value, containers and all."""
    if isinstance(value, dict):
        return {key: copy_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_value(item) for item in value]
    return value
