"""One attempt of a Python step, here and now: call the user's code and say how it ended.

The thread, serial and loop executors call this in the runner's process, the child of the process
executor in its own. It is the boundary to user code: whatever is raised becomes a :class:`Failure`.
"""

from __future__ import annotations

from threading import local
from time import perf_counter, perf_counter_ns, thread_time_ns

from framework0.errors import StepCancelled, UsageError
from framework0.runner.seams import CANCELLED, FAILED, SUCCEEDED, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any, Final

    from framework0.runner.seams import Job

# The flags of a code object that say "calling this gives something to await" (inspect.CO_COROUTINE
# and CO_ITERABLE_COROUTINE); importing inspect for two numbers costs 12 ms.
_COROUTINE_FLAGS: Final = 0x80 | 0x100
_MISSING: Final = object()
_FAILED_WORDS: Final = frozenset({"error", "failed"})


class Target:
    """What a step names, and how it wants to be called."""

    __slots__ = ("call", "is_async", "is_scriptlet", "wants_context")

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.is_scriptlet = isinstance(call, type) and _is_scriptlet(call)
        body = getattr(call, "run", None) if self.is_scriptlet else call
        code = getattr(innermost(body), "__code__", None)
        self.is_async = code is not None and bool(code.co_flags & _COROUTINE_FLAGS)
        self.wants_context = not self.is_scriptlet and "context" in parameter_names(call)


def _is_scriptlet(cls: type) -> bool:
    from framework0.scriptlets import BaseScriptlet

    return issubclass(cls, BaseScriptlet)


def innermost(call: object) -> object:
    """Return the function below ``functools.wraps`` decorations."""
    for _ in range(100):
        inner = getattr(call, "__wrapped__", None)
        if inner is None:
            break
        call = inner
    return call


def parameter_names(call: object) -> tuple[str, ...]:
    """Return the names of the parameters of a Python function, () for anything else."""
    code = getattr(innermost(call), "__code__", None)
    if code is None:
        return ()
    count = code.co_argcount + code.co_kwonlyargcount
    return tuple(code.co_varnames[:count])


def perform(job: Job, target: Target) -> Outcome:
    """Run the attempt to its end in this thread; an async target gets an event loop of its own."""
    started = perf_counter_ns()
    cpu = _cpu_so_far.nanoseconds
    try:
        if target.is_async:
            import asyncio

            result: Any = asyncio.run(_in_coroutine(job, target))
        else:
            result = _called(job, target)
        failure = judge(job, target, result)
    # The boundary to user code: SystemExit and KeyboardInterrupt raised by a step end that step only.
    except BaseException as error:  # noqa: BLE001
        return ended_by(error, *_spent(started, cpu))
    state = SUCCEEDED if failure is None else FAILED
    return Outcome(state, result, failure, *_spent(started, cpu))


def perform_raising(job: Job, target: Target) -> Any:
    """Run the attempt in this thread and return what the code returns; what it raises, this raises."""
    if target.is_async:
        import asyncio

        return asyncio.run(_in_coroutine(job, target))
    return _called(job, target)


class _CpuSoFar(local):
    """The thread's processor time, in nanoseconds, when its last attempt ended.

    Reading that clock is a call into the kernel, dearer than a short step, so it is read once an
    attempt: what the thread did between two attempts is next to nothing.
    """

    def __init__(self) -> None:
        self.nanoseconds = thread_time_ns()


_cpu_so_far = _CpuSoFar()


def _spent(started: int, cpu: int) -> tuple[float, float]:
    """Return the wall and processor seconds since the start of an attempt, given in nanoseconds."""
    wall = perf_counter_ns() - started
    now = _cpu_so_far.nanoseconds = thread_time_ns()
    seconds = wall / 1e9
    return seconds, seconds if now - cpu >= wall else (now - cpu) / 1e9


