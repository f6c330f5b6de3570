"""What ``framework0 context`` changes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.context_looking import EXPORT_FORMAT, write_diff
from framework0.cli.context_opening import absent, opened_context
from framework0.cli.context_shown import plain, write_json
from framework0.errors import EXIT_OK, UsageError, VersionConflict

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from framework0.context import Context

STDIN: Final = "-"


def set_(arguments: Namespace) -> int:
    """Set a key."""
    value = _value(arguments)
    with opened_context(arguments, writing=True) as found:
        if arguments.expect is None:
            version = found.context.set(arguments.key, value, ttl=arguments.ttl)
        else:
            with found.context.transaction({arguments.key: arguments.expect}) as together:
                together.set(arguments.key, value, ttl=arguments.ttl)
            version = together.version
    _tell(arguments, {"key": arguments.key, "version": version}, str(version))
    return EXIT_OK


def delete_(arguments: Namespace) -> int:
    """Remove a key."""
    key = arguments.key
    with opened_context(arguments, writing=True) as found:
        context = found.context
        while True:
            present = context.version_of(key)
            expected = present if arguments.expect is None else arguments.expect
            if not present and not arguments.expect:
                raise absent(key, found.text, None)
            transaction = context.transaction({key: expected})
            try:
                with transaction:
                    transaction.delete(key)
                break
            except VersionConflict:
                if arguments.expect is not None:
                    raise
    _tell(arguments, {"key": key, "version": transaction.version}, str(transaction.version))
    return EXIT_OK


def tag_(arguments: Namespace) -> int:
    """Name a version, list the names, or forget one."""
    name = arguments.name
    if name is None:
        if arguments.remove or arguments.move:
            raise UsageError("--move and --remove need the NAME of a tag")
        with opened_context(arguments) as found:
            tags = found.context.tags()
        _tell(arguments, tags, "\n".join(f"{name} = {version}" for name, version in tags.items()))
        return EXIT_OK
    with opened_context(arguments, writing=True) as found:
        if arguments.remove:
            if not found.context.untag(name):
                from framework0.recipe import near_name

                near = near_name(name, list(found.context.tags()))
                raise UsageError(
                    f"{found.text} has no tag {name!r}"
                    + (f": did you mean {near!r}?" if near else "")
                )
            _tell(arguments, {"removed": name}, "")
            return EXIT_OK
        version = found.context.tag(name, arguments.moment, move=arguments.move)
    _tell(arguments, {"tag": name, "version": version}, str(version))
    return EXIT_OK


def rollback_(arguments: Namespace) -> int:
    """Bring back what was there at a moment."""
    with opened_context(arguments, writing=True) as found:
        picture = found.context.at(arguments.moment)
        return _restore(arguments, found.context, picture.frozen(), arguments.pattern)


def import_(arguments: Namespace) -> int:
    """Set the values of an exported object."""
    values = _exported(arguments.file)
    with opened_context(arguments, writing=True) as found:
        if arguments.replace:
            return _restore(arguments, found.context, values, "**")
        present = dict(found.context.snapshot().frozen())
        return _restore(arguments, found.context, {**present, **values}, "**")


def _restore(
    arguments: Namespace, context: Context, picture: Mapping[str, Any], pattern: str
) -> int:
    from framework0.context import matcher

    matches = matcher(pattern)
    before = context.snapshot()
    target = {key: value for key, value in picture.items() if matches(key)}
    rest = {key: value for key, value in before.frozen().items() if not matches(key)}
    diff = context.diff(before, {**rest, **target})
    version = before.version
    if not arguments.dry_run:
        version = context.restore(target, pattern)
    if arguments.json:
        facts = {
            "version": version,
            "added": plain(diff.added),
            "removed": plain(diff.removed),
            "changed": {key: plain(after) for key, (_, after) in diff.changed.items()},
        }
        write_json(facts)
    else:
        write_diff(diff.added, diff.removed, diff.changed)
    return EXIT_OK


def _value(arguments: Namespace) -> Any:
    text = arguments.value
    if text == STDIN:
        text = sys.stdin.read()
        if arguments.text:
            return text
    if arguments.text:
        return text
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text.rstrip("\n") if arguments.value == STDIN else text


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _exported(file: str) -> dict[str, Any]:
    where = "the standard input" if file == STDIN else file
    if file == STDIN:
        text = sys.stdin.read()
    else:
        with open(file, encoding="utf-8", errors="surrogateescape") as opened:
            text = opened.read()
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict) or found.get("framework0") != "context":
        raise UsageError(f"{where} is not what `framework0 context export` writes")
    if found.get("format") != EXPORT_FORMAT:
        raise UsageError(
            f"{where} has the format {found.get('format')!r}, and this release reads {EXPORT_FORMAT}: "
            "import it with the release that wrote it, or a newer one"
        )
    values = found.get("values")
    if not isinstance(values, dict):
        raise UsageError(f"{where} has no object of `values`: export it again")
    return values


def _tell(arguments: Namespace, facts: Mapping[str, Any], text: str) -> None:
    from framework0.logs import plain_lines

    if arguments.json:
        write_json(facts, indent=None)
    elif text:
        sys.stdout.write(plain_lines(text) + "\n")
