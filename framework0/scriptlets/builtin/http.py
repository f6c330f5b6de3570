"""``type: http``: ask a web server, and keep what it answers as the result or in a file."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework0.scriptlets.builtin.exchange import Reply, Request
    from framework0.scriptlets.builtin.interruptible import Line

RESULT_BYTES: Final = 10 * 1024 * 1024
"""Bytes of an answer that becomes a result, unless max_bytes says otherwise: the journal keeps it."""

FILE_BYTES: Final = 10 * 1024 * 1024 * 1024
"""Bytes of an answer that goes to a file, unless max_bytes says otherwise."""


class Http(BaseScriptlet):
    """Ask a web server, and keep what it answers as the result or in a file.

    The result holds ``status``, ``headers`` (names in small letters), ``url`` (after redirects), and
    ``json`` or ``text``, or with ``save_as`` the ``path`` and the number of ``bytes``. Raises
    ConnectionError (no connection, an answer cut short), TimeoutError, StepError (a status that is not
    accepted, an answer that is too large, no JSON where JSON is promised), UsageError (wrong params)
    and RefusedError (another scheme, a host that is not allowed, a path outside of the workspace).
    """

    name = "http"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "url": Parameter(str, description="the address: http:// or https://"),
        "method": Parameter(
            str,
            default="GET",
            choices=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
            description="what to do there",
        ),
        "params": Parameter(
            dict, required=False, description="added to the address as its query; a list repeats"
        ),
        "headers": Parameter(dict, required=False, description="sent along; never logged"),
        "json": Parameter(object, required=False, description="sent as JSON"),
        "data": Parameter(
            object, required=False, description="sent as a form (a mapping) or as it is (a text)"
        ),
        "timeout": Parameter(
            object, default="30s", description="how long the whole exchange may take"
        ),
        "accept_status": Parameter(
            list, required=False, description="the statuses that are well: numbers, or like 2xx"
        ),
        "redirects": Parameter(
            int, default=5, description="how many redirects are followed; 0: none, it is the answer"
        ),
        "save_as": Parameter(
            str, required=False, description="the file for the answer, replaced as a whole"
        ),
        "max_bytes": Parameter(
            int,
            required=False,
            description="the largest answer taken, in bytes; 10 MiB, or 10 GiB with save_as",
        ),
        "allowed_hosts": Parameter(
            list, required=False, description="the only hosts asked: host, host:port or *.domain"
        ),
        "into": Parameter(
            str, required=False, description="the context key for the JSON or text of the answer"
        ),
    }

    def validate(self, context: Any, params: dict[str, Any]) -> None:
        """Refuse what cannot be asked before anything is sent."""
        del context
        if params["json"] is not None and params["data"] is not None:
            raise UsageError("json and data are both given: one of them is sent")
        if params["save_as"] is not None and params["into"] is not None:
            raise UsageError("save_as and into are both given: the answer goes to one place")
        if not 0 <= params["redirects"] <= MOST_REDIRECTS:
            raise UsageError(f"redirects must be from 0 to {MOST_REDIRECTS}")

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Ask, and return the answer."""
        from framework0.scriptlets.builtin.interruptible import run_interruptibly

        request = request_of(params)
        wanted = accepted(params["accept_status"])
        reply, found = run_interruptibly(
            lambda line: self._exchange(request, line, wanted, params["save_as"]),
            cancelled=lambda: self.cancelled,
            timeout=request.timeout,
            what=f"{request.method} {request.address}",
        )
        result: dict[str, Any] = {
            "status": reply.status,
            "headers": shown_headers(reply.headers),
            "url": str(reply.address),
            **found,
        }
        if params["into"] is not None:
            context.set(params["into"], result.pop("json", result.pop("text", None)))
        return result

    def _exchange(
        self, request: Request, line: Line, wanted: Callable[[int], bool], save_as: str | None
    ) -> tuple[Reply, dict[str, Any]]:
        from framework0.scriptlets.builtin.exchange import exchange

        if save_as is None:
            pieces: list[bytes] = []
            reply = exchange(request, line, wanted, pieces.append)
            return reply, content_of(reply, b"".join(pieces))
        from framework0.scriptlets.builtin.confined import allowed_roots

        roots = allowed_roots()
        with ExitStack() as stack:
            file = stack.enter_context(roots.replacing(save_as))
            reply = exchange(request, line, wanted, file.write)
        return reply, {"path": roots.shown(roots.resolve(save_as)), "bytes": reply.size}


