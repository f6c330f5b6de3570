"""Follows one variable through the code of a function and the calls that hand it on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from framework0.source.classes import Family, Member
from framework0.source.resolving import Code, Resolved
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.errors import Place
    from framework0.source.parsing import Module
    from framework0.source.resolving import Library

MAX_DEPTH: Final = 4
"""Calls that are followed one within the other."""

MAX_USES: Final = 10_000
"""Uses noted of one variable; generated code may have more, and then is not known."""


class Call(NamedTuple):
    """A method called on the variable, as ``context.get(key, default)``."""

    method: str
    default: ast.expr | None


class Use(NamedTuple):
    """One use of a key of the variable.

    ``how`` is ``item`` (``x[key]``), ``stored`` (``x[key] = …``), ``in`` (``key in x``) or ``call``.
    ``key`` is None if it is made at run time. ``sure`` if it happens whenever the function runs.
    """

    how: str
    key: str | None
    place: Place
    sure: bool
    call: Call | None = None


class Walk:
    """What happens to one variable; ``escaped`` if it also reaches code that was not followed."""

    def __init__(self, library: Library, family: Family | None) -> None:
        self.library = library
        self.family = family
        self.uses: list[Use] = []
        self.escaped = False
        self.texts = family.texts() if family is not None else {}
        self._open: list[tuple[int, str]] = []

    def function(self, code: Code, variable: str, *, sure: bool) -> None:
        """Walk one function in which the thing followed is called ``variable``."""
        assert not isinstance(code.node, ast.ClassDef)
        key = (id(code.node), variable)
        if key in self._open:
            return
        if len(self._open) >= MAX_DEPTH:
            self.escaped = True
            return
        self._open.append(key)
        _Body(self, code, variable).read(sure=sure)
        self._open.pop()

    def note(self, use: Use) -> None:
        """Keep one use."""
        if len(self.uses) < MAX_USES:
            self.uses.append(use)
        else:
            self.escaped = True


class _Body:
    """One function's code, seen for one variable."""

    def __init__(self, walk: Walk, code: Code, variable: str) -> None:
        self.walk = walk
        self.code = code
        self.variable = variable
        node = code.node
        assert not isinstance(node, ast.ClassDef)
        arguments = [*node.args.posonlyargs, *node.args.args]
        self.me = arguments[0].arg if walk.family is not None and arguments else ""
        self.locals = {
            inner.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        } | {argument.arg for argument in (*arguments, *node.args.kwonlyargs)}

    def read(self, *, sure: bool) -> None:
        node = self.code.node
        if isinstance(node, ast.Lambda):
            self._any(node.body, sure=sure)
        else:
            self._block(node.body, sure=sure)

    def _block(self, statements: Sequence[ast.stmt], *, sure: bool) -> None:
        for statement in statements:
            self._statement(statement, sure=sure)
            sure = sure and not _may_return(statement)

    def _statement(self, statement: ast.stmt, *, sure: bool) -> None:
        """Walk a statement; what it does only sometimes is walked as not sure."""
        certain = {"test", "iter", "subject", "items", "finalbody"}
        if isinstance(statement, ast.With | ast.AsyncWith):
            certain.add("body")
        elif not isinstance(
            statement,
            ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar | ast.Match,
        ):
            self._children(statement, sure=sure and not isinstance(statement, ast.FunctionDef))
            return
        for field, value in ast.iter_fields(statement):
            within = sure and field in certain
            if isinstance(value, ast.AST):
                self._any(value, sure=within)
            elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._block(value, sure=within)
            elif isinstance(value, list):
                for part in value:
                    self._any(part, sure=within)

    def _any(self, node: ast.AST, *, sure: bool) -> None:
        if isinstance(node, ast.stmt):
            self._statement(node, sure=sure)
            return
        match node:
            case ast.Name(id=self.variable):
                self.walk.escaped = True
            case ast.Subscript(value=ast.Name(id=self.variable), slice=key):
                how = "item" if isinstance(node.ctx, ast.Load) else "stored"
                self._note(how, key, node, sure=sure)
                self._any(key, sure=sure)
            case ast.Compare(
                left=key, ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=self.variable)]
            ):
                self._note("in", key, node, sure=sure)
                self._any(key, sure=sure)
            case ast.Call():
                self._call(node, sure=sure)
            case ast.BoolOp(values=[first, *rest]):
                self._any(first, sure=sure)
                for value in rest:
                    self._any(value, sure=False)
            case ast.IfExp(test=test):
                self._any(test, sure=sure)
                self._any(node.body, sure=False)
                self._any(node.orelse, sure=False)
            case ast.ListComp() | ast.SetComp() | ast.DictComp():
                # Only what is looped over first is looked at in any case.
                self._any(node.generators[0].iter, sure=sure)
                self._children(node, sure=False)
            case ast.Lambda() | ast.GeneratorExp():
                self._children(node, sure=False)
            case _:
                self._children(node, sure=sure)

    def _children(self, node: ast.AST, *, sure: bool) -> None:
        for child in ast.iter_child_nodes(node):
            self._any(child, sure=sure)

    def _note(
        self,
        how: str,
        key: ast.expr | None,
        node: ast.expr,
        *,
        sure: bool,
        call: Call | None = None,
    ) -> None:
        text = None if key is None else self._text(key)
        self.walk.note(Use(how, text, self.code.module.place(node), sure, call))

    def _call(self, node: ast.Call, *, sure: bool) -> None:
        match node.func:
            case ast.Attribute(value=ast.Name(id=self.variable), attr=method):
                self._method(node, method, sure=sure)
            case _:
                self._any(node.func, sure=sure)
                self._handed_on(node, sure=sure)
                for argument in node.args:
                    if not self._is_it(argument):
                        self._any(argument, sure=sure)
                for keyword in node.keywords:
                    if not self._is_it(keyword.value):
                        self._any(keyword.value, sure=sure)

    def _method(self, node: ast.Call, method: str, *, sure: bool) -> None:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        key = node.args[0] if node.args else named.get("key")
        default = node.args[1] if len(node.args) > 1 else named.get("default")
        if any(isinstance(argument, ast.Starred) for argument in node.args) or None in named:
            key = None
        self._note("call", key, node, sure=sure, call=Call(method, default))
        for argument in (*node.args, *named.values()):
            self._any(argument, sure=sure)

    def _is_it(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.variable

    def _handed_on(self, node: ast.Call, *, sure: bool) -> None:
        """Follow the variable into the functions it is an argument of."""
        positions: list[int | str | None] = [
            index for index, argument in enumerate(node.args) if self._is_it(argument)
        ]
        positions.extend(keyword.arg for keyword in node.keywords if self._is_it(keyword.value))
        if not positions:
            return
        target = self._target(node.func)
        if target is None or any(isinstance(argument, ast.Starred) for argument in node.args):
            self.walk.escaped = True
            return
        code, skipped = target
        if code is None:
            return
        for position in positions:
            name = _parameter_at(code, position, skipped)
            if name:
                self.walk.function(code, name, sure=sure)
            else:
                self.walk.escaped = True

    def _target(self, func: ast.expr) -> tuple[Code | None, int] | None:
        """Return the function that is called, and how many parameters stand before its arguments.

        A code of None is one that is known to do nothing with them.
        """
        match func:
            case ast.Attribute(value=ast.Name(id=owner), attr=method) if owner == self.me and owner:
                return self._method_of(method, inherited=False)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=method):
                return self._method_of(method, inherited=True)
            case ast.Name(id=name) if name not in self.locals:
                resolved: Resolved = self.walk.library.within(self.code.module, name)
                if isinstance(resolved, Code) and isinstance(
                    resolved.node, ast.FunctionDef | ast.AsyncFunctionDef
                ):
                    return (resolved, 0) if not resolved.node.decorator_list else None
        return None

    def _method_of(self, method: str, *, inherited: bool) -> tuple[Code | None, int] | None:
        family = self.walk.family
        if family is None or family.unknown:
            return None
        member = self._inherited(family, method) if inherited else family.member(method)
        if member is None:
            # What remains is the base class's own hook, which does nothing.
            return (None, 1) if family.is_scriptlet and inherited else None
        definition = member.definition
        if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        return None if definition.decorator_list else (Code(member.module, definition), 1)

    def _inherited(self, family: Family, method: str) -> Member | None:
        """Return the method as defined above the class whose code is being read."""
        owners = [
            index
            for index, code in enumerate(family.classes)
            if any(node is self.code.node for node in getattr(code.node, "body", ()))
        ]
        for code in family.classes[owners[0] + 1 :] if owners else ():
            definition = family.body(code).get(method)
            if definition is not None:
                return Member(code.module, definition)
        return None

    def _text(self, node: ast.expr) -> str | None:
        """Return the text that ``node`` always is, or None."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=values):
                parts = [self._piece(value) for value in values]
                return None if None in parts else "".join(part or "" for part in parts)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == self.me and owner:
                return self.walk.texts.get(name)
            case ast.Name(id=name) if name not in self.locals:
                return _constant(self.walk.library, self.code.module, name)
        return None

    def _piece(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.FormattedValue):
            plain = node.conversion == -1 and node.format_spec is None
            return self._text(node.value) if plain else None
        return self._text(node)


def _may_return(statement: ast.stmt) -> bool:
    """Return whether ``statement`` may end the function; a return of a function within it does not."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            pending.extend(ast.iter_child_nodes(node))
    return False


def _constant(library: Library, module: Module, name: str) -> str | None:
    """Return the text a name at the top of a module is bound to once and for all."""
    bindings = library.bindings(module)
    definition = bindings.get(name)
    if isinstance(definition, ast.Constant) and len(bindings.names[name]) == 1:
        return definition.value if isinstance(definition.value, str) else None
    return None


def _parameter_at(code: Code, position: int | str | None, skipped: int) -> str:
    """Return the name by which a function knows its argument, or nothing."""
    node = code.node
    assert not isinstance(node, ast.ClassDef)
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if isinstance(position, str):
        known = {*names, *(argument.arg for argument in node.args.kwonlyargs)}
        return position if position in known else ""
    if position is None or position + skipped >= len(names):
        return ""
    return names[position + skipped]
