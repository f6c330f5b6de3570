"""The token by which this user's own clients reach a context server on this machine.

A server that listens on loopback writes a random token into a file of its user, for as long as it
runs; a client that has no other token reads it there. Other users of the machine can do neither.
"""

from __future__ import annotations

import os
from pathlib import Path

from framework0.workspace.private import read_private, replace_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def local_token_path(port: int, environ: Mapping[str, str] | None = None) -> Path:
    """Return where the server on ``port`` of this machine keeps the token for its own user.

    It is ``$XDG_STATE_HOME/framework0/servers/<port>.token``; without that variable, or with a
    relative path in it, ``~/.local/state`` takes its place.
    """
    variables = os.environ if environ is None else environ
    state = variables.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(state) / "framework0" / "servers" / f"{port}.token"


def read_local_token(port: int) -> str | None:
    """Return the token of this user's server on ``port``, None when none runs.

    Raises :class:`~framework0.errors.RefusedError` when others could have read it.
    """
    content = read_private(local_token_path(port))
    return None if content is None else content.decode("ascii", "replace").strip()


def write_local_token(port: int, token: str) -> Path:
    """Leave the token for this user's clients and return the file, which ends with the server."""
    path = local_token_path(port)
    replace_private(path, f"{token}\n".encode("ascii"))
    return path
