"""The options that say what of a recipe to run, and with which inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, _ArgumentGroup
    from collections.abc import Sequence


def add_choices(parser: ArgumentParser) -> _ArgumentGroup:
    """Add ``--input``, ``--only`` and ``--skip``."""
    what = parser.add_argument_group("what to run")
    what.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give an input (repeatable); lists and mappings as JSON",
    )
    what.add_argument(
        "--only",
        action="append",
        metavar="STEP",
        help="run this step and no other (repeatable); what it needs comes from the last successful run",
    )
    what.add_argument(
        "--skip", action="append", metavar="STEP", help="leave this step out (repeatable)"
    )
    return what


def assignments(texts: Sequence[str]) -> dict[str, str]:
    """Return ``NAME=VALUE`` texts as a mapping; raise UsageError for one without ``=``."""
    from framework0.errors import UsageError

    given: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--input takes NAME=VALUE, not {text!r}: as in --input limit=10")
        if name in given:
            raise UsageError(f"--input {name} is given twice: give one value")
        given[name] = value
    return given
