"""From a Python annotation to the words a recipe uses for types."""

from __future__ import annotations

import ast
from typing import Any, Final

from framework0.source.syntax import parse_python

TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "list",
    "List": "list",
    "Sequence": "list",
    "dict": "mapping",
    "Dict": "mapping",
    "Mapping": "mapping",
    "None": "null",
}

_NOTHING_KNOWN: Final[tuple[tuple[str, ...], tuple[Any, ...]]] = ((), ())


def types_of(node: ast.expr | None) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the types that an annotation allows, and its choices; empty where it is not simple."""
    match node:
        case ast.Constant(value=str(text)):
            return _quoted(text)
        case ast.Constant(value=None):
            return ("null",), ()
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(name)
        case ast.Subscript(value=outer, slice=inner):
            return _subscript(outer, inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _either([left, right])
    return _NOTHING_KNOWN


def _named(name: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    return ((TYPES[name],), ()) if name in TYPES else _NOTHING_KNOWN


def _quoted(text: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    try:
        return types_of(parse_python(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _NOTHING_KNOWN


def _subscript(outer: ast.expr, inner: ast.expr) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    name = outer.attr if isinstance(outer, ast.Attribute) else getattr(outer, "id", "")
    parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    if name == "Optional":
        return _either([*parts, ast.Constant(value=None)])
    if name == "Union":
        return _either(parts)
    if name == "Annotated":
        return types_of(parts[0])
    if name == "Literal":
        return _choices(parts)
    return _named(name)


def _either(parts: list[ast.expr]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Join alternatives; one that is not simple makes the whole unknown."""
    types: list[str] = []
    for part in parts:
        found, choices = types_of(part)
        if not found or choices:
            return _NOTHING_KNOWN
        types.extend(each for each in found if each not in types)
    return tuple(types), ()


def _choices(parts: list[ast.expr]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    types = [TYPES.get("None" if value is None else type(value).__name__) for value in values]
    if len(values) != len(parts) or None in types:
        return _NOTHING_KNOWN
    return tuple(dict.fromkeys(str(each) for each in types)), tuple(values)
