"""Plain functions as steps: a parameter called ``context`` gets the context, the rest are args."""

from __future__ import annotations

from orchestrator.context import Context


def keep(context: Context, numbers: list[float]) -> int:
    """Put ``numbers`` into the context as ``numbers.values`` and return how many there are."""
    context.set("numbers.values", numbers)
    return len(numbers)


def total(context: Context) -> float:
    """Add up ``numbers.values``, write the sum to ``numbers.total`` and return it."""
    result = sum(context.get("numbers.values", []))
    context.set("numbers.total", result)
    return result


def mean(context: Context) -> float:
    """Write the mean of ``numbers.values`` to ``numbers.mean`` and return it."""
    values = context.get("numbers.values", [])
    if not values:
        raise ValueError("there is no mean of no numbers: keep some first")
    result = sum(values) / len(values)
    context.set("numbers.mean", result)
    return result
