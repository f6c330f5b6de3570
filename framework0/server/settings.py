"""What a person decides about a server, and what is refused before anything listens."""

from __future__ import annotations

from framework0.errors import UsageError
from framework0.server.guard import is_loopback
from framework0.server.limits import PORT, ServerLimits
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

# Names of every address of the machine, never a default.
ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104
LOOPBACK: Final = "127.0.0.1"
_MOST_PORT: Final = 65535


class ServerSettings(NamedTuple):
    """Where a server listens, what it keeps, and how it is protected.

    ``port`` 0 takes any free one. ``tls_terminated`` says that TLS ends in front of the server,
    ``insecure`` that nobody needs it. ``audit_path`` None keeps no audit.
    """

    host: str = LOOPBACK
    port: int = PORT
    store: str = "default"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_terminated: bool = False
    insecure: bool = False
    allow_hosts: tuple[str, ...] = ()
    audit_path: Path | None = None
    limits: ServerLimits = ServerLimits()


def check_settings(settings: ServerSettings, tokens: int) -> None:
    """Refuse (UsageError, exit code 2) what is unsafe or cannot be; ``tokens`` is how many there are."""
    if not 0 <= settings.port <= _MOST_PORT:
        raise UsageError(f"a port is a number from 0 to {_MOST_PORT}, not {settings.port}")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together: give both files")
    if is_loopback(settings.host):
        return
    reached = f"{settings.host or 'every address'} is reached by other machines"
    if not tokens:
        raise UsageError(
            f"{reached}: make a token first (`framework0 token create NAME --role write`), or "
            f"listen on {LOOPBACK}"
        )
    if not (settings.tls_cert or settings.tls_terminated or settings.insecure):
        raise UsageError(
            f"{reached} and would be read on the way: give --tls-cert and --tls-key, or "
            "--tls-terminated if TLS ends in front of the server, or --insecure if the network is "
            f"yours alone; or listen on {LOOPBACK}"
        )
