"""How much of the past is kept: by count, by age and by size. Pure.

The past ends at a snapshot, so what is forgotten goes in whole segments. The present is never
forgotten, and neither are the pictures of tagged versions.
"""

from __future__ import annotations

from framework0.errors import ContextError
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

KEEP_CHANGES: Final = 1_000_000
"""Changes kept unless told otherwise: some 100 MB when the values are small."""

KEEP_BYTES: Final = 1024 * 1024 * 1024
"""Bytes kept unless told otherwise: what a workspace can hold without being asked."""


class Retention(NamedTuple):
    """What is kept.

    So many changes at least, unless they are older than ``seconds`` or, with their snapshots, larger
    than ``bytes``. None is no bound.
    """

    changes: int | None = KEEP_CHANGES
    seconds: float | None = None
    bytes: int | None = KEEP_BYTES

    def check(self) -> Retention:
        """Return it; raises ContextError when a bound would keep nothing."""
        for name, bound in zip(self._fields, self, strict=True):
            if bound is not None and not bound > 0:
                raise ContextError(
                    f"keep_{name} is {bound!r}: give more than 0, or None to keep whatever it is"
                )
        return self


class Segment(NamedTuple):
    """The changes up to the snapshot at ``version``: bytes of both, and the moment of the last one."""

    version: int
    size: int
    last_at: float


def floor(
    segments: Sequence[Segment], rule: Retention, version: int, open_bytes: int, now: float
) -> int:
    """Return the version up to which changes may be forgotten, 0 for none.

    ``segments`` are those that are kept, oldest first; ``version`` is the latest one, and
    ``open_bytes`` what has been written since the last snapshot.
    """
    by_count = by_age = by_size = 0
    size = open_bytes
    old = True
    for segment in segments:
        if rule.changes is not None and version - segment.version >= rule.changes:
            by_count = segment.version
        # Where clocks were set back, what follows something young is kept as well.
        old = old and rule.seconds is not None and segment.last_at < now - rule.seconds
        if old:
            by_age = segment.version
    for segment in reversed(segments):
        size += segment.size
        if rule.bytes is not None and size > rule.bytes:
            by_size = segment.version
            break
    return max(by_count, by_age, by_size)
