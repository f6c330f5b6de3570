"""Values and changes as the JSON that leaves the server."""

from __future__ import annotations

import json

from framework0.context import weigh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from framework0.context import Change

# A reference to an artifact says what it refers to.
_text = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=lambda leaf: leaf.to_json(),
).encode


def encode(value: Any) -> bytes:
    """Return a stored value as JSON."""
    return _text(value).encode()


def change_object(change: Change) -> dict[str, Any]:
    """Return a change as an object for people and scripts."""
    return {
        "version": change.version,
        "key": change.key,
        "value": change.value,
        "removed": change.removed,
        **authored(change),
    }


def authored(change: Change) -> dict[str, Any]:
    """Return who made a change, and when, without what it is of."""
    return {
        "who": change.who,
        "run": change.run,
        "step": change.step,
        "attempt": change.attempt,
        "at": change.at,
        "expires": change.expires,
    }


def weight(change: Change) -> int:
    """Return about how many bytes a change takes on its way."""
    value = change.value
    return 200 + (len(value) if type(value) is str else weigh(value))
