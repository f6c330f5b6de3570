"""``framework0 context browse``: the way in for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from argparse import Namespace


def browse_(arguments: Namespace) -> int:
    """Ask the server for an address that works once; print it, or open it."""
    from urllib.parse import urlsplit

    from framework0.cli.context_opening import chosen_context
    from framework0.cli.context_shown import write_json
    from framework0.context import browser_address

    word = chosen_context(arguments)
    if arguments.run is not None or not word.startswith(("ws://", "wss://")):
        raise UsageError(
            "a browser looks at the contexts of a server: start one with `framework0 serve`, and give "
            "its address with --context ws://localhost:8765"
        )
    found = browser_address(word)
    if arguments.open:
        from framework0.cli.browsers import open_once

        open_once(found, urlsplit(found).port or 0)
    if arguments.json:
        write_json({"browser": found})
    elif not arguments.open:
        print(found)
    return EXIT_OK
