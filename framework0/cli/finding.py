"""What ``doctor`` finds: one line each, good or bad, with what to do about it."""

from __future__ import annotations

from typing import Final

from framework0.tuples import NamedTuple

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"


class Finding(NamedTuple):
    """One thing that was looked at. ``advice`` says what to do; it is empty when ``state`` is ok."""

    name: str
    state: str
    found: str
    advice: str = ""


def judged(name: str, found: str, *, well: bool, advice: str, bad: str = WARN) -> Finding:
    """Return the finding for something that is well, or else as ``bad`` as is said."""
    return Finding(name, OK, found) if well else Finding(name, bad, found, advice)
