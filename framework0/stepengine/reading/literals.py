"""What an expression stands for, as far as reading tells: literals, and names bound to literals.

Nothing is evaluated. A dictionary is read entry by entry, so that one value that is computed leaves
the others known; each entry remembers where it stands.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from framework0.source import Bindings, Imported, Module, Opaque, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.errors import Place
    from framework0.source import Library

MAX_DEPTH: Final = 40
"""Expressions and names followed from one attribute; people nest four deep."""

MUTATORS: Final = frozenset(
    {"append", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
)
"""Methods with which a list or dictionary is changed after it was written down."""


class Unknown:
    """Stands in place of a value that is computed when the program runs."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


class Read:
    """One expression as it was read. ``value`` is plain data with UNKNOWN where it is computed.

    ``entries`` are those of a dictionary with text keys: the place of the key, and the value.
    ``repeated`` are the places of keys that stood there before. ``open`` says that there may be
    more entries than were read.
    """

    __slots__ = ("entries", "node", "open", "place", "reason", "repeated", "value")

    def __init__(self, value: Any, place: Place, node: ast.expr, reason: str = "") -> None:
        self.value = value
        self.place = place
        self.node = node
        self.reason = reason
        self.open = False
        self.entries: dict[str, tuple[Place, Read]] = {}
        self.repeated: list[tuple[str, Place]] = []

    @property
    def known(self) -> bool:
        """Whether nothing in the value is computed."""
        return not self.open and not _holds_unknown(self.value)


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_unknown(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return any(map(_holds_unknown, value))
    return value is UNKNOWN


class Literals:
    """Reads the expressions of the modules of one library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._changed: dict[str, frozenset[str]] = {}

    # One line per kind of expression reads better than any way to have fewer of them.
    def read(  # noqa: PLR0911
        self, module: Module, scope: Bindings | None, node: ast.expr, depth: int = 0
    ) -> Read:
        """Return what ``node`` stands for; ``scope`` is the class body it is in, if it is in one."""
        place = module.place(node)
        if depth > MAX_DEPTH:
            return Read(UNKNOWN, place, node, "it is nested too deeply")
        match node:
            case ast.Constant(value=value):
                return Read(value, place, node)
            case ast.Dict():
                return self._dictionary(module, scope, node, depth)
            case ast.List() | ast.Tuple():
                parts = [self.read(module, scope, part, depth + 1) for part in node.elts]
                values = [part.value for part in parts]
                return Read(values if isinstance(node, ast.List) else tuple(values), place, node)
            case ast.Set():
                # What is in it does not matter: wherever a value is written down, a set is none.
                return Read(frozenset(), place, node)
            case ast.UnaryOp() | ast.BinOp():
                return self._operation(module, scope, node, depth)
            case ast.JoinedStr():
                return self._text(module, scope, node, depth)
            case ast.Name(id=name):
                return self._name(module, scope, node, name, depth)
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                made = ast.Dict(
                    keys=[_key(word, word.arg) if word.arg else None for word in keywords],
                    values=[word.value for word in keywords],
                )
                return self._dictionary(module, scope, ast.copy_location(made, node), depth)
        return Read(UNKNOWN, place, node, "it is computed")

    def changed(self, module: Module) -> frozenset[str]:
        """Return the names of variables and attributes whose content the module changes itself."""
        found = self._changed.get(module.path)
        if found is None:
            found = self._changed[module.path] = frozenset(_changes(module.tree))
        return found

    def _dictionary(
        self, module: Module, scope: Bindings | None, node: ast.Dict, depth: int
    ) -> Read:
        read = Read({}, module.place(node), node)
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.read(module, scope, value_node, depth + 1)
            if key_node is None:
                self._unpacked(read, value)
                continue
            key = self.read(module, scope, key_node, depth + 1)
            if key.value is UNKNOWN or isinstance(key.value, dict | list):
                read.open = True
                read.reason = "a key in it is computed"
                continue
            read.value[key.value] = value.value
            if isinstance(key.value, str):
                if key.value in read.entries:
                    read.repeated.append((key.value, read.entries[key.value][0]))
                read.entries[key.value] = (key.place, value)
        return read

    @staticmethod
    def _unpacked(read: Read, value: Read) -> None:
        if not isinstance(value.value, dict):
            read.open = True
            read.reason = "what is unpacked into it is computed"
            return
        read.open = read.open or value.open
        read.reason = read.reason or value.reason
        read.value.update(value.value)
        read.entries.update(value.entries)

    def _operation(
        self, module: Module, scope: Bindings | None, node: ast.UnaryOp | ast.BinOp, depth: int
    ) -> Read:
        place = module.place(node)
        if isinstance(node, ast.UnaryOp):
            value = self.read(module, scope, node.operand, depth + 1).value
            if isinstance(value, int | float) and isinstance(node.op, ast.USub | ast.UAdd):
                return Read(-value if isinstance(node.op, ast.USub) else +value, place, node)
            return Read(UNKNOWN, place, node, "it is computed")
        left = self.read(module, scope, node.left, depth + 1)
        right = self.read(module, scope, node.right, depth + 1)
        if (
            isinstance(node.op, ast.Add)
            and isinstance(left.value, str)
            and isinstance(right.value, str)
        ):
            return Read(left.value + right.value, place, node)
        if isinstance(node.op, ast.BitOr) and isinstance(left.value, dict):
            read = Read({}, place, node)
            self._unpacked(read, left)
            self._unpacked(read, right)
            return read
        return Read(UNKNOWN, place, node, "it is computed")

    def _text(
        self, module: Module, scope: Bindings | None, node: ast.JoinedStr, depth: int
    ) -> Read:
        place = module.place(node)
        parts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                plain = part.conversion == -1 and part.format_spec is None
                value = self.read(module, scope, part.value, depth + 1).value if plain else UNKNOWN
            else:
                value = self.read(module, scope, part, depth + 1).value
            if not isinstance(value, str):
                return Read(UNKNOWN, place, node, "it is computed")
            parts.append(value)
        return Read("".join(parts), place, node)

    def _name(
        self, module: Module, scope: Bindings | None, node: ast.expr, name: str, depth: int
    ) -> Read:
        place = module.place(node)
        definition = scope.get(name) if scope is not None else None
        if definition is None:
            scope = None
            definition = self._library.bindings(module).get(name)
        if name == "__name__" and definition is None:
            return Read(module.name, place, node)
        if name in self.changed(module):
            return Read(UNKNOWN, place, node, f"{name} is changed after it is set")
        if isinstance(definition, Imported):
            return self._imported(definition, depth) or Read(
                UNKNOWN, place, node, f"{name} is imported, and was not followed"
            )
        if isinstance(definition, ast.expr):
            return self.read(module, scope, definition, depth + 1)
        reason = definition.reason if isinstance(definition, Opaque) else f"{name} was not followed"
        return Read(UNKNOWN, place, node, reason)

    def _imported(self, wanted: Imported, depth: int) -> Read | None:
        """Return what a name of another module of the library stands for; its place is there."""
        found = self._library.finder.find(wanted.module) if wanted.name else None
        other = self._library.module(found) if isinstance(found, SourceFile) else None
        if not isinstance(other, Module) or depth > MAX_DEPTH or wanted.name in self.changed(other):
            return None
        definition = self._library.bindings(other).get(wanted.name)
        if isinstance(definition, Imported):
            return self._imported(definition, depth + 1)
        if isinstance(definition, ast.expr):
            return self.read(other, None, definition, depth + 1)
        return None


def _key(word: ast.keyword, name: str) -> ast.expr:
    return ast.copy_location(ast.Constant(value=name), word)


def _changes(tree: ast.AST) -> Iterator[str]:
    """Yield the name at the root of each ``name[...] = …``, ``del name[...]`` and ``name.update(...)``."""
    for node in ast.walk(tree):
        target: ast.expr | None = None
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            target = node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in MUTATORS
        ):
            target = node.func.value
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Attribute):
            yield target.attr
        elif isinstance(target, ast.Name):
            yield target.id