async def aperform(job: Job, target: Target) -> Outcome:
    """Run the attempt of an async target on the current event loop.

    Processor time is not measured: the loop's thread is shared with other steps.
    """
    import asyncio

    started = perf_counter()
    try:
        result = await _awaited(job, target)
        failure = judge(job, target, result)
    except asyncio.CancelledError:
        failure = Failure("cancelled", "the step was told to stop")
        return Outcome(CANCELLED, None, failure, perf_counter() - started)
    # The boundary to user code, as above.
    except BaseException as error:  # noqa: BLE001
        return ended_by(error, perf_counter() - started, 0.0)
    state = SUCCEEDED if failure is None else FAILED
    return Outcome(state, result, failure, perf_counter() - started)


def ended_by(error: BaseException, seconds: float, cpu_seconds: float) -> Outcome:
    """Return the outcome of an attempt that raised ``error``."""
    if isinstance(error, StepCancelled):
        failure = Failure("cancelled", str(error) or "the step was told to stop")
        return Outcome(CANCELLED, None, failure, seconds, cpu_seconds)
    from framework0.runner.blame import failure_of

    return Outcome(FAILED, None, failure_of(error), seconds, cpu_seconds)


def _called(job: Job, target: Target) -> Any:
    if target.is_scriptlet:
        from framework0.scriptlets import perform as perform_scriptlet

        scriptlet: Any = target.call
        return perform_scriptlet(scriptlet, job.context, params_of(job), control_of(job))
    args, kwargs = _arguments(job, target)
    return target.call(*args, **kwargs)


async def _in_coroutine(job: Job, target: Target) -> Any:
    return await _awaited(job, target)


def _awaited(job: Job, target: Target) -> Awaitable[Any]:
    if target.is_scriptlet:
        from framework0.scriptlets import aperform as aperform_scriptlet

        scriptlet: Any = target.call
        return aperform_scriptlet(scriptlet, job.context, params_of(job), control_of(job))
    args, kwargs = _arguments(job, target)
    result: Awaitable[Any] = target.call(*args, **kwargs)
    return result


def _arguments(job: Job, target: Target) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args: Any = job.args
    positional: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    if isinstance(args, (tuple, list)):
        positional = tuple(args)
    elif args:
        keywords = dict(args)
    if target.wants_context and "context" not in keywords:
        keywords["context"] = job.context
    return positional, keywords


def params_of(job: Job) -> dict[str, Any]:
    """Return the params of a scriptlet step; positional arguments have no names to go by."""
    args: Any = job.args
    if args is None:
        return {}
    if isinstance(args, (tuple, list)):
        raise UsageError(
            f"step {job.name!r} gives a list of args to a scriptlet, which takes params by name: "
            "write them as a mapping"
        )
    return dict(args)


def control_of(job: Job) -> Any:
    """Return what lets a scriptlet hear of cancellation and tell its progress."""
    from framework0.scriptlets import Control

    return Control(
        cancelled=job.cancelled,
        progress=job.progress,
        attempt=job.attempt,
        run_id=job.run_id,
        step=job.name,
    )


def judge(job: Job, target: Target, result: Any) -> Failure | None:
    """Say whether a result that was returned, not raised, still means failure."""
    if target.is_scriptlet:
        failure = _scriptlet_failure(result)
        if failure is not None:
            return failure
    return keys_not_left(job)


def keys_not_left(job: Job) -> Failure | None:
    """Return the failure of an attempt that has not set a context key it has to leave."""
    keys = job.step.policy.success_keys
    if keys and job.context is not None:
        missing = [key for key in keys if job.context.get(key, _MISSING) is _MISSING]
        if missing:
            names = ", ".join(repr(key) for key in missing)
            return Failure("success_keys", f"ended without setting {names} in the context")
    return None


def _scriptlet_failure(result: Any) -> Failure | None:
    if isinstance(result, int) and not isinstance(result, bool) and result != 0:
        return Failure(
            "status", f"returned {result}, and a scriptlet's return code other than 0 is a failure"
        )
    status = result.get("status") if isinstance(result, dict) else None
    if isinstance(status, str) and status.lower() in _FAILED_WORDS:
        return Failure("status", _reason(result) or f"returned status {status!r}")
    return None


def _reason(result: Mapping[str, Any]) -> str:
    for key in ("message", "error", "reason"):
        if result.get(key):
            return str(result[key])
    return ""
