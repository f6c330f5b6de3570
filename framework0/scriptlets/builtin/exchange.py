"""One HTTP exchange: what is asked, what comes back, redirects followed within bounds.

``http.client`` speaks HTTP/1.1; a library of its own would be a dependency for little more. TLS is
verified against the system's authorities (``SSL_CERT_FILE`` adds to them). Proxies are taken from
``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from framework0.errors import RefusedError, StepError
from framework0.scriptlets.builtin.addresses import Address, address_of, refuse_unlisted
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.scriptlets.builtin.interruptible import Line

CHUNK: Final = 64 * 1024
"""Bytes read at a time: little memory, few calls."""

EXCERPT: Final = 300
"""Characters of a refusal that are told: enough for its reason, not a whole page."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AS_GET: Final = frozenset({301, 302, 303})
"""Answers after which a POST goes on as a GET, as browsers do (RFC 9110, 15.4)."""

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_OF_THE_BODY: Final = frozenset({"content-type", "content-length", "content-encoding"})


class Request(NamedTuple):
    """What is asked. ``redirects`` is how many are followed; ``most`` how many bytes are taken."""

    address: Address
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    redirects: int = 5
    allowed_hosts: Sequence[str] = ()
    most: int = 16 * 1024 * 1024
    timeout: float = 30.0


class Reply(NamedTuple):
    """What came back: header names are in small letters, equal ones joined by commas."""

    status: int
    headers: dict[str, str]
    address: Address
    size: int


def exchange(
    request: Request,
    line: Line,
    wanted: Callable[[int], bool],
    keep: Callable[[bytes], object],
) -> Reply:
    """Ask, follow redirects, and hand the body of an answer whose status is ``wanted`` to ``keep``.

    Raises ConnectionError, TimeoutError and :class:`~framework0.errors.StepError` (a status that is
    not wanted, an answer that is too large or ends early), and
    :class:`~framework0.errors.RefusedError` for a redirect to where nothing may be asked.
    """
    for hops in range(request.redirects + 1):
        refuse_unlisted(request.address, request.allowed_hosts)
        connection = _connection(request)
        try:
            answer = _ask(connection, request, line)
            onward = answer.getheader("location") if answer.status in REDIRECTS else None
            if onward is None or request.redirects == 0:
                return _taken(answer, request, line, wanted, keep)
            if hops == request.redirects:
                raise StepError(f"{request.address} leads on after {hops} redirects: too many")
            request = _onward(request, answer.status, onward)
        finally:
            connection.close()
    raise AssertionError("the loop returns or raises")


def _ask(
    connection: http.client.HTTPConnection, request: Request, line: Line
) -> http.client.HTTPResponse:
    address = request.address
    target = address.url if _proxy(address) and address.scheme == "http" else address.target
    try:
        connection.connect()
        # The connection forgets its socket as soon as an answer without a length begins.
        line.holds(partial(_cut, connection.sock))
        connection.request(request.method, target, body=request.body, headers=dict(request.headers))
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise connection_error(address, error) from None


def connection_error(address: Address, error: Exception) -> ConnectionError | TimeoutError:
    """Return the error of a connection in words: who was asked, and what happened."""
    if isinstance(error, TimeoutError):
        return TimeoutError(f"{address} did not answer in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectionError(
            f"{address} has a certificate that is not trusted: {error.verify_message}"
        )
    if isinstance(error, socket.gaierror):
        return ConnectionError(f"{address.host} is no host that is known: {error.strerror}")
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ConnectionError(f"{address} cannot be asked: {words}")


def _taken(
    answer: http.client.HTTPResponse,
    request: Request,
    line: Line,
    wanted: Callable[[int], bool],
    keep: Callable[[bytes], object],
) -> Reply:
    address = request.address
    if not wanted(answer.status):
        raise StepError(f"{request.method} {address} answered {answer.status}{_words(answer)}")
    size = 0
    expected = answer.length
    try:
        while data := answer.read(CHUNK):
            size += len(data)
            if size > request.most:
                raise StepError(
                    f"{address} sends more than {request.most:,} bytes: raise max_bytes, or ask for less"
                )
            keep(data)
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise connection_error(address, error) from None
    if line.is_cut or (expected is not None and size != expected):
        raise ConnectionError(f"{address} ended after {size:,} of {expected or 'more'} bytes")
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return Reply(answer.status, headers, address, size)


def _words(answer: http.client.HTTPResponse) -> str:
    """Return what a server says about its refusal, as far as that is fit to print."""
    try:
        body = answer.read(EXCERPT)
    except (OSError, http.client.HTTPException):
        body = b""
    told = f" {answer.reason} {body.decode('utf-8', 'replace')}".rstrip()
    return "".join(letter if letter.isprintable() else " " for letter in told)[:EXCERPT]


def _onward(request: Request, status: int, location: str) -> Request:
    """Return the request that a redirect asks for."""
    url = urljoin(request.address.url, location.strip())
    if urlsplit(url).scheme not in {"http", "https"}:
        raise RefusedError(
            f"{request.address} leads to {urlsplit(url).scheme}:, which is not followed"
        )
    address = address_of(url)
    if request.address.scheme == "https" and address.scheme == "http":
        raise RefusedError(f"{request.address} leads to {address}, which is not encrypted")
    headers, method, body = dict(request.headers), request.method, request.body
    dropped: frozenset[str] = frozenset()
    if address.origin != request.address.origin:
        # What is meant for one server is no business of another. A custom header may be a token too.
        dropped |= _CREDENTIALS | {name.lower() for name in headers if _may_be_secret(name)}
    if status in _AS_GET and method not in {"GET", "HEAD"}:
        method, body = "GET", None
        dropped |= _OF_THE_BODY
    kept = {name: value for name, value in headers.items() if name.lower() not in dropped}
    return request._replace(address=address, headers=kept, method=method, body=body)


def _may_be_secret(name: str) -> bool:
    return any(word in name.lower() for word in ("auth", "cookie", "key", "secret", "token"))


def _connection(request: Request) -> http.client.HTTPConnection:
    address, proxy = request.address, _proxy(request.address)
    host, port = proxy or (address.host, address.port)
    # The whole exchange is timed by whoever asked; this only ends a thread that was walked away from.
    timeout = request.timeout + 1
    if address.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    if proxy:
        connection.set_tunnel(address.host, address.port)
    return connection


def _proxy(address: Address) -> tuple[str, int] | None:
    """Return the host and port of the proxy that the environment names for an address."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    url = getproxies().get(address.scheme)
    if not url or proxy_bypass(address.netloc):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return (parts.hostname or "localhost", parts.port or 8080)


def _cut(held: socket.socket) -> None:
    """End a connection from another thread: a read that waits returns at once."""
    # Not its own shutdown: that of TLS takes away what the other thread reads with.
    socket.socket.shutdown(held, socket.SHUT_RDWR)
