"""Write the script that completes verbs, options and recipe files in a shell.

examples:
  source <(framework0 completion bash)                      # in ~/.bashrc
  framework0 completion zsh > ~/.zfunc/_framework0          # in a folder of $fpath
  framework0 completion tcsh > ~/.framework0.tcsh           # and source it in ~/.tcshrc
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

SHELLS: Final = ("bash", "zsh", "tcsh")

WHAT_FITS: Final[Mapping[str, str]] = {
    "DIR": "DIRECTORY",
    "FILE": "FILE",
    "RECIPE": "FILE",
    "RECIPE|RUN": "FILE",
}
"""By the word that stands for a value in the help: what is proposed for it, in the words of shtab."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``completion``."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def execute(arguments: Namespace) -> int:
    """Print the script."""
    import shtab

    sys.stdout.write(shtab.complete(whole_parser(), arguments.shell) + "\n")
    return EXIT_OK


def whole_parser() -> ArgumentParser:
    """Return one parser that has every verb with all of its options."""
    from argparse import ArgumentParser

    from framework0.cli.main import verb_module
    from framework0.cli.verbs import VERBS

    parser = ArgumentParser(prog="framework0", allow_abbrev=False)
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    verbs = parser.add_subparsers(metavar="VERB")
    for name, about in VERBS.items():
        verb = verbs.add_parser(name, help=about)
        verb_module(name).configure(verb)
        _say_what_fits(verb)
    return parser


def _say_what_fits(parser: ArgumentParser) -> None:
    """Tell shtab which arguments of a parser, and of those within it, are files or folders."""
    import shtab

    # argparse has no public list of what was added; shtab itself reads this one.
    for action in parser._actions:  # noqa: SLF001
        fits = WHAT_FITS.get(action.metavar) if isinstance(action.metavar, str) else None
        if fits is not None:
            action.complete = getattr(shtab, fits)  # type: ignore[attr-defined]
        for inner in action.choices.values() if isinstance(action.choices, dict) else ():
            _say_what_fits(inner)
