"""Changes as text, made once for all who get them, and read back.

Many changes share one frame; a change that was made together with the one before it leaves out who and
when.
"""

from __future__ import annotations

from framework0.context.change import Change
from framework0.context.patterns import EVERYTHING, matcher
from framework0.context.values import weigh
from framework0.context.wire.checking import is_number, is_whole
from framework0.context.wire.codec import STRICT, Malformed
from framework0.context.wire.effects import Send
from framework0.context.wire.limits import FRAME_CHANGES, PART_BYTES, PATCHED_BYTES
from framework0.context.wire.messages import CHANGE_PATCHED, CHANGE_REMOVED, CHANGE_SET
from framework0.context.wire.patching import Patch, difference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from framework0.context.wire.codec import Codec

EVERY = frozenset({EVERYTHING})
_SHORT = 4
_LONGEST = 10
_BEGIN = b'{"type":"changes","changes":['
_BETWEEN = b","
_END = b"]}"
_DIFFERS = frozenset({dict, list, str})
_USUAL: dict[str, Any] = {"removed": False, "existed": False, "previous": 0}


class Batch:
    """Consecutive changes, and the frames made of them, kept for the next who wants the same."""

    __slots__ = ("_codec", "_frames", "_whole", "changes", "first", "last")

    def __init__(self, changes: Sequence[Change], codec: Codec = STRICT) -> None:
        self.changes = changes
        self.first = changes[0].version
        self.last = changes[-1].version
        self._codec = codec
        self._frames: dict[tuple[frozenset[str], bool, int | None], tuple[Send, ...]] = {}
        self._whole: tuple[Send, ...] | None = None

    def sends(
        self,
        patterns: frozenset[str] = EVERY,
        *,
        patches: bool = False,
        subscription: int | None = None,
    ) -> tuple[Send, ...]:
        """Return the frames for who follows ``patterns``: the same objects for the same wish."""
        wish = (patterns, patches, subscription)
        made = self._frames.get(wish)
        if made is None:
            made = self._frames[wish] = self._make(*wish)
        return made

    def after(self, version: int) -> Batch:
        """Return what of this came after ``version``."""
        return Batch([change for change in self.changes if change.version > version], self._codec)

    def _make(
        self, patterns: frozenset[str], patches: bool, subscription: int | None
    ) -> tuple[Send, ...]:
        changes = self.changes
        if EVERYTHING not in patterns:
            tests = [matcher(pattern) for pattern in sorted(patterns)]
            changes = [c for c in changes if any(test(c.key) for test in tests)]
        elif patches and not any(map(_may_differ, changes)):
            return self.sends(patterns, subscription=subscription)
        begin = _BEGIN
        if subscription is not None:
            begin = b'{"type":"changes","subscription":%d,"changes":[' % subscription
        encode = self._codec.encode
        frames: list[Send] = []
        parts: list[bytes] = []
        size = 0
        before: Change | None = None
        for change in changes:
            part = encode(_patch_parts(change, before) if patches else parts_of(change, before))
            if parts and (size + len(part) > PART_BYTES or len(parts) >= FRAME_CHANGES):
                frames.append(Send(begin + _BETWEEN.join(parts) + _END))
                part = encode(_patch_parts(change, None) if patches else parts_of(change, None))
                parts, size = [], 0
            parts.append(part)
            size += len(part)
            before = change
        if parts:
            frames.append(Send(begin + _BETWEEN.join(parts) + _END))
        return tuple(frames)


def parts_of(change: Change, before: Change | None) -> list[Any]:
    """Return a change as the array of a frame; ``before`` is the one in front of it there."""
    version, key, value, removed, _, _, who, run, step, attempt, at, _, expires = change
    kind = CHANGE_REMOVED if removed else CHANGE_SET
    if (
        before is not None
        and expires is None
        and before[10] == at
        and before[6:10] == (who, run, step, attempt)
    ):
        return [version, key, kind, value]
    parts = [version, key, kind, value, at, who, run, step, attempt, expires]
    while parts[-1] is None:
        del parts[-1]
    return parts


def _may_differ(change: Change) -> bool:
    """Whether finding what differs could pay."""
    return (
        change.existed
        and type(change.value) in _DIFFERS
        and type(change.old) is type(change.value)
        and weigh(change.value) > PATCHED_BYTES
    )


def _patch_parts(change: Change, before: Change | None) -> list[Any]:
    parts = parts_of(change, before)
    if _may_differ(change):
        edits = difference(change.old, change.value)
        if edits is not None and 2 * weigh(edits) < weigh(change.value):
            parts[2:4] = CHANGE_PATCHED, edits
    return parts


def read_changes(arrays: Any) -> list[Change]:
    """Return the changes of a frame; ``old`` is not known, a patched value is a :class:`Patch`.

    Raises :class:`~framework0.context.wire.codec.Malformed`.
    """
    if type(arrays) is not list:
        raise Malformed("malformed", "the changes are no array")
    changes: list[Change] = []
    who: tuple[Any, Any, Any, Any] = (None, None, None, None)
    at: Any = None
    for parts in arrays:
        if type(parts) is not list or not _SHORT <= len(parts) <= _LONGEST:
            raise _not_a_change(parts)
        expires = None
        if len(parts) > _SHORT:
            whole = [*parts, *[None] * (_LONGEST - len(parts))]
            at, expires = whole[4], whole[9]
            who = (whole[5], whole[6], whole[7], whole[8])
        elif not changes:
            raise _not_a_change(parts)
        version, key, kind, value = parts[:_SHORT]
        removed = kind == CHANGE_REMOVED
        if kind == CHANGE_PATCHED:
            value = Patch(value)
        change = Change(version, key, value, removed, None, False, *who, at, 0, expires)
        if not (is_whole(kind, 0, CHANGE_PATCHED) and _is_sound(change)):
            raise _not_a_change(parts)
        changes.append(change)
    return changes


def _is_sound(change: Change) -> bool:
    """Whether every part is of its kind; what it says was judged where it was written."""
    return (
        is_whole(change.version, 1)
        and type(change.key) is str
        and type(change.who) is str
        and all(name is None or type(name) is str for name in (change.run, change.step))
        and (change.attempt is None or type(change.attempt) is int)
        and is_number(change.at)
        and type(change.removed) is type(change.existed) is bool
        and type(change.previous) is int
        and (change.expires is None or is_number(change.expires))
    )


def _not_a_change(parts: Any) -> Malformed:
    return Malformed("malformed", f"{parts!a:.80} is not a change")


def full_change(change: Change) -> dict[str, Any]:
    """Return a change as an object; what is null, or says no more than its absence, is left out."""
    return {
        name: value
        for name, value in change._asdict().items()
        if value is not None and not (name in _USUAL and value == _USUAL[name])
    }


def read_full_change(fields: Any) -> Change:
    """Return the change that an object stands for; raises Malformed when it is none."""
    try:
        change = Change(
            **{"value": None, "old": None, "run": None, "step": None, "attempt": None}
            | _USUAL
            | fields
        )
    except TypeError:
        raise _not_a_change(fields) from None
    if not _is_sound(change):
        raise _not_a_change(fields)
    return change
