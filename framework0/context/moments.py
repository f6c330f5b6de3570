"""Which version is meant: a number, a moment, a tag, or what a step of a run left behind."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from framework0.errors import ContextError

if TYPE_CHECKING:
    from framework0.context.change import Change, Store

_TEXTS = "a tag, a version, a time such as 2024-05-01T12:00, or run:step"
LATEST = "latest"
"""In place of a run's id: the run that wrote last, or in which the step did."""


def version_of(store: Store, moment: Any) -> int:
    """Return the version that ``moment`` stands for.

    An int is a version. A datetime, a date (its beginning), a time (of today) and a float (epoch
    seconds) stand for the last change made until then; without a zone they are local. Text is a tag,
    a version in digits, an ISO 8601 date or time, or ``run:step``: as that step's last change left
    the context, where the run's id may be a unique beginning, and ``run:`` stands for all its steps;
    ``latest:step`` means the last run in which that step wrote. Raises ContextError for what stands for nothing, HistoryTrimmed for what is forgotten.
    """
    if type(moment) is int:
        if moment >= 0:
            return moment
        raise ContextError(f"a version is a whole number from 0 on, not {moment}")
    if isinstance(moment, str):
        return _named(store, moment)
    seconds = _seconds(moment)
    if seconds is None:
        raise ContextError(
            f"{moment!r:.80} stands for no version: give a number, a time, or {_TEXTS}"
        )
    return store.version_at(seconds)


def _named(store: Store, text: str) -> int:
    tagged = store.tags().get(text)
    if tagged is not None:
        return tagged
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        run, colon, step = text.partition(":")
        if colon and run:
            return _left_by(store, run, step)
    else:
        return store.version_at(moment.timestamp())
    raise ContextError(f"{text!r:.80} stands for no version of this context: give {_TEXTS}")


def _seconds(moment: Any) -> float | None:
    """Return a moment in epoch seconds, None when it is none."""
    if isinstance(moment, float):
        return moment
    if isinstance(moment, time):
        moment = datetime.combine(datetime.now(moment.tzinfo), moment)
    elif isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment.timestamp() if isinstance(moment, datetime) else None


def _left_by(store: Store, run: str, step: str) -> int:
    last: dict[str, Change] = {}
    for change in store.changes():
        if change.run and change.run.startswith(run) and step in ("", change.step):
            last[change.run] = change
    if run in last:
        return last[run].version
    if run == LATEST and not last:
        return _left_by_latest(store, step)
    if len(last) > 1:
        raise ContextError(f"{run!r} begins the ids of several runs: {', '.join(sorted(last)[:5])}")
    if not last:
        of = f"the step {step!r} of a run {run!r}" if step else f"a run {run!r}"
        raise ContextError(
            f"no change that is kept was made by {of}; its history tells who wrote a key"
        )
    return next(iter(last.values())).version


def _left_by_latest(store: Store, step: str) -> int:
    found = 0
    for change in store.changes():
        if change.run and step in ("", change.step):
            found = change.version
    if not found:
        of = f"a step {step!r}" if step else "a run"
        raise ContextError(f"no change that is kept was made by {of} of any run")
    return found
