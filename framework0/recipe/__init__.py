"""Recipes: what one is, reading it with positions, checking it whole, and its expressions.

Every name is loaded when it is first used, so that a run which needs only the model pays only for
the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from framework0.recipe.load import Document as Document
    from framework0.recipe.load import parse_text as parse_text
    from framework0.recipe.load import read_document as read_document
    from framework0.recipe.model import DEFAULT_POLICY as DEFAULT_POLICY
    from framework0.recipe.model import FINALLY as FINALLY
    from framework0.recipe.model import MAIN as MAIN
    from framework0.recipe.model import NOTHING as NOTHING
    from framework0.recipe.model import ON_FAILURE as ON_FAILURE
    from framework0.recipe.model import ORDER_GRAPH as ORDER_GRAPH
    from framework0.recipe.model import ORDER_SEQUENCE as ORDER_SEQUENCE
    from framework0.recipe.model import PHASES as PHASES
    from framework0.recipe.model import Foreach as Foreach
    from framework0.recipe.model import Input as Input
    from framework0.recipe.model import Policy as Policy
    from framework0.recipe.model import Recipe as Recipe
    from framework0.recipe.model import Retry as Retry
    from framework0.recipe.model import Step as Step
    from framework0.recipe.signatures import SignatureSource as SignatureSource

_HOMES: Final = {
    "DEFAULT_POLICY": "model",
    "Document": "load",
    "FINALLY": "model",
    "Foreach": "model",
    "Input": "model",
    "MAIN": "model",
    "NOTHING": "model",
    "ON_FAILURE": "model",
    "ORDER_GRAPH": "model",
    "ORDER_SEQUENCE": "model",
    "PHASES": "model",
    "Policy": "model",
    "Recipe": "model",
    "Retry": "model",
    "SignatureSource": "signatures",
    "Step": "model",
    "parse_text": "load",
    "read_document": "load",
}

__all__ = [
    "DEFAULT_POLICY",
    "FINALLY",
    "MAIN",
    "NOTHING",
    "ON_FAILURE",
    "ORDER_GRAPH",
    "ORDER_SEQUENCE",
    "PHASES",
    "Document",
    "Foreach",
    "Input",
    "Policy",
    "Recipe",
    "Retry",
    "SignatureSource",
    "Step",
    "parse_text",
    "read_document",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value = getattr(import_module(f"framework0.recipe.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]
