"""Artifacts: values too large for a row, or that are no JSON, kept as files named by their content.

In reading order: ``reference`` (what stands in a value's place), ``formats`` (which values can be
kept and how they look on disk), ``store`` (writing, finding and loading them), ``handed`` (which
objects in memory are what files hold), ``sweeping`` (removing what nobody refers to any more).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.doors import opening

if TYPE_CHECKING:
    from framework0.artifacts.formats import (
        FORMATS,
        encode_json,
        format_of,
        holds_references,
    )
    from framework0.artifacts.reference import (
        MARK,
        Artifact,
        artifacts_in,
        plain,
        references,
        revive,
    )
    from framework0.artifacts.store import Artifacts
    from framework0.artifacts.sweeping import Kept, Retention, Roots, listed, sweep

_HOME = {
    "Artifact": "reference",
    "Artifacts": "store",
    "FORMATS": "formats",
    "Kept": "sweeping",
    "MARK": "reference",
    "Retention": "sweeping",
    "Roots": "sweeping",
    "artifacts_in": "reference",
    "encode_json": "formats",
    "format_of": "formats",
    "holds_references": "formats",
    "listed": "sweeping",
    "plain": "reference",
    "references": "reference",
    "revive": "reference",
    "sweep": "sweeping",
}

__all__ = [
    "FORMATS",
    "MARK",
    "Artifact",
    "Artifacts",
    "Kept",
    "Retention",
    "Roots",
    "artifacts_in",
    "encode_json",
    "format_of",
    "holds_references",
    "listed",
    "plain",
    "references",
    "revive",
    "sweep",
]


# Loaded when first used: a run whose values are small never touches an artifact.
__getattr__ = opening(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
