"""From the address of a cluster to its log: ``etcd://host:port,host:port/name`` and ``nats://…``.

``etcds://`` and ``natss://`` speak TLS; ``user@`` before the hosts has the server log in.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from framework0.context.replicated.access import access_of, shown
from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from framework0.context.replicated.log import SharedLog

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
BESIDE: Final = "__"
"""Stands between the name of a log and that of a namespace beside it; no log's own name has it."""

_PORTS: Final = {"etcd": 2379, "etcds": 2379, "nats": 4222, "natss": 4222}
_FILES: Final = frozenset({"ca", "cert", "key"})
_REPLICAS: Final = 3
_LAST_PORT: Final = 65_535
_EXAMPLE: Final = "etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379/production"


def open_log(url: str, *, namespace: str = "", timeout: float = 2.0) -> SharedLog:
    """Return the log at ``url``; nothing is asked of the engine yet.

    ``namespace`` names another log beside it. ``?replicas=1`` behind a NATS address is for a single
    server; without it each record is on three. ``?ca=``, ``cert=`` and ``key=`` are files for TLS.
    ``timeout`` is how many seconds one question to one server may take. Raises
    :class:`~framework0.errors.UsageError` for an address that names none.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        raise UsageError(
            f"{shown(url)!r} is no address of a cluster: it begins with etcd:// or nats:// (etcds:// "
            "and natss:// with TLS)"
        )
    rest, _, query = rest.partition("?")
    servers, _, name = rest.partition("/")
    user, _, servers = servers.rpartition("@")
    name = name.rstrip("/") or "default"
    if not _NAME.fullmatch(name) or BESIDE in name:
        raise UsageError(
            f"{name!r} cannot name a context on {scheme}: up to 64 letters, digits, '-' and single '_'"
        )
    if namespace:
        check_namespace(namespace)
        name = f"{name}{BESIDE}{namespace}"
    addresses = [_address(text, url, _PORTS[scheme]) for text in servers.split(",") if text]
    if not addresses:
        raise UsageError(f"{shown(url)!r} names no server; an example: {_EXAMPLE}")
    options = _options(query, scheme, url)
    replicas = int(options.pop("replicas", _REPLICAS))
    access = access_of(scheme.endswith("s") and scheme != "nats", unquote(user), options)
    if scheme.startswith("etcd"):
        from framework0.context.replicated.etcd import EtcdLog

        return EtcdLog(addresses, f"/framework0/{name}", timeout=timeout, access=access)
    from framework0.context.replicated.nats import NatsLog

    where = [f"{'tls' if access.secure else 'nats'}://{host}:{port}" for host, port in addresses]
    return NatsLog(where, name, replicas=replicas, timeout=timeout, access=access)


def check_namespace(namespace: str) -> None:
    """Raise :class:`~framework0.errors.UsageError` for a name that no log of a cluster can have."""
    if not _NAME.fullmatch(namespace):
        raise UsageError(
            f"{namespace!r} cannot name a context on a cluster: up to 64 letters, digits, '-' and '_', "
            "the first a letter or digit"
        )


def _options(query: str, scheme: str, url: str) -> dict[str, str]:
    known = _FILES | ({"replicas"} if scheme.startswith("nats") else set())
    found = dict(parse_qsl(query, keep_blank_values=True))
    wrong = [name for name in found if name not in known or not found[name]]
    if wrong or (query and not found) or found.get("replicas", "1") not in {"1", "3", "5"}:
        raise UsageError(
            f"{query!r} is not known in {shown(url)!r}: ca=, cert= and key= name files for TLS, and only "
            "nats://…?replicas=1, 3 or 5 says how many machines keep a record"
        )
    return found


def _address(text: str, url: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, default
    if not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
        raise UsageError(f"{port!r} is no port in {shown(url)!r}; an example: {_EXAMPLE}")
    return host.strip("[]"), int(port)
