"""Make, list and revoke the tokens with which clients reach a context server.

A token's text is shown once, when it is made; the file keeps only its hash. A running server takes up a
change when it gets SIGHUP.

examples:
  framework0 token create dashboard --role read
  framework0 token create nightly --role write --days 90
  framework0 token list
  framework0 token revoke nightly
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.server import Token

DAY = 86400.0


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``token create``, ``token list`` and ``token revoke``."""
    from argparse import SUPPRESS

    _add_place(parser)
    actions = parser.add_subparsers(dest="action", metavar="create, list, revoke", required=True)
    create = actions.add_parser(
        "create", help="make a token and show its text", description="Make a token, show its text."
    )
    create.add_argument(
        "name", metavar="NAME", help="what it is for: the name signs what it writes"
    )
    create.add_argument(
        "--role", choices=("read", "write", "admin"), default="read", help="default read"
    )
    create.add_argument(
        "--days", type=float, metavar="N", help="its time in days (default: no end)"
    )
    listed = actions.add_parser("list", help="list the tokens", description="List the tokens.")
    revoke = actions.add_parser(
        "revoke", help="take a token's rights away", description="Take a token's rights away."
    )
    revoke.add_argument("token", metavar="TOKEN", help="its id, or its name")
    for inner in (create, listed, revoke):
        # Suppressed, so that the parser of the verb has the say when they stand before the action.
        inner.add_argument("--json", action="store_true", default=SUPPRESS, help="as JSON")
        inner.add_argument("--token-file", metavar="FILE", default=SUPPRESS, help="the file")
        inner.add_argument("--workspace", metavar="DIR", default=SUPPRESS, help="the workspace")


def _add_place(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--token-file",
        default=os.environ.get("FRAMEWORK0_TOKEN_FILE") or None,
        metavar="FILE",
        help="the file of tokens (default: in the workspace's state folder, or FRAMEWORK0_TOKEN_FILE)",
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Do what is asked with the file of tokens."""
    from framework0.server import tokens_path
    from framework0.workspace import find_workspace

    if arguments.token_file:
        path = Path(arguments.token_file)
    else:
        space = find_workspace(explicit=arguments.workspace)
        if arguments.action == "create":
            space.ensure_state()
        path = tokens_path(space)
    if arguments.action == "create":
        _create(arguments, path)
    elif arguments.action == "revoke":
        _revoke(arguments, path)
    else:
        _list(arguments, path)
    return EXIT_OK


def _create(arguments: Namespace, path: Path) -> None:
    from time import time

    from framework0.errors import UsageError
    from framework0.server import add_token, new_token

    now = time()
    if arguments.days is not None and not 0 < arguments.days <= 36_500:  # noqa: PLR2004
        raise UsageError(f"--days is a number above 0, at most 36,500, not {arguments.days:g}")
    expires = now + arguments.days * DAY if arguments.days is not None else 0.0
    token, text = new_token(arguments.name, arguments.role, now, expires)
    add_token(path, token, now)
    if arguments.json:
        _print_json({**_facts(token), "token": text})
        return
    from framework0.cli.troubles import say

    print(text, flush=True)
    say(
        f"token {token.id} for {token.name} ({token.role}): shown this once; kept as a hash in {path}"
    )


def _revoke(arguments: Namespace, path: Path) -> None:
    from framework0.server import revoke_token

    token = revoke_token(path, arguments.token)
    if arguments.json:
        _print_json(_facts(token))
        return
    print(f"token {token.id} ({token.name}) revoked; a running server needs SIGHUP to know")


def _list(arguments: Namespace, path: Path) -> None:
    from framework0.server import read_tokens

    tokens = sorted(read_tokens(path), key=lambda token: token.created)
    if arguments.json:
        _print_json([_facts(token) for token in tokens])
        return
    from time import time

    from framework0.logs import one_line

    now = time()
    if not tokens:
        print("no tokens: `framework0 token create NAME --role write` makes one")
    for token in tokens:
        print(f"{token.id}  {token.role:<5}  {_ends(token, now):<22}  {one_line(token.name)}")


def _ends(token: Token, now: float) -> str:
    if not token.expires:
        return "no end"
    days = (token.expires - now) / DAY
    return "its time is over" if days <= 0 else f"ends in {days:.1f} days"


def _facts(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created": token.created,
        "expires": token.expires or None,
    }


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value), flush=True)
