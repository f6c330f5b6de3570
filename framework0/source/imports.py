"""Which modules a module imports, anywhere in its code."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from framework0.source.bindings import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.source.parsing import Module


def imported_by(module: Module) -> frozenset[str]:
    """Return the full names of modules that may be loaded by importing or running ``module``.

    For ``from a import b`` both ``a`` and ``a.b`` are named, since ``b`` may be a module. Modules
    named by a literal in ``importlib.import_module`` or ``__import__`` count as well.
    """
    names: set[str] = set()
    for statement in _statements(module.tree):
        if isinstance(statement, ast.Import):
            names.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            source = absolute(statement, module.package)
            names.add(source)
            names.update(f"{source}.{alias.name}" for alias in statement.names if alias.name != "*")
    if b"import_module" in module.content or b"__import__" in module.content:
        names.update(_by_call(module))
    names.discard("")
    return frozenset(names)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield every statement. Expressions, which are most of a tree, hold none and are left out."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending.extend(getattr(node, field, ()))


def _by_call(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *rest],
            ):
                dots = len(name) - len(name.lstrip("."))
                if dots and not rest:
                    continue
                named = ast.ImportFrom(module=name[dots:] or None, names=[], level=dots)
                yield absolute(named, module.package)
