"""The life of a server: checked, listening, running in the foreground or in a thread, and stopped."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
import threading
import time
from pathlib import Path

from framework0.errors import Framework0Error, UsageError, WorkspaceError
from framework0.server.guard import is_loopback
from framework0.server.handles import make_room
from framework0.server.settings import ANYWHERE, ServerSettings, check_settings
from framework0.server.stores import Stores
from framework0.server.tokens import ADMIN, new_token, read_tokens, tokens_path
from framework0.workspace import find_workspace, user_name, write_local_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Self

    from framework0.server.app import App
    from framework0.server.tokens import Token, TokenBook
    from framework0.workspace import Workspace

NEEDED: Final = "the context server needs more packages: pip install 'framework0[server]'"
_WAIT_SECONDS: Final = 30.0
SWITCH_SECONDS: Final = 0.0005
"""After a commit its thread waits at most so long for a busy loop, not the usual ten times as long."""

_BACKLOG: Final = 512
SAME_SIGNAL: Final = 0.2
"""Seconds in which signals count as one: many senders signal a process and then its whole group."""


class ContextServer:
    """A server of shared contexts, on ``port`` of ``host``.

    ``start_async()`` runs it in a thread of its own and returns when it listens; ``stop()`` ends it.
    :meth:`serve` runs it here until a signal comes. Keywords are the fields of
    :class:`~framework0.server.ServerSettings`; ``token_file`` is where the tokens are kept, and
    ``workspace`` a folder of the workspace (the current one if left out).
    """

    def __init__(
        self,
        port: int | None = None,
        host: str | None = None,
        *,
        token_file: Path | str | None = None,
        workspace: Path | str | None = None,
        debug: bool = False,
        **settings: Any,
    ) -> None:
        chosen = {"port": port, "host": host, **settings}
        given = {name: value for name, value in chosen.items() if value is not None}
        unknown = [name for name in given if name not in ServerSettings._fields]
        if unknown:
            raise UsageError(f"a server has no setting {unknown[0]!r}")
        self.settings = ServerSettings(**given)
        self.debug = debug
        self.workspace: Workspace = find_workspace(explicit=workspace and str(workspace))
        self.token_file = Path(token_file) if token_file else tokens_path(self.workspace)
        self.port = 0
        self._app: App | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._own: Token | None = None
        # When it has ended: how many clients were told, and how many of them had to be cut.
        self.told = self.cut_off = 0

    @property
    def url(self) -> str:
        """Where clients connect; the server listens when this is known."""
        host = self.settings.host
        shown = "localhost" if is_loopback(host) or host in ANYWHERE else host
        shown = f"[{shown}]" if ":" in shown else shown
        return f"{'wss' if self.settings.tls_cert else 'ws'}://{shown}:{self.port}"

    def browser_url(self) -> str | None:
        """Return a new address that lets one browser in, once and to look; good for ten minutes.

        It is in the name of whoever runs this server, so there is none beyond this machine.
        """
        if self._app is None or self._own is None:
            return None
        return f"http{self.url.removeprefix('ws')}{self._app.entrances.offer(self._own)}"

    @property
    def store_text(self) -> str:
        """Where the contexts are kept, for people; known while it runs."""
        return self._app.store_text if self._app else ""

    def start_async(self) -> Self:
        """Run in a thread of its own; return when the server listens, or raise why it does not."""
        if self._thread is not None:
            raise UsageError("this server runs already: stop() it first")
        started: list[BaseException | None] = []
        ready = threading.Event()

        def tell(error: BaseException | None) -> None:
            started.append(error)
            ready.set()

        def run() -> None:
            try:
                self._run(self._live(lambda: tell(None)))
            # Whatever hinders the start is raised where start_async() was called.
            except BaseException as error:  # noqa: BLE001
                tell(error)

        self._thread = threading.Thread(target=run, name="context server", daemon=True)
        self._thread.start()
        ready.wait()
        if started[0] is not None:
            self._thread.join()
            self._thread = None
            raise started[0]
        return self

    def stop(self) -> None:
        """End it: what was begun is ended, clients are told. A second call does nothing."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join(_WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self.start_async()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve(self, ready: Callable[[], None] = lambda: None) -> tuple[str, bool]:
        """Run here until a signal ends it; return its name, and whether a second one came.

        ``ready`` is called when the server listens.
        """
        make_room(self.settings.limits.connections)
        heard = Signals(self)
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self._run(self._live(ready, heard))
        finally:
            sys.setswitchinterval(before)
        return heard.first, heard.again

    def cut(self) -> None:
        """Cut whoever is still connected; what was begun is still committed."""
        if self._app is not None:
            self._app.cut()

    def reload_tokens(self) -> None:
        """Read the tokens anew; clients whose token is gone are closed."""
        assert self._app is not None
        self._app.use_tokens(self._book())

    def _book(self) -> TokenBook:
        book = read_tokens(self.token_file)
        return book if self._own is None else book.added(self._own)

    async def _live(self, ready: Callable[[], None], heard: Signals | None = None) -> None:
        """Listen, be there, and end in order."""
        from framework0.server.app import App

        loop = self._loop = asyncio.get_running_loop()
        stopping = self._stopping = asyncio.Event()
        book = self._book()
        check_settings(self.settings, len(book))
        context = tls_context(self.settings)
        stores = Stores(self.settings.store, self.workspace)
        listening = await self._listen(loop, context)
        local: Path | None = None
        try:
            self.port = listening.sockets[0].getsockname()[1]
            if is_loopback(self.settings.host):
                self._own, text = new_token(user_name(), ADMIN, time.time())
                book = book.added(self._own)
                local = write_local_token(self.port, text)
            self._app = App(self.settings, stores, book, self.port)
            await listening.start_serving()
            if heard is not None:
                heard.listen(loop, stopping)
            ready()
            await stopping.wait()
        finally:
            listening.close()
            if self._app is not None:
                self.told, self.cut_off = await self._app.close()
            if local is not None:
                local.unlink(missing_ok=True)
            self._app = None

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext | None
    ) -> asyncio.Server:
        from framework0.server.connections import Connection

        def connection() -> Connection:
            assert self._app is not None
            return Connection(self._app)

        host, port = self.settings.host, self.settings.port
        try:
            return await loop.create_server(
                connection, host or None, port, ssl=context, start_serving=False, backlog=_BACKLOG
            )
        except OSError as error:
            hint = "choose another --port, or 0 for any free one"
            raise WorkspaceError(
                f"cannot listen on {host}:{port}: {error.strerror} (errno {error.errno}); {hint}"
            ) from error

    def _run(self, living: Any) -> None:
        try:
            import h11  # noqa: F401
        except ImportError:
            living.close()
            raise UsageError(NEEDED) from None
        with asyncio.Runner(debug=False, loop_factory=_loop_factory()) as runner:
            runner.run(living)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the quicker loop where there is one; the server is the same on both."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Return the TLS context of these settings, None for plain connections."""
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"cannot use {settings.tls_cert} and {settings.tls_key} for TLS: {error}"
        ) from error
    return context


class Signals:
    """Ends a server by SIGTERM and SIGINT, at once by a second one; SIGHUP has the tokens read anew."""

    def __init__(self, server: ContextServer) -> None:
        self._server = server
        self.first = ""
        self.again = False
        self._first_at = 0.0

    def listen(self, loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
        """Listen from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number, stopping)
        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _end(self, number: signal.Signals, stopping: asyncio.Event) -> None:
        now = time.monotonic()
        if not self.first:
            self.first, self._first_at = number.name, now
            stopping.set()
        elif now - self._first_at > SAME_SIGNAL:
            self.again = True
            self._server.cut()

    def _reload(self) -> None:
        import logging

        log = logging.getLogger("framework0.server")
        try:
            self._server.reload_tokens()
            log.info("the tokens were read anew")
        except Framework0Error as error:
            log.error("the tokens stay as they are: %s", error)  # noqa: TRY400
