"""List the cached results of steps, or remove some.

examples:
  framework0 cache
  framework0 cache --json
  framework0 cache clear
  framework0 cache clear --recipe weather --step load
  framework0 cache prune
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK, WorkspaceError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.runner import CacheStore


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``cache``, ``cache clear`` and ``cache prune``."""
    from argparse import SUPPRESS

    parser.add_argument("--json", action="store_true", help="as JSON")
    add_workspace(parser)
    actions = parser.add_subparsers(dest="action", metavar="clear, prune")
    clear = actions.add_parser(
        "clear",
        help="remove cached results, all of them or those of some steps",
        description="Remove cached results: the steps run again next time.",
    )
    clear.add_argument("--recipe", metavar="NAME", help="only those of the recipe of that name")
    clear.add_argument("--step", metavar="STEP", help="only those of steps of that name, items too")
    prune = actions.add_parser(
        "prune",
        help="remove what is too old, and what exceeds the size",
        description="Keep the bounds of the workspace's settings now; every run that adds something does.",
    )
    for inner in (clear, prune):
        # Suppressed, so that the parser of the verb has the say when they stand before the action.
        inner.add_argument("--json", action="store_true", default=SUPPRESS, help="as JSON")
        inner.add_argument("--workspace", metavar="DIR", default=SUPPRESS, help="the workspace")


def execute(arguments: Namespace) -> int:
    """List the cache, clear it or prune it."""
    from framework0.assembly import cache_store
    from framework0.workspace import find_workspace

    store = cache_store(find_workspace(explicit=arguments.workspace))
    try:
        if arguments.action == "clear":
            _tell(arguments, store.clear(arguments.recipe, arguments.step), None)
        elif arguments.action == "prune":
            from framework0.runner import now

            _tell(arguments, *store.prune(now()))
        else:
            _list(arguments, store)
    finally:
        store.close()
    if store.trouble:
        raise WorkspaceError(f"{store.path}: {store.trouble}")
    return EXIT_OK


def _tell(arguments: Namespace, count: int, size: int | None) -> None:
    if arguments.json:
        import json

        facts = {"removed": count} if size is None else {"removed": count, "bytes": size}
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    freed = "" if size is None else f", {size:,} bytes"
    sys.stdout.write(f"{count:,} cached result{'' if count == 1 else 's'} removed{freed}\n")


def _list(arguments: Namespace, store: CacheStore) -> None:
    lines = store.lines()
    if arguments.json:
        import json

        facts = {
            "path": store.path,
            "max_bytes": store.max_bytes,
            "ttl_seconds": store.ttl,
            "steps": [line._asdict() for line in lines],
        }
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return
    from framework0.cli.columns import table
    from framework0.cli.streams import columns_of
    from framework0.cli.times import clock_text
    from framework0.cli.troubles import say

    if not lines:
        say("nothing is cached yet: a step is when it has `cache: true` and has succeeded once")
        return
    rows = [
        [line.recipe, line.step, f"{line.entries:,}", f"{line.bytes:,}", clock_text(line.latest)]
        for line in lines
    ]
    header = ["RECIPE", "STEP", "RESULTS", "BYTES", "LATEST"]
    sys.stdout.write(table(header, rows, columns=columns_of(sys.stdout), right="RESULTS BYTES"))
    total = sum(line.bytes for line in lines)
    sys.stdout.write(f"{total:,} bytes of at most {store.max_bytes:,}\n")
