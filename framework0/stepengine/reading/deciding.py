"""Which arrows the code of ``step_advance`` can visibly return."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from framework0.stepengine.arrows import DIRECT
from framework0.stepengine.nodes import COMPLETE
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.errors import Place
    from framework0.source import Module
    from framework0.stepengine.reading.classes import Family, Method
    from framework0.stepengine.reading.literals import Literals


class Choice(NamedTuple):
    """Something that is returned: a key, or None. ``to`` is the node that ``advance_to`` names.

    An open arrow to that node is then taken before the key.
    """

    key: str | None
    place: Place
    to: str = ""


class Choices(NamedTuple):
    """All that may be returned; with a ``reason`` there may be more, which ``place`` computes."""

    there: bool
    choices: tuple[Choice, ...] = ()
    reason: str = ""
    place: Place | None = None


def choices_of(literals: Literals, family: Family) -> Choices:
    """Return what the ``step_advance`` of a node may return; ``there`` is False without one."""
    found = family.method("step_advance")
    if found is None:
        if family.find("step_advance") is None and not family.unknown:
            return Choices(there=False)
        reason = family.unknown or "it is no plain method"
        return Choices(True, (), reason, family.module.place(family.node))
    return _Returns(literals, *found).choices()


class _Returns:
    def __init__(self, literals: Literals, module: Module, function: Method) -> None:
        self._literals = literals
        self._module = module
        self._function = function
        self._found: list[Choice] = []
        self._reason = ""
        self._place: Place | None = None

    def choices(self) -> Choices:
        own = list(_own_nodes(self._function))
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own):
            self._compute("it is a generator", self._function)
        for node in own:
            if isinstance(node, ast.Return):
                self._expression(node.value, node, 0)
        if _may_fall_through(self._function.body):
            self._found.append(Choice(None, self._module.place(self._function)))
        return Choices(True, tuple(self._found), self._reason, self._place)

    def _compute(self, reason: str, node: ast.AST) -> None:
        if not self._reason:
            self._reason, self._place = reason, self._module.place(node)

    def _expression(self, node: ast.expr | None, statement: ast.stmt, hops: int) -> None:
        match node:
            case None | ast.Constant(value=None):
                self._found.append(Choice(None, self._module.place(node or statement)))
            case ast.IfExp(body=first, orelse=second):
                self._expression(first, statement, hops)
                self._expression(second, statement, hops)
            case ast.Call(func=ast.Attribute(attr="advance_to"), args=[argument], keywords=[]):
                to = self._literals.read(self._module, None, argument).value
                if isinstance(to, str):
                    self._found.append(Choice(DIRECT + to, self._module.place(argument), to))
                else:
                    self._compute(f"{ast.unparse(argument)} is computed", argument)
            case ast.Call(func=ast.Attribute(attr="complete"), args=[], keywords=[]):
                self._found.append(Choice(COMPLETE, self._module.place(node)))
            case ast.Name(id=name) if not hops and self._assigned(name):
                for value in self._assigned(name):
                    self._expression(value, statement, 1)
            case _:
                assert node is not None
                value = self._literals.read(self._module, None, node).value
                if isinstance(value, str) and not self._is_local(node):
                    self._found.append(Choice(value, self._module.place(node)))
                else:
                    self._compute(f"{ast.unparse(node):.60} is computed", node)

    def _assigned(self, name: str) -> list[ast.expr]:
        """Return all that a local variable is set to, or nothing if that cannot be told."""
        values: list[ast.expr] = []
        stores = 0
        for node in _own_nodes(self._function):
            if (
                isinstance(node, ast.Name)
                and node.id == name
                and not isinstance(node.ctx, ast.Load)
            ):
                stores += 1
            if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == [
                name
            ]:
                values.append(node.value)
            elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == name:
                values += [node.value] if node.value is not None else []
        return values if stores == len(values) else []

    def _is_local(self, node: ast.expr) -> bool:
        """Tell whether a name is the function's own, so that the module's does not count."""
        names = {word.id for word in ast.walk(node) if isinstance(word, ast.Name)}
        arguments = self._function.args
        own = {
            each.arg for each in (*arguments.args, *arguments.kwonlyargs, *arguments.posonlyargs)
        }
        own |= {
            word.id
            for word in _own_nodes(self._function)
            if isinstance(word, ast.Name) and not isinstance(word.ctx, ast.Load)
        }
        return bool(names & own)


def _own_nodes(function: Method) -> Iterator[ast.AST]:
    """Yield the nodes of a function, but not those of functions and classes inside it."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


# One line per kind of statement reads better than any way to have fewer of them.
def _may_fall_through(body: list[ast.stmt]) -> bool:  # noqa: PLR0911
    """Tell whether the end of ``body`` can be reached."""
    match body[-1] if body else None:
        case ast.Return() | ast.Raise():
            return False
        case ast.If(body=then, orelse=otherwise):
            return not otherwise or _may_fall_through(then) or _may_fall_through(otherwise)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _may_fall_through(inner)
        case ast.Try(body=inner, handlers=handlers, orelse=otherwise, finalbody=final):
            if final and not _may_fall_through(final):
                return False
            tails = [otherwise or inner, *[handler.body for handler in handlers]]
            return any(map(_may_fall_through, tails))
        case ast.While(test=ast.Constant(value=True)) as loop:
            return any(isinstance(node, ast.Break) for node in ast.walk(loop))
        case ast.Match(cases=cases):
            last = cases[-1]
            whole = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
            return not (whole and last.guard is None) or any(
                _may_fall_through(case.body) for case in cases
            )
    return True
