"""Web addresses: taken apart, checked, and shown without what may be secret in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError, UsageError
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST: Final = 16_384
"""Characters of an address; servers refuse longer ones themselves, with less clear words."""

SCHEMES: Final = {"http": 80, "https": 443}

_SAFE: Final = "/%:=&?~#+!$,;'@()*[]"


class Address(NamedTuple):
    """Where a request goes. ``target`` is the path with its query, as it stands on the wire."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be equal for credentials to be sent on."""
        return (self.scheme, self.host, self.port)

    @property
    def netloc(self) -> str:
        """The host and, where it is not the scheme's own, the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    def __str__(self) -> str:
        """Return it as messages show it: a query may hold a token, and so it is left out."""
        path, query, _ = self.target.partition("?")
        return f"{self.scheme}://{self.netloc}{path}{query and '?…'}"


def address_of(url: str, params: Mapping[str, Any] | None = None) -> Address:
    """Take an address apart, with ``params`` added to its query.

    Raises :class:`~framework0.errors.UsageError` for what is no address of the web, and
    :class:`~framework0.errors.RefusedError` for another scheme, or a password in it.
    """
    from urllib.parse import quote, urlsplit

    if len(url) > LONGEST or any(ord(character) <= ord(" ") for character in url):
        raise UsageError("url has blanks or control characters in it, or is very long")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"url is no address: {error}") from None
    if parts.scheme not in SCHEMES:
        raise RefusedError(
            f"url begins with {parts.scheme or 'no scheme'!r}: only http:// and https:// are asked"
        )
    if not parts.hostname:
        raise UsageError("url names no host: write http://host/path")
    if parts.username is not None or parts.password is not None:
        raise RefusedError("url has a password in it, which would be logged: use headers")
    query = "&".join(filter(None, [parts.query, _query(params or {})]))
    target = quote(parts.path or "/", safe=_SAFE) + (
        f"?{quote(query, safe=_SAFE)}" if query else ""
    )
    return Address(parts.scheme, _host(parts.hostname), port or SCHEMES[parts.scheme], target)


def _host(name: str) -> str:
    if name.isascii():
        return name.lower()
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise UsageError(f"url names a host that cannot be one: {error}") from None


def _query(params: Mapping[str, Any]) -> str:
    from urllib.parse import urlencode

    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is None:
                continue
            if isinstance(each, dict | list):
                raise UsageError(f"params.{name} holds a {type(each).__name__}, which no query can")
            pairs.append((name, str(each).lower() if isinstance(each, bool) else str(each)))
    return urlencode(pairs)


def refuse_unlisted(address: Address, allowed: Sequence[str]) -> None:
    """Raise :class:`~framework0.errors.RefusedError` unless ``allowed`` is empty or lists the host.

    An entry is ``host``, ``host:port``, or ``*.domain`` for every host below a domain.
    """
    if not allowed:
        return
    names = {address.host, f"{address.host}:{address.port}"}
    for entry in allowed:
        known = str(entry).lower()
        if known in names or (known.startswith("*.") and address.host.endswith(known[1:])):
            return
    raise RefusedError(
        f"{address.netloc} is not among allowed_hosts ({', '.join(map(str, allowed))})"
    )
