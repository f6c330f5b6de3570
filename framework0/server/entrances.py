"""The way in for a browser: an address that works once, and the session that its cookie stands for.

Neither is anywhere in the clear but in the address and in the cookie: what is kept are hashes, compared
in constant time. Whoever comes in this way may look and nothing else, whatever the token may do in
whose name the address was made; with that token, the session ends.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from threading import Lock

from framework0.server.limits import ENTER_SECONDS, ENTRANCES, SESSION_SECONDS, SESSIONS
from framework0.server.tokens import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from framework0.server.tokens import Token

ENTER_PATH: Final = "/enter"
ONCE: Final = "once"
"""The parameter of the address that works once."""

_SECRET_BYTES: Final = 32


class Kept:
    """Secrets by their hashes, each with whom it stands for; the oldest go when there are too many."""

    __slots__ = ("_by_digest", "_lock", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_digest: dict[str, Token] = {}
        # The one who serves may ask for an address in another thread than the server's.
        self._lock = Lock()

    def new(self, token: Token) -> str:
        """Return a new secret that stands for ``token``, which says when that ends."""
        text = secrets.token_urlsafe(_SECRET_BYTES)
        with self._lock:
            while len(self._by_digest) >= self._most:
                del self._by_digest[next(iter(self._by_digest))]
            self._by_digest[_digest(text)] = token
        return text

    def find(self, text: str, now: float) -> Token | None:
        """Return whom ``text`` stands for, None when it is unknown or over."""
        digest = _digest(text)
        found = None
        with self._lock:
            for known, token in self._by_digest.items():
                # All are compared, so that the time says nothing about any.
                if hmac.compare_digest(known, digest) and not token.ended(now):
                    found = token
        return found

    def take(self, text: str, now: float) -> Token | None:
        """Do as :meth:`find`, and forget the secret."""
        found = self.find(text, now)
        with self._lock:
            self._by_digest.pop(_digest(text), None)
        return found


class Entrances:
    """The addresses that are open and the sessions that were begun through them.

    ``cookie`` is the name of the cookie: browsers do not tell the ports of a host apart. ``secure`` has it
    sent over TLS only. ``now`` gives epoch seconds.
    """

    def __init__(self, port: int, now: Callable[[], float], *, secure: bool) -> None:
        self.cookie = f"framework0_{port}"
        self._secure = secure
        self._now = now
        self._open = Kept(ENTRANCES)
        self._sessions = Kept(SESSIONS)

    def offer(self, token: Token) -> str:
        """Return the path and query of a new address in the name of ``token``."""
        text = self._open.new(self._until(token, ENTER_SECONDS))
        return f"{ENTER_PATH}?{ONCE}={text}"

    def waiting(self, text: str) -> Token | None:
        """Return who could come in with ``text``, without using it."""
        return self._open.find(text, self._now())

    def enter(self, text: str) -> str | None:
        """Use ``text`` up and return the cookie to set, None when it is no good (any more)."""
        token = self._open.take(text, self._now())
        if token is None:
            return None
        session = self._sessions.new(self._until(token, SESSION_SECONDS))
        secure = "; Secure" if self._secure else ""
        return (
            f"{self.cookie}={session}; Path=/; Max-Age={SESSION_SECONDS:.0f}; HttpOnly; "
            f"SameSite=Strict{secure}"
        )

    def session(self, cookies: str) -> Token | None:
        """Return whose session a Cookie header names, None when it names none of ours."""
        for pair in cookies.split(";"):
            name, _, text = pair.strip().partition("=")
            if name == self.cookie:
                return self._sessions.find(text, self._now())
        return None

    def _until(self, token: Token, seconds: float) -> Token:
        # Without a digest no text fits it: it is a browser's. Whether the token itself is still good
        # is asked anew each time, by its id.
        return token._replace(role=READ, digest="", expires=self._now() + seconds)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
