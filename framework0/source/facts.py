"""What can be known about a step's code by reading it: plain values, each honest about its limits.

An answer about a module and a function is one of four: a :class:`Signature`, :class:`Missing`
(certainly not there), :class:`Broken` (its file cannot be parsed), or :class:`Unknown` (it may be
fine; reading alone cannot tell). Nothing here is ever a guess.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.errors import Place

FUNCTION: Final = "function"
SCRIPTLET: Final = "scriptlet"
CLASS: Final = "class"

POSITIONAL: Final = "positional"
ORDINARY: Final = "ordinary"
KEYWORD: Final = "keyword"
VAR_POSITIONAL: Final = "var_positional"
VAR_KEYWORD: Final = "var_keyword"


class Parameter(NamedTuple):
    """One thing a step's code can be given.

    ``kind`` is POSITIONAL (by position only), ORDINARY (by position or name), KEYWORD (by name
    only), VAR_POSITIONAL (``*args``) or VAR_KEYWORD (``**options``); a scriptlet's params are all
    KEYWORD. ``types`` holds the words of recipe inputs (string, integer, number, boolean, list,
    mapping) and null; number includes integer; empty means anything. ``choices`` are the only
    values allowed, if not empty. ``default`` is known only when it is a literal; otherwise None.
    """

    name: str
    kind: str = ORDINARY
    required: bool = True
    types: tuple[str, ...] = ()
    default: Any = None
    choices: tuple[Any, ...] = ()
    description: str = ""


class Signature(NamedTuple):
    """What a function, a class or a scriptlet takes.

    A parameter named ``context`` of a function is not listed: ``takes_context`` says it is there.
    ``open`` means that further names may be accepted (``**options``, or params handed on to code
    that was not followed): an unlisted name is then no mistake. ``declared`` is False when a
    scriptlet's params were only gathered from the places where it reads them. ``place`` is None
    for code that has no Python source.
    """

    kind: str
    parameters: tuple[Parameter, ...] = ()
    takes_context: bool = False
    open: bool = False
    declared: bool = True
    is_async: bool = False
    place: Place | None = None
    summary: str = ""


class Missing(NamedTuple):
    """Certainly not there. ``what`` is ``module`` or ``function``; ``near`` are similar names, best first."""

    what: str
    near: tuple[str, ...] = ()


class Broken(NamedTuple):
    """A module's file is there but cannot be parsed, at ``place``: every use of it would fail."""

    message: str
    place: Place


class Unknown(NamedTuple):
    """Reading alone cannot tell; ``reason`` completes the sentence "not checked: …"."""

    reason: str


Answer = Signature | Missing | Broken | Unknown

NO_KEYS: Final[Mapping[str, Any]] = MappingProxyType({})


class Facts(NamedTuple):
    """Which context keys a step's code touches, each with the place of its first use.

    ``reads`` are keys that are read whenever the code runs, with no default; ``guarded`` those read
    only with a default, only on some paths, or only asked for. ``writes`` are keys it may set or
    remove. The two ``unknown`` flags say
    that there may be more: a key computed at run time, or the context handed to other code.
    ``named_by`` are params whose value is the key that is written.
    """

    reads: Mapping[str, Place] = NO_KEYS
    writes: Mapping[str, Place] = NO_KEYS
    reads_unknown: bool = False
    writes_unknown: bool = False
    guarded: Mapping[str, Place] = NO_KEYS
    named_by: tuple[str, ...] = ()


NOT_KNOWN: Final = Facts(reads_unknown=True, writes_unknown=True)
NO_CONTEXT: Final = Facts()
OF_BUILTIN: Final = Facts(named_by=("into",))
