"""One attempt of a scriptlet, from its making to its teardown.

    params checked → setup → validate → run → teardown

Bad params end the attempt before ``setup``. Once ``setup`` was called, ``teardown`` is, whatever
happens: an error, a cancel, an interrupt. The first error is the one that counts; an error in
``teardown`` after it is added to it as a note. An attempt told to stop begins no further hook.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from framework0.errors import ScriptletError, StepCancelled
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.control import BY_HAND, Control
from framework0.scriptlets.parameters import accept
from framework0.scriptlets.resources import Meter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

__all__ = ["Control", "aperform", "is_async", "perform"]

_CO_COROUTINE = 0x80
"""``inspect.CO_COROUTINE``, without the cost of importing inspect."""


def is_async(scriptlet: BaseScriptlet | type[BaseScriptlet]) -> bool:
    """Tell whether ``run`` is an ``async def``."""
    code = getattr(scriptlet.run, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


def perform(
    scriptlet: BaseScriptlet | type[BaseScriptlet],
    context: Any,
    params: Mapping[str, Any] | None = None,
    control: Control = BY_HAND,
) -> Any:
    """Run one attempt here and now, and return what ``run`` returned.

    An async scriptlet gets an event loop of its own. Raises the user's error unchanged,
    :class:`~framework0.errors.ScriptletError` for params that do not fit the declaration, and
    :class:`~framework0.errors.StepCancelled` when told to stop between two hooks.
    """
    scriptlet = _made(scriptlet)
    if is_async(scriptlet):
        import asyncio

        return asyncio.run(aperform(scriptlet, context, params, control))
    given = _begin(scriptlet, params, control)
    try:
        scriptlet.setup(context, given)
        _go_on(scriptlet)
        _judge(scriptlet, scriptlet.validate(context, given))
        _go_on(scriptlet)
        _run_begins(scriptlet)
        try:
            result = scriptlet.run(context, given)
        finally:
            _run_ended(scriptlet)
    except BaseException as first:
        try:
            scriptlet.teardown(context, given)
        except BaseException as second:  # noqa: BLE001
            # The first error is the reason the attempt ended; the second must not hide it.
            _note(first, second)
        raise
    scriptlet.teardown(context, given)
    return result


async def aperform(
    scriptlet: BaseScriptlet | type[BaseScriptlet],
    context: Any,
    params: Mapping[str, Any] | None = None,
    control: Control = BY_HAND,
) -> Any:
    """Run one attempt on the running event loop; as :func:`perform` in everything else.

    ``teardown`` also runs when the task is cancelled.
    """
    scriptlet = _made(scriptlet)
    given = _begin(scriptlet, params, control)
    try:
        await _maybe(scriptlet.setup(context, given))
        _go_on(scriptlet)
        _judge(scriptlet, await _maybe(scriptlet.validate(context, given)))
        _go_on(scriptlet)
        _run_begins(scriptlet)
        try:
            result = await _maybe(scriptlet.run(context, given))
        finally:
            _run_ended(scriptlet)
    except BaseException as first:
        try:
            await _maybe(scriptlet.teardown(context, given))
        except BaseException as second:  # noqa: BLE001
            # The first error is the reason the attempt ended; the second must not hide it.
            _note(first, second)
        raise
    await _maybe(scriptlet.teardown(context, given))
    return result


async def _maybe(value: Any) -> Any:
    if hasattr(value, "__await__"):
        waited: Awaitable[Any] = value
        return await waited
    return value


def _made(scriptlet: Any) -> BaseScriptlet:
    if isinstance(scriptlet, type) and issubclass(scriptlet, BaseScriptlet):
        return scriptlet()
    if isinstance(scriptlet, BaseScriptlet):
        return scriptlet
    raise ScriptletError(
        f"{scriptlet!r} is no scriptlet: inherit from BaseScriptlet and write run(self, context, params)"
    )


def _begin(
    scriptlet: BaseScriptlet, params: Mapping[str, Any] | None, control: Control
) -> dict[str, Any]:
    scriptlet._control = control  # noqa: SLF001
    scriptlet._meter = Meter()  # noqa: SLF001
    _run_begins(scriptlet)
    return accept(scriptlet, params)


def _run_begins(scriptlet: BaseScriptlet) -> None:
    # Base and lifecycle are one idea in two files: the clock belongs to the base class.
    scriptlet._took = None  # noqa: SLF001
    scriptlet._began = time.perf_counter()  # noqa: SLF001


def _run_ended(scriptlet: BaseScriptlet) -> None:
    scriptlet._took = time.perf_counter() - scriptlet._began  # noqa: SLF001


def _go_on(scriptlet: BaseScriptlet) -> None:
    if scriptlet.cancelled:
        raise StepCancelled(f"{scriptlet.name} was told to stop before it ran")


def _judge(scriptlet: BaseScriptlet, verdict: Any) -> None:
    if verdict is False:
        raise ScriptletError(
            f"{scriptlet.name}: validate returned False; raise an error there to say what is wrong"
        )


def _note(first: BaseException, second: BaseException) -> None:
    first.add_note(f"teardown failed too: {type(second).__qualname__}: {second}")
