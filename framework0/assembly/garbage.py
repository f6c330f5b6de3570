"""Rarer looks for cyclic garbage while a large run lasts.

A run keeps a few small objects for every step it has ended, none of them in a cycle. CPython looks
through young objects each time 700 more of them exist than before, and again and again through all
that stay: a run of 100,000 steps would spend a third of its time there and grow faster than its
number of steps. What steps leave behind in cycles is still collected, somewhat later.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

LARGE: Final = 500
"""Steps from which a run is large: below it the collector is hardly ever called."""

YOUNG: Final = 50_000
"""Objects more than before at which young ones are looked through; some megabytes at most."""

_lock = Lock()
_before: list[tuple[int, int, int]] = []


@contextmanager
def rarer_collections(steps: int) -> Iterator[None]:
    """Raise the collector's first threshold for a run of ``steps`` steps, and put it back.

    Runs that overlap share it: the last of them puts it back. A threshold that is higher already,
    or 0 (never), stays.
    """
    threshold = gc.get_threshold()
    if steps < LARGE or not (0 < threshold[0] < YOUNG or _before):
        yield
        return
    with _lock:
        _before.append(_before[0] if _before else threshold)
        gc.set_threshold(max(YOUNG, threshold[0]), *threshold[1:])
    try:
        yield
    finally:
        with _lock:
            threshold = _before.pop()
            if not _before:
                gc.set_threshold(*threshold)
