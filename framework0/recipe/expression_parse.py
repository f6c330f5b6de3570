"""From the text of an expression to something that can be evaluated: a small parser of its own.

Operator precedence climbing (Richards, 1979). Each construct becomes a closure over its parts, so
that evaluating costs one call per part. Nothing but the constructs below exists: a dot is always a
key of a mapping, never an attribute of an object, and only the listed functions can be called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ExpressionError
from framework0.recipe import expression_nodes as nodes
from framework0.recipe.expression_functions import DEFAULT, FUNCTIONS, STATUS, known_functions
from framework0.recipe.expression_nodes import MAX_DEPTH, Node, Part, Reference, shorten
from framework0.recipe.expression_tokens import END, NAME, NUMBER, SIGN, TEXT, Token, cut
from framework0.recipe.near import near_name

if TYPE_CHECKING:
    from collections.abc import Callable

ROOTS: Final = ("inputs", "context", "steps", "env", "run", "item", "index")
"""The names an expression may begin with."""

MAX_LITERAL_ITEMS: Final = 256
"""Items written out in one list, mapping or call."""

_CONSTANTS: Final = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}
_WORDS: Final = frozenset({"and", "or", "not", "in", "if", "else", "is", "for", "lambda"})
_COMPARISON: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not", "is"})

_MISTAKES: Final = {
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "&": "write `and`",
    "|": "write `or`; there are no filters, functions are called as in `lower(x)`",
    "=": "write `==` to compare",
    "?": "write `x if condition else y`",
    "is": "write `==`",
    "**": "write the multiplication out",
    "for": "loop in a scriptlet, or with the step's `foreach`",
    "lambda": "write a scriptlet",
}


class Parser:
    """Reads one expression; ``names`` and ``uses_status`` fill up on the way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = cut(text)
        self.position = 0
        self.level = 0
        self.guards = 0
        self.names: list[Reference] = []
        self.uses_status = False

    def parse(self) -> Node:
        """Return the whole expression.

        Raises:
            ExpressionError: at the first token that does not fit.
        """
        if self._token.kind == END:
            raise ExpressionError("the expression is empty", hint="write a name such as `inputs.x`")
        node = self._conditional()
        if self._token.kind != END:
            raise self._unexpected("the end of the expression")
        return node

    @property
    def _token(self) -> Token:
        return self.tokens[self.position]

    def _take(self) -> Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def _at(self, value: str) -> bool:
        token = self.tokens[self.position]
        return token.value == value and token.kind in (SIGN, NAME)

    def _accept(self, value: str) -> bool:
        if self._at(value):
            self.position += 1
            return True
        return False

    def _expect(self, value: str) -> Token:
        if not self._at(value):
            raise self._unexpected(f"`{value}`")
        return self._take()

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        if token.kind == END:
            return ExpressionError(
                f"the expression ends where {wanted} should be", offset=token.start
            )
        shown = shorten(self.text[token.start : token.end])
        if token.kind in (SIGN, NAME) and token.value in _MISTAKES:
            return ExpressionError(
                f"expressions have no `{shown}`", offset=token.start, hint=_MISTAKES[token.value]
            )
        if token.kind == NUMBER and shown.startswith("."):
            return ExpressionError(
                f"`{shown}` is no key",
                offset=token.start,
                hint=f"write `[{shown[1:]}]` for an item",
            )
        return ExpressionError(f"`{shown}` stands where {wanted} should be", offset=token.start)

    def _deeper(self) -> None:
        self.level += 1
        if self.level > MAX_DEPTH:
            raise ExpressionError(
                f"the expression is nested deeper than {MAX_DEPTH} levels",
                offset=self._token.start,
                hint="compute this in a scriptlet",
            )

    def _conditional(self) -> Node:
        self._deeper()
        node = self._either()
        if self._accept("if"):
            condition = self._either()
            self._expect("else")
            node = nodes.conditional(node, condition, self._conditional())
        self.level -= 1
        return node

    def _either(self) -> Node:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else nodes.either(parts)

    def _both(self) -> Node:
        parts = [self._negation()]
        while self._accept("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else nodes.both(parts)

    def _negation(self) -> Node:
        start = self._token.start
        if not self._accept("not"):
            return self._comparison()
        self._deeper()
        node = nodes.negation(self._negation(), start)
        self.level -= 1
        return node

    def _comparison(self) -> Node:
        first = self._sum()
        links: list[tuple[str, int, Node]] = []
        while self._token.kind in (SIGN, NAME) and self._token.value in _COMPARISON:
            start = self._token.start
            if self._at("is"):
                raise self._unexpected("an operator")
            sign = self._take().value
            if sign == "not":
                self._expect("in")
                sign = "not in"
            links.append((sign, start, self._sum()))
        return nodes.comparison(first, links) if links else first

    def _sum(self) -> Node:
        return self._row(self._product, ("+", "-"))

    def _product(self) -> Node:
        return self._row(self._signed, ("*", "/", "//", "%"))

    def _row(self, operand: Callable[[], Node], signs: tuple[str, ...]) -> Node:
        node = operand()
        while self._token.kind == SIGN and self._token.value in signs:
            sign = self._take()
            node = nodes.operation(sign.value, sign.start, node, operand())
        return node

    def _signed(self) -> Node:
        start = self._token.start
        if self._accept("+"):
            return self._signed_operand(start, "+")
        if self._accept("-"):
            return self._signed_operand(start, "-")
        return self._postfix()

    def _signed_operand(self, start: int, sign: str) -> Node:
        self._deeper()
        node = nodes.signed(sign, start, self._signed())
        self.level -= 1
        return node

    def _postfix(self) -> Node:
        token = self._token
        root = ""
        base: Node | None = None
        if token.kind == NAME and token.value not in _CONSTANTS and token.value not in _WORDS:
            self._take()
            if self._at("("):
                base = self._call(token)
            else:
                root = self._root(token)
        else:
            base = self._atom()
        parts = self._parts(root)
        if base is not None:
            return nodes.lookup(base, parts, self.text) if parts else base
        if parts and parts[-1].called:
            return self._context_get(token, parts)
        self._refer(root, token.start, parts)
        return nodes.name(root, token, parts, self.text)

    def _root(self, token: Token) -> str:
        name: str = token.value
        if name in ROOTS:
            return name
        near = near_name(name, (*ROOTS, *known_functions()))
        hint = f"did you mean `{near}`?" if near else f"names begin with {', '.join(ROOTS)}"
        if not near and not self._at("."):
            hint += "; text stands in quotes"
        raise ExpressionError(f"unknown name `{shorten(name)}`", offset=token.start, hint=hint)

    def _parts(self, root: str) -> list[Part]:
        parts: list[Part] = []
        while True:
            if self._accept("."):
                if self._token.kind != NAME:
                    raise self._unexpected("a key")
                token = self._take()
                parts.append(Part(token.value, None, token.start, token.end))
            elif self._accept("["):
                parts.append(self._subscript())
            elif self._at("("):
                return self._method(root, parts)
            else:
                return parts

    def _subscript(self) -> Part:
        token = self._token
        inner = self._conditional()
        if self._at(":"):
            raise ExpressionError(
                "there are no slices", offset=self._token.start, hint="cut the list in a scriptlet"
            )
        end = self._expect("]").end
        literal = token.value if token.kind in (TEXT, NUMBER) and inner.end == token.end else None
        if isinstance(literal, str | int) and inner.start == token.start:
            return Part(literal, None, inner.start, end)
        return Part(None, inner, inner.start, end)

    def _method(self, root: str, parts: list[Part]) -> list[Part]:
        """Allow the one method there is: ``context.get("key", default)``."""
        last = parts[-1].literal if parts else None
        if root == "context" and len(parts) == 1 and last == "get":
            parts[0] = parts[0]._replace(called=True)
            return parts
        name = shorten(str(last)) if isinstance(last, str) else ""
        hint = "only the listed functions can be called"
        if name in FUNCTIONS:
            hint = f"write `{FUNCTIONS[name].usage}`"
        elif name == "get":
            hint = "write `default(x, y)`"
        raise ExpressionError("this cannot be called", offset=self._token.start, hint=hint)

    def _context_get(self, token: Token, parts: list[Part]) -> Node:
        arguments = self._arguments()
        if not 1 <= len(arguments) <= 2:  # noqa: PLR2004
            raise ExpressionError(
                "context.get() takes a key and, if you like, a default", offset=token.start
            )
        key = arguments[0].constant
        path: tuple[str | int, ...] = (key,) if isinstance(key, str) else ()
        self.names.append(
            Reference("context", path, token.start, whole=bool(path), guarded=True, exact=True)
        )
        return nodes.context_get(arguments, token.start, parts[-1].end)

    def _refer(self, root: str, start: int, parts: list[Part]) -> None:
        path: list[str | int] = []
        for part in parts:
            if part.literal is None:
                break
            path.append(part.literal)
        whole = len(path) == len(parts)
        self.names.append(Reference(root, tuple(path), start, whole=whole, guarded=self.guards > 0))

    def _call(self, token: Token) -> Node:
        name: str = token.value
        if name in STATUS:
            arguments = self._arguments()
            self.uses_status = True
            if arguments:
                raise ExpressionError(f"{name}() takes no arguments", offset=token.start)
            return nodes.status(name, token.start, token.end)
        if name == DEFAULT:
            arguments = self._arguments(guard_first=True)
            if len(arguments) != 2:  # noqa: PLR2004
                raise ExpressionError("default(x, y) takes two arguments", offset=token.start)
            return nodes.default(arguments[0], arguments[1], token.start)
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._unknown_function(name, token.start)
        arguments = self._arguments()
        if not function.least <= len(arguments) <= function.most:
            raise ExpressionError(
                f"{name}() was given {len(arguments) or 'no'} "
                f"argument{'' if len(arguments) == 1 else 's'}",
                offset=token.start,
                hint=f"write `{function.usage}`",
            )
        return nodes.call(function.call, arguments, token.start)

    def _unknown_function(self, name: str, offset: int) -> ExpressionError:
        near = near_name(name, known_functions())
        listed = ", ".join(sorted(known_functions()))
        hint = f"did you mean `{near}`?" if near else f"there are {listed}"
        return ExpressionError(f"there is no function `{shorten(name)}`", offset=offset, hint=hint)

    def _arguments(self, *, guard_first: bool = False) -> list[Node]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._accept(")"):
            guarded = guard_first and not arguments
            self.guards += guarded
            arguments.append(self._conditional())
            self.guards -= guarded
            if self._at("="):
                raise ExpressionError(
                    "arguments have no names", offset=self._token.start, hint="give them in order"
                )
            if not self._at(")"):
                self._expect(",")
            self._bound(arguments)
        return arguments

    def _bound(self, items: list[Any]) -> None:
        if len(items) > MAX_LITERAL_ITEMS:
            raise ExpressionError(
                f"more than {MAX_LITERAL_ITEMS} items are written out", offset=self._token.start
            )

    def _atom(self) -> Node:
        token = self._token
        if token.kind in (NUMBER, TEXT):
            self._take()
            return nodes.constant(token.value, token.start, token.end)
        if token.kind == NAME and token.value in _CONSTANTS:
            self._take()
            return nodes.constant(_CONSTANTS[token.value], token.start, token.end)
        if self._accept("("):
            node = self._conditional()
            end = self._expect(")").end
            return node._replace(start=token.start, end=end)
        if self._accept("["):
            return self._list(token.start)
        if self._accept("{"):
            return self._mapping(token.start)
        raise self._unexpected("a value")

    def _list(self, start: int) -> Node:
        items: list[Node] = []
        while not self._at("]"):
            items.append(self._conditional())
            self._bound(items)
            if not self._at("]"):
                self._expect(",")
        return nodes.listing(items, start, self._take().end)

    def _mapping(self, start: int) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not self._at("}"):
            key = self._conditional()
            self._expect(":")
            pairs.append((key, self._conditional()))
            self._bound(pairs)
            if not self._at("}"):
                self._expect(",")
        return nodes.mapping(pairs, start, self._take().end)
