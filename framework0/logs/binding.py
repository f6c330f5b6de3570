"""Which step the running code belongs to: one context variable, read by the routers and by logging.

A context variable follows an asyncio task and everything it awaits, and `asyncio.to_thread`. It
does not follow a thread that a step starts by hand; what such a thread prints goes to the run's
own log (see :mod:`framework0.logs.capture`).
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType
    from typing import Self

    from framework0.logs.steplog import StepLog

_current: ContextVar[Binding | None] = ContextVar("framework0_step", default=None)


class Binding:
    """A ``with`` block in which printing and logging belong to one attempt of one step."""

    __slots__ = ("_token", "attempt", "log", "run", "step")

    def __init__(self, log: StepLog | None, run: str, step: str, attempt: int) -> None:
        self.log = log
        self.run = run
        self.step = step
        self.attempt = attempt
        self._token: Token[Binding | None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            token, self._token = self._token, None
            try:
                _current.reset(token)
            except ValueError:
                # A coroutine abandoned by its loop is closed in another context; its own is gone.
                return


def bind(log: StepLog | None, run: str, step: str, attempt: int) -> Binding:
    """Return the ``with`` block that binds the running code to one attempt of a step."""
    return Binding(log, run, step, attempt)


bound_step = _current.get
"""Return the binding the running code is in, or None."""
