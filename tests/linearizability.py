"""Is there an order of these operations, each at one moment between its call and its answer, that fits?

The search is that of Wing and Gong with Lowe's memory of states seen (as in the checker porcupine):
operations are taken away one by one from the front of the history; a state reached twice with the
same operations gone is not looked at again. A key is a register of its own, so each is checked by
itself: linearizability is local.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FOREVER = float("inf")
ABSENT = None


class Operation(NamedTuple):
    """One call of a client on one key, with the moments of its call and its answer.

    ``kind`` is "read" (``out`` is what was read), "write" (``value``) or "cas" (``value`` if it was
    ``expected``; ``out`` says whether it was). Without an answer ``end`` is FOREVER and ``out`` UNKNOWN:
    it may have happened at any moment since, or never.
    """

    key: str
    kind: str
    start: float
    end: float
    value: Any = None
    expected: Any = None
    out: Any = None


UNKNOWN = object()


def violation(history: list[Operation]) -> str | None:
    """Return the first key whose operations fit no order, None when all do."""
    keys: dict[str, list[Operation]] = {}
    for operation in history:
        keys.setdefault(operation.key, []).append(operation)
    for key, operations in sorted(keys.items()):
        if not _fits(operations):
            return key
    return None


class _Event:
    """The call or the answer of an operation, in a list from which both can be taken and put back."""

    __slots__ = ("after", "answer", "before", "is_call", "number")

    def __init__(self, number: int, *, is_call: bool) -> None:
        self.number = number
        self.is_call = is_call
        self.answer: _Event | None = None
        self.before: _Event | None = None
        self.after: _Event | None = None

    def take(self) -> None:
        """Take this event out of its list; its own links stay, so that it finds back."""
        if self.before is not None:
            self.before.after = self.after
        if self.after is not None:
            self.after.before = self.before

    def put_back(self) -> None:
        """Undo the latest :meth:`take`."""
        if self.before is not None:
            self.before.after = self
        if self.after is not None:
            self.after.before = self


def _fits(operations: list[Operation]) -> bool:
    head = _listed(operations)
    gone = 0
    state: Any = ABSENT
    seen: set[tuple[int, Any]] = {(0, ABSENT)}
    taken: list[tuple[_Event, Any]] = []
    required = sum(1 for operation in operations if operation.end != FOREVER)
    event = head.after
    while required:
        if event is None or not event.is_call:
            # Everything before this answer was tried: the latest choice was wrong.
            if not taken:
                return False
            event, state = taken.pop()
            gone &= ~(1 << event.number)
            required += operations[event.number].end != FOREVER
            assert event.answer is not None
            event.answer.put_back()
            event.put_back()
            event = event.after
            continue
        legal, then = _step(state, operations[event.number])
        left = gone | 1 << event.number
        if legal and (left, then) not in seen:
            seen.add((left, then))
            taken.append((event, state))
            state, gone = then, left
            required -= operations[event.number].end != FOREVER
            event.take()
            assert event.answer is not None
            event.answer.take()
            event = head.after
        else:
            event = event.after
    return True


def _listed(operations: list[Operation]) -> _Event:
    moments = []
    for number, operation in enumerate(operations):
        call, answer = _Event(number, is_call=True), _Event(number, is_call=False)
        call.answer = answer
        # At one moment, calls come first: what only touches may overlap.
        moments.append((operation.start, 0, number, call))
        moments.append((operation.end, 1, number, answer))
    head = last = _Event(-1, is_call=False)
    for *_, event in sorted(moments, key=lambda moment: moment[:3]):
        last.after, event.before = event, last
        last = event
    return head


def _step(state: Any, operation: Operation) -> tuple[bool, Any]:
    if operation.kind == "read":
        return operation.out is UNKNOWN or operation.out == state, state
    if operation.kind == "write":
        return True, operation.value
    if operation.out is UNKNOWN:
        return True, operation.value if state == operation.expected else state
    if operation.out:
        return state == operation.expected, operation.value
    return state != operation.expected, state
