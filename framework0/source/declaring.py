"""The params a scriptlet class declares in its ``parameters``, read from its source.

The rules are those of ``framework0.scriptlets.parameters``: a key is a name; the value is a plain
default or ``Parameter(type, default=…, required=…, choices=…, description=…)``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from framework0.source.classes import Family, Member
from framework0.source.facts import KEYWORD, Parameter, Unknown
from framework0.source.resolving import Code

if TYPE_CHECKING:
    from framework0.source.resolving import Library

_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "list",
    "dict": "mapping",
}

_ELSEWHERE: Final = Unknown("its parameters are made by an expression")


def declared_parameters(library: Library, member: Member) -> list[Parameter] | Unknown:
    """Return the declared parameters; an empty list means that any are accepted."""
    node = member.definition
    if not isinstance(node, ast.Dict):
        return _ELSEWHERE
    found: dict[str, Parameter] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inherited = _spread(library, member, value)
            if isinstance(inherited, Unknown):
                return inherited
            found.update((parameter.name, parameter) for parameter in inherited)
        elif isinstance(key, ast.Constant) and isinstance(key.value, str):
            parameter = _one(key.value, value)
            if parameter is None:
                return _ELSEWHERE
            found[key.value] = parameter
        else:
            return _ELSEWHERE
    return list(found.values())


def _spread(library: Library, member: Member, value: ast.expr) -> list[Parameter] | Unknown:
    """Follow ``**Base.parameters``."""
    if not isinstance(value, ast.Attribute) or value.attr != "parameters":
        return _ELSEWHERE
    base = library.value(member.module, value.value)
    if not isinstance(base, Code) or not isinstance(base.node, ast.ClassDef):
        return _ELSEWHERE
    inherited = Family(library, base).member("parameters")
    if inherited is None or inherited.definition is member.definition:
        return []
    return declared_parameters(library, inherited)


def _one(name: str, value: ast.expr) -> Parameter | None:
    if isinstance(value, ast.Call):
        return _call(name, value)
    try:
        default = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    kind = _TYPES.get(type(default).__name__)
    return Parameter(name, KEYWORD, required=False, types=(kind,) if kind else (), default=default)


def _call(name: str, call: ast.Call) -> Parameter | None:
    called = (
        call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    )
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if called != "Parameter" or len(call.args) > 1 or None in given:
        return None
    kind = call.args[0] if call.args else given.get("type")
    types: tuple[str, ...] = ()
    if isinstance(kind, ast.Name) and kind.id in _TYPES:
        types = (_TYPES[kind.id],)
    elif kind is not None and not (isinstance(kind, ast.Name) and kind.id == "object"):
        return None
    default = _value(given.get("default"))
    required = _value(given.get("required"))
    if required is None:
        required = "default" not in given
    if not required and default is None and types:
        types = (*types, "null")
    return Parameter(
        name,
        KEYWORD,
        bool(required),
        types,
        default,
        tuple(_value(given.get("choices")) or ()),
        str(_value(given.get("description")) or ""),
    )


def _value(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
