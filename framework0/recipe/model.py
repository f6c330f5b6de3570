"""What a checked recipe is: plain immutable values, nothing that reads, runs or waits.

A :class:`Step` says what to do and after whom; its :class:`Policy` says under which rules. Most
steps of a recipe share one policy object, which keeps large recipes small. No dataclasses: a run
would pay a third of its start-up for importing them.
"""

from __future__ import annotations

from types import MappingProxyType

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

MAIN: Final = "main"
ON_FAILURE: Final = "on_failure"
FINALLY: Final = "finally"
PHASES: Final = (MAIN, ON_FAILURE, FINALLY)
"""The three parts of a run, in the order they take place."""

ORDER_GRAPH: Final = "graph"
ORDER_SEQUENCE: Final = "sequence"

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Retry(NamedTuple):
    """How often and when a failed attempt is followed by another.

    ``attempts`` is the total, the first included. The wait before attempt *n* + 1 is
    ``delay * backoff ** (n - 1)`` seconds, at most ``max_delay``, spread by ± ``jitter`` (a fraction
    of itself). ``on`` holds exception class names (``TimeoutError`` or ``pkg.Error``) and the words
    ``timeout`` and ``exit``; empty means every failure.
    """

    attempts: int = 1
    delay: float = 0.0
    backoff: float = 1.0
    jitter: float = 0.0
    max_delay: float = 3600.0
    on: tuple[str, ...] = ()


class Foreach(NamedTuple):
    """One step for each item. ``items`` is a list (whose strings may hold ``${{ }}``) or one expression.

    At most ``parallel`` items run at once (0: no limit of its own). With ``fail_fast`` the first
    failed item keeps the others from starting.
    """

    items: tuple[Any, ...] | str
    parallel: int = 0
    fail_fast: bool = False


class Cache(NamedTuple):
    """That a step need not run again, and what besides its code and arguments decides that.

    ``key`` holds further values, whose strings may hold ``${{ }}``; ``files`` paths relative to the
    workspace (templates allowed), which count by content. A result is good for ``ttl`` seconds
    (None: as long as the workspace keeps it).
    """

    key: tuple[Any, ...] = ()
    ttl: float | None = None
    files: tuple[str, ...] = ()


class Policy(NamedTuple):
    """The rules a step runs under. Times are in seconds, sizes in bytes.

    ``pool`` is the name of a pool and how many of its slots the step holds while it runs. ``cpu`` is
    a number of cores; None means no limit of its own, for each of the limits. ``breakpoint`` is ``before`` or ``after``.
    """

    timeout: float | None = None
    retry: Retry = Retry()
    executor: str | None = None
    continue_on_error: bool = False
    success_keys: tuple[str, ...] = ()
    exit_codes: tuple[int, ...] = (0,)
    env: Mapping[str, str] = NOTHING
    cwd: str | None = None
    pool: tuple[str, int] | None = None
    priority: int = 0
    memory: int | None = None
    cpu: int | None = None
    max_log_bytes: int | None = None
    breakpoint: str | None = None
    cache: Cache | None = None


DEFAULT_POLICY: Final = Policy()


class Step:
    """One step as checked. Treat as immutable.

    ``kind`` is the recipe's ``type``: ``python``, ``shell``, ``recipe``, ``approval``, ``step_engine``
    or a registered scriptlet.
    ``position`` counts all steps of the file from 0, ``finally`` and ``on_failure`` included.
    ``args`` is a mapping (keyword arguments, or a scriptlet's params), a tuple (positional), or None.
    An approval has its question in ``args``: prompt, choices, approvers, timeout, on_timeout. A machine
    has there: instance, library, first_node, params (its groups), results, mirror.
    A shell step has ``command`` (a tuple: no shell; a string: ``shell: true``); a recipe step has
    ``recipe`` (a path relative to the file) and its inputs in ``args``. Strings anywhere in
    ``args``, ``command``, ``env`` and ``foreach`` may hold ``${{ }}``; ``when`` is a bare expression.
    ``templated`` is True if any string of ``args``, ``command``, ``env`` or ``foreach`` holds ``${{ }}``.
    """

    __slots__ = (
        "args",
        "command",
        "depends_on",
        "description",
        "foreach",
        "function",
        "idx",
        "kind",
        "module",
        "name",
        "phase",
        "policy",
        "position",
        "recipe",
        "templated",
        "when",
    )

    def __init__(
        self,
        name: str,
        position: int,
        idx: int | None = None,
        kind: str = "python",
        module: str = "",
        function: str = "",
        args: Mapping[str, Any] | tuple[Any, ...] | None = None,
        depends_on: tuple[str, ...] = (),
        when: str | None = None,
        foreach: Foreach | None = None,
        command: tuple[str, ...] | str | None = None,
        recipe: str | None = None,
        policy: Policy = DEFAULT_POLICY,
        phase: str = MAIN,
        description: str = "",
        templated: bool = False,
    ) -> None:
        self.name = name
        self.position = position
        self.idx = idx
        self.kind = kind
        self.module = module
        self.function = function
        self.args = args
        self.depends_on = depends_on
        self.when = when
        self.foreach = foreach
        self.command = command
        self.recipe = recipe
        self.policy = policy
        self.phase = phase
        self.description = description
        self.templated = templated

    def parts(self) -> tuple[Any, ...]:
        """Return all of it, for comparing and showing."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return self.parts() == other.parts() if isinstance(other, Step) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        told = zip(self.__slots__, self.parts(), strict=True)
        return f"Step({', '.join(f'{name}={value!r}' for name, value in told)})"


class Input(NamedTuple):
    """A value the caller may give. ``type`` is string, integer, number, boolean, list or mapping.

    A ``secret`` is read from the environment variable ``env`` (default: the name in upper case) and
    is never stored.
    """

    name: str
    type: str = "string"
    default: Any = None
    required: bool = False
    secret: bool = False
    env: str | None = None
    choices: tuple[Any, ...] = ()
    description: str = ""


class Recipe(NamedTuple):
    """A checked recipe. ``steps`` are in file order; ``order`` says which ordering rule holds.

    ``digest`` is the SHA-256 of the text; ``file`` is its path as given, or ``<text>``. ``deadline``
    is in seconds. ``code`` holds hashes of the code the steps name, as it was when the recipe was
    compared with it; empty if it was not.
    """

    name: str
    steps: tuple[Step, ...]
    version: str = ""
    description: str = ""
    metadata: Mapping[str, Any] = NOTHING
    inputs: tuple[Input, ...] = ()
    order: str = ORDER_GRAPH
    order_reason: str = ""
    env_allow: tuple[str, ...] = ()
    file: str = "<text>"
    digest: str = ""
    text: str = ""
    fail_fast: bool = False
    deadline: float | None = None
    pauses: bool = False
    code: Mapping[str, str] = NOTHING
