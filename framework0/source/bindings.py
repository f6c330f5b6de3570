"""What the names at the top of a module (or in a class body) are bound to."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Imported(NamedTuple):
    """``from module import name``, or ``import module`` where ``name`` is empty."""

    module: str
    name: str


class Opaque(NamedTuple):
    """Bound in a way that reading cannot follow."""

    reason: str


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr | Imported | Opaque
"""What one name may be bound to; an expression is what was assigned."""


class Bindings:
    """The names of one body. ``stars`` are modules all of whose names are imported.

    ``dynamic`` is not empty if names may come about in a way that reading cannot see.
    """

    def __init__(self, body: Sequence[ast.stmt], package: str) -> None:
        self.package = package
        self.names: dict[str, list[tuple[Definition, bool]]] = {}
        self.stars: list[str] = []
        self.dynamic = ""
        self._read(body, sure=True)

    def get(self, name: str) -> Definition | None:
        """Return what ``name`` is bound to when the body has run; None if it is not bound."""
        found = self.names.get(name)
        if not found:
            return None
        definition, sure = found[-1]
        if sure or len(found) == 1:
            return definition
        return Opaque(f"`{name}` is defined in more than one way")

    def _bind(self, name: str, definition: Definition, *, sure: bool) -> None:
        self.names.setdefault(name, []).append((definition, sure))

    def _read(self, body: Sequence[ast.stmt], *, sure: bool) -> None:
        for statement in body:
            self._statement(statement, sure=sure)

    def _statement(self, statement: ast.stmt, *, sure: bool) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._definition(statement, sure=sure)
            case ast.Import():
                for alias in statement.names:
                    top = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._bind(alias.asname or top, Imported(top, ""), sure=sure)
            case ast.ImportFrom():
                self._from(statement, sure=sure)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._target(target, value, sure=sure)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self._target(target, value, sure=sure)
            case ast.If(test=test, body=body, orelse=orelse):
                if not _only_for_types(test):
                    self._read(body, sure=False)
                self._read(orelse, sure=False)
            case ast.Expr(value=value):
                self._call(value)
            case _:
                self._nested(statement)

    def _definition(
        self, statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, *, sure: bool
    ) -> None:
        if statement.name == "__getattr__" and not isinstance(statement, ast.ClassDef):
            self.dynamic = "it makes up names in __getattr__"
        self._bind(statement.name, statement, sure=sure)

    def _from(self, statement: ast.ImportFrom, *, sure: bool) -> None:
        module = absolute(statement, self.package)
        for alias in statement.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                self._bind(alias.asname or alias.name, Imported(module, alias.name), sure=sure)

    def _target(self, target: ast.expr, value: ast.expr, *, sure: bool) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, value, sure=sure)
        elif isinstance(target, ast.Subscript | ast.Attribute):
            self._call(target.value)
        else:
            for name in _stored(target):
                self._bind(name, Opaque(f"`{name}` is one of several names unpacked"), sure=sure)

    def _call(self, value: ast.expr) -> None:
        """Note statements such as ``globals().update(...)`` or ``setattr(sys.modules[...], ...)``."""
        for node in ast.walk(value):
            if isinstance(node, ast.Name) and node.id in {
                "globals",
                "vars",
                "exec",
                "setattr",
                "locals",
            }:
                self.dynamic = f"it makes names with {node.id}()"

    def _nested(self, statement: ast.stmt) -> None:
        """Read the bodies of try, with, for, while and match; their own targets are opaque."""
        for field, value in ast.iter_fields(statement):
            if field in {"body", "orelse", "finalbody"}:
                self._read(value, sure=field == "finalbody" or isinstance(statement, ast.With))
            elif field == "handlers":
                for handler in value:
                    self._read(handler.body, sure=False)
            elif field == "cases":
                for case in value:
                    self._read(case.body, sure=False)
            else:
                self._opaque(value if isinstance(value, list) else [value])

    def _opaque(self, parts: Sequence[object]) -> None:
        for part in parts:
            for name in _stored(part) if isinstance(part, ast.AST) else ():
                self._bind(name, Opaque(f"`{name}` is set or deleted on the way"), sure=False)


def absolute(statement: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module that ``from … import`` names, within ``package``."""
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - (statement.level - 1)]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _only_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _stored(target: ast.AST) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
