"""The text of a history: how one committed batch of entries is written and read back.

A batch is a JSON list. Its entries, by their first item:

- a number: an attempt, ``[node, name, attempt, state, final, at, seconds, cpu, peak]``, then, only
  where there is more to say, an object with ``result``, ``failure``, ``reason``, ``unkept`` and ``io``
  (bytes read and written). Keys of that object that a version does not know, it passes over;
- ``"decide"``: ``["decide", node, kind, value]``;
- ``"session"``: ``["session", at, pid, host]``;
- ``"end"``: ``["end", state, at]``.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted

from framework0.runner.journal.chain import encode
from framework0.runner.journal.values import Decision, Session
from framework0.runner.seams import AttemptRecord, Failure, Outcome
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""A batch with large results is split here, far below the 1 GB that SQLite takes in one value."""

# Below these, seconds times the factor are whole numbers that a float holds exactly (2^53).
_NANOSECONDS_EXACT: Final = 1e6
_MICROSECONDS_EXACT: Final = 9e9


class End(NamedTuple):
    """The run ended, with ``state``, at ``at`` (epoch seconds)."""

    state: str
    at: float


Entry = AttemptRecord | Decision | Session | End


class Batch(NamedTuple):
    """Entries ready to be written: how many, and their text."""

    size: int
    text: str


def write_batches(entries: Iterable[Entry], result_bytes: int) -> Iterator[Batch]:
    """Yield the text of ``entries``, in order, as one batch or, when large, as several.

    A result whose JSON is longer than ``result_bytes``, or that is no JSON at all, is left out and
    its entry says so: a history without one value is better than a run without history.
    """
    parts: list[str] = []
    size = 0
    for entry in entries:
        text = _text(entry, result_bytes)
        parts.append(text)
        size += len(text)
        if size > MAX_BATCH_BYTES:
            yield Batch(len(parts), f"[{','.join(parts)}]")
            parts, size = [], 0
    if parts:
        yield Batch(len(parts), f"[{','.join(parts)}]")


def _text(entry: Entry, result_bytes: int) -> str:
    if type(entry) is not AttemptRecord:
        return _other_text(entry)
    node, name, attempt, state, final, at, outcome, reason = entry
    _, result, failure, seconds, cpu, peak, read, written = outcome
    # One row by hand: the encoder would spend most of its time on the digits of the three times.
    row = (
        f"[{node},{quoted(name)},{attempt},{quoted(state)},{1 if final else 0},"
        f"{_time(at)},{_time(seconds)},{_time(cpu)},{peak}"
    )
    if result is None and failure is None and not (reason or read or written):
        return f"{row}]"
    extra: dict[str, Any] = {}
    if failure is not None:
        extra["failure"] = failure
    if reason:
        extra["reason"] = reason
    if read or written:
        extra["io"] = (read, written)
    if result is not None:
        extra["result"] = result
    return _with_extra(row, extra, result_bytes)


def _time(value: float) -> str:
    """Return the JSON of a number of seconds: its microseconds or nanoseconds, if it has no more.

    Both read back as the very same float. A whole number is written several times faster than the
    shortest digits of a float are found.
    """
    if 0 <= value < _NANOSECONDS_EXACT:
        parts = int(value * 1e9 + 0.5)
        if parts / 1e9 == value:
            return f"{parts}e-9"
    elif 0 <= value < _MICROSECONDS_EXACT:
        parts = int(value * 1e6 + 0.5)
        if parts / 1e6 == value:
            return f"{parts}e-6"
    return encode(value)


def _other_text(entry: Entry) -> str:
    if isinstance(entry, Decision):
        return encode(("decide", *entry))
    if isinstance(entry, Session):
        return encode(("session", *entry))
    assert isinstance(entry, End)
    return encode(("end", *entry))


def _with_extra(start: str, extra: dict[str, Any], result_bytes: int) -> str:
    if "result" not in extra:
        return f"{start},{encode(extra)}]"
    result = extra.pop("result")
    try:
        text = encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        extra["unkept"] = 0
        extra["reason"] = _also(extra, f"result not kept, it is not JSON: {error}")
        return f"{start},{encode(extra)}]"
    if len(text) > result_bytes:
        extra["unkept"] = len(text)
        why = f"result not kept, its {len(text)} bytes are over the limit of {result_bytes}"
        extra["reason"] = _also(extra, why)
        return f"{start},{encode(extra)}]"
    rest = encode(extra)[1:-1]
    return f'{start},{{{rest}{"," if rest else ""}"result":{text}}}]'


def _also(extra: dict[str, Any], words: str) -> str:
    reason = extra.get("reason", "")
    return f"{reason}; {words}" if reason else words


def read_entry(item: list[Any], unkept: dict[tuple[int, int], int]) -> Entry:
    """Return the entry that ``item``, one element of a batch's list, stands for.

    Bytes of results that were left out are noted in ``unkept`` by node and attempt.
    """
    kind = item[0]
    if kind == "decide":
        return Decision(item[1], item[2], item[3])
    if kind == "session":
        return Session(item[1], item[2], item[3])
    if kind == "end":
        return End(item[1], item[2])
    node, name, attempt, state, final, at, seconds, cpu, peak = item[:9]
    if len(item) == 9:  # noqa: PLR2004  the shape shown at the top of this file
        outcome = Outcome(state, None, None, seconds, cpu, peak)
        return AttemptRecord(node, name, attempt, state, bool(final), at, outcome, "")
    extra = item[9]
    failure = _failure(extra["failure"]) if "failure" in extra else None
    if "unkept" in extra:
        unkept[node, attempt] = extra["unkept"]
    outcome = Outcome(
        state, extra.get("result"), failure, seconds, cpu, peak, *extra.get("io", (0, 0))
    )
    reason = extra.get("reason", "")
    return AttemptRecord(node, name, attempt, state, bool(final), at, outcome, reason)


def _failure(parts: list[Any]) -> Failure:
    kind, message, where, trace, bases = parts
    return Failure(kind, message, where, trace, tuple(bases))
