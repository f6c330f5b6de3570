"""What a function, class or scriptlet takes, as its definition says it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from framework0.source.annotations import types_of
from framework0.source.classes import Family
from framework0.source.declaring import declared_parameters
from framework0.source.facts import (
    CLASS,
    FUNCTION,
    KEYWORD,
    ORDINARY,
    POSITIONAL,
    SCRIPTLET,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    Parameter,
    Signature,
    Unknown,
)
from framework0.source.resolving import Code, FunctionNode
from framework0.source.touching import params_of

if TYPE_CHECKING:
    from framework0.source.resolving import Library

CONTEXT: Final = "context"

HARMLESS: Final = frozenset(
    {
        "abstractmethod",
        "asynccontextmanager",
        "cache",
        "classmethod",
        "contextmanager",
        "coroutine",
        "deprecated",
        "final",
        "lru_cache",
        "no_type_check",
        "override",
        "register_scriptlet",
        "staticmethod",
        "total_ordering",
        "runtime_checkable",
    }
)
"""Decorators known by name that leave the arguments as they are."""


def signature_of(library: Library, code: Code, *, owner: bool = False) -> Signature | Unknown:
    """Return what ``code`` takes. ``owner`` says that it was named as ``Class.method``."""
    if isinstance(code.node, ast.ClassDef):
        return _class(library, code)
    skipped = 0
    if not isinstance(code.node, ast.Lambda):
        changed = _changing(code.node)
        if changed:
            return Unknown(changed)
        skipped = int(owner and "classmethod" in map(_name_of, code.node.decorator_list))
    return _function(code, FUNCTION, skipped=skipped)


def _changing(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """Return why the decorators of ``node`` keep its arguments from being known, or nothing."""
    for decorator in node.decorator_list:
        name = _name_of(decorator)
        if name not in HARMLESS:
            return f"its decorator @{name or '…'} may change what it takes"
    return ""


def _name_of(decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")


def _function(code: Code, kind: str, *, skipped: int = 0) -> Signature:
    node = code.node
    assert not isinstance(node, ast.ClassDef)
    parameters = parameters_of(node)[skipped:]
    takes_context = kind == FUNCTION and any(
        parameter.name == CONTEXT and parameter.kind in (POSITIONAL, ORDINARY, KEYWORD)
        for parameter in parameters
    )
    if takes_context:
        parameters = [parameter for parameter in parameters if parameter.name != CONTEXT]
    return Signature(
        kind,
        tuple(parameters),
        takes_context,
        open=any(parameter.kind == VAR_KEYWORD for parameter in parameters),
        is_async=isinstance(node, ast.AsyncFunctionDef),
        place=code.module.place(node),
        summary=summary_of(node),
    )


def parameters_of(node: FunctionNode) -> list[Parameter]:
    """Return the parameters of a function's definition, in order."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults.extend(arguments.defaults)
    found = [
        _parameter(
            argument, POSITIONAL if index < len(arguments.posonlyargs) else ORDINARY, default
        )
        for index, (argument, default) in enumerate(zip(positional, defaults, strict=True))
    ]
    if arguments.vararg is not None:
        found.append(Parameter(arguments.vararg.arg, VAR_POSITIONAL, required=False))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_parameter(argument, KEYWORD, default))
    if arguments.kwarg is not None:
        found.append(Parameter(arguments.kwarg.arg, VAR_KEYWORD, required=False))
    return found


def _parameter(argument: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
    types, choices = types_of(argument.annotation)
    value = literal(default)
    if default is not None and value is None and types and "null" not in types:
        # `name: str = None` says more by its default than by its annotation.
        types = (*types, "null") if isinstance(default, ast.Constant) else types
    return Parameter(argument.arg, kind, default is None, types, value, choices)


def literal(node: ast.expr | None) -> Any:
    """Return the value of a literal, None for anything else."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def summary_of(node: ast.AST) -> str:
    """Return the first line of a definition's docstring."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ""
    text = ast.get_docstring(node, clean=True) or ""
    return text.strip().partition("\n")[0][:200]


def _class(library: Library, code: Code) -> Signature | Unknown:
    assert isinstance(code.node, ast.ClassDef)
    family = Family(library, code)
    changed = next((c for each in family.classes if (c := _changing_class(each))), "")
    if changed or (family.unknown and not family.is_scriptlet):
        return Unknown(changed or family.unknown)
    if family.is_scriptlet:
        return _scriptlet(library, family, code)
    return _constructor(family, code)


def _changing_class(code: Code) -> str:
    return _changing(code.node) if isinstance(code.node, ast.ClassDef) else ""


def _constructor(family: Family, code: Code) -> Signature | Unknown:
    if family.member("__new__") is not None:
        return Unknown("its __new__ decides what it takes")
    init = family.member("__init__")
    place, summary = code.module.place(code.node), summary_of(code.node)
    if init is None:
        return Signature(CLASS, place=place, summary=summary)
    if not isinstance(init.definition, ast.FunctionDef):
        return Unknown("its __init__ is no plain function")
    if changed := _changing(init.definition):
        return Unknown(changed)
    made = _function(Code(init.module, init.definition), CLASS, skipped=1)
    return made._replace(place=place, summary=summary)


def _scriptlet(library: Library, family: Family, code: Code) -> Signature | Unknown:
    run = family.member("run")
    if run is None:
        return Unknown(family.unknown or "it has no run(self, context, params)")
    if not isinstance(run.definition, ast.FunctionDef | ast.AsyncFunctionDef):
        return Unknown("its run is no plain method")
    if changed := _changing(run.definition):
        return Unknown(changed)
    signature = Signature(
        SCRIPTLET,
        takes_context=True,
        is_async=isinstance(run.definition, ast.AsyncFunctionDef),
        place=code.module.place(code.node),
        summary=summary_of(code.node),
    )
    declared = _declaration(library, family)
    if isinstance(declared, Unknown):
        return signature._replace(open=True, declared=False)
    if declared:
        return signature._replace(parameters=tuple(declared))
    read, more = params_of(family, run)
    return signature._replace(
        parameters=tuple(read), open=more or bool(family.unknown), declared=False
    )


def _declaration(library: Library, family: Family) -> list[Parameter] | Unknown:
    member = family.member("parameters")
    if member is None:
        return Unknown(family.unknown) if family.unknown else []
    return declared_parameters(library, member)
