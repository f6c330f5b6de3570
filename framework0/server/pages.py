"""The page for a browser: static files of this package, and the two short pages on the way in.

Nothing of a context is ever put into HTML here: the page asks for it as everybody does, and shows it as
text. Its policy has no room for a script that is not one of these files, nor for markup made from text.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

from framework0.server.entrances import ONCE
from framework0.server.requests import Answer, Refused, json_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from framework0.server.app import App
    from framework0.server.requests import Request

FOLDER: Final = Path(__file__).parent / "page"
HTML: Final = "text/html; charset=utf-8"
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("index.html", HTML),
    "/page/style.css": ("style.css", "text/css; charset=utf-8"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page/asking.js": ("asking.js", "text/javascript; charset=utf-8"),
    "/page/texts.js": ("texts.js", "text/javascript; charset=utf-8"),
    "/page/table.js": ("table.js", "text/javascript; charset=utf-8"),
    "/page/detail.js": ("detail.js", "text/javascript; charset=utf-8"),
}
"""The file and the type of each path."""

_POLICY: Final = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
)
_SHORT_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem}"
    "h1{font-size:1.25rem}code{font-size:.9em}"
)
_SHORT_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(_SHORT_STYLE.encode()).digest()).decode()}'"
)
_SHORT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Framework0 context</title>
<meta name="viewport" content="width=device-width">{more}
<style>{style}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


async def file(_app: App, request: Request) -> Answer:
    """Answer with a file of the page."""
    name, kind = FILES[request.head.path]
    return Answer(200, (FOLDER / name).read_bytes(), kind, _HEADERS)


async def enter(app: App, request: Request) -> Answer:
    """Let a browser in, once, and send it on to the page.

    It is sent on by the answer's own page, not by a redirection: a browser that followed a link of
    another place to come here would not show its cookie there.
    """
    going = _short("You are in", "The page of the contexts opens.", onward=True)
    if request.head.method == "HEAD":
        return going
    cookie = app.entrances.enter(request.parameters.get(ONCE, ""))
    if cookie is None:
        raise Refused(401, "token", "this address has been used")
    going.headers = (*going.headers, ("Set-Cookie", cookie))
    return going


async def offer(app: App, request: Request) -> Answer:
    """Make an address that lets a browser in, to look, in the name of who asks."""
    if not request.caller.digest:
        raise Refused(403, "role", "a browser cannot let in another: ask with a token")
    return json_answer({"path": app.entrances.offer(request.caller)}, 201)


def way_in(url: str, headers: tuple[tuple[str, str], ...]) -> Answer:
    """Return the answer (401) to a browser that has no session, with what its person can do."""
    command = f"framework0 context browse --context {url}"
    text = (
        "This page needs an address that works once. <code>framework0 serve</code> says one when it "
        f"starts; for another one type <code>{escape(command)}</code> in a terminal."
    )
    page = _short("Who are you?", text)
    return Answer(401, page.body, HTML, (*page.headers, *headers))


def _short(title: str, text: str, *, onward: bool = False) -> Answer:
    more = '<meta http-equiv="refresh" content="0;url=/">' if onward else ""
    body = _SHORT.format(more=more, style=_SHORT_STYLE, title=title, text=text)
    headers = (("Content-Security-Policy", _SHORT_POLICY), ("X-Frame-Options", "DENY"))
    return Answer(200, body.encode(), HTML, headers)
