"""What a step in another process asks of its context, answered where the context is."""

from __future__ import annotations

from framework0.errors import ContextError, Framework0Error, ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from framework0.runner.seams import Job

_MISSING: Final = object()

CALLS: Final = frozenset({"get", "set", "delete", "keys"})
"""What may be asked. The name comes from the step's process, so it must not reach other attributes."""


def answer(job: Job, call: str, question: Sequence[Any]) -> dict[str, Any]:
    """Return ``{"value": …}``, or ``{"error": …, "message": …}`` with what the context raised."""
    context = signed(job) if job.context is None else job.context
    try:
        if context is None:
            return {"error": "ContextError", "message": "this run has no context"}
        if call not in CALLS:
            raise ContextError(f"a context has no call {call!r:.80}")
        if call == "get":
            value = context.get(question[0], _MISSING)
            return {"value": [False, None] if value is _MISSING else [True, value]}
        if call == "set":
            key, value, *ttl = question
            return {"value": context.set(key, value, **({"ttl": ttl[0]} if ttl else {}))}
        return {"value": getattr(context, call)(*question)}
    # The step called it and gets the error, as it would from the context itself.
    except (Framework0Error, TypeError, ValueError) as error:
        refusal = {"error": type(error).__name__, "message": str(error)}
        if isinstance(error, ValueRefused):
            refusal["path"] = error.path
        return refusal


def signed(job: Job) -> Any:
    """Return the context of the attempt, made now: most steps never ask, and nobody can tell before."""
    sign = job.sign
    if sign is None:
        return None
    sign(job)
    context: Any = job.context
    if job.sign is None:
        # The attempt was given up meanwhile.
        context.close()
    return context