MOST_REDIRECTS: Final = 20
"""Redirects followed at most; more are a circle (browsers stop there, too)."""

_HIDDEN: Final = frozenset({"set-cookie", "set-cookie2", "authorization", "www-authenticate"})


def request_of(params: Mapping[str, Any]) -> Request:
    """Return the request that the params of an ``http`` step mean; raise UsageError, RefusedError."""
    from framework0.scriptlets.builtin.addresses import address_of
    from framework0.scriptlets.builtin.exchange import Request
    from framework0.scriptlets.builtin.params import seconds

    body, kind = _body(params.get("json"), params.get("data"))
    headers = _headers(params.get("headers") or {})
    names = {name.lower() for name in headers}
    if kind and "content-type" not in names:
        headers["Content-Type"] = kind
    if "user-agent" not in names:
        headers["User-Agent"] = "framework0"
    default = RESULT_BYTES if params.get("save_as") is None else FILE_BYTES
    most = params.get("max_bytes")
    return Request(
        address_of(params["url"], params.get("params")),
        params.get("method", "GET"),
        headers,
        body,
        params.get("redirects", 5),
        tuple(params.get("allowed_hosts") or ()),
        default if most is None else most,
        seconds("timeout", params.get("timeout", "30s")),
    )


def _body(value: Any, data: Any) -> tuple[bytes | None, str]:
    import json

    if value is not None:
        try:
            return (
                json.dumps(value, ensure_ascii=False, allow_nan=False).encode(),
                "application/json",
            )
        except (TypeError, ValueError) as error:
            raise UsageError(f"json cannot be sent: {error}") from None
    if data is None:
        return None, ""
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    if isinstance(data, dict):
        from urllib.parse import urlencode

        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    raise UsageError(f"data is a {type(data).__name__}: give a text, or a mapping for a form")


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers as texts. A value never stands in a message: it may be a password."""
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not _is_token(name):
            raise UsageError(f"headers has the name {name!r}, which no header can have")
        text = str(value)
        if isinstance(value, bool | list | dict | None) or not text.isprintable():
            raise UsageError(f"headers.{name} must be one line of text or a number")
        if not text.isascii():
            raise UsageError(f"headers.{name} has letters that no header can hold: encode them")
        headers[name] = text
    return headers


def _is_token(name: str) -> bool:
    return bool(name) and all(
        letter.isascii() and (letter.isalnum() or letter in "!#$%&'*+-.^_`|~") for letter in name
    )


def accepted(given: list[Any] | None) -> Callable[[int], bool]:
    """Return what tells whether a status is well: ``[200, 404]``, ``[2xx]``; none given, any 2xx."""
    from framework0.scriptlets.builtin.params import statuses

    known = statuses(given or ["2xx"])
    return known.__contains__


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as they are kept: what a server hands out to log in with is hidden."""
    return {name: "***" if name in _HIDDEN else value for name, value in headers.items()}


def content_of(reply: Reply, body: bytes) -> dict[str, Any]:
    """Return ``json`` or ``text`` of an answer, by its content type."""
    from framework0.errors import StepError
    from framework0.scriptlets.builtin.jsontext import parse_json

    if not body:
        return {"text": ""}
    kind, _, rest = reply.headers.get("content-type", "").partition(";")
    coding = reply.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise StepError(
            f"{reply.address} answers in {coding}, which was not asked for: use save_as"
        )
    charset = rest.partition("charset=")[2].partition(";")[0].strip("\"' ") or "utf-8"
    try:
        text = body.decode(charset)
    except (UnicodeDecodeError, LookupError) as error:
        raise StepError(f"{reply.address} answers with no text ({error}): use save_as") from None
    kind = kind.strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"json": parse_json(text)}
        except ValueError as error:
            raise StepError(f"{reply.address} answers with JSON that is wrong: {error}") from None
    return {"text": text}
