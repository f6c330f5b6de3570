"""What a workspace may set: one table says each setting's meaning, type and bounds.

Settings stand in ``framework0.toml`` at the top level, or in ``pyproject.toml`` under
``[tool.framework0]``. Every mistake of the file is reported at once, each with its place.
"""

from __future__ import annotations

from types import MappingProxyType

from framework0.errors import Place, Problem, WorkspaceError
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Final

DURABILITIES: Final = ("full", "normal")
EXECUTORS: Final = ("thread", "process", "serial")
LOG_FORMATS: Final = ("human", "json")

MAX_CONCURRENCY: Final = 10_000
"""Each running step may cost a thread with its stack; more is a typing mistake."""

MAX_GRACE: Final = 3_600.0
"""Seconds; a stop that takes longer than an hour is none."""

DEFAULT_RESULT_BYTES: Final = 16 * 1024 * 1024
"""A larger result belongs in a file: it would be read again with every look at the run."""

MAX_RESULT_BYTES: Final = 512 * 1024 * 1024
"""SQLite refuses a value of 1 GB, and a row holds a little more than the result."""


MAX_SLOTS: Final = 10_000
"""Each slot that is taken is an open file."""

MAX_POOL_NAME: Final = 60
"""Characters; a pool's name is a folder's."""

MIN_LOG_BYTES: Final = 1_000
"""A shorter log would hold little more than the line that says how much is missing."""

MAX_LOG_BYTES: Final = 10**15
"""More is a slip of the unit."""


DEFAULT_THRESHOLD: Final = 64 * 1024
"""A larger value would be read with every look at the run; a smaller one costs a file and two syncs."""

MIN_THRESHOLD: Final = 16 * 1024
MAX_THRESHOLD: Final = 16 * 1024 * 1024
"""SQLite holds more, but reading a run would no longer be quick."""

MAX_VISITS: Final = 10**9
"""Nodes that a machine passes in its life; at a thousand a second these are eleven days."""

MAX_DAYS: Final = 36_500
"""A century; more is a slip of the unit."""

MAX_ARTIFACT_BYTES: Final = 2**60

DEFAULT_CACHE_BYTES: Final = 256 * 1024 * 1024
"""Some hundred thousand small results; the least used make place for new ones."""

MIN_CACHE_BYTES: Final = 64 * 1024

DEFAULT_CACHE_TTL: Final = 30 * 86400.0
"""Seconds; what nobody computed anew for a month is rather forgotten than right."""


class Settings(NamedTuple):
    """The workspace's own defaults; the command line overrides them.

    ``concurrency`` 0 lets the runner choose. ``grace`` is how many seconds a step that is told to
    stop may take. ``env`` names the variables every recipe may read as ``${{ env.NAME }}``.
    ``keep_runs`` is how many runs ``runs prune`` keeps unless told otherwise (0: all).
    ``pools`` are named slots that all runs of the workspace share, and how many there are of each.
    ``max_log_bytes`` bounds the log of an attempt that says nothing itself (0: no bound).
    ``file_roots`` are the folders that built-in steps may touch (none: the workspace).
    JSON of more than ``artifact_threshold`` bytes becomes a file. Artifacts that ended runs refer to
    go ``artifact_max_age`` seconds after their last use (0: never), and those not used for longest
    when all together take more than ``artifact_max_bytes`` (0: no bound). ``log_format`` is ``human``
    or ``json`` (empty: nothing is said). ``otel`` tells runs to OpenTelemetry; a page for Prometheus is
    kept at ``metrics_file``, anew every ``metrics_every`` seconds.
    A machine passes at most ``machine_visits`` nodes in its life (0: as the step engine says).
    Cached results of steps take at most ``cache_max_bytes`` and are good for ``cache_ttl`` seconds (0:
    for ever, unless the step says otherwise).
    """

    concurrency: int = 0
    durability: str = "full"
    executor: str = "thread"
    grace: float = 5.0
    env: tuple[str, ...] = ()
    keep_runs: int = 0
    result_bytes: int = DEFAULT_RESULT_BYTES
    file_roots: tuple[str, ...] = ()
    pools: Mapping[str, int] = MappingProxyType({})
    max_log_bytes: int = 0
    artifact_threshold: int = DEFAULT_THRESHOLD
    artifact_max_age: float = 0.0
    artifact_max_bytes: int = 0
    cache_max_bytes: int = DEFAULT_CACHE_BYTES
    cache_ttl: float = DEFAULT_CACHE_TTL
    log_format: str = ""
    otel: bool = False
    metrics_file: str = ""
    metrics_every: float = 15.0
    machine_visits: int = 0


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
        if key not in _TABLES:
            problems += _check({key: value}, _KEYS, values, file, text, header)
        elif isinstance(value, dict):
            known, prefix = _TABLES[key]
            found: dict[str, Any] = {}
            inner = f"{header}.{key}" if header else key
            problems += _check(value, known, found, file, text, inner)
            if prefix is None:
                values[key] = found
            else:
                values.update((prefix + name, setting) for name, setting in found.items())
        else:
            problems.append(_problem(f"{key} must be a table", key, file, text, header))
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
            hint = _POOL_HINT if isinstance(known, _Pools) else _near(key, known)
            yield _problem(message, key, file, text, header, hint)
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


