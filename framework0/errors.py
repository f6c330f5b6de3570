"""Every error the product raises on purpose, and the exit code each family ends with.

    Framework0Error                       1
    ├─ UsageError                         2   the command or the call was used wrongly
    ├─ RecipeError                        3   the recipe is wrong; carries every located problem
    │   ├─ ExpressionError                3   one ``${{ }}`` could not be evaluated
    │   └─ LibraryError                   3   a library of step nodes is wrong, likewise
    ├─ ScriptletError                     3   a scriptlet does not fit what a scriptlet is
    │   └─ DuplicateScriptlet             3   two places claim one name
    ├─ WorkspaceError                     4   the workspace cannot be read or written
    │   ├─ JournalError                   4   the journal cannot be read or written
    │   │   ├─ JournalCorrupt             4   its content is not what was written
    │   │   └─ JournalFromTheFuture       4   a newer version wrote it
    │   ├─ StoreError                     4   the file of a shared context cannot be read or written
    │   │   ├─ StoreCorrupt               4   its content is not what was written
    │   │   └─ StoreFromTheFuture         4   a newer version wrote it
    │   ├─ ArtifactError                  4   an artifact cannot be written, or is not what was
    │   ├─ JsonFileBroken                 4   a JSON file is not what it should be; says where
    │   ├─ RunNotFound                    4   no run has that id
    │   └─ LockHeld                       4   somebody alive holds it; says who
    ├─ RefusedError                       5   refused for safety
    ├─ ContextError                       1   the shared context refused a call
    │   ├─ ValueRefused                   1   not JSON; says where inside the value
    │   ├─ VersionConflict                1   the key moved on since it was read
    │   ├─ OperationReused                1   the id of a call was used for another before
    │   ├─ StoreUnavailable               1   the cluster or server that keeps it does not answer
    │   ├─ MergeConflict                  1   both sides changed a key, each in its way
    │   ├─ TypeMismatch                   1   a value is not of the type it was read as
    │   ├─ HistoryTrimmed                 1   the past asked for is no longer kept
    │   ├─ BusError                       1   the bus, or a channel between processes, refused a call
    │   │   ├─ BusClosed                  1   it has been closed, or the other process is gone
    │   │   ├─ NoResponder                1   nobody answers requests on that topic
    │   │   └─ RequestFailed              1   whoever answers them failed; the cause is attached
    │   └─ WaitTimeout                    1   what was waited for did not happen in time
    ├─ StepError                          1   a step ended without success
    │   ├─ StepTimeout                    1   it ran longer than it may
    │   └─ StepCancelled                  1   it was told to stop
    ├─ RunPaused                          6   the run waits for a person
    └─ RunFailed                          1   the run as a whole ended without success

Exit code 70 is no member of this tree: it means a bug of ours. 130 and 143 mean ended by a signal.
A message says where, what, and what to do next; the facts are attributes.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_RECIPE = 3
EXIT_WORKSPACE = 4
EXIT_REFUSED = 5
EXIT_PAUSED = 6
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_CONFLICTS_SHOWN = 5


class Place:
    """A position in a text file: lines and columns count from 1, columns in characters."""

    __slots__ = ("column", "file", "line")

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def __repr__(self) -> str:
        return f"Place({self.file!r}, {self.line}, {self.column})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Place):
            return NotImplemented
        return (self.file, self.line, self.column) == (other.file, other.line, other.column)

    def __hash__(self) -> int:
        return hash((self.file, self.line, self.column))


class Problem:
    """One located mistake (``error``), risk (``warning``) or fact (``note``) about a file.

    ``code`` names the heading of its page in ``docs/reference/errors.md``. ``hint`` is the next
    step, the near name first. ``related`` points at further places, each with its own words.
    """

    __slots__ = ("code", "hint", "message", "place", "related", "severity")

    def __init__(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        severity: str = "error",
        hint: str | None = None,
        related: tuple[tuple[str, Place], ...] = (),
    ) -> None:
        self.code = code
        self.message = message
        self.place = place
        self.severity = severity
        self.hint = hint
        self.related = related

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{hint}"

    def __repr__(self) -> str:
        return (
            f"Problem({self.code!r}, {self.message!r}, {self.place!r}, severity={self.severity!r})"
        )


class Framework0Error(Exception):
    """The root of every error raised on purpose."""

    exit_code = EXIT_RUN_FAILED


class UsageError(Framework0Error):
    """The command or the call was used wrongly."""

    exit_code = EXIT_USAGE


class RecipeError(Framework0Error):
    """A recipe cannot be used; ``problems`` holds every mistake found, in file order."""

    exit_code = EXIT_RECIPE

    def __init__(self, problems: tuple[Problem, ...] | str) -> None:
        self.problems = (Problem("recipe", problems),) if isinstance(problems, str) else problems
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ExpressionError(RecipeError):
    """A ``${{ }}`` expression cannot be parsed, names something unknown, or exceeds its budget.

    ``offset`` is the character offset inside the expression text where it went wrong.
    """

    def __init__(self, message: str, *, offset: int = 0, hint: str | None = None) -> None:
        super().__init__((Problem("expression", message, hint=hint),))
        self.offset = offset
        self.hint = hint


class LibraryError(RecipeError):
    """A library of step nodes cannot be used; ``problems`` holds every mistake found."""

    def __reduce__(self) -> tuple[type[LibraryError], tuple[tuple[Problem, ...]]]:
        # Libraries are imported in processes of their own, and the problems travel with their places.
        return LibraryError, (self.problems,)


class ScriptletError(Framework0Error):
    """A scriptlet class lacks something, has something wrong, or cannot be found."""

    exit_code = EXIT_RECIPE


class DuplicateScriptlet(ScriptletError):
    """A name is claimed twice; the message names both places."""


class WorkspaceError(Framework0Error):
    """The workspace or its state folder cannot be read or written."""

    exit_code = EXIT_WORKSPACE


class JournalError(WorkspaceError):
    """The journal cannot be read or written; nothing was overwritten."""


class JournalCorrupt(JournalError):
    """The journal's content is not what was written; the message says from which record on."""


