"""What a class is: a scriptlet or not, and where its methods and attributes are defined."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from framework0.source.bindings import Bindings, Definition
from framework0.source.naming import default_name
from framework0.source.native import NativeName
from framework0.source.resolving import Code, OurName
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from framework0.source.parsing import Module
    from framework0.source.resolving import Library

MAX_BASES: Final = 30
"""Classes looked at for one: deeper families exist, but not among scriptlets."""

BASE: Final = "BaseScriptlet"

HARMLESS_BASES: Final = frozenset({"ABC", "Generic", "Protocol"})
"""Classes of the standard library that add nothing to what a step takes."""


class Member(NamedTuple):
    """Something defined in a class, with the module it stands in."""

    module: Module
    definition: Definition


class Family:
    """A class with the classes it inherits from, in the order in which names are looked up.

    ``unknown`` is the reason why there may be more than ``classes``, or empty.
    """

    def __init__(self, library: Library, code: Code) -> None:
        self.library = library
        self.classes: list[Code] = []
        self.is_scriptlet = False
        self.unknown = ""
        self._bodies: dict[int, Bindings] = {}
        self._climb(code)

    def _climb(self, code: Code) -> None:
        node = code.node
        if not isinstance(node, ast.ClassDef) or any(node is other.node for other in self.classes):
            return
        if len(self.classes) >= MAX_BASES:
            self.unknown = f"it inherits from more than {MAX_BASES} classes"
            return
        self.classes.append(code)
        if any(keyword.arg == "metaclass" for keyword in node.keywords):
            self.unknown = "its metaclass may change it"
        for base in node.bases:
            self._base(code, base)

    def _base(self, code: Code, base: ast.expr) -> None:
        if isinstance(base, ast.Subscript):
            base = base.value
        if _named(base) in HARMLESS_BASES:
            return
        resolved = self.library.value(code.module, base)
        if isinstance(resolved, Code):
            self._climb(resolved)
        elif isinstance(resolved, OurName) and resolved.name == BASE:
            self.is_scriptlet = True
        elif not isinstance(resolved, NativeName) or resolved.name != "object":
            self.unknown = f"its base class {ast.unparse(base)} was not followed"

    def member(self, name: str) -> Member | None:
        """Return the definition of ``name`` that the class has, its own before inherited ones."""
        for code in self.classes:
            definition = self.body(code).get(name)
            if definition is not None:
                return Member(code.module, definition)
        return None

    def body(self, code: Code) -> Bindings:
        """Return the names bound in the body of one of the classes."""
        key = id(code.node)
        if key not in self._bodies:
            statements = code.node.body if isinstance(code.node, ast.ClassDef) else []
            self._bodies[key] = Bindings(statements, code.module.package)
        return self._bodies[key]

    def texts(self) -> dict[str, str]:
        """Return attributes that always hold one literal text, as ``self.name = "double"`` sets it."""
        found: dict[str, str | None] = {}
        for code in reversed(self.classes):
            for name, bound in self.body(code).names.items():
                definition = bound[-1][0]
                if isinstance(definition, ast.Constant) and isinstance(definition.value, str):
                    found[name] = definition.value if len(bound) == 1 else None
            for node in ast.walk(code.node):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    self._forget(found, node)
            found.update(_set_in_init(self.body(code).get("__init__"), code))
        if self.is_scriptlet and not self.unknown and "name" not in found:
            node = self.classes[0].node
            found["name"] = default_name(node.name) if isinstance(node, ast.ClassDef) else None
        return {name: text for name, text in found.items() if text is not None}

    @staticmethod
    def _forget(found: dict[str, str | None], node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.attr in found:
            found[node.attr] = None


def _set_in_init(init: Definition | None, code: Code) -> dict[str, str | None]:
    """Return what ``__init__`` sets plainly; an attribute set again anywhere is no literal."""
    if not isinstance(init, ast.FunctionDef) or not init.args.args:
        return {}
    me = init.args.args[0].arg
    stores: dict[str, int] = {}
    for node in ast.walk(code.node):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            stores[node.attr] = stores.get(node.attr, 0) + 1
    found: dict[str, str | None] = {}
    for statement in init.body:
        match statement:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id=owner), attr=name)],
                value=ast.Constant(value=str(text)),
            ) if (
                owner == me
            ):
                found[name] = text if stores[name] == 1 else None
            case _:
                continue
    return found


def _named(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
