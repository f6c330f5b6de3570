"""Where a server is, and which token opens it."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from framework0.context.remote.limits import PORT
from framework0.errors import UsageError
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_VARIABLE = "FRAMEWORK0_CONTEXT_TOKEN"  # noqa: S105
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Address(NamedTuple):
    """A server's place; ``namespace`` is the context meant there."""

    secure: bool
    host: str
    port: int
    path: str
    namespace: str

    def __str__(self) -> str:
        """Return the address as people write it."""
        scheme = "wss" if self.secure else "ws"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}{self.path}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine by name."""
        return self.host in _LOOPBACK


def read_address(url: str, namespace: str | None = None) -> Address:
    """Return the address that ``url`` names; raises UsageError with what is wrong about it.

    ``ws://host:8765`` or ``wss://host``; ``?namespace=team`` names another context than ``default``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{_shown(url)} is no address of a context server: {error}") from None
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise UsageError(
            f"{_shown(url)} is no address of a context server: write ws://host:{PORT}, or "
            "wss://host with TLS"
        )
    if parts.username or parts.password or parts.fragment:
        raise UsageError(
            f"the address of a context server has no user, password or #part: a token is given with "
            f"token= or {TOKEN_VARIABLE}"
        )
    asked = parse_qs(parts.query)
    if asked.keys() - {"namespace"}:
        raise UsageError(f"{_shown(url)}: an address takes ?namespace=NAME and nothing else")
    named = namespace or asked.get("namespace", ["default"])[0]
    return Address(parts.scheme == "wss", parts.hostname, port or PORT, parts.path or "/", named)


def find_token(
    address: Address, token: str | None = None, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return the token given, else that of the environment, else that of a server of this user's.

    Raises :class:`~framework0.errors.RefusedError` when others could read that server's file.
    """
    found = token or (os.environ if environ is None else environ).get(TOKEN_VARIABLE)
    if found or not address.loopback:
        return found or None
    from framework0.workspace import read_local_token

    return read_local_token(address.port)


def _shown(url: object) -> str:
    """Return an address for a message, without what might be a secret."""
    text = str(url)
    return repr(text.rpartition("@")[2].partition("?")[0][:80])
