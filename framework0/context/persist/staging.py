"""What requests would make of the present, one after the other, before any of it is durable. Pure.

The present itself is not touched: what is staged lies over it, so that a failed commit leaves nothing
behind and nobody reads what could still be lost.
"""

from __future__ import annotations

from framework0.context.change import EXPIRY, Change, Entry
from framework0.context.expiry import check_ttl
from framework0.context.limits import CONTEXT_KEYS
from framework0.context.operations import check_operation, fingerprint
from framework0.context.persist.calls import Call
from framework0.errors import ContextError, VersionConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Final

    from framework0.context.change import Author, Request, Write
    from framework0.context.persist.cache import Cache
    from framework0.context.persist.calls import Calls

_ABSENT: Final = object()
_new = tuple.__new__


class Staged:
    """The changes of one commit to be. ``made_before`` finds the changes of a call that is repeated."""

    def __init__(
        self,
        cache: Cache,
        calls: Calls,
        now: float,
        made_before: Callable[[str, Call], tuple[Change, ...]],
    ) -> None:
        self._present = cache.entries
        self._removed = cache.removed
        self._calls = calls
        self._now = now
        self._made_before = made_before
        self._over: dict[str, Entry | None] = {}
        self._gone: dict[str, int] = {}
        self._keys = len(cache.entries)
        self.version = self.since = cache.version
        self.changes: list[Change] = []
        self.named: list[tuple[str, Call]] = []
        self._new_calls: dict[str, Call] = {}

    def expire(self, keys: Iterable[str]) -> None:
        """Remove the keys whose time is over."""
        for key in keys:
            entry = self._present.get(key)
            if entry is None:
                continue
            self.version += 1
            # fmt: off
            self.changes.append(Change(
                self.version, key, None, True, entry[0], True,
                EXPIRY, None, None, None, self._now, entry[1],
            ))
            # fmt: on
            self._over[key] = None
            self._gone[key] = self.version
            self._keys -= 1

    def answer(self, request: Request) -> tuple[Change, ...]:
        """Make what ``request`` asks for, or raise ContextError and make nothing of it."""
        writes, author, at, expected, expected_version, operation = request
        asked = ""
        if operation is not None:
            check_operation(operation)
            asked = fingerprint(writes, expected, expected_version).hex()
            known = self._known_call(operation, asked)
            if known is not None:
                return known
        if expected_version is not None and expected_version != self.version:
            raise VersionConflict("*", expected_version, self.version)
        if expected:
            self._check_expected(expected)
        if self._keys + len(writes) > CONTEXT_KEYS:
            self._check_room(writes)
        for write in writes:
            if write[3] is not None:
                check_ttl(write[3], write[0])
        since = self.version
        made = self._make(writes, author, at)
        if operation is not None:
            call = Call(asked, since, len(made))
            self._new_calls[operation] = call
            self.named.append((operation, call))
        return tuple(made)

    def _make(self, writes: Sequence[Write], author: Author, at: float) -> list[Change]:
        who, run, step, attempt = author
        over, present = self._over, self._present
        version = self.version
        made = []
        for key, value, removed, ttl in writes:
            before = over.get(key, _ABSENT)
            if before is _ABSENT:
                before = present.get(key)
            if before is not None:
                existed = True
                old, previous, _ = before  # type: ignore[misc]
            elif removed:
                continue
            else:
                previous = self._gone.get(key) or self._removed.get(key, 0)
                old, existed = None, False
            version += 1
            expires = None
            if removed:
                over[key] = None
                self._gone[key] = version
                self._keys -= 1
            else:
                if ttl is not None:
                    expires = at + ttl
                over[key] = _new(Entry, (value, version, expires))
                if not existed:
                    self._keys += 1
            # fmt: off
            made.append(_new(Change, (
                version, key, value if not removed else None, removed, old, existed,
                who, run, step, attempt, at, previous, expires,
            )))
            # fmt: on
        self.version = version
        self.changes += made
        return made

    def _known_call(self, operation: str, asked: str) -> tuple[Change, ...] | None:
        new = self._new_calls.get(operation)
        if new is not None:
            if new.asked != asked:
                from framework0.errors import OperationReused

                raise OperationReused(operation)
            start = new.since - self.since
            return tuple(self.changes[start : start + new.made])
        known = self._calls.answer(operation, asked, self._now)
        return None if known is None else self._made_before(operation, known)

    def _check_expected(self, expected: Mapping[str, int]) -> None:
        for key, version in expected.items():
            entry = self._over.get(key, _ABSENT)
            if entry is _ABSENT:
                entry = self._present.get(key)
            actual = 0 if entry is None else entry[1]  # type: ignore[index]
            if actual != version:
                raise VersionConflict(key, version, actual)

    def _check_room(self, writes: Sequence[Write]) -> None:
        """Refuse writes that would lead to too many keys; called only when that is near."""
        present = {key for key in self._present if self._over.get(key, self) is not None}
        present |= {key for key, entry in self._over.items() if entry is not None}
        for write in writes:
            if write.removed:
                present.discard(write.key)
            else:
                present.add(write.key)
        if len(present) > CONTEXT_KEYS:
            raise ContextError(
                f"the context would hold more than {CONTEXT_KEYS:,} keys; "
                "store one value with many parts, or a file's path"
            )
