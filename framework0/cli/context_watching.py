"""``framework0 context watch``: changes as they happen."""

from __future__ import annotations

import json
import sys
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from framework0.cli.context_opening import opened_context
from framework0.cli.context_shown import author_text, change_facts, change_text
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import Namespace

    from framework0.cli.context_opening import Opened
    from framework0.context import Change

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at whether somebody reads, and whether the server is there."""


def watch_(arguments: Namespace) -> int:
    """Show changes until N were shown, nobody reads any more, or Ctrl-C."""
    from framework0.cli.troubles import say

    happened: SimpleQueue[Change] = SimpleQueue()
    with opened_context(arguments) as found:
        context = found.context
        since = context.version if arguments.since is None else context.at(arguments.since).version
        undo = context.subscribe(arguments.pattern, happened.put, since=since)
        say(f"watching {found.text} from version {since} on; Ctrl-C ends it")
        try:
            _show(arguments, found, happened)
        finally:
            undo()
    return EXIT_OK


def _show(arguments: Namespace, found: Opened, happened: SimpleQueue[Change]) -> None:
    shown, connection = 0, _Connection(found)
    while arguments.count is None or shown < arguments.count:
        try:
            change = happened.get(timeout=LOOK_EVERY)
        except Empty:
            connection.look()
            if arguments.run is not None:
                # Nothing happens any more in what a run has left.
                return
            if _nobody_reads():
                raise BrokenPipeError from None
            continue
        _write(arguments, change)
        shown += 1


def _write(arguments: Namespace, change: Change) -> None:
    from framework0.cli.times import clock_text
    from framework0.logs import one_line

    if arguments.json:
        text = json.dumps(change_facts(change))
    else:
        text = one_line(
            f"{change.version}  {clock_text(change.at)}  {author_text(change)}  {change_text(change)}"
        )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _nobody_reads() -> bool:
    """Whether the reader of a pipe is gone, which a writer that has nothing to write cannot see."""
    from select import POLLERR, poll

    looking = poll()
    looking.register(sys.stdout, POLLERR)
    return any(event & POLLERR for _, event in looking.poll(0))


class _Connection:
    """Says when the server is away, and when it is there again."""

    def __init__(self, found: Opened) -> None:
        self._remote = found.remote
        self._there = True

    def look(self) -> None:
        """Look at the connection; it mends itself."""
        from framework0.cli.troubles import say

        if self._remote is None:
            return
        status = self._remote.status()
        if status.connected == self._there:
            return
        self._there = status.connected
        if self._there:
            say("connected again; nothing was missed unless a resync is shown")
        else:
            say(f"the server is away ({status.trouble or 'no answer'}); trying again until Ctrl-C")
