"""The part of a module that one of its functions rests on, so that mending another one changes nothing.

What runs when the module is imported belongs to every part: assignments, conditions, decorated
definitions, default values. Of the rest, functions and classes, only what can be reached by name from
there or from the function itself does. Where names may be found in other ways (``globals()``,
``eval``, a registry that a base class fills), nothing is left out.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from framework0.source.parsing import Module

_OTHER_WAYS: Final = re.compile(
    rb"\b(?:globals|locals|vars|eval|exec|compile|modules|import_module|__import__|runpy|inspect|gc"
    rb"|__globals__|f_globals|__getattr__|__init_subclass__|__subclasses__|metaclass|__set_name__)\b"
)
"""Words with which code reaches definitions that it does not name."""

_HARMLESS: Final = frozenset({"staticmethod", "classmethod", "property"})
"""Decorators within a class that do nothing but wrap."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class _Part(NamedTuple):
    """A definition that may be left out: its lines, those of its head, and the names in both."""

    lines: range
    head: range
    names: frozenset[str]
    head_names: frozenset[str]


def finds_other_ways(content: bytes) -> bool:
    """Say whether a module may reach definitions, of its own or of others, without naming them."""
    return _OTHER_WAYS.search(content) is not None


class Slices:
    """The parts of one module."""

    def __init__(self, module: Module) -> None:
        self._lines = module.content.splitlines(keepends=True)
        self._parts: dict[str, list[_Part]] = {}
        self._always: set[int] = set()
        self._roots: set[str] = set()
        for statement in module.tree.body:
            if isinstance(statement, _Definition) and _may_be_left_out(statement):
                part = _part_of(statement)
                self._parts.setdefault(statement.name, []).append(part)
                self._always.update(part.head)
                self._roots |= part.head_names
            else:
                self._always.update(_lines_of(statement))
                self._roots |= _names([statement])

    def of(self, function: str) -> bytes:
        """Return the lines that ``function`` (which may be ``Class.method``) rests on."""
        lines = set(self._always)
        pending = [function.partition(".")[0], *self._roots]
        seen: set[str] = set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            for part in self._parts.get(name, ()):
                lines.update(part.lines)
                pending.extend(part.names)
        return b"".join(self._lines[line] for line in sorted(lines) if line < len(self._lines))


def _part_of(definition: _Definition) -> _Part:
    lines = _lines_of(definition)
    head = range(lines.start, max(definition.body[0].lineno - 1, lines.start + 1))
    told: list[ast.AST] = []
    if isinstance(definition, ast.ClassDef):
        told += definition.bases
    else:
        told.append(definition.args)
        told += [] if definition.returns is None else [definition.returns]
    return _Part(lines, head, _names([definition]), _names(told))


def _lines_of(statement: ast.stmt) -> range:
    return range(statement.lineno - 1, statement.end_lineno or statement.lineno)


def _may_be_left_out(definition: _Definition) -> bool:
    """Say whether nothing happens when the definition is made, but that it is made."""
    if definition.decorator_list:
        return False
    if not isinstance(definition, ast.ClassDef):
        return True
    return not definition.keywords and all(_is_quiet(statement) for statement in definition.body)


def _is_quiet(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return all(
                isinstance(wrap, ast.Name) and wrap.id in _HARMLESS
                for wrap in statement.decorator_list
            )
        case ast.Pass():
            return True
        case ast.Expr(value=value) | ast.Assign(value=value):
            return _is_plain(value)
        case ast.AnnAssign(value=value):
            return value is None or _is_plain(value)
    return False


def _is_plain(value: ast.expr) -> bool:
    """Say whether a value is made without calling anything."""
    return not any(
        isinstance(node, ast.Call | ast.Await | ast.NamedExpr) for node in ast.walk(value)
    )


def _names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    return frozenset(_every_name(nodes))


def _every_name(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names used, and texts, which may be the name of something too."""
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                yield inner.id
            elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                yield inner.value
