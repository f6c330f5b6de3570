"""Python's own parser, which two threads must not use at once."""

from __future__ import annotations

import ast
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_parsing = Lock()

_TRIES: Final = 10


def parse_python(text: str | bytes, filename: str = "<unknown>", mode: str = "exec") -> Any:
    """Return the syntax tree of ``text``, as :func:`ast.parse` does, and raise what it raises.

    CPython 3.11 counts the depth of all trees that are being made in one place, so two threads that parse
    at once can end with "AST constructor recursion depth mismatch"
    (https://github.com/python/cpython/issues/106905). Ours take turns; when a step's own code has parsed
    meanwhile, it is done again.
    """
    with _parsing:
        for _ in range(_TRIES):
            try:
                return ast.parse(text, filename, mode)
            except SystemError:
                continue
        return ast.parse(text, filename, mode)