class JournalFromTheFuture(JournalError):
    """The journal was written by a newer version; it is refused, never rewritten."""


class StoreError(WorkspaceError):
    """The file of a shared context cannot be read or written; nothing was overwritten."""


class StoreCorrupt(StoreError):
    """The content of a context's file is not what was written; the message says where."""


class StoreFromTheFuture(StoreError):
    """A context's file was written by a newer version; it is refused, never rewritten."""


class ArtifactError(WorkspaceError):
    """A value kept as a file cannot be written or read, or is not what was written."""


class JsonFileBroken(WorkspaceError):
    """A JSON file that is kept under a lock is not one object of JSON; nothing was overwritten.

    ``offset`` counts bytes from 0 and ``line`` from 1; ``good_copy`` is the path of the state before
    the last change, where there is one.
    """

    def __init__(
        self, message: str, *, offset: int = 0, line: int = 1, good_copy: str | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.line = line
        self.good_copy = good_copy


class RunNotFound(WorkspaceError):
    """No run has that id or prefix."""


class LockHeld(WorkspaceError):
    """A living process holds the lock; ``holder`` describes it (pid, host, since when)."""

    def __init__(self, message: str, *, holder: str | None = None) -> None:
        super().__init__(message)
        self.holder = holder


class RefusedError(Framework0Error):
    """Refused because doing it could harm; the message says what would make it safe."""

    exit_code = EXIT_REFUSED


class ContextError(Framework0Error):
    """The context refused a call."""


class ValueRefused(ContextError):
    """A value is not JSON; ``path`` leads to the offending part, as in ``rows[3].when``."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class VersionConflict(ContextError):
    """A key was expected at one version and is at another."""

    def __init__(self, key: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{key!r} is at version {actual}, not {expected}: read it again, then retry"
        )
        self.key = key
        self.expected = expected
        self.actual = actual


class OperationReused(ContextError):
    """The operation id of a call has already been used, for a call that asked for something else."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            f"the operation id {operation!r:.80} was used before, with other writes: give each call "
            "an id of its own, and only its repetitions the same one"
        )
        self.operation = operation


class StoreUnavailable(ContextError):
    """Whoever keeps the context could not be asked in time.

    ``happened`` is False when nothing was written, None when that is not known.
    """

    def __init__(self, message: str, *, happened: bool | None = None) -> None:
        super().__init__(message)
        self.happened = happened


class MergeConflict(ContextError):
    """Both sides of a merge changed a key since their base; ``conflicts`` has each key and both sides."""

    def __init__(self, conflicts: tuple[object, ...]) -> None:
        shown = "; ".join(map(str, conflicts[:_CONFLICTS_SHOWN]))
        more = len(conflicts) - _CONFLICTS_SHOWN
        super().__init__(
            f"both sides changed {shown}{f' and {more} more' if more > 0 else ''}: nothing was merged; "
            "choose with strategy='ours', 'theirs' or a function of each conflict"
        )
        self.conflicts = conflicts


class TypeMismatch(ContextError):
    """A value was read as a type it does not have; ``path`` leads to the offending part."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class HistoryTrimmed(ContextError):
    """The past before version ``kept_since`` was asked for and is no longer kept.

    ``asked`` is the version, or the moment in epoch seconds (a float), that was asked for.
    """

    def __init__(self, asked: float, kept_since: int) -> None:
        what = f"version {asked}" if isinstance(asked, int) else f"the time {asked:.3f}"
        super().__init__(
            f"the context's history before version {kept_since} is no longer kept "
            f"({what} was asked for): read it as it is now, then go on from there"
        )
        self.asked = asked
        self.kept_since = kept_since


class BusError(ContextError):
    """The bus refused a call, or a message cannot travel between processes."""


class BusClosed(BusError):
    """The bus, the inbox or the channel has been closed, or the process at its other end is gone."""


class NoResponder(BusError):
    """Nobody answers requests on that topic, or whoever did stopped before the answer."""


class RequestFailed(BusError):
    """Whoever answers requests on that topic raised; ``__cause__`` is what was raised."""


class WaitTimeout(ContextError, TimeoutError):
    """What was waited for did not happen within the time given."""


class StepError(Framework0Error):
    """A step ended without success."""


class StepTimeout(StepError):
    """A step ran longer than its timeout."""


class StepCancelled(StepError):
    """A step was told to stop before it had ended."""


class RunFailed(Framework0Error):
    """A run ended without success; ``result`` is the whole result when there is one."""

    def __init__(self, message: str, *, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class RunPaused(Framework0Error):
    """A run waits for a person: for an answer, or at a breakpoint; ``result`` is what there is so far."""

    exit_code = EXIT_PAUSED

    def __init__(self, message: str, *, result: object = None) -> None:
        super().__init__(message)
        self.result = result
