"""A picture of the context at one version: a read-only mapping, and what ``restore`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from framework0.context.patterns import EVERYTHING, matcher
from framework0.context.values import thaw

if TYPE_CHECKING:
    from collections.abc import Iterator


class Snapshot(Mapping[str, Any]):
    """The values of every key at ``version``. Values come out as copies; keys are sorted."""

    __slots__ = ("_values", "version")

    def __init__(self, version: int, values: Mapping[str, Any]) -> None:
        self.version = version
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return thaw(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __repr__(self) -> str:
        return f"Snapshot(version={self.version}, {len(self._values)} keys)"

    def frozen(self) -> Mapping[str, Any]:
        """Return the values themselves, for readers that never change them."""
        return self._values

    def matching(self, pattern: str = EVERYTHING) -> dict[str, Any]:
        """Return copies of the values whose keys match ``pattern``, sorted by key."""
        matches = matcher(pattern)
        return {key: self[key] for key in self if matches(key)}
