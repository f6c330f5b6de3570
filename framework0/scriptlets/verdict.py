"""What a scriptlet's returned value says about its success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FAILED_WORDS: Final = frozenset({"error", "failed"})


def failure_in(result: Any) -> str:
    """Return why ``result`` means failure, empty when it does not.

    A mapping whose ``status`` is ``error`` or ``failed`` fails, with its ``message``, ``error`` or
    ``reason`` as the words; so does an int other than 0, as an exit code would.
    """
    if isinstance(result, int) and not isinstance(result, bool) and result != 0:
        return f"returned {result}, and a return code other than 0 is a failure"
    if not isinstance(result, Mapping):
        return ""
    status = result.get("status")
    if not isinstance(status, str) or status.lower() not in FAILED_WORDS:
        return ""
    words = (result.get(key) for key in ("message", "error", "reason"))
    return next((str(word) for word in words if word), f"returned status {status!r}")
