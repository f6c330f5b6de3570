"""The class every scriptlet inherits from.

    class Double(BaseScriptlet):
        def __init__(self) -> None:
            super().__init__()
            self.name = "double"
            self.version = "1.0"

        def run(self, context, params):
            values = context.get("values", [])
            context.set("doubled", [value * 2 for value in values])
            return {"status": "success", "execution_time": self.get_execution_time()}

An attempt calls ``setup``, ``validate``, ``run`` and ``teardown`` in this order
(:mod:`framework0.scriptlets.lifecycle`). ``run`` may be ``async def``; the hooks then may be, too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from framework0.scriptlets.control import BY_HAND
from framework0.scriptlets.naming import default_name

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from framework0.scriptlets.control import Control
    from framework0.scriptlets.resources import Meter, Resources


class _LazyLogger:
    """Makes ``self.logger`` on first use, so that a scriptlet that never logs imports no logging."""

    def __get__(self, scriptlet: BaseScriptlet | None, owner: type) -> Any:
        if scriptlet is None:
            return self
        from framework0.logs import get_logger

        logger = get_logger(scriptlet.name)
        scriptlet.__dict__["logger"] = logger
        return logger


class BaseScriptlet:
    """A reusable step: subclass it and write ``run``.

    ``parameters`` declares what ``params`` may hold; see
    :mod:`framework0.scriptlets.parameters` for its form. Undeclared (empty), anything is accepted.
    A subclass that does not call ``super().__init__()`` works all the same.
    """

    name: str = ""
    version: str = "0"
    parameters: ClassVar[Mapping[str, Any]] = {}

    if TYPE_CHECKING:
        logger: logging.Logger
    else:
        logger = _LazyLogger()

    _control: Control
    _meter: Meter | None
    _began: float
    _took: float | None

    def __new__(cls, *args: Any, **kwargs: Any) -> BaseScriptlet:  # noqa: ARG004, PYI034
        """Prepare the state here, so that a forgotten ``super().__init__()`` breaks nothing."""
        scriptlet = super().__new__(cls)
        scriptlet._control = BY_HAND
        scriptlet._meter = None
        scriptlet._began = 0.0
        scriptlet._took = 0.0
        if not cls.name:
            scriptlet.name = default_name(cls)
        return scriptlet

    def __init__(self) -> None:
        """Do nothing: a subclass calls this first, then sets its name and version."""

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {self.name!r} {self.version}>"

    def setup(self, context: Any, params: dict[str, Any]) -> Any:
        """Acquire what ``run`` needs. Does nothing unless overridden."""

    def validate(self, context: Any, params: dict[str, Any]) -> Any:
        """Refuse bad input by raising, or by returning False. Accepts unless overridden."""

    def run(self, context: Any, params: dict[str, Any]) -> Any:
        """Do the work and return a mapping of results.

        An exception fails the step. So does a mapping whose ``status`` is ``error`` or ``failed``,
        and a returned int other than 0.
        """
        del context, params
        raise TypeError(f"{type(self).__qualname__} has no run(self, context, params)")

    def teardown(self, context: Any, params: dict[str, Any]) -> Any:
        """Release what ``setup`` acquired. Called whenever ``setup`` was, however the rest ended."""

    def get_execution_time(self) -> float:
        """Return the seconds since ``run`` began, on a clock that never jumps.

        Before ``run`` it counts from the attempt's begin; once ``run`` has ended it stays at what
        ``run`` took; with no attempt at all it is 0.
        """
        return time.perf_counter() - self._began if self._took is None else self._took

    @property
    def cancelled(self) -> bool:
        """True once the step was told to stop. Long loops ask it and return."""
        return self._control.is_cancelled()

    def progress(self, done: int, total: int) -> None:
        """Tell whoever watches that ``done`` of ``total`` units are finished."""
        if done < 0 or total < 0:
            raise ValueError(f"progress({done}, {total}): neither may be negative")
        if self._control.progress is not None:
            self._control.progress(done, total)

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1. After a crash the same step may begin again."""
        return self._control.attempt

    @property
    def run_id(self) -> str:
        """The id of the run, empty outside one."""
        return self._control.run_id

    @property
    def idempotency_key(self) -> str:
        """A text that is the same for every attempt of this step in this run, and for no other.

        Hand it to a service that drops repeated requests, so that an attempt repeated after a crash
        has its outside effect once.
        """
        return f"{self._control.run_id or 'local'}:{self._control.step or self.name}"

    def resources(self) -> Resources:
        """Return what the attempt has used so far: seconds, CPU seconds, bytes of memory."""
        from framework0.scriptlets.resources import Meter

        meter = Meter() if self._meter is None else self._meter
        return meter.read()
