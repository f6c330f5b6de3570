"""Results of steps that need not run again: what decides that, where they are kept, when they expire."""

from __future__ import annotations

from framework0.runner.stepcache.age import Moment, now
from framework0.runner.stepcache.asking import ASKED, NOT_KEPT, CodeFacts, StepCache
from framework0.runner.stepcache.inputs import InputFiles
from framework0.runner.stepcache.store import CacheStore

__all__ = [
    "ASKED",
    "NOT_KEPT",
    "CacheStore",
    "CodeFacts",
    "InputFiles",
    "Moment",
    "StepCache",
    "now",
]
