"""``type: assert``: conditions that must hold; all that do not are told at once, with their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import ExpressionError, StepError, UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe import Scope

SHOWN: Final = 200
"""Characters of a value that a message shows: enough to recognize it."""


class Assert(BaseScriptlet):
    """Fail unless every condition holds; all that do not are told at once, with their values.

    A condition is an expression over ``context`` and over ``inputs``, which here are the ``inputs`` of
    this step; or a mapping of ``check`` and ``message``. The result holds ``checked``. Raises
    StepError with every condition that does not hold or cannot be evaluated, and UsageError for what
    is no condition.
    """

    name = "assert"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "that": Parameter(
            list, description="the conditions: expressions, or mappings of check and message"
        ),
        "inputs": Parameter(
            dict, required=False, description="values the conditions read, as inputs.NAME"
        ),
    }

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Check every condition."""
        from framework0.recipe import Scope

        conditions = [_condition(entry, at) for at, entry in enumerate(params["that"], 1)]
        if not conditions:
            raise UsageError("that is an empty list: name a condition")
        scope = Scope(inputs=params["inputs"] or {}, context=context)
        faults = [
            fault for check, message in conditions if (fault := _fault(check, message, scope))
        ]
        if faults:
            count = f"{len(faults)} of {len(conditions)} conditions do not hold:"
            raise StepError("\n".join([count, *(f"- {fault}" for fault in faults)]))
        return {"checked": len(conditions)}


def _condition(entry: Any, at: int) -> tuple[Any, str]:
    """Return the expression of a condition (or what it already came to) and its message."""
    message = ""
    if isinstance(entry, dict):
        if unknown := set(entry) - {"check", "message"}:
            raise UsageError(
                f"that[{at}] has {min(map(str, unknown))!r}: known are check and message"
            )
        if "check" not in entry:
            raise UsageError(f"that[{at}] has no check")
        entry, message = entry["check"], str(entry.get("message") or "")
    if not isinstance(entry, str | bool):
        raise UsageError(f"that[{at}] is a {type(entry).__name__}: write an expression")
    if isinstance(entry, bool):
        # It stood inside `${{ }}`, so its words are gone.
        message = message or f"condition {at}, which the recipe had evaluated before"
    return entry, message


def _fault(check: str | bool, message: str, scope: Scope) -> str:
    if isinstance(check, bool):
        return "" if check else message
    from framework0.recipe import compile_expression

    try:
        expression = compile_expression(check)
        if expression.holds(scope):
            return ""
    except ExpressionError as error:
        problem = error.problems[0]
        hint = f" ({problem.hint})" if problem.hint else ""
        return f"{message + ': ' if message else ''}{check}: {problem.message}{hint}"
    told = f"{message}: {check}" if message else check
    values = dict.fromkeys(_value(name, scope) for name in expression.names)
    shown = ", ".join(value for value in values if value)
    return f"{told} ({shown})" if shown else told


def _value(name: Any, scope: Scope) -> str:
    """Return ``inputs.rows = 3`` for a name that the condition read; nothing if it cannot be read."""
    from framework0.recipe import compile_expression
    from framework0.scriptlets.builtin.jsontext import dump_json

    path = "".join(f"[{part}]" if isinstance(part, int) else f"['{part}']" for part in name.path)
    plain = all(isinstance(part, str) and part.isidentifier() for part in name.path)
    shown = ".".join([name.root, *map(str, name.path)]) if plain else name.root + path
    try:
        value = compile_expression(name.root + path).evaluate(scope)
        text = dump_json(value)
    except (ExpressionError, TypeError, ValueError):
        return ""
    return f"{shown} = {text if len(text) <= SHOWN else text[:SHOWN] + '…'}"
