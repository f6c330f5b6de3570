"""Versions of a context: names, ways back, forks and merges. The real home is :mod:`framework0.context`."""

from framework0.context import Blame as Blame
from framework0.context import Conflict as Conflict
from framework0.context import Context as Context
from framework0.context import Diff as Diff
from framework0.context import Merged as Merged
from framework0.context import Snapshot as Snapshot

__all__ = ["Blame", "Conflict", "Context", "Diff", "Merged", "Snapshot"]
