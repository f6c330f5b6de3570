"""What a workspace may set: one table says each setting's meaning, type and bounds.

Settings stand in ``framework0.toml`` at the top level, or in ``pyproject.toml`` under
``[tool.framework0]``. Every mistake of the file is reported at once, each with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Place, Problem, WorkspaceError
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DURABILITIES: Final = ("full", "normal")
EXECUTORS: Final = ("thread", "process", "serial")

MAX_CONCURRENCY: Final = 10_000
"""Each running step may cost a thread with its stack; more is a typing mistake."""

MAX_GRACE: Final = 3_600.0
"""Seconds; a stop that takes longer than an hour is none."""

DEFAULT_RESULT_BYTES: Final = 16 * 1024 * 1024
"""A larger result belongs in a file: it would be read again with every look at the run."""

MAX_RESULT_BYTES: Final = 512 * 1024 * 1024
"""SQLite refuses a value of 1 GB, and a row holds a little more than the result."""


class Settings(NamedTuple):
    """The workspace's own defaults; the command line overrides them.

    ``concurrency`` 0 lets the runner choose. ``grace`` is how many seconds a step that is told to
    stop may take. ``env`` names the variables every recipe may read as ``${{ env.NAME }}``.
    ``keep_runs`` is how many runs ``runs prune`` keeps unless told otherwise (0: all).
    """

    concurrency: int = 0
    durability: str = "full"
    executor: str = "thread"
    grace: float = 5.0
    env: tuple[str, ...] = ()
    keep_runs: int = 0
    result_bytes: int = DEFAULT_RESULT_BYTES


class _Wrong(Exception):
    """A value that does not fit; its text completes "``key`` must be ..."."""


def settings_from(table: Mapping[str, Any], file: str, text: str, header: str = "") -> Settings:
    """Return the settings in ``table``, read from ``text`` under the TOML table ``header``.

    Raises :class:`~framework0.errors.WorkspaceError` listing every unknown key (with the near name)
    and every value that does not fit, each with file, line and column.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in table.items():
        if key == "limits" and isinstance(value, dict):
            inner = f"{header}.limits" if header else "limits"
            problems += _check(value, _LIMITS, values, file, text, inner)
        elif key == "limits":
            problems.append(_problem("limits must be a table", key, file, text, header))
        else:
            problems += _check({key: value}, _KEYS, values, file, text, header)
    if problems:
        lines = "\n".join(str(problem) for problem in problems)
        raise WorkspaceError(f"the workspace's settings are wrong:\n{lines}")
    return Settings(**values)


def _check(
    table: Mapping[str, Any],
    known: Mapping[str, Callable[[Any], Any]],
    values: dict[str, Any],
    file: str,
    text: str,
    header: str,
) -> Iterator[Problem]:
    for key, value in table.items():
        if key not in known:
            message = f"unknown setting {key!r}"
            yield _problem(message, key, file, text, header, _near(key, known))
            continue
        try:
            values[key] = known[key](value)
        except _Wrong as wrong:
            yield _problem(f"{key} must be {wrong}, not {value!r}", key, file, text, header)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Wrong(f"a whole number from {low} to {high}")
        return value

    return read


def _one_of(words: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise _Wrong("one of " + ", ".join(words))
        return str(value)

    return read


def _seconds(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_GRACE:
        raise _Wrong(f"a number of seconds from 0 to {MAX_GRACE:g}")
    return float(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise _Wrong("a list of names")
    return tuple(value)


_KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "concurrency": _whole(0, MAX_CONCURRENCY),
    "durability": _one_of(DURABILITIES),
    "executor": _one_of(EXECUTORS),
    "grace": _seconds,
    "env": _names,
    "keep_runs": _whole(0, 1_000_000),
}

_LIMITS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "result_bytes": _whole(0, MAX_RESULT_BYTES),
}


def _near(key: str, known: Mapping[str, object]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(sorted(known))


def _problem(
    message: str, key: str, file: str, text: str, header: str, hint: str | None = None
) -> Problem:
    return Problem("setting", message, Place(file, *_find(text, header, key)), hint=hint)


def _find(text: str, header: str, key: str) -> tuple[int, int]:
    """Return line and column of ``key``; tomllib keeps no positions, so the text is searched.

    Falls back to the table's header, then to the file's first character: an inline table or a
    dotted key can put a setting where this does not look.
    """
    best = (1, 1)
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("["):
            current = bare.split("#")[0].strip().strip("[]").replace(" ", "").replace('"', "")
            if current == header:
                best = (number, 1 + line.index("["))
        elif current == header and bare.split("=")[0].strip().strip("\"'") == key:
            return number, 1 + len(line) - len(line.lstrip())
    return best
