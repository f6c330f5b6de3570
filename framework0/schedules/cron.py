"""Cron expressions: what is wrong with one, shown at its place, and when it is due.

The five fields are minute, hour, day of the month, month and day of the week, as in crontab(5) of
Debian, whose manner cronsim follows. Where clocks are changed:

- an expression that names its minute and its hour is due once a day, whatever the clocks do: in the
  hour that is left out it is due at that hour's end, of an hour that comes twice the first one counts;
- one whose minute or hour begins with ``*`` goes by the time that passes: it is due in both of the
  two hours, and in none that is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from framework0.schedules.limits import LONGEST_EXPRESSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, tzinfo
    from typing import Final

NICKNAMES: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

FIELDS: Final = (
    ("minute", "0 to 59", ()),
    ("hour", "0 to 23", ()),
    ("day of the month", "1 to 31, L or LW", ()),
    ("month", "1 to 12 or JAN to DEC", MONTHS),
    ("day of the week", "0 to 7 (Sunday is 0 and 7), SUN to SAT, as in 5L or MON#1", DAYS),
)


def spelled_out(expression: str) -> str:
    """Return the five fields of an expression, in the place of a nickname such as ``@daily``."""
    return NICKNAMES.get(expression.strip().lower(), expression)


def check_cron(expression: str) -> list[str]:
    """Return what is wrong with an expression, each mistake with a caret below its place."""
    if len(expression) > LONGEST_EXPRESSION:
        return [
            f"a cron expression has at most {LONGEST_EXPRESSION} characters, not {len(expression)}"
        ]
    stripped = expression.strip()
    if stripped.startswith("@"):
        return _wrong_nickname(stripped)
    found = list(re.finditer(r"\S+", expression))
    if len(found) != len(FIELDS):
        return [_wrong_count(expression, len(found))]
    mistakes = [
        mistake
        for place, field in enumerate(found)
        for mistake in _wrong_terms(expression, place, field)
    ]
    return mistakes or _never(expression)


def times(expression: str, after: datetime, zone: tzinfo) -> Iterator[float]:
    """Yield the epoch seconds, ascending, at which a right expression is due later than ``after``."""
    expression = spelled_out(expression)
    minute, hour = expression.split()[:2]
    if minute.startswith("*") or hour.startswith("*"):
        from framework0.schedules.passing import passing_times

        yield from passing_times(expression, after.timestamp(), zone)
        return
    from cronsim import CronSim

    last = after.timestamp()
    for found in CronSim(expression, after.astimezone(zone)):
        moment = found.timestamp()
        # In an hour that comes twice, what was due in its first pass is found again in its second.
        if moment > last:
            last = moment
            yield moment


def _wrong_nickname(word: str) -> list[str]:
    if word.lower() in NICKNAMES:
        return []
    from framework0.recipe import near_name

    near = near_name(word, NICKNAMES)
    known = ", ".join(NICKNAMES)
    hint = f"did you mean {near}?" if near else f"there are {known}"
    return [_at(word, 0, len(word), f"there is no {word!r}: {hint}")]


def _wrong_count(expression: str, count: int) -> str:
    names = ", ".join(name for name, _, _ in FIELDS)
    text = f"five fields are needed ({names}), not {count}"
    if count == len(FIELDS) + 1:
        text += "; for less than a minute there is --every, as in --every 15s"
    return _at(expression, 0, max(1, len(expression)), text)


def _wrong_terms(expression: str, place: int, field: re.Match[str]) -> Iterator[str]:
    """Yield the mistakes of one field: of each of its terms alone, so that the caret is below it."""
    name, takes, words = FIELDS[place]
    start = field.start()
    for term in field[0].split(","):
        if not _is_right(term, place):
            shown = f"{name}: {term!r} is not in {takes}" if term else f"{name}: a value is missing"
            near = _near_word(term, words)
            if near:
                shown += f": did you mean {near}?"
            yield _at(expression, start, max(1, len(term)), shown)
        start += len(term) + 1


def _is_right(term: str, place: int) -> bool:
    from datetime import datetime

    from cronsim import CronSim, CronSimError

    fields = ["*"] * len(FIELDS)
    fields[place] = term
    try:
        # Any moment would do: nothing is counted from it.
        CronSim(" ".join(fields), datetime(2020, 1, 1))  # noqa: DTZ001
    except CronSimError:
        return False
    return True


def _near_word(term: str, words: tuple[str, ...]) -> str | None:
    if not words or not term[:3].isalpha():
        return None
    upper = term.upper()
    # MONDAY, JUNE: the first three letters are the word.
    if upper[:3] in words:
        return upper[:3]
    from framework0.recipe import near_name

    return near_name(upper, words)


def _never(expression: str) -> list[str]:
    from datetime import datetime

    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(expression, datetime(2020, 1, 1)))  # noqa: DTZ001
    except (StopIteration, CronSimError):
        # CronSim itself refuses the 30th of February, and counts through 50 years otherwise.
        return [_at(expression, 0, len(expression), "no day of the next 50 years is like that")]
    return []


def _at(expression: str, start: int, length: int, message: str) -> str:
    from framework0.logs import one_line

    shown = expression.replace("\t", " ").replace("\n", " ")
    return f"{one_line(message)}\n      {one_line(shown)}\n      {' ' * start}{'^' * length}"
