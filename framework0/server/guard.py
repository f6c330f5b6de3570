"""The one guard in front of everything: where a request was meant for, where it comes from, and who asks.

HTTP requests and the handshakes of sockets pass the same checks in the same order: the Host header
(against DNS rebinding: a page of the web whose name resolves to this machine), the Origin (a page of
the web that calls this machine directly), then the token, or the cookie of a browser. A cookie counts
only for what our own pages ask, and opens no socket. It depends on nothing but its arguments.
"""

from __future__ import annotations

from ipaddress import ip_address

from framework0.server.entrances import ENTER_PATH, ONCE
from framework0.server.requests import JSON_TYPE, Refused
from framework0.server.tokens import may

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from framework0.server.entrances import Entrances
    from framework0.server.requests import Head
    from framework0.server.tokens import Token, TokenBook

OPEN_PATH: Final = "/healthz"
"""The one path that needs no token: compared whole, for every other rule has been got round somewhere."""

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_CHALLENGE: Final = (("WWW-Authenticate", 'Bearer realm="framework0"'),)
_SCHEME: Final = "bearer "
_BAD_HOST: Final = (
    "this server is not reached under that name: use its address, or start it with --allow-host"
)
_BAD_ORIGIN: Final = "pages of other places may not call this server"
_OURS: Final = frozenset({"same-origin", "none"})
"""What a browser says of a request that a page of ours or the person makes (``Sec-Fetch-Site``)."""

_READING: Final = frozenset({"GET", "HEAD"})


def is_loopback(host: str) -> bool:
    """Whether binding to ``host`` is seen by this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Hosts:
    """Which Host headers are ours: loopback names, the names allowed, addresses when bound to them.

    An address in numbers is no danger: rebinding needs a name. ``port`` is the one listened on; a name
    may be allowed with a port of its own, as a proxy in front would send it.
    """

    def __init__(self, bound: str, port: int, allowed: Iterable[str] = ()) -> None:
        names = [*LOOPBACK_NAMES, *allowed]
        self._exact = {name if _has_port(name) else f"{name}:{port}" for name in names}
        # Behind TLS termination or on port 80, a name comes without a port.
        self._exact.update(allowed)
        self._addresses = not is_loopback(bound)
        self._suffix = f":{port}"

    def __contains__(self, host: str) -> bool:
        if host in self._exact:
            return True
        if not self._addresses or not host.endswith(self._suffix):
            return False
        try:
            ip_address(host.removesuffix(self._suffix).strip("[]"))
        except ValueError:
            return False
        return True


class Guard:
    """Lets requests in or refuses them; ``now`` gives epoch seconds for the expiry of tokens."""

    def __init__(
        self,
        book: TokenBook,
        hosts: Hosts,
        scheme: str,
        now: Callable[[], float],
        entrances: Entrances | None = None,
    ) -> None:
        self.book = book
        self._entrances = entrances
        self._hosts = hosts
        self._schemes = {scheme}
        self._now = now

    def trust_scheme(self, scheme: str) -> None:
        """Accept origins of this scheme too: TLS that ends in front of this server makes it https."""
        self._schemes.add(scheme)

    def check_place(self, head: Head) -> None:
        """Refuse a request that was meant for another host, or that a page of another place sends."""
        host = head.headers.get("host", "")
        if host not in self._hosts:
            raise Refused(421, "host", _BAD_HOST)
        origin = head.headers.get("origin")
        if origin is not None and not any(origin == f"{s}://{host}" for s in self._schemes):
            raise Refused(403, "origin", _BAD_ORIGIN)

    def who(self, head: Head) -> Token | None:
        """Return who asks by their header or their cookie; None when it names nobody.

        Raises :class:`Refused` (401) when the token is not one of ours or its time is over.
        """
        if "authorization" not in head.headers:
            return self._by_cookie(head)
        token = self.token(bearer_text(head) or "")
        if token is None:
            raise Refused(401, "token", "the token is unknown or over", headers=_CHALLENGE)
        return token

    def _by_cookie(self, head: Head) -> Token | None:
        cookies = head.headers.get("cookie")
        if cookies is None or self._entrances is None:
            return None
        # A page on another port of this machine is of the same site for a browser, and not ours.
        if head.headers.get("sec-fetch-site", "none") not in _OURS:
            return None
        # Where our Origin is not said, it need not be a page of ours that asks for a change.
        if head.method not in _READING and "origin" not in head.headers:
            return None
        return self._known(self._entrances.session(cookies))

    def _entering(self, head: Head) -> Token | None:
        """Return who has been given the address that is asked for; it is not used up by that."""
        if self._entrances is None:
            return None
        return self._known(self._entrances.waiting(head.parameters().get(ONCE, "")))

    def _known(self, token: Token | None) -> Token | None:
        return token if token is not None and self.still_good(token) else None

    def still_good(self, token: Token) -> bool:
        """Whether a token that was let in, or a browser's in its name, may go on."""
        now = self._now()
        return self.book.holds(token, now) and not token.ended(now)

    def token(self, text: str) -> Token | None:
        """Return the token of that text, None when it is unknown, wrong or over."""
        return self.book.find(text, self._now())

    def admit(self, head: Head) -> Token | None:
        """Let an HTTP request in, and say who asks; nobody may only ask for ``/healthz``."""
        self.check_place(head)
        if head.path == OPEN_PATH:
            return None
        token = self._entering(head) if head.path == ENTER_PATH else self.who(head)
        if token is None:
            raise Refused(
                401,
                "token",
                "a token is needed: `Authorization: Bearer …`; see `framework0 token --help`",
                headers=_CHALLENGE,
            )
        return token

    @staticmethod
    def check_role(token: Token | None, needed: str | None) -> None:
        """Refuse what this token's role may not do; a route without a need is open to everybody."""
        if needed is not None and (token is None or not may(token.role, needed)):
            has = "none" if token is None else token.role
            raise Refused(
                403, "role", f"this needs a token with the role {needed}; this one's is {has}"
            )

    @staticmethod
    def check_content(head: Head) -> None:
        """Refuse a body that does not say it is JSON: other types can be sent by any page of the web."""
        kind, _, rest = head.headers.get("content-type", "").partition(";")
        charset = rest.strip().lower().replace('"', "")
        if kind.strip().lower() != JSON_TYPE or charset not in {"", "charset=utf-8"}:
            raise Refused(415, "content_type", "the body must be sent as application/json in UTF-8")


def bearer_text(head: Head) -> str | None:
    """Return the text of the token in the Authorization header, None when there is none."""
    given = head.headers.get("authorization", "")
    if given[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return given[len(_SCHEME) :].strip()


def _has_port(name: str) -> bool:
    return name.rpartition("]")[2].rpartition(":")[2].isdecimal()
