"""``${{ … }}``: a small, safe language over the inputs, the context and the results of steps.

A text that holds expressions is a template; :mod:`framework0.recipe.templates` fills those in.
An expression always ends, soon, with a bounded result, and touches nothing but plain data.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ExpressionError
from framework0.recipe.expression_nodes import Reference
from framework0.recipe.expression_parse import ROOTS, Parser
from framework0.recipe.expression_scope import Scope
from framework0.recipe.expression_tokens import MAX_LENGTH
from framework0.recipe.expression_values import MAX_TEXT, MAX_WORK, Absent, Evaluation, Wrong, truth
from framework0.recipe.near import near_name

if TYPE_CHECKING:
    from framework0.recipe.expression_nodes import Node

MAX_COMPILED: Final = 4096
"""Compiled expressions kept: a large recipe's different ones, at some kilobytes each."""

MAX_COMPARED: Final = 2000
"""Names compared with a misspelt one: a hint is worth some milliseconds, not a second."""


class Expression:
    """A compiled expression; it may be evaluated any number of times, from any thread.

    ``names`` are the references it may read, in the order they stand in the text. ``uses_status``
    is True if it asks ``always()``, ``failed()`` or ``succeeded()``.
    """

    __slots__ = ("_node", "names", "text", "uses_status")

    def __init__(
        self, text: str, node: Node, names: tuple[Reference, ...], uses_status: bool
    ) -> None:
        self.text = text
        self._node = node
        self.names = names
        self.uses_status = uses_status

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, scope: Scope) -> Any:
        """Return the value, which is shared with what it was read from: do not change it.

        Raises:
            ExpressionError: if a name leads to nothing, an operation does not fit its operands, or
                the budget is used up. Its words never contain a value.
        """
        work = Evaluation(scope)
        try:
            return self._node.run(work)
        except Wrong as wrong:
            raise located(wrong) from None

    def holds(self, scope: Scope) -> bool:
        """Return whether the value counts as true.

        Raises:
            ExpressionError: as :meth:`evaluate`, and for a value that is neither true nor false.
        """
        value = self.evaluate(scope)
        try:
            return truth(value)
        except Wrong as wrong:
            raise located(wrong) from None


def located(wrong: Wrong) -> ExpressionError:
    """Return the public error for an evaluation that stopped, near names included."""
    hint = wrong.hint
    if isinstance(wrong, Absent) and wrong.name is not None and wrong.known is not None:
        known = (name for name in wrong.known() if isinstance(name, str) and name)
        near = near_name(wrong.name, islice(known, MAX_COMPARED))
        hint = f"did you mean `{near}`?" if near else None
    return ExpressionError(wrong.message, offset=wrong.offset or 0, hint=hint)


@lru_cache(maxsize=MAX_COMPILED)
def compile_expression(text: str) -> Expression:
    """Return the expression that ``text`` (without ``${{`` and ``}}``) means.

    Raises:
        ExpressionError: at the offset where it is no expression.
    """
    parser = Parser(text)
    try:
        node = parser.parse()
    except RecursionError:
        # Within bounds, but the caller's own stack left too little for it.
        raise ExpressionError(
            "the expression is nested too deeply to be read here",
            hint="compute this in a scriptlet",
        ) from None
    return Expression(text, node, tuple(parser.names), parser.uses_status)


__all__ = [
    "MAX_LENGTH",
    "MAX_TEXT",
    "MAX_WORK",
    "ROOTS",
    "Expression",
    "Reference",
    "Scope",
    "compile_expression",
]
