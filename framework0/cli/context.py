"""Read, write, watch and look back in a shared context.

A context is chosen by --context: a name means one of this workspace, in a file that many processes may
use at once; ws:// or wss:// a server's; etcd:// or nats:// a cluster's. With --run it is what a run has
left, to look at only.

A VALUE is JSON where it can be read as such, else text; `-` reads it from the standard input. A MOMENT
is a version, a tag, a time such as 2024-05-01T12:00, or run:step, where `latest` stands for the last run
that wrote.

examples:
  framework0 context set stock.screws 10
  framework0 context set lease ada --ttl 30 --expect 0
  framework0 context get stock.screws
  framework0 context list 'stock.**' --json
  framework0 context history stock.screws
  framework0 context tag opening
  framework0 context diff opening
  framework0 context rollback opening 'stock.**'
  framework0 context at latest:count
  framework0 context watch 'stock.*' --context ws://localhost:8765
  framework0 context browse --context ws://localhost:8765 --open
  framework0 context blame count.total --run latest
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

_LOOKING: Final = "context_looking"
_CHANGING: Final = "context_changing"
_WATCHING: Final = "context_watching"
_BROWSING: Final = "context_browsing"

ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "get": (_LOOKING, "show the value of a key; exit code 1 when there is none"),
    "set": (_CHANGING, "set a key, and show the version of the change"),
    "delete": (_CHANGING, "remove a key; exit code 1 when there is none"),
    "list": (_LOOKING, "list the keys and their values"),
    "history": (_LOOKING, "list the changes that are kept, of all keys or of some"),
    "blame": (_LOOKING, "show who is responsible for the value of a key, part by part"),
    "diff": (_LOOKING, "show what differs between two moments"),
    "at": (_LOOKING, "show the context as it was"),
    "tag": (_CHANGING, "name a version, list the names, or remove one"),
    "rollback": (_CHANGING, "bring back what was there at a moment, as one more change"),
    "watch": (_WATCHING, "show changes as they happen, until Ctrl-C"),
    "browse": (_BROWSING, "make an address that lets a browser look at a server's contexts, once"),
    "export": (_LOOKING, "write the values as one JSON object"),
    "import": (_CHANGING, "set the values of an exported object, all or none"),
}
"""What can be done: the module of ``framework0.cli`` that does it, and its line of help."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``context`` and of what can be done with one."""
    from argparse import SUPPRESS

    _add_choice(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (_, about) in ACTIONS.items():
        action = actions.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        # Suppressed, so that the parser of the verb has the say when they stand before the action.
        _add_choice(action, default=SUPPRESS)
        _ARGUMENTS[name](action)


def execute(arguments: Namespace) -> int:
    """Do what was asked."""
    home, _ = ACTIONS[arguments.action]
    module = import_module(f"framework0.cli.{home}")
    code: int = getattr(module, f"{arguments.action}_")(arguments)
    return code


def _add_choice(parser: ArgumentParser, default: str | None = None) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--context",
        metavar="NAME|URL",
        default=default,
        help="a shared context: a name in this workspace, or an address (default: what "
        "FRAMEWORK0_CONTEXT says, else `default`)",
    )
    which.add_argument(
        "--run",
        metavar="RUN",
        default=default,
        help="what a run has left, to look at only: its id, a beginning of it, its name, or `latest`",
    )
    parser.add_argument("--json", action="store_true", default=default or False, help="as JSON")
    parser.add_argument(
        "--workspace",
        metavar="DIR",
        default=default,
        help="the workspace (default: found upward from the current folder)",
    )


def _key(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="the key")


def _pattern(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern",
        nargs="?",
        default="**",
        metavar="PATTERN",
        help="only keys that match: * is any text within a part, ** any text (default: all)",
    )


def _at(parser: ArgumentParser) -> None:
    parser.add_argument("--at", metavar="MOMENT", help="as it was then")


def _expect(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--expect",
        type=_whole,
        metavar="VERSION",
        help="only if the key is at that version (0: absent); else exit code 1",
    )


def _get(parser: ArgumentParser) -> None:
    _key(parser)
    _at(parser)


def _set(parser: ArgumentParser) -> None:
    _key(parser)
    parser.add_argument("value", metavar="VALUE", help="JSON, else text; - reads it")
    parser.add_argument("--text", action="store_true", help="it is text, whatever it looks like")
    parser.add_argument(
        "--ttl",
        type=_seconds,
        metavar="TIME",
        help="it removes itself after so long, as in 30s or 2h",
    )
    _expect(parser)


def _delete(parser: ArgumentParser) -> None:
    _key(parser)
    _expect(parser)


def _list(parser: ArgumentParser) -> None:
    _pattern(parser)
    _at(parser)


def _history(parser: ArgumentParser) -> None:
    _pattern(parser)
    parser.add_argument(
        "--limit", type=_whole, metavar="N", help="the latest N at most (default 50; 0: all)"
    )


def _diff(parser: ArgumentParser) -> None:
    parser.add_argument("before", metavar="MOMENT", help="the earlier moment")
    parser.add_argument("after", nargs="?", metavar="MOMENT", help="the later one (default: now)")


def _moment_and_pattern(parser: ArgumentParser) -> None:
    parser.add_argument(
        "moment", metavar="MOMENT", help="a version, a tag, a time, run:step, latest:step"
    )
    _pattern(parser)


def _tag(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the name (default: list them all)")
    parser.add_argument("moment", nargs="?", metavar="MOMENT", help="what it names (default: now)")
    parser.add_argument("--move", action="store_true", help="even if it names another version yet")
    parser.add_argument("--remove", action="store_true", help="forget the name")


def _rollback(parser: ArgumentParser) -> None:
    _moment_and_pattern(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")


def _watch(parser: ArgumentParser) -> None:
    _pattern(parser)
    parser.add_argument(
        "--since", metavar="MOMENT", help="first the changes after that moment, without a gap"
    )
    parser.add_argument("--count", type=_whole, metavar="N", help="end after N changes")


def _browse(parser: ArgumentParser) -> None:
    parser.add_argument("--open", action="store_true", help="open it, and do not print it")


def _export(parser: ArgumentParser) -> None:
    _pattern(parser)
    _at(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="into this file (default: standard output)"
    )


def _import(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `export` wrote; - reads it")
    parser.add_argument(
        "--replace", action="store_true", help="remove the keys that are not in the file"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")


_ARGUMENTS: Final = {
    "get": _get,
    "set": _set,
    "delete": _delete,
    "list": _list,
    "history": _history,
    "blame": _key,
    "diff": _diff,
    "at": _moment_and_pattern,
    "tag": _tag,
    "rollback": _rollback,
    "watch": _watch,
    "browse": _browse,
    "export": _export,
    "import": _import,
}


def _whole(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal():
        raise ArgumentTypeError(f"a whole number from 0 on is needed, not {text!r}")
    return int(text[:18])


def _seconds(text: str) -> float:
    from argparse import ArgumentTypeError

    from framework0.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} {error}") from error
