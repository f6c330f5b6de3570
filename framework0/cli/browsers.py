"""Opening an address that works once in this person's browser.

Nobody else on the machine can see it on the way: the browser is given a private file that leads there,
for the arguments of a program are everybody's to read.
"""

from __future__ import annotations

from html import escape
from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PAGE: Final = """<!doctype html>
<meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={0}">
<title>Framework0 context</title><p><a href="{0}">The contexts</a></p>
"""


def open_aside(address: str | None, port: int) -> None:
    """Open ``address`` in a thread, for some browsers keep who opens them waiting; say if there is none."""
    from framework0.cli.troubles import say

    if address is None:
        say("no browser is opened: a server for other machines lets one in by `context browse`")
        return
    Thread(target=open_once, args=(address, port), daemon=True).start()


def open_once(address: str, port: int) -> None:
    """Open ``address``, or say that there is no browser."""
    import webbrowser

    from framework0.cli.troubles import say
    from framework0.workspace import replace_private

    path = _page_of(port)
    replace_private(path, _PAGE.format(escape(address)).encode())
    if not webbrowser.open(path.as_uri()):
        say("no browser was found here: open the address yourself")


def forget_page(port: int) -> None:
    """Take away the file through which a browser was led to the server on ``port``."""
    _page_of(port).unlink(missing_ok=True)


def _page_of(port: int) -> Path:
    from framework0.workspace import local_token_path

    return local_token_path(port).with_suffix(".html")
