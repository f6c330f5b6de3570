"""The context server: shared contexts over WebSocket and HTTP on one port.

In reading order: ``limits`` and ``settings`` (what is decided beforehand), ``requests`` and ``guard``
(who is let in, and what for), ``tokens``, ``routes`` (the table of HTTP) with ``keys``, ``past``,
``transactions``, ``tagging``, ``events`` and ``about`` behind it, ``connections`` and ``sockets`` (bytes
of one client), ``performing``, ``namespaces``, ``commits`` and ``feed`` (one context and all who
share it), ``app`` (the wires), ``service`` (its life).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.server.limits import PORT as PORT
    from framework0.server.limits import ServerLimits as ServerLimits
    from framework0.server.service import ContextServer as ContextServer
    from framework0.server.settings import ServerSettings as ServerSettings
    from framework0.server.tokens import ROLES as ROLES
    from framework0.server.tokens import Token as Token
    from framework0.server.tokens import add_token as add_token
    from framework0.server.tokens import new_token as new_token
    from framework0.server.tokens import read_tokens as read_tokens
    from framework0.server.tokens import revoke_token as revoke_token
    from framework0.server.tokens import tokens_path as tokens_path

_HOMES = {
    "ContextServer": "service",
    "PORT": "limits",
    "ROLES": "tokens",
    "ServerLimits": "limits",
    "ServerSettings": "settings",
    "Token": "tokens",
    "add_token": "tokens",
    "new_token": "tokens",
    "read_tokens": "tokens",
    "revoke_token": "tokens",
    "tokens_path": "tokens",
}

__all__ = [
    "PORT",
    "ROLES",
    "ContextServer",
    "ServerLimits",
    "ServerSettings",
    "Token",
    "add_token",
    "new_token",
    "read_tokens",
    "revoke_token",
    "tokens_path",
]


__getattr__ = opening(__name__, _HOMES)
