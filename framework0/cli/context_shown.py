"""How a context is shown: values and changes, as text that is safe on a terminal, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from framework0.context import Change

LONGEST: Final = 2_000
"""Characters shown of one value; ``--json`` has them all."""


def plain(value: Any) -> Any:
    """Return ``value`` as JSON: a large value that a run keeps as a file is its reference."""
    return json.loads(json.dumps(value, default=_leaf))


def value_text(value: Any) -> str:
    """Return a value as one line of JSON, shortened when it is very long."""
    text = json.dumps(value, ensure_ascii=False, default=_leaf)
    if len(text) > LONGEST:
        return f"{text[:LONGEST]}… ({len(text):,} characters; --json shows all)"
    return text


def change_facts(change: Change) -> dict[str, Any]:
    """Return a change as ``--json`` tells it."""
    facts = change._asdict()
    for name in ("value", "old"):
        facts[name] = plain(facts[name])
    return facts


def author_text(change: Change) -> str:
    """Say who made a change: a name, and the attempt of a step if there was one."""
    if change.run is None:
        return change.who
    attempt = f" (attempt {change.attempt})" if (change.attempt or 1) > 1 else ""
    step = change.step if change.step in (None, change.who) else f"{change.who}, {change.step}"
    return f"{step or change.who} of {change.run}{attempt}"


def change_text(change: Change) -> str:
    """Say what a change did."""
    if change.removed:
        return f"{change.key} removed, it was {value_text(change.old)}"
    expires = ""
    if change.expires is not None:
        from framework0.cli.times import clock_text

        expires = f" until {clock_text(change.expires)}"
    return f"{change.key} = {value_text(change.value)}{expires}"


def write_json(facts: Any, *, indent: int | None = 2) -> None:
    """Write facts to the standard output."""
    import sys

    sys.stdout.write(json.dumps(facts, indent=indent, default=_leaf) + "\n")


def _leaf(value: Any) -> Any:
    # An array or a table of a run comes as itself when its file is loaded.
    return value.to_json() if hasattr(value, "to_json") else f"<{type(value).__name__}>"
