"""The parts of a parsed expression: each is a function of the evaluation, and knows where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ExpressionError
from framework0.recipe import expression_operators as operators
from framework0.recipe.expression_values import (
    MAX_ITEMS,
    MISSING,
    Absent,
    Evaluation,
    Wrong,
    field,
    truth,
)
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from framework0.recipe.expression_tokens import Token

    Run = Callable[[Evaluation], Any]

MAX_DEPTH: Final = 50
"""Levels of an expression: each costs stack, and nobody reads more."""

_SHOWN: Final = 60
"""Characters of foreign text repeated in an error."""


class Reference(NamedTuple):
    """A name an expression reads: ``steps.load.result`` is root ``steps``, path ``("load", "result")``.

    ``path`` goes as far as it is written out; ``whole`` is False if computed parts follow. ``offset``
    is where it stands in the expression. ``guarded`` means that it may lead to nothing (within
    ``default()``, or ``context.get()``). ``exact`` is ``context.get()``: its key is not taken apart.
    """

    root: str
    path: tuple[str | int, ...]
    offset: int
    whole: bool = True
    guarded: bool = False
    exact: bool = False

    def context_keys(self) -> tuple[str, ...]:
        """Return the context keys this may read, in the order they are tried (longest first)."""
        if self.root != "context":
            return ()
        if self.exact:
            return tuple(str(part) for part in self.path)
        return candidates(self.path)


class Node(NamedTuple):
    """A parsed part: ``run`` evaluates it; ``constant`` is its value if it is a literal."""

    run: Run
    depth: int
    start: int
    end: int
    constant: Any = MISSING


class Part(NamedTuple):
    """One step of a lookup: a literal key, or a ``node`` that computes it."""

    literal: str | int | None
    node: Node | None
    start: int
    end: int
    called: bool = False


def shorten(text: str) -> str:
    """Return ``text`` fit to be repeated in one line of an error."""
    line = " ".join(text.split())
    shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
    return "".join(character if character.isprintable() else "\ufffd" for character in shown)


def candidates(path: Sequence[str | int | None]) -> tuple[str, ...]:
    """Return the dotted keys that the beginning of ``path`` may spell, longest first."""
    names: list[str] = []
    for part in path:
        if not isinstance(part, str):
            break
        names.append(part)
    return tuple(".".join(names[:count]) for count in range(len(names), 0, -1))


def _node(run: Run, parts: Iterable[Node], start: int, end: int) -> Node:
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > MAX_DEPTH:
        raise ExpressionError(
            f"the expression has more than {MAX_DEPTH} levels or operators in a row",
            offset=start,
            hint="compute this in a scriptlet",
        )
    return Node(run, depth, start, end)


def constant(value: Any, start: int, end: int) -> Node:
    """Make a literal."""
    return Node(lambda _work: value, 1, start, end, value)


def _at(offset: int, operate: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``operate``; what goes wrong in it is located at ``offset``."""
    try:
        return operate(*arguments)
    except Wrong as wrong:
        if wrong.offset is None:
            wrong.offset = offset
        raise


def conditional(then: Node, condition: Node, otherwise: Node) -> Node:
    """Make ``then if condition else otherwise``."""

    def run(work: Evaluation) -> Any:
        chosen = then if _at(condition.start, truth, condition.run(work)) else otherwise
        return chosen.run(work)

    return _node(run, (then, condition, otherwise), then.start, otherwise.end)


def either(parts: list[Node]) -> Node:
    """Make ``a or b``: the first true value, else the last."""
    return _choice(parts, stop_at=True)


def both(parts: list[Node]) -> Node:
    """Make ``a and b``: the first false value, else the last."""
    return _choice(parts, stop_at=False)


def _choice(parts: list[Node], *, stop_at: bool) -> Node:
    def run(work: Evaluation) -> Any:
        value = None
        for part in parts:
            value = part.run(work)
            if _at(part.start, truth, value) is stop_at:
                break
        return value

    return _node(run, parts, parts[0].start, parts[-1].end)


def negation(operand: Node, start: int) -> Node:
    """Make ``not operand``."""
    return _node(
        lambda work: not _at(operand.start, truth, operand.run(work)),
        (operand,),
        start,
        operand.end,
    )


_BINARY: Final[dict[str, Callable[[Any, Any, Evaluation], Any]]] = {
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "//": operators.divide_down,
    "%": operators.remainder,
    "==": operators.equal,
    "!=": operators.unequal,
    "<": operators.ordered("<"),
    "<=": operators.ordered("<="),
    ">": operators.ordered(">"),
    ">=": operators.ordered(">="),
    "in": operators.within,
    "not in": operators.not_within,
}


def operation(sign: str, offset: int, left: Node, right: Node) -> Node:
    """Make ``left sign right``."""
    operate = _BINARY[sign]

    def run(work: Evaluation) -> Any:
        return _at(offset, operate, left.run(work), right.run(work), work)

    return _node(run, (left, right), left.start, right.end)


def comparison(first: Node, links: list[tuple[str, int, Node]]) -> Node:
    """Make ``a < b <= c``: every pair fits; each operand is evaluated once at most."""
    if len(links) == 1:
        return operation(links[0][0], links[0][1], first, links[0][2])

    def run(work: Evaluation) -> bool:
        left = first.run(work)
        for sign, offset, operand in links:
            right = operand.run(work)
            if not _at(offset, _BINARY[sign], left, right, work):
                return False
            left = right
        return True

    return _node(run, (first, *(link[2] for link in links)), first.start, links[-1][2].end)


def signed(sign: str, start: int, operand: Node) -> Node:
    """Make ``-operand`` or ``+operand``."""

    def run(work: Evaluation) -> Any:
        value = _at(start, operators.negate, operand.run(work), work)
        return value if sign == "-" else -value

    return _node(run, (operand,), start, operand.end)


