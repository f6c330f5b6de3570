"""Which refusal an error of the context becomes: one table for HTTP, and its codes for sockets too."""

from __future__ import annotations

import errno
from http import HTTPStatus

from framework0.errors import (
    ContextError,
    Framework0Error,
    HistoryTrimmed,
    OperationReused,
    StoreUnavailable,
    ValueRefused,
    VersionConflict,
    WorkspaceError,
)
from framework0.server.requests import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS: Final = ("disk is full", "errno 28", "errno 122", "ioerr_write", "no space left")


_LATER: Final = (("Retry-After", "5"),)


class StorageFull(Framework0Error):
    """There is no room for what was written; nothing of it is kept, and what was there still is."""


class StorageTrouble(Framework0Error):
    """The store cannot be written; nothing of the request is kept."""


# The first that fits counts: a kind stands before the kinds above it.
_STATUS: Final[Mapping[type[Exception], tuple[int, str]]] = {
    VersionConflict: (409, "conflict"),
    OperationReused: (422, "operation_reused"),
    HistoryTrimmed: (410, "trimmed"),
    ValueRefused: (422, "value"),
    StoreUnavailable: (503, "unavailable"),
    ContextError: (422, "refused"),
    StorageFull: (507, "storage_full"),
    StorageTrouble: (503, "storage"),
    WorkspaceError: (503, "storage"),
}


def committed_or_refused(error: Exception) -> Exception:
    """Return what a whole group is answered when its commit failed: an error that says what to do."""
    if isinstance(error, ContextError):
        return error
    number = getattr(error, "errno", None)
    text = str(error)
    if number in _NO_SPACE or any(word in text.lower() for word in _FULL_WORDS):
        return StorageFull(
            "there is no room for this on the disk, and nothing of it was kept: make room, or raise "
            "the limit of file sizes, then try again"
        )
    return StorageTrouble(f"the store cannot be written ({type(error).__name__}): try again later")


def refusal_of(error: Exception) -> Refused | None:
    """Return the refusal that says what ``error`` says; None when it is no refusal but a bug."""
    if isinstance(error, Refused):
        return error
    for kind, (status, code) in _STATUS.items():
        if isinstance(error, kind):
            headers = _LATER if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
            return Refused(status, code, str(error), headers=headers, extra=_facts(error))
    return None


def _facts(error: Exception) -> dict[str, Any]:
    """Return what a program wants to know about an error beside its code."""
    if isinstance(error, VersionConflict):
        return {"key": error.key, "expected": error.expected, "current_version": error.actual}
    if isinstance(error, HistoryTrimmed):
        return {"kept_since": error.kept_since}
    if isinstance(error, StoreUnavailable):
        return {"happened": error.happened}
    if isinstance(error, ValueRefused):
        return {"path": error.path}
    return {}
