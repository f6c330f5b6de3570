"""Names that look like a misspelt one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_COMPARED: Final = 2000
"""Names compared at most: a hint is worth some milliseconds, not a second."""

MAX_NAME: Final = 120
"""Characters of a name that is compared; longer ones are not typing mistakes."""


def near_names(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Return up to ``count`` of ``known`` that resemble ``name``, best first.

    Letter case and the difference between ``-`` and ``_`` count for little. Similarity is
    Ratcliff and Obershelp's, as :mod:`difflib` computes it.
    """
    if len(name) > MAX_NAME:
        return ()
    folded: dict[str, str] = {}
    for candidate in known:
        if len(folded) >= MAX_COMPARED:
            break
        if isinstance(candidate, str) and len(candidate) <= MAX_NAME and candidate != name:
            folded.setdefault(_fold(candidate), candidate)
    from difflib import get_close_matches

    return tuple(folded[match] for match in get_close_matches(_fold(name), folded, count, 0.6))


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")
