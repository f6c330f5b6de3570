"""Run recipes by the clock: add, list and remove schedules.

A schedule is kept in the workspace; `framework0 serve-schedules` runs what is due.

examples:
  framework0 schedule add nightly report.yaml --cron @daily --tz Europe/Berlin
  framework0 schedule add sync sync.yaml --every 15m --overlap queue --input source=data.csv
  framework0 schedule list
  framework0 schedule history nightly
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    Verbs = _SubParsersAction[ArgumentParser]

SHOWN_TIMES = 5
"""Coming due times shown unless told otherwise."""

SHOWN_FIRINGS = 20
"""Lines of history shown unless told otherwise: what fits a terminal."""

MOST_SHOWN = 1_000
"""Coming due times, or lines of history, at most: no more is kept either."""


def configure(parser: ArgumentParser) -> None:
    """Add the verbs of ``schedule`` with their arguments."""
    verbs: Verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_verb_add(verbs)
    every = _verb(verbs, "list", "list the schedules: when they run next, and how it went last")
    every.add_argument("--json", action="store_true", help="a JSON list of all their facts")
    _named(verbs, "remove", "forget a schedule; its history stays")
    _named(verbs, "pause", "fire a schedule no more until it is resumed")
    _named(verbs, "resume", "let a paused schedule go on; what was due meanwhile is not caught up")
    coming = _named(verbs, "next", "show when a schedule is due next")
    coming.add_argument(
        "--count",
        type=_count,
        default=SHOWN_TIMES,
        metavar="N",
        help=f"how many times (default {SHOWN_TIMES})",
    )
    coming.add_argument("--json", action="store_true", help="as JSON")
    history = _named(verbs, "history", "show what became of each due time of a schedule")
    history.add_argument(
        "--limit",
        type=_count,
        default=SHOWN_FIRINGS,
        metavar="N",
        help=f"how many lines at most (default {SHOWN_FIRINGS})",
    )
    history.add_argument("--json", action="store_true", help="a JSON list of all that is known")


def _verb(verbs: Verbs, name: str, about: str) -> ArgumentParser:
    parser = verbs.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    add_workspace(parser)
    return parser


def _named(verbs: Verbs, name: str, about: str) -> ArgumentParser:
    parser = _verb(verbs, name, about)
    parser.add_argument("name", metavar="NAME", help="the schedule's name")
    return parser


def _count(text: str) -> int:
    from argparse import ArgumentTypeError

    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:10]) <= MOST_SHOWN:
        raise ArgumentTypeError(f"a whole number from 1 to {MOST_SHOWN:,} is needed, not {text!r}")
    return int(text)


def _add_verb_add(verbs: Verbs) -> None:
    from framework0.cli.running import time_limit
    from framework0.schedules import CATCH_UPS, OVERLAPS, USUAL_CAUGHT_UP

    parser = _named(verbs, "add", "keep a schedule: which recipe runs when")
    parser.add_argument("recipe", metavar="RECIPE", help="the recipe's YAML file")
    parser.add_argument(
        "--cron",
        metavar="EXPRESSION",
        help="minute, hour, day of the month, month, day of the week; or @hourly, @daily …",
    )
    parser.add_argument("--every", metavar="TIME", help="an interval instead, as in 30s, 15m or 2h")
    parser.add_argument(
        "--tz", metavar="ZONE", help="the time zone of --cron, as in Europe/Berlin (default: UTC)"
    )
    parser.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give an input (repeatable); {due} in it is the due time, {due:%%Y-%%m-%%d} its date",
    )
    parser.add_argument(
        "--overlap",
        choices=OVERLAPS,
        default="skip",
        help="when it is due and its run before has not ended (default: skip)",
    )
    parser.add_argument(
        "--catch-up",
        choices=CATCH_UPS,
        default="latest",
        help="which of the due times that no server was there for are fired later (default: latest)",
    )
    parser.add_argument(
        "--catch-up-limit",
        type=_count,
        default=USUAL_CAUGHT_UP,
        metavar="N",
        help=f"how many of them at most, the latest, with --catch-up all (default {USUAL_CAUGHT_UP})",
    )
    parser.add_argument(
        "--deadline",
        type=time_limit,
        default=0.0,
        metavar="TIME",
        help="how long the steps of a run may take together",
    )
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="run the steps in a sandbox, as `run --untrusted` does",
    )
    parser.add_argument(
        "--replace", action="store_true", help="put it in the place of the one of that name"
    )


def execute(arguments: Namespace) -> int:
    """Do what the verb within says."""
    if arguments.action == "add":
        from framework0.cli.scheduling import add

        return add(arguments)
    if arguments.action in ("list", "next", "history"):
        from framework0.cli import schedules

        show = {
            "list": schedules.show_all,
            "next": schedules.show_next,
            "history": schedules.show_history,
        }
        return show[arguments.action](arguments)
    return _change(arguments)


def _change(arguments: Namespace) -> int:
    from framework0.cli.schedules import opened_store

    name = arguments.name
    with opened_store(arguments) as (_, store):
        if arguments.action == "remove":
            store.remove(name)
            print(f"schedule {name} removed")
            return EXIT_OK
        paused = arguments.action == "pause"
        changed = store.pause(name, paused=paused)
    already = "" if changed else "already "
    print(f"schedule {name} is {already}{'paused' if paused else 'going on'}")
    return EXIT_OK
