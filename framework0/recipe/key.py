"""What a key of a recipe is: a name, the shape of its value, what it means, an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final = "text"
NAME: Final = "name"
DOTTED: Final = "dotted name"
FLAG: Final = "flag"
WHOLE: Final = "whole number"
FACTOR: Final = "number"
DURATION: Final = "duration"
DELAY: Final = "delay"
CHOICE: Final = "choice"
NAMES: Final = "names"
CODES: Final = "exit codes"
VARIABLES: Final = "variables"
MAPPING: Final = "mapping"
ARGUMENTS: Final = "arguments"
COMMAND: Final = "command"
EXPRESSION: Final = "expression"
RETRY: Final = "retry"
FOREACH: Final = "foreach"
SUCCESS: Final = "success"
LIST: Final = "list"
PROMPT: Final = "prompt"
SIZE: Final = "size"
POOL: Final = "pool"
CACHE: Final = "cache"
ANYTHING: Final = "anything"

WORDS: Final[Mapping[str, str]] = {
    TEXT: "text",
    NAME: "a name",
    DOTTED: "a dotted name",
    FLAG: "true or false",
    WHOLE: "a whole number",
    FACTOR: "a number",
    DURATION: "a duration",
    DELAY: "a duration",
    CHOICE: "one of a few words",
    NAMES: "a list of names",
    CODES: "a list of exit codes",
    VARIABLES: "a mapping of names to texts",
    MAPPING: "a mapping",
    ARGUMENTS: "a mapping or a list",
    COMMAND: "a list of the program and its arguments",
    EXPRESSION: "an expression",
    RETRY: "a number of attempts or a mapping",
    FOREACH: "a list, one expression or a mapping",
    SUCCESS: "a mapping",
    LIST: "a list",
    PROMPT: "text",
    SIZE: "a size",
    POOL: "a pool's name or a mapping",
    CACHE: "true, false or a mapping",
    ANYTHING: "any value",
}
"""How a shape is called in the sentence "timeout must be …"."""


class Key(NamedTuple):
    """One key. ``example`` is YAML for its value; ``low`` and ``high`` bound numbers, both included."""

    name: str
    shape: str
    about: str
    example: str
    default: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


def table(*keys: Key) -> dict[str, Key]:
    """Return the keys by name, in the order given."""
    return {key.name: key for key in keys}
