"""``type: poll``: look again and again until something is as it should be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import ExpressionError, RefusedError, StepError, UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event


class Poll(BaseScriptlet):
    """Look again and again, at a URL, a file or the context, until a condition holds.

    ``until`` is an expression over ``context`` and ``item``, which is what was seen: of a URL ``status``,
    ``headers`` and ``json`` or ``text``; of a path ``exists``, ``bytes`` and ``age`` in seconds. Without
    ``until``, an accepted answer or an existing file will do. No thread is held between two looks; one of
    the run's ``concurrency`` places is. The result holds ``looks``, ``waited`` (seconds) and ``item``. Raises
    TimeoutError with what was seen last, UsageError and RefusedError.
    """

    name = "poll"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "until": Parameter(str, required=False, description="the condition, an expression"),
        "url": Parameter(str, required=False, description="the address that is asked"),
        "headers": Parameter(dict, required=False, description="sent along; never logged"),
        "accept_status": Parameter(
            list, required=False, description="the statuses that are well: numbers, or like 2xx"
        ),
        "allowed_hosts": Parameter(
            list, required=False, description="the only hosts asked: host, host:port or *.domain"
        ),
        "path": Parameter(str, required=False, description="the file or folder that is looked at"),
        "every": Parameter(object, default="5s", description="how long between two looks"),
        "backoff": Parameter(
            float, default=1, description="each wait is the one before times this"
        ),
        "longest": Parameter(object, default="5m", description="no wait is longer than this"),
        "timeout": Parameter(object, default="10m", description="when to give up"),
    }

    async def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Look until it is so."""
        import asyncio
        from threading import Event

        from framework0.scriptlets.builtin.params import seconds
        from framework0.scriptlets.builtin.pauses import pause

        look = self._prepared(params)
        wait, longest = seconds("every", params["every"]), seconds("longest", params["longest"])
        if not 1 <= params["backoff"] <= MOST_BACKOFF:
            raise UsageError(f"backoff must be from 1 to {MOST_BACKOFF}")
        began = time.monotonic()
        ends = began + seconds("timeout", params["timeout"])
        stop, looks = Event(), 0
        while True:
            looks += 1
            try:
                item, why = await asyncio.to_thread(
                    look, max(LAST_LOOK, ends - time.monotonic()), stop
                )
            except asyncio.CancelledError:
                stop.set()
                raise
            if not why and (params["until"] is None or self._holds(params["until"], context, item)):
                return {"looks": looks, "waited": round(time.monotonic() - began, 3), "item": item}
            now = time.monotonic()
            if now + wait >= ends:
                await pause(self, ends - now)
                seen = why or f"{params['until'] or 'it'} did not hold, last seen: {_shown(item)}"
                raise TimeoutError(f"gave up after {looks} looks: {seen}")
            await pause(self, wait)
            wait = min(longest, wait * params["backoff"])

    def _prepared(self, params: dict[str, Any]) -> Any:
        """Return what looks once, after having refused params that cannot go together."""
        if params["url"] is not None and params["path"] is not None:
            raise UsageError("url and path are both given: look at one of them")
        if params["until"] is not None:
            from framework0.recipe import compile_expression

            compile_expression(params["until"])
        elif params["url"] is None and params["path"] is None:
            raise UsageError("give until, url or path: there is nothing to look at")
        if params["url"] is not None:
            from framework0.scriptlets.builtin.http import request_of

            request_of({**params, "timeout": 1})
            return lambda left, stop: self._ask(params, left, stop)
        if params["path"] is not None:
            from framework0.scriptlets.builtin.confined import allowed_roots

            roots = allowed_roots()
            needed = params["until"] is None
            return lambda _left, _stop: _file(roots.resolve(params["path"]), needed=needed)
        return lambda _left, _stop: (None, "")

    def _ask(self, params: dict[str, Any], left: float, stop: Event) -> tuple[Any, str]:
        from framework0.scriptlets.builtin.exchange import exchange
        from framework0.scriptlets.builtin.http import (
            accepted,
            content_of,
            request_of,
            shown_headers,
        )
        from framework0.scriptlets.builtin.interruptible import run_interruptibly

        request = request_of({**params, "timeout": min(left, LONGEST_ASK)})
        pieces: list[bytes] = []
        # With a condition of its own, any status may be what is waited for.
        usual = ["1xx", "2xx", "3xx", "4xx", "5xx"] if params["until"] is not None else None
        wanted = accepted(params["accept_status"] or usual)
        try:
            reply = run_interruptibly(
                lambda line: exchange(request, line, wanted, pieces.append),
                cancelled=lambda: self.cancelled or stop.is_set(),
                timeout=request.timeout,
                what=f"GET {request.address}",
            )
            content = content_of(reply, b"".join(pieces))
        except RefusedError:
            raise
        except (OSError, StepError) as error:
            if stop.is_set() or self.cancelled:
                raise
            return None, str(error)
        return {"status": reply.status, "headers": shown_headers(reply.headers), **content}, ""

    def _holds(self, until: str, context: Any, item: Any) -> bool:
        from framework0.recipe import Scope, compile_expression

        try:
            return compile_expression(until).holds(Scope(context=context, item=item))
        except ExpressionError as error:
            # What is not there yet may come; what never can be right ends with the timeout.
            self.logger.debug("not yet: %s", error)
            return False


LAST_LOOK: Final = 1.0
"""Seconds the last look may take in any case: cut off at once, it would say nothing."""

MOST_BACKOFF: Final = 1_000
"""As of a step's retry."""

LONGEST_ASK: Final = 60.0
"""Seconds one answer may take: then the next look is worth more."""


def _file(path: str, *, needed: bool) -> tuple[Any, str]:
    import os

    try:
        found = os.stat(path)
    except FileNotFoundError:
        absent = {"exists": False, "bytes": 0, "age": 0.0}
        return absent, f"{path} does not exist" if needed else ""
    age = round(max(0.0, time.time() - found.st_mtime), 3)
    return {"exists": True, "bytes": found.st_size, "age": age}, ""


def _shown(item: Any) -> str:
    from framework0.scriptlets.builtin.jsontext import dump_json

    text = dump_json(item)
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


MOST_SHOWN: Final = 300
"""Characters of what was seen last that are told."""
