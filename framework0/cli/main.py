"""From the arguments to a verb, and from whatever goes wrong to a message and an exit code.

Start-up is part of the product: ``--version`` imports nothing more, the help of the command no
argparse and no room, and a verb imports only its own module and what that needs.
"""

from __future__ import annotations

import sys

from framework0.cli.verbs import VERBS

# Importing typing costs more than all of --version; type checkers know this name too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence
    from types import ModuleType
    from typing import NoReturn

HELP_WORDS = ("-h", "--help", "help")
VERSION_WORDS = ("-V", "--version")

USAGE = """usage: framework0 VERB [options]

Runs recipes (YAML files of Python steps), tells the truth about them, and goes on where they stopped.

verbs:
{verbs}

examples:
  framework0 init                       write a first recipe here
  framework0 run recipe.yaml            run it
  framework0 validate recipe.yaml       show every mistake in it
  framework0 show                       how did the latest run go?

`framework0 VERB --help` explains a verb. Exit codes: 0 well, 1 the run failed, 2 wrong use, 3 the recipe
is wrong, 4 workspace or journal trouble, 5 refused for safety, 6 paused: a person is waited for, 70 a bug of ours, 130/143 ended by a signal.
"""


def entry() -> NoReturn:
    """Be the console script ``framework0``: end at once, after the functions that exit calls.

    Taking the interpreter apart costs as much as a short command does, and nothing waits for it.
    """
    import atexit
    import os

    code = main()
    # The one way to have them called that leaves the rest of an interpreter's end out.
    atexit._run_exitfuncs()  # noqa: SLF001
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        # Closed, or nobody reads it: that has been said, where it could be.
        code = code or 1
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in VERSION_WORDS:
        try:
            return _version()
        except (OSError, ValueError):
            # Nobody can read it there: what follows tries again and says so.
            pass
    from framework0.cli.troubles import reported

    return reported(lambda: _dispatch(words))


def _version() -> int:
    from framework0 import __version__

    print(f"framework0 {__version__}", flush=True)
    return 0


def _dispatch(words: list[str]) -> int:
    if words and words[0] in VERSION_WORDS:
        return _version()
    if not words:
        print(usage(), file=sys.stderr)
        return 2
    if words[0] in HELP_WORDS and len(words) == 1:
        print(usage())
        return 0
    if words[0] == "help":
        words = [words[1], "--help"]
    name = words[0]
    if name not in VERBS:
        return _unknown(name)
    module = verb_module(name)
    # Reading arguments with argparse is a tenth of a short run: the plainest form does without.
    plain = getattr(module, "plain_arguments", None)
    arguments = plain(words[1:]) if plain is not None else None
    if arguments is None:
        arguments = parser_of(name, module).parse_args(words[1:])
    code: int = module.execute(arguments)
    return code


def usage() -> str:
    """Return the help of the command as a whole."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {text}" for name, text in VERBS.items())
    return USAGE.format(verbs=verbs).rstrip("\n")


def verb_module(name: str) -> ModuleType:
    """Import and return the module of a verb."""
    from importlib import import_module

    return import_module(f"framework0.cli.{name.replace('-', '_')}")


def parser_of(name: str, module: ModuleType | None = None) -> ArgumentParser:
    """Return the parser of one verb, as its module configures it."""
    from framework0.cli.helptext import VerbParser

    module = module or verb_module(name)
    parser = VerbParser(prog=f"framework0 {name}", description=(module.__doc__ or "").strip())
    module.configure(parser)
    return parser


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(name, VERBS, n=1)
    hint = (
        f"did you mean `framework0 {near[0]}`?" if near else "`framework0 --help` lists the verbs"
    )
    print(f"framework0: there is no verb {name!r}: {hint}", file=sys.stderr)
    return 2
