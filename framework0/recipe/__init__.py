"""Recipes: what one is, reading it with positions, checking it whole, and its expressions.

Every name is loaded when it is first used, so that a run which needs only the model pays only for
the model.
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from framework0.recipe.cache import Cached as Cached
    from framework0.recipe.cache import RecipeCache as RecipeCache
    from framework0.recipe.check import Checked as Checked
    from framework0.recipe.check import check_document as check_document
    from framework0.recipe.display import width as text_width
    from framework0.recipe.expression_values import Sealed as Sealed
    from framework0.recipe.expressions import Expression as Expression
    from framework0.recipe.expressions import Reference as Reference
    from framework0.recipe.expressions import Scope as Scope
    from framework0.recipe.expressions import compile_expression as compile_expression
    from framework0.recipe.load import Document as Document
    from framework0.recipe.load import parse_text as parse_text
    from framework0.recipe.load import read_document as read_document
    from framework0.recipe.load import remembered_text as remembered_text
    from framework0.recipe.model import DEFAULT_POLICY as DEFAULT_POLICY
    from framework0.recipe.model import FINALLY as FINALLY
    from framework0.recipe.model import MAIN as MAIN
    from framework0.recipe.model import NOTHING as NOTHING
    from framework0.recipe.model import ON_FAILURE as ON_FAILURE
    from framework0.recipe.model import ORDER_GRAPH as ORDER_GRAPH
    from framework0.recipe.model import ORDER_SEQUENCE as ORDER_SEQUENCE
    from framework0.recipe.model import PHASES as PHASES
    from framework0.recipe.model import Cache as Cache
    from framework0.recipe.model import Foreach as Foreach
    from framework0.recipe.model import Input as Input
    from framework0.recipe.model import Policy as Policy
    from framework0.recipe.model import Recipe as Recipe
    from framework0.recipe.model import Retry as Retry
    from framework0.recipe.model import Step as Step
    from framework0.recipe.near import near_name as near_name
    from framework0.recipe.report import page as page
    from framework0.recipe.report import render_problems as render_report
    from framework0.recipe.report import summarize as summarize
    from framework0.recipe.report_formats import as_github as as_github
    from framework0.recipe.report_formats import as_json as as_json
    from framework0.recipe.report_formats import as_sarif as as_sarif
    from framework0.recipe.schema import json_schema as json_schema
    from framework0.recipe.signatures import SignatureSource as SignatureSource
    from framework0.recipe.sizes import size_text as size_text
    from framework0.recipe.templates import Template as Template
    from framework0.recipe.templates import find_templates as find_templates
    from framework0.recipe.templates import has_template as has_template
    from framework0.recipe.templates import render as render
    from framework0.recipe.textfile import text_of as text_of

_HOMES: Final = {
    "Cache": "model",
    "Cached": "cache",
    "Checked": "check",
    "DEFAULT_POLICY": "model",
    "Document": "load",
    "Expression": "expressions",
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
    "RecipeCache": "cache",
    "Reference": "expressions",
    "Retry": "model",
    "Scope": "expressions",
    "Sealed": "expression_values",
    "SignatureSource": "signatures",
    "Step": "model",
    "Template": "templates",
    "as_github": "report_formats",
    "as_json": "report_formats",
    "as_sarif": "report_formats",
    "check_document": "check",
    "compile_expression": "expressions",
    "find_templates": "templates",
    "has_template": "templates",
    "json_schema": "schema",
    "near_name": "near",
    "page": "report",
    "parse_text": "load",
    "remembered_text": "load",
    "read_document": "load",
    "render": "templates",
    "render_report": "report",
    "size_text": "sizes",
    "summarize": "report",
    "text_of": "textfile",
    "text_width": "display",
}

# `render` at this door fills templates in, so the report's goes by a fuller name.
_NAMES_THERE: Final = {"render_report": "render_problems", "text_width": "width"}

__all__ = [
    "DEFAULT_POLICY",
    "FINALLY",
    "MAIN",
    "NOTHING",
    "ON_FAILURE",
    "ORDER_GRAPH",
    "ORDER_SEQUENCE",
    "PHASES",
    "Cache",
    "Cached",
    "Checked",
    "Document",
    "Expression",
    "Foreach",
    "Input",
    "Policy",
    "Recipe",
    "RecipeCache",
    "Reference",
    "Retry",
    "Scope",
    "Sealed",
    "SignatureSource",
    "Step",
    "Template",
    "as_github",
    "as_json",
    "as_sarif",
    "check_document",
    "compile_expression",
    "find_templates",
    "has_template",
    "json_schema",
    "near_name",
    "page",
    "parse_text",
    "read_document",
    "remembered_text",
    "render",
    "render_report",
    "size_text",
    "summarize",
    "text_of",
    "text_width",
]


__getattr__ = opening(__name__, _HOMES, _NAMES_THERE)


def __dir__() -> list[str]:
    return [*__all__]
