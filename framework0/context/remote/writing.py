"""What a write looks like as a request to the server. Pure."""

from __future__ import annotations

from framework0.context.admission import check_times
from framework0.context.operations import check_operation
from framework0.context.wire.client import must_fit
from framework0.context.wire.codec import Malformed
from framework0.errors import ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from framework0.context.change import Author, Write


def write_fields(
    writes: Sequence[Write],
    author: Author,
    at: float,
    expected: Mapping[str, int] | None,
    expected_version: int | None,
    operation: str,
) -> tuple[str, dict[str, Any]]:
    """Return the type of the message, and its fields.

    Raises ContextError and :class:`~framework0.errors.ValueRefused` for what no server takes.
    """
    check_operation(operation)
    check_times(writes)
    for write in writes:
        _check_value(write)
    names = zip(("who", "run", "step", "attempt"), author, strict=True)
    fields: dict[str, Any] = {
        "operation": operation,
        "by": {name: value for name, value in names if value is not None},
        "at": at,
    }
    if expected_version is None and len(writes) == 1 and _about_one_key(writes[0], expected):
        (write,) = writes
        fields["key"] = write.key
        if expected:
            fields["expect"] = expected[write.key]
        if write.removed:
            return "delete", fields
        fields["value"] = write.value
        if write.ttl is not None:
            fields["ttl"] = write.ttl
        return "set", fields
    fields["writes"] = [_one(write) for write in writes]
    if expected:
        fields["expected"] = dict(expected)
    if expected_version is not None:
        fields["expected_version"] = expected_version
    return "transaction", fields


def _about_one_key(write: Write, expected: Mapping[str, int] | None) -> bool:
    return not expected or expected.keys() == {write.key}


def _one(write: Write) -> dict[str, Any]:
    if write.removed:
        return {"key": write.key, "removed": True}
    if write.ttl is None:
        return {"key": write.key, "value": write.value}
    return {"key": write.key, "value": write.value, "ttl": write.ttl}


def _check_value(write: Write) -> None:
    try:
        must_fit(write.value)
    except Malformed as error:
        raise ValueRefused(f"the value of {write.key!r}: {error.message}") from None
