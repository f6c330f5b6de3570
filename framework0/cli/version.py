"""Show the version, and the Python and SQLite it runs on: what a bug report needs.

examples:
  framework0 version
  framework0 version --json | jq -r .framework0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``version``."""
    parser.add_argument("--json", action="store_true", help="write the versions as JSON")


def execute(arguments: Namespace) -> int:
    """Print the versions."""
    facts = versions()
    if arguments.json:
        import json

        print(json.dumps(facts, indent=2))
        return EXIT_OK
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")
    return EXIT_OK


def versions() -> dict[str, str]:
    """Return what runs here, by name; ``framework0`` comes first and is the bare version."""
    import os
    import platform
    import sqlite3
    import sys

    import framework0

    return {
        "framework0": framework0.__version__,
        "from": os.path.dirname(os.path.abspath(framework0.__file__)),
        "python": f"{platform.python_version()} ({sys.executable})",
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }
