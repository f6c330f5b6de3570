"""Numbers of bytes as people read them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def bytes_text(count: float) -> str:
    """Return a number of bytes with three digits at most before its unit: ``820 bytes``, ``1.5 MB``."""
    for unit in _UNITS[:-1]:
        if count < 1000:  # noqa: PLR2004  each unit is a thousand of the one before it
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
