"""What ``framework0 context`` shows: now, then, who, and what differs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.context_opening import absent, opened_context
from framework0.cli.context_shown import (
    author_text,
    change_facts,
    change_text,
    plain,
    value_text,
    write_json,
)
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Mapping

    from framework0.cli.context_opening import Opened
    from framework0.context import Change

EXPORT_FORMAT: Final = 1
"""What `export` writes and `import` reads; a later one is refused by this release."""

LISTED: Final = 50
"""Changes listed unless told otherwise: what people scroll through."""


def get_(arguments: Namespace) -> int:
    """Show one value."""
    from framework0.logs import plain_lines

    key = arguments.key
    with opened_context(arguments) as found:
        if arguments.at is not None:
            picture = found.context.at(arguments.at)
            values, version = picture.frozen(), None
        else:
            version = found.context.version_of(key)
            values = {key: found.context.kept(key)} if version else {}
        if key not in values:
            raise absent(key, found.text, _near(found, key))
    value = values[key]
    if arguments.json:
        write_json({"key": key, "value": plain(value), "version": version})
    elif isinstance(value, str):
        # Text comes as it is, for scripts; a terminal gets nothing that could move its cursor.
        sys.stdout.write((plain_lines(value) if sys.stdout.isatty() else value) + "\n")
    else:
        write_json(value, indent=None)
    return EXIT_OK


def list_(arguments: Namespace) -> int:
    """List keys and values."""
    with opened_context(arguments) as found:
        context = found.context
        if arguments.at is not None:
            return _picture(arguments, found, arguments.at)
        keys = context.keys(arguments.pattern)
        lines = {key: (context.version_of(key), context.kept(key)) for key in keys}
        # What ended since it was listed is not there any more.
        lines = {key: line for key, line in lines.items() if line[0]}
    if arguments.json:
        facts = {k: {"value": plain(value), "version": v} for k, (v, value) in lines.items()}
        write_json(facts)
        return EXIT_OK
    _say_if_empty(lines, arguments.pattern, found)
    for key, (_, value) in lines.items():
        _line(f"{key} = {value_text(value)}")
    return EXIT_OK


def at_(arguments: Namespace) -> int:
    """Show the context as it was."""
    with opened_context(arguments) as found:
        return _picture(arguments, found, arguments.moment)


def history_(arguments: Namespace) -> int:
    """List changes."""
    from framework0.context import matcher

    with opened_context(arguments) as found:
        since = found.context.kept_since
        matches = matcher(arguments.pattern)
        changes = [each for each in found.context.changes_since(since) if matches(each.key)]
    limit = LISTED if arguments.limit is None else arguments.limit or len(changes)
    shown = changes[-limit:]
    if arguments.json:
        write_json({"kept_since": since, "changes": [change_facts(change) for change in shown]})
        return EXIT_OK
    from framework0.cli.troubles import say

    if not changes:
        say(f"no change of {arguments.pattern!r} is kept")
        return EXIT_OK
    _write_changes(shown)
    if len(shown) < len(changes):
        say(f"{len(changes) - len(shown):,} earlier changes are not shown: --limit 0 shows all")
    if since:
        say(f"what happened up to version {since} is no longer kept")
    return EXIT_OK


def blame_(arguments: Namespace) -> int:
    """Show who is responsible for a value."""
    from framework0.cli.columns import table
    from framework0.cli.streams import columns_of

    with opened_context(arguments) as found:
        try:
            blame = found.context.blame(arguments.key)
        except KeyError:
            raise absent(arguments.key, found.text, _near(found, arguments.key)) from None
        value = found.context.kept(arguments.key)
    if arguments.json:
        facts: dict[str, Any] = {
            "key": blame.key,
            "version": blame.version,
            "change": None if blame.change is None else change_facts(blame.change),
            "parts": {
                path: None if change is None else change.version
                for path, change in blame.parts.items()
            },
        }
        write_json(facts)
        return EXIT_OK
    rows = [[path, *_responsible(change)] for path, change in blame.parts.items()]
    header = ["PART", "VERSION", "WHEN", "WHO"]
    if list(blame.parts) == [""]:
        rows = [[value_text(value), *row[1:]] for row in rows]
        header[0] = "VALUE"
    sys.stdout.write(table(header, rows, columns=columns_of(sys.stdout), right="VERSION"))
    return EXIT_OK


def diff_(arguments: Namespace) -> int:
    """Show what differs."""
    with opened_context(arguments) as found:
        diff = found.context.diff(arguments.before, arguments.after)
    if arguments.json:
        write_json(
            {
                "added": plain(diff.added),
                "removed": plain(diff.removed),
                "changed": {
                    key: {"before": plain(before), "after": plain(after)}
                    for key, (before, after) in diff.changed.items()
                },
            }
        )
    else:
        write_diff(diff.added, diff.removed, diff.changed)
    return EXIT_OK


def export_(arguments: Namespace) -> int:
    """Write the values as one JSON object."""
    with opened_context(arguments) as found:
        context = found.context
        picture = context.snapshot() if arguments.at is None else context.at(arguments.at)
    facts = {
        "framework0": "context",
        "format": EXPORT_FORMAT,
        "version": picture.version,
        "values": plain(_matching(picture.frozen(), arguments.pattern)),
    }
    if arguments.output is None:
        write_json(facts)
        return EXIT_OK
    import json
    from pathlib import Path

    from framework0.cli.schema import replace

    replace(Path(arguments.output), json.dumps(facts, indent=2) + "\n")
    return EXIT_OK


def write_diff(
    added: Mapping[str, Any], removed: Mapping[str, Any], changed: Mapping[str, tuple[Any, Any]]
) -> None:
    """Write what differs, key by key."""
    for key in sorted({*added, *removed, *changed}):
        if key in added:
            _line(f"+ {key} = {value_text(added[key])}")
        elif key in removed:
            _line(f"- {key} = {value_text(removed[key])}")
        else:
            before, after = changed[key]
            _line(f"~ {key} = {value_text(before)} → {value_text(after)}")
    if not (added or removed or changed):
        from framework0.cli.troubles import say

        say("nothing differs")


def _picture(arguments: Namespace, found: Opened, moment: str) -> int:
    picture = found.context.at(moment)
    values = _matching(picture.frozen(), arguments.pattern)
    if arguments.json:
        write_json({"version": picture.version, "values": plain(values)})
        return EXIT_OK
    _say_if_empty(values, arguments.pattern, found)
    for key, value in values.items():
        _line(f"{key} = {value_text(value)}")
    return EXIT_OK


def _matching(values: Mapping[str, Any], pattern: str) -> dict[str, Any]:
    from framework0.context import matcher

    return {key: values[key] for key in sorted(filter(matcher(pattern), values))}


def _say_if_empty(values: Mapping[str, Any], pattern: str, found: Opened) -> None:
    from framework0.cli.troubles import say

    if not values:
        say(f"{found.text} is empty" if pattern == "**" else f"no key matches {pattern!r}")


def _near(found: Opened, key: str) -> str | None:
    from framework0.recipe import near_name

    return near_name(key, found.context.keys())


def _write_changes(changes: Iterable[Change]) -> None:
    from framework0.cli.columns import table
    from framework0.cli.streams import columns_of

    rows = [[*_responsible(change), change_text(change)] for change in changes]
    header = ["VERSION", "WHEN", "WHO", "WHAT"]
    sys.stdout.write(table(header, rows, columns=columns_of(sys.stdout), right="VERSION"))


def _responsible(change: Change | None) -> list[str]:
    from framework0.cli.times import clock_text

    if change is None:
        return ["-", "-", "no longer kept"]
    return [str(change.version), clock_text(change.at), author_text(change)]


def _line(text: str) -> None:
    from framework0.logs import one_line

    sys.stdout.write(one_line(text) + "\n")
