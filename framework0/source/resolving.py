"""From a module's and a function's name to the code that defines it, through imports and renamings."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any, Final

from framework0.source.bindings import Bindings, Definition, Imported, Opaque
from framework0.source.facts import Broken, Missing, Unknown
from framework0.source.finding import Finder, Namespace, Native, Ours, SourceFile
from framework0.source.native import NativeName, has
from framework0.source.near import near_names
from framework0.source.parsing import Module, parse
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_HOPS: Final = 20
"""Imports and renamings that are followed from one name; also what ends a circle."""

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Code(NamedTuple):
    """A definition in a module's file."""

    module: Module
    node: FunctionNode | ast.ClassDef


class OurName(NamedTuple):
    """A name of this product, as ``BaseScriptlet``."""

    module: str
    name: str


Resolved = Code | NativeName | OurName | Missing | Broken | Unknown


class Library:
    """The modules that can be found from some roots, each read once."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.finder = Finder(roots)
        self._modules: dict[str, Module | Broken | Unknown] = {}
        self._bindings: dict[str, Bindings] = {}

    def files(self) -> tuple[str, ...]:
        """Return the paths of the modules read so far."""
        return tuple(self._modules)

    def module(self, found: SourceFile) -> Module | Broken | Unknown:
        """Return the parsed module of a file that was found."""
        if found.path not in self._modules:
            self._modules[found.path] = parse(found)
        return self._modules[found.path]

    def bindings(self, module: Module) -> Bindings:
        """Return what the names at the top of ``module`` are bound to."""
        if module.path not in self._bindings:
            self._bindings[module.path] = Bindings(module.tree.body, module.package)
        return self._bindings[module.path]

    def resolve(self, module: str, name: str, hops: int = 0) -> Resolved:
        """Return what ``name`` in ``module`` is; ``name`` may be dotted (``Class.method``)."""
        if hops > MAX_HOPS:
            return Unknown(f"`{name}` leads through more than {MAX_HOPS} imports")
        found = self.finder.find(module)
        if not isinstance(found, SourceFile):
            return self._without_file(found, module, name)
        read = self.module(found)
        if not isinstance(read, Module):
            return read
        first, _, rest = name.partition(".")
        resolved = self.within(read, first, hops)
        if isinstance(resolved, Missing) and resolved.what == "function":
            resolved = self._submodule(module, name) or resolved
        for part in rest.split(".") if rest else ():
            resolved = self._member(resolved, part)
        return resolved

    def _without_file(
        self, found: Native | Ours | Namespace | None, module: str, name: str
    ) -> Resolved:
        match found:
            case None:
                return self._no_module(module)
            case Native():
                return NativeName(module, name, found.trusted)
            case Ours():
                return OurName(module, name)
        return self._submodule(module, name) or Missing("function")

    def within(self, module: Module, name: str, hops: int = 0) -> Resolved:
        """Return what ``name`` is in a module that is already read."""
        bindings = self.bindings(module)
        definition = bindings.get(name)
        if definition is not None:
            return self._follow(module, name, definition, hops)
        unclear = ""
        for star in reversed(bindings.stars):
            resolved = self.resolve(star, name, hops + 1)
            if isinstance(resolved, NativeName) and not has(resolved):
                continue
            if not isinstance(resolved, Missing):
                return resolved
            if resolved.what == "module":
                unclear = f"`{name}` may come from {star}, which is not found"
        if unclear:
            return Unknown(unclear)
        if bindings.dynamic:
            return Unknown(bindings.dynamic)
        if _is_global_somewhere(module, name):
            return Unknown(f"a function makes `{name}` when it is called")
        return Missing("function", near_names(name, self._offered(module)))

    def value(self, module: Module, node: ast.expr, hops: int = 0) -> Resolved:
        """Return what an expression such as ``name`` or ``package.module.name`` stands for."""
        if isinstance(node, ast.Name):
            resolved = self.within(module, node.id, hops)
            if isinstance(resolved, Missing) and hasattr(builtins, node.id):
                return NativeName("builtins", node.id, trusted=True)
            return resolved
        if isinstance(node, ast.Lambda):
            return Code(module, node)
        dotted = _dotted(node)
        if dotted:
            top, *rest = dotted
            definition = self.bindings(module).get(top)
            if isinstance(definition, Imported):
                return self._through(definition, rest, hops)
            if isinstance(definition, ast.ClassDef) and len(rest) == 1:
                return self._member(Code(module, definition), rest[0])
        return Unknown("it is made by an expression, when its module is imported")

    def _through(self, imported: Imported, rest: list[str], hops: int) -> Resolved:
        """Follow ``a.b.f`` where ``a`` is imported: as far as there are modules, then the name."""
        module = f"{imported.module}.{imported.name}" if imported.name else imported.module
        while len(rest) > 1 and self.finder.find(f"{module}.{rest[0]}") is not None:
            module = f"{module}.{rest.pop(0)}"
        if self.finder.find(module) is None:
            return Unknown(f"`{module}` is no module that can be read")
        return self.resolve(module, ".".join(rest), hops + 1)

    def _follow(self, module: Module, name: str, definition: Definition, hops: int) -> Resolved:
        if hops > MAX_HOPS:
            return Unknown(f"`{name}` leads through more than {MAX_HOPS} names")
        match definition:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                return Code(module, definition)
            case Opaque():
                return Unknown(definition.reason)
            case Imported(module=target, name=""):
                return Unknown(f"`{name}` is the module {target}, which cannot be called")
            case Imported(module=target, name=wanted):
                return self._imported(module, target, wanted, hops)
        return self.value(module, definition, hops + 1)

    def _imported(self, module: Module, target: str, wanted: str, hops: int) -> Resolved:
        resolved = self.resolve(target, wanted, hops + 1)
        if isinstance(resolved, Missing):
            # The name is there as far as the caller can see; the import itself will fail.
            return Unknown(f"{module.path} imports `{wanted}` from {target}, where it is not found")
        return resolved

    def _member(self, owner: Resolved, name: str) -> Resolved:
        if not isinstance(owner, Code) or not isinstance(owner.node, ast.ClassDef):
            return (
                owner if isinstance(owner, Missing | Broken) else Unknown(f"`{name}` is looked up")
            )
        definition = Bindings(owner.node.body, owner.module.package).get(name)
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
            return Code(owner.module, definition)
        if definition is None and not owner.node.bases and not owner.node.keywords:
            names = Bindings(owner.node.body, owner.module.package).names
            return Missing("function", near_names(name, names))
        return Unknown(f"`{name}` is not a plain method of the class")

    def _submodule(self, module: str, name: str) -> Unknown | None:
        if self.finder.find(f"{module}.{name}") is None:
            return None
        return Unknown(f"`{module}.{name}` is a module, which cannot be called")

    def _no_module(self, module: str) -> Missing | Broken | Unknown:
        parent, _, _ = module.rpartition(".")
        above = self.finder.find(parent) if parent else None
        if isinstance(above, Ours):
            return Unknown(f"{parent} belongs to the product")
        if isinstance(above, SourceFile) and above.folders:
            read = self.module(above)
            # A package may extend where its submodules are found.
            if isinstance(read, Module) and b"__path__" in read.content:
                return Unknown(f"{parent} finds its modules itself")
        archives = self.finder.archives()
        if archives:
            return Unknown(f"it may be in {archives[0]}, into which is not looked")
        return Missing("module", self.finder.near(module))

    def _offered(self, module: Module) -> list[str]:
        names = self.bindings(module).names
        return [name for name in names if not name.startswith("_")]


def _dotted(node: ast.expr) -> list[str]:
    """Return ``["a", "b", "c"]`` for ``a.b.c``; nothing for anything else."""
    parts: list[str] = []
    inner: Any = node
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or not parts:
        return []
    return [inner.id, *reversed(parts)]


def _is_global_somewhere(module: Module, name: str) -> bool:
    if b"global" not in module.content:
        return False
    return any(
        isinstance(node, ast.Global) and name in node.names for node in ast.walk(module.tree)
    )