def listing(items: list[Node], start: int, end: int) -> Node:
    """Make ``[a, b]``."""
    return _node(lambda work: [item.run(work) for item in items], items, start, end)


def mapping(pairs: list[tuple[Node, Node]], start: int, end: int) -> Node:
    """Make ``{"a": b}``; keys are texts, as in JSON."""

    def run(work: Evaluation) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            name = key.run(work)
            if not isinstance(name, str):
                wrong = Wrong("a key of a mapping must be text", "put it in quotes")
                wrong.offset = key.start
                raise wrong
            made[name] = value.run(work)
        return made

    return _node(run, [node for pair in pairs for node in pair], start, end)


def call(function: Callable[..., Any], arguments: list[Node], start: int) -> Node:
    """Make ``function(arguments)``."""

    def run(work: Evaluation) -> Any:
        return _at(start, function, work, *(argument.run(work) for argument in arguments))

    return _node(run, arguments, start, start)


def status(name: str, start: int, end: int) -> Node:
    """Make ``always()``, ``failed()``, ``succeeded()``."""
    if name == "always":
        return _node(lambda _work: True, (), start, end)
    return _node(lambda work: work.scope.status == name, (), start, end)


def default(value: Node, otherwise: Node, start: int) -> Node:
    """Make ``default(x, y)``: y if x leads to nothing or to null."""

    def run(work: Evaluation) -> Any:
        try:
            found = value.run(work)
        except Absent:
            found = None
        return otherwise.run(work) if found is None else found

    return _node(run, (value, otherwise), start, otherwise.end)


def context_get(arguments: list[Node], start: int, end: int) -> Node:
    """Make ``context.get(key, default)``."""

    def run(work: Evaluation) -> Any:
        key = arguments[0].run(work)
        if not isinstance(key, str):
            wrong = Wrong("a context key must be text")
            wrong.offset = arguments[0].start
            raise wrong
        found = work.scope.context.get(key, MISSING)
        if found is not MISSING:
            return found
        return arguments[1].run(work) if len(arguments) > 1 else None

    return _node(run, arguments, start, end)


def lookup(base: Node, parts: list[Part], text: str) -> Node:
    """Make ``base.x[0]`` where ``base`` is any value."""

    def run(work: Evaluation) -> Any:
        return _descend(base.run(work), parts, _evaluated(parts, work), 0, base.start, text)

    return _node(run, (base, *_computed(parts)), base.start, parts[-1].end)


def _computed(parts: list[Part]) -> list[Node]:
    return [part.node for part in parts if part.node is not None]


def _evaluated(parts: list[Part], work: Evaluation) -> list[Any]:
    work.charge(len(parts))
    return [part.literal if part.node is None else part.node.run(work) for part in parts]


def _descend(
    value: Any, parts: list[Part], keys: list[Any], done: int, start: int, text: str
) -> Any:
    for part, key in zip(parts[done:], keys[done:], strict=True):
        # The usual case needs no words for what may go wrong.
        found = value.get(key, MISSING) if type(value) is dict and type(key) is str else MISSING
        if found is MISSING:
            shown = shorten(text[start : part.end])
            found = _at(part.start, _field, value, key, shown, part.node is None)
        value = found
    return value


def _field(value: Any, key: Any, shown: str, literal: bool) -> Any:
    return field(value, key, shown, literal=literal)


def name(root: str, token: Token, parts: list[Part], text: str) -> Node:
    """Make a name and what is looked up in it."""
    start = token.start
    if root == "context":
        run: Run = _context(start, parts, text)
    elif root in ("item", "index"):

        def run(work: Evaluation) -> Any:
            value = getattr(work.scope, root)
            if value is MISSING:
                wrong = Absent(f"`{root}` exists only in a step with `foreach`")
                wrong.offset = start
                raise wrong
            return _descend(value, parts, _evaluated(parts, work), 0, start, text)

    elif parts:

        def run(work: Evaluation) -> Any:
            value = getattr(work.scope, root)
            return _descend(value, parts, _evaluated(parts, work), 0, start, text)

    else:

        def run(work: Evaluation) -> Any:
            return _at(start, _copied, getattr(work.scope, root), work)

    return _node(run, _computed(parts), start, parts[-1].end if parts else token.end)


def _copied(whole: Mapping[str, Any], work: Evaluation) -> dict[str, Any]:
    work.charge(1 + len(whole))
    return dict(whole)


def _context(start: int, parts: list[Part], text: str) -> Run:
    if not parts:
        return lambda work: _at(start, _all_of_context, work)
    # The usual case, every part a literal, is prepared once.
    literal = [part.literal for part in parts]
    prepared = candidates(literal) if None not in literal else None

    def run(work: Evaluation) -> Any:
        keys = literal if prepared is not None else _evaluated(parts, work)
        tried = prepared if prepared is not None else candidates(keys)
        context = work.scope.context
        for index, key in enumerate(tried):
            found = context.get(key, MISSING)
            if found is not MISSING:
                return _descend(found, parts, keys, len(tried) - index, start, text)
        wanted = tried[0] if tried and prepared is not None else None
        shown = shorten(text[start : parts[-1].end])
        absent = Absent(f"the context has no key for `{shown}`", wanted, context.keys)
        absent.offset = start
        raise absent

    return run


def _all_of_context(work: Evaluation) -> dict[str, Any]:
    context = work.scope.context
    keys = list(context.keys())
    if len(keys) > MAX_ITEMS:
        raise Wrong(f"the context has more than {MAX_ITEMS:,} keys", "read single keys of it")
    work.charge(1 + len(keys))
    pairs = ((key, context.get(key, MISSING)) for key in keys)
    return {key: value for key, value in pairs if value is not MISSING}
