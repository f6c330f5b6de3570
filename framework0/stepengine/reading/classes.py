"""A node's class with the classes it inherits from, as far as their files can be read."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from framework0.source import Bindings, Code, Imported, Opaque, OurName
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from framework0.source import Library, Module

MAX_CLASSES: Final = 30
"""Classes looked at for one node: deeper families exist, but not among step nodes."""

OUR_BASES: Final = {"StepNode": (), "RunRecipe": ("step_execute",)}
"""Classes of ours that a node may inherit from, with the lifecycle methods in which they do something."""

OUR_MODULES: Final = frozenset({"framework0", "framework0.stepengine", "octo_step_lib"})

HARMLESS: Final = frozenset({"ABC", "Generic", "Protocol", "object"})
"""Bases that add nothing to what a node is."""

Method = ast.FunctionDef | ast.AsyncFunctionDef


class Found(NamedTuple):
    """Something defined in a class body: where, in which body, and the expression or method."""

    module: Module
    body: Bindings
    definition: ast.expr | Method


class Family:
    """The classes in which a name of a node is looked up, its own first.

    ``ours`` is the class of ours that it inherits from, or empty; ``unknown`` says why there may
    be more than was read, or is empty.
    """

    def __init__(self, library: Library, module: Module, node: ast.ClassDef) -> None:
        self._library = library
        self.module = module
        self.node = node
        self.ours = ""
        self.unknown = ""
        self._classes: list[tuple[Module, ast.ClassDef, Bindings]] = []
        self._climb(module, node)

    def find(self, name: str) -> Found | Opaque | None:
        """Return what the class has under ``name``; Opaque when that depends on what happens."""
        for module, _, body in self._classes:
            definition = body.get(name)
            if definition is None:
                continue
            if isinstance(definition, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef):
                return Found(module, body, definition)
            if isinstance(definition, Opaque):
                return definition
            return Opaque(f"`{name}` is no plain value")
        return None

    def method(self, name: str) -> tuple[Module, Method] | None:
        """Return the method of that name, if the class has one that can be read."""
        found = self.find(name)
        if isinstance(found, Found) and isinstance(found.definition, Method):
            return found.module, found.definition
        return None

    def names(self) -> list[tuple[Module, str, ast.AST]]:
        """Return the names set in the bodies, each with where it is set last."""
        listed: list[tuple[Module, str, ast.AST]] = []
        for module, _, body in self._classes:
            for name, bound in body.names.items():
                definition = bound[-1][0]
                if isinstance(definition, ast.AST):
                    listed.append((module, name, definition))
        return listed

    def bodies(self) -> list[tuple[Module, ast.ClassDef]]:
        """Return the classes themselves, its own first."""
        return [(module, node) for module, node, _ in self._classes]

    def _climb(self, module: Module, node: ast.ClassDef) -> None:
        if any(node is known for _, known, _ in self._classes):
            return
        if len(self._classes) >= MAX_CLASSES:
            self.unknown = f"it inherits from more than {MAX_CLASSES} classes"
            return
        self._classes.append((module, node, Bindings(node.body, module.package)))
        if any(word.arg == "metaclass" for word in node.keywords) or node.decorator_list:
            self.unknown = "its metaclass or decorator may change it"
        for base in node.bases:
            self._base(module, base.value if isinstance(base, ast.Subscript) else base)

    def _base(self, module: Module, base: ast.expr) -> None:
        named = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if named in HARMLESS:
            return
        if self._is_ours(module, base, named):
            self.ours = self.ours or named
            return
        resolved = self._library.value(module, base)
        if isinstance(resolved, Code) and isinstance(resolved.node, ast.ClassDef):
            self._climb(resolved.module, resolved.node)
        else:
            self.unknown = f"its base class {ast.unparse(base)} was not followed"

    def _is_ours(self, module: Module, base: ast.expr, named: str) -> bool:
        resolved = self._library.value(module, base)
        if isinstance(resolved, OurName):
            return resolved.name in OUR_BASES
        bound = self._library.bindings(module).get(named)
        return (
            isinstance(bound, Imported) and bound.module in OUR_MODULES and bound.name in OUR_BASES
        )
