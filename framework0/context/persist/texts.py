"""Values as texts: canonical JSON, the same text for the same value in every process. Pure."""

from __future__ import annotations

from json import JSONEncoder, loads

from framework0.context.values import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from framework0.artifacts import Artifacts

    Home = Callable[[], Artifacts]

# An artifact stands for itself by its reference; frozen values hold nothing else that is no JSON.
encode = JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=lambda leaf: leaf.to_json(),
).encode


def decode(text: str, home: Home | None = None) -> Any:
    """Return the value of a text that :func:`encode` wrote; raises ValueError for what is no JSON.

    ``home`` returns where references load their values.
    """
    value = loads(text)
    return revived(value, home) if MARK in text else value


def revived(value: Any, home: Home | None) -> Any:
    """Return ``value`` with a reference to an artifact in the place of each that is written there."""
    from framework0.artifacts import revive

    return revive(value, None if home is None else home())
