"""From the code with which a server refuses to the error that a local context would raise."""

from __future__ import annotations

from framework0.errors import (
    ContextError,
    HistoryTrimmed,
    OperationReused,
    RefusedError,
    StoreUnavailable,
    ValueRefused,
    VersionConflict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from framework0.errors import Framework0Error

_VALUES = frozenset(
    {
        "bad_value",
        "value_too_large",
        "number_too_large",
        "too_deep",
        "too_large",
        "too_many_keys",
        "not_json_value",
        "duplicate_key",
    }
)
_NOT_ALLOWED = frozenset({"unauthorized", "forbidden"})
# These are made of facts, not of words.
_FACTS: dict[Any, Callable[[dict[str, Any], str | None], Framework0Error]] = {
    "conflict": lambda fields, _: VersionConflict(
        fields["key"], fields["expected"], fields["actual"]
    ),
    "operation_reused": lambda _, operation: OperationReused(str(operation)),
    "history_trimmed": lambda fields, _: HistoryTrimmed(fields["asked"], fields["kept_since"]),
}
AGAIN = frozenset({"busy", "rate"})
"""Codes after which the same request may be sent again a little later."""


def refusal(
    fields: dict[str, Any], operation: str | None = None, *, again: bool = False
) -> Framework0Error:
    """Return the error that the fields of an ``error`` message stand for.

    ``again`` says that the same request was sent before, without an answer: that it was not done now
    says nothing of then.
    """
    if again and fields.get("happened") is False:
        words = "; it was sent before as well, and whether it happened then is not known"
        fields = {**fields, "happened": None, "message": f"{fields.get('message')}{words}"}
    code, words = fields.get("code"), str(fields.get("message"))
    known: Framework0Error | None = None
    try:
        known = _known(code, words, fields, operation)
    except (KeyError, TypeError):
        # A code without its facts: the words must do.
        known = None
    return ContextError(words) if known is None else known


def _known(
    code: Any, words: str, fields: dict[str, Any], operation: str | None
) -> Framework0Error | None:
    if code in _FACTS:
        return _FACTS[code](fields, operation)
    if code in _VALUES:
        return ValueRefused(words, path=str(fields.get("path", "")))
    if code in _NOT_ALLOWED:
        return RefusedError(f"the context server refuses: {words}")
    if code == "unavailable":
        return StoreUnavailable(words, happened=fields.get("happened"))
    return None
