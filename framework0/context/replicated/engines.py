"""From the address of a cluster to its log: ``etcd://host:port,host:port/name`` and ``nats://…``."""

from __future__ import annotations

import re

from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from framework0.context.replicated.log import SharedLog

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
BESIDE: Final = "__"
"""Stands between the name of a log and that of a namespace beside it; no log's own name has it."""

_PORTS: Final = {"etcd": 2379, "nats": 4222}
_REPLICAS: Final = 3
_LAST_PORT: Final = 65_535
_EXAMPLE: Final = "etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379/production"


def open_log(url: str, *, namespace: str = "", timeout: float = 2.0) -> SharedLog:
    """Return the log at ``url``; nothing is asked of the engine yet.

    ``namespace`` names another log beside it. ``?replicas=1`` behind a NATS address is for a single
    server; without it each record is on three. ``timeout`` is how many seconds one question to one
    server may take. Raises :class:`~framework0.errors.UsageError` for an address that names none.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        raise UsageError(f"{url!r} is no address of a cluster: it begins with etcd:// or nats://")
    rest, _, options = rest.partition("?")
    servers, _, name = rest.partition("/")
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
        raise UsageError(f"{url!r} names no server; an example: {_EXAMPLE}")
    replicas = _replicas(options, scheme, url)
    if scheme == "etcd":
        from framework0.context.replicated.etcd import EtcdLog

        return EtcdLog(addresses, f"/framework0/{name}", timeout=timeout)
    from framework0.context.replicated.nats import NatsLog

    where = [f"nats://{host}:{port}" for host, port in addresses]
    return NatsLog(where, name, replicas=replicas, timeout=timeout)


def check_namespace(namespace: str) -> None:
    """Raise :class:`~framework0.errors.UsageError` for a name that no log of a cluster can have."""
    if not _NAME.fullmatch(namespace):
        raise UsageError(
            f"{namespace!r} cannot name a context on a cluster: up to 64 letters, digits, '-' and '_', "
            "the first a letter or digit"
        )


def _replicas(options: str, scheme: str, url: str) -> int:
    if not options:
        return _REPLICAS
    name, _, count = options.partition("=")
    if scheme != "nats" or name != "replicas" or count not in {"1", "3", "5"}:
        raise UsageError(f"{options!r} is not known in {url!r}: only nats://…?replicas=1, 3 or 5")
    return int(count)


def _address(text: str, url: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, default
    if not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
        raise UsageError(f"{port!r} is no port in {url!r}; an example: {_EXAMPLE}")
    return host.strip("[]"), int(port)