class _Pools(dict[str, "Callable[[Any], Any]"]):
    """Every pool's name, as a setting: whatever may name a folder on every system."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and is_pool_name(name)

    def __missing__(self, name: str) -> Callable[[Any], Any]:
        return _whole(1, MAX_SLOTS)


def is_pool_name(name: str) -> bool:
    """Say whether ``name`` may name a pool: ASCII letters in lower case, digits, ``_`` and ``-``."""
    plain = name.replace("-", "a").replace("_", "a")
    return (
        0 < len(name) <= MAX_POOL_NAME
        and plain.isascii()
        and plain.isalnum()
        and name == name.lower()
        and name[0].isalnum()
    )


_POOL_HINT: Final = (
    f"a pool's name has up to {MAX_POOL_NAME} letters in lower case, digits, `_` and `-`"
)

_KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "concurrency": _whole(0, MAX_CONCURRENCY),
    "durability": _one_of(DURABILITIES),
    "executor": _one_of(EXECUTORS),
    "grace": _seconds,
    "env": _names,
    "keep_runs": _whole(0, 1_000_000),
    "log_format": _one_of(LOG_FORMATS),
}


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false")
    return value


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _Wrong("the path of a file")
    return value


def _interval(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value <= MAX_GRACE:
        raise _Wrong(f"a number of seconds from 1 to {MAX_GRACE:g}")
    return float(value)


_TELEMETRY: Final[Mapping[str, Callable[[Any], Any]]] = {
    "otel": _yes_or_no,
    "metrics_file": _path,
    "metrics_every": _interval,
}

_LIMITS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "result_bytes": _whole(0, MAX_RESULT_BYTES),
    "max_log_bytes": _whole(MIN_LOG_BYTES, MAX_LOG_BYTES),
    "machine_visits": _whole(1, MAX_VISITS),
}


def _days(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_DAYS:
        raise _Wrong(f"a number of days from 0 to {MAX_DAYS:,}")
    return float(value) * 86400


_ARTIFACTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "threshold": _whole(MIN_THRESHOLD, MAX_THRESHOLD),
    "max_age": _days,
    "max_bytes": _whole(0, MAX_ARTIFACT_BYTES),
}

_CACHE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "max_bytes": _whole(MIN_CACHE_BYTES, MAX_ARTIFACT_BYTES),
    "ttl": _days,
}

_FILES: Final[Mapping[str, Callable[[Any], Any]]] = {"roots": _names}

_TABLES: Final[Mapping[str, tuple[Mapping[str, Callable[[Any], Any]], str | None]]] = {
    "artifacts": (_ARTIFACTS, "artifact_"),
    "cache": (_CACHE, "cache_"),
    "files": (_FILES, "file_"),
    "limits": (_LIMITS, ""),
    "telemetry": (_TELEMETRY, ""),
    "pools": (_Pools(), None),
}
"""The tables of settings: what may stand in each, and how the names in Settings begin; None: as they
are, in one mapping.
"""


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
