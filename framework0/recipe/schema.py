"""The recipe format as a JSON Schema, for editors that complete and check while one types.

Source: JSON Schema 2020-12 (https://json-schema.org/draft/2020-12). The schema is made from the
tables of :mod:`framework0.recipe.keys`, which the checker reads as well. It can say less than the
checker (no cycles, no expressions), and one thing more: keys that are only warned about there are
mistakes here, since an editor has no milder word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.durations import LONGEST, PATTERN
from framework0.recipe import keys
from framework0.recipe.key import CACHE
from framework0.recipe.limits import MAX_DEPENDENCIES, MAX_NAME_LENGTH, MAX_STEPS
from framework0.recipe.sizes import PATTERN as SIZE_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from framework0.recipe.keys import Key
    from framework0.recipe.signatures import SignatureSource
    from framework0.source import Parameter

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_WORD: Final = r"[^\W\d]\w*"
_VARIABLE: Final = "^[A-Za-z_][A-Za-z0-9_]*$"
_TEMPLATE: Final = {"type": "string", "pattern": r"\$\{\{"}

_TYPES: Final = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "list": "array",
    "mapping": "object",
    "null": "null",
}


def json_schema(
    kinds: Collection[str] = (), signatures: SignatureSource | None = None
) -> dict[str, Any]:
    """Return the schema of a recipe file.

    ``kinds`` are the types of step besides the built-in ones. As a mapping from name to (module,
    class), and with ``signatures``, each type's arguments are in the schema too.
    """
    step_list = {"type": "array", "maxItems": MAX_STEPS, "items": {"$ref": "#/$defs/step"}}
    recipe = _object(keys.RECIPE_KEYS)
    properties = recipe["properties"]
    for name in ("on_failure", "finally"):
        properties[name].update(step_list)
    properties["steps"].update({**step_list, "minItems": 1})
    properties["metadata"].update(_header(keys.METADATA_KEYS))
    properties["test_meta"].update(_header(keys.TEST_META_KEYS))
    properties["defaults"].update(_object(keys.DEFAULTS_KEYS))
    properties["inputs"].update(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{_WORD}$"},
            "additionalProperties": {
                "anyOf": [
                    {"$ref": "#/$defs/input"},
                    # Anything but a mapping is the default itself; nothing makes it required.
                    {"type": ["null", "boolean", "number", "string", "array"]},
                ]
            },
        }
    )
    return {
        "$schema": DIALECT,
        "title": "Framework0 recipe",
        "description": "Steps to run, in which order, with what, and under which rules.",
        **recipe,
        "required": ["steps"],
        "$defs": {
            "input": _input(),
            "step": _step(kinds, signatures),
        },
    }


def _object(table: Mapping[str, Key]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _described(key) for name, key in table.items()},
        "additionalProperties": False,
    }


def _input() -> dict[str, Any]:
    made = _object(keys.INPUT_KEYS)
    made["properties"]["choices"]["minItems"] = 1
    return made


def _header(table: Mapping[str, Key]) -> dict[str, Any]:
    header = _object(table)
    header["additionalProperties"] = True
    for name in ("version", "test_id"):
        if name in header["properties"]:
            header["properties"][name]["type"] = ["string", "number"]
    return header


def _described(key: Key) -> dict[str, Any]:
    about = key.about
    if key.default:
        about += f" Default: {key.default}."
    return {"description": f"{about}\n\nExample: `{key.name}: {key.example}`", **_shape(key)}


def _shape(key: Key) -> dict[str, Any]:
    fixed = _SHAPES.get(key.shape)
    return dict(fixed) if fixed is not None else _MADE[key.shape](key)


def _choice(key: Key) -> dict[str, Any]:
    return {"enum": list(key.choices)}


def _retry(_key: Key) -> dict[str, Any]:
    attempts = _shape(keys.RETRY_KEYS["attempts"])
    return {"anyOf": [attempts, {**_object(keys.RETRY_KEYS), "required": ["attempts"]}]}


def _success(_key: Key) -> dict[str, Any]:
    return _object(keys.SUCCESS_KEYS)


def _foreach(key: Key) -> dict[str, Any]:
    forms: list[dict[str, Any]] = [{"type": "array"}, {"type": "string", "minLength": 1}]
    if key.name == "foreach":
        forms.append({**_object(keys.FOREACH_KEYS), "required": ["items"]})
    return {"anyOf": forms}


def _codes(key: Key) -> dict[str, Any]:
    code = _number(key)
    return {"anyOf": [code, {"type": "array", "minItems": 1, "items": code}]}


def _size(key: Key) -> dict[str, Any]:
    return {"anyOf": [_number(key), {"type": "string", "pattern": SIZE_PATTERN}]}


def _cache(_key: Key) -> dict[str, Any]:
    return {"anyOf": [{"type": "boolean"}, _object(keys.CACHE_KEYS)]}


def _pool(_key: Key) -> dict[str, Any]:
    return {
        "anyOf": [_shape(keys.POOL_KEYS["name"]), {**_object(keys.POOL_KEYS), "required": ["name"]}]
    }


def _number(key: Key) -> dict[str, Any]:
    bounds = {"minimum": key.low, "maximum": key.high}
    kind = "number" if key.shape == keys.FACTOR else "integer"
    return {"type": kind, **{word: bound for word, bound in bounds.items() if bound is not None}}


_MADE: Final[Mapping[str, Callable[[Key], dict[str, Any]]]] = {
    keys.CHOICE: _choice,
    keys.RETRY: _retry,
    keys.SUCCESS: _success,
    keys.FOREACH: _foreach,
    keys.CODES: _codes,
    keys.SIZE: _size,
    keys.POOL: _pool,
    CACHE: _cache,
    keys.WHOLE: _number,
    keys.FACTOR: _number,
}

_TEXT: Final = {"type": "string", "minLength": 1}

_SHAPES: Final[Mapping[str, Mapping[str, Any]]] = {
    keys.TEXT: _TEXT,
    keys.NAME: {**_TEXT, "maxLength": MAX_NAME_LENGTH},
    keys.DOTTED: {"type": "string", "pattern": rf"^{_WORD}(\.{_WORD})*$"},
    keys.FLAG: {"type": "boolean"},
    keys.DURATION: {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST},
            {"type": "string", "pattern": PATTERN},
        ]
    },
    keys.DELAY: {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": LONGEST},
            {"type": "string", "pattern": PATTERN},
        ]
    },
    keys.NAMES: {"anyOf": [_TEXT, {"type": "array", "maxItems": MAX_DEPENDENCIES, "items": _TEXT}]},
    keys.VARIABLES: {
        "type": "object",
        "propertyNames": {"pattern": _VARIABLE},
        "additionalProperties": {"type": ["string", "integer"]},
    },
    keys.MAPPING: {"type": "object"},
    keys.ARGUMENTS: {"type": ["object", "array", "null"]},
    keys.COMMAND: {
        "anyOf": [
            {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}},
            _TEXT,
        ]
    },
    keys.EXPRESSION: {"anyOf": [_TEXT, {"type": "boolean"}]},
    keys.LIST: {"type": "array"},
    keys.PROMPT: _TEXT,
    keys.ANYTHING: {},
}


def _step(kinds: Collection[str], signatures: SignatureSource | None) -> dict[str, Any]:
    step = _object(keys.STEP_KEYS)
    names = [*keys.BUILTIN_KINDS, *sorted(kinds)]
    step["properties"]["type"]["enum"] = names
    step["required"] = ["name"]
    step["dependentRequired"] = {
        "parallel": ["foreach"],
        "fail_fast": ["foreach"],
        "on_timeout": ["timeout"],
    }
    step["allOf"] = [
        _when_type("python", _rules(("module", "function"), ("module", "function", "args"))),
        _when_type("shell", _rules(("command",), ("command", "shell", "exit_codes"))),
        {
            "if": {"properties": {"shell": {"const": True}}, "required": ["shell"]},
            "then": {"properties": {"command": {"type": "string"}}},
            "else": {"properties": {"command": {"type": "array"}}},
        },
        _when_type(
            "recipe", _rules(("recipe",), ("recipe", "args"), args={"type": ["object", "null"]})
        ),
    ]
    question = ("prompt", "choices", "approvers", "on_timeout")
    step["allOf"].append(_when_type("approval", _rules(("prompt",), question)))
    groups = {"type": ["object", "null"], "additionalProperties": {"type": ["object", "string"]}}
    machine = ("instance", "library", "first_node", "args", "results", "mirror")
    step["allOf"].append(_when_type("step_engine", _rules(("instance",), machine, args=groups)))
    for name in sorted(kinds):
        args = _arguments(name, kinds, signatures)
        step["allOf"].append(_when_type(name, _rules((), ("args",), args=args)))
    return step


def _when_type(kind: str, then: dict[str, Any]) -> dict[str, Any]:
    # A step without a type is a python step, so there the key may be absent.
    required = [] if kind == "python" else ["type"]
    return {"if": {"properties": {"type": {"const": kind}}, "required": required}, "then": then}


_SPECIAL: Final = (
    *("module", "function", "args", "command", "shell", "exit_codes", "recipe"),
    *("prompt", "choices", "approvers", "on_timeout"),
    *("instance", "library", "first_node", "results", "mirror"),
)


def _rules(
    required: tuple[str, ...], own: tuple[str, ...], *, args: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    properties: dict[str, Any] = {name: False for name in _SPECIAL if name not in own}
    if args is not None:
        properties["args"] = dict(args)
    return {"required": list(required), "properties": properties}


def _arguments(
    name: str, kinds: Collection[str], signatures: SignatureSource | None
) -> dict[str, Any]:
    """Return the schema of a type's ``args``, as far as its code tells."""
    from framework0.source import Signature

    home = getattr(kinds, "get", lambda _: None)(name)
    if signatures is None or home is None:
        return {"type": ["object", "null"]}
    answer = signatures.signature(*home)
    if not isinstance(answer, Signature):
        return {"type": ["object", "null"]}
    named = [one for one in answer.parameters if one.kind in {"ordinary", "keyword"}]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _parameter(one) for one in named},
        "additionalProperties": answer.open
        or not answer.declared
        or any(one.kind == "var_keyword" for one in answer.parameters),
    }
    required = [one.name for one in named if one.required and answer.declared]
    if required:
        schema["required"] = required
    if answer.summary:
        schema["description"] = answer.summary
    return schema


def _parameter(parameter: Parameter) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if parameter.types:
        value["type"] = [_TYPES[kind] for kind in parameter.types]
    if parameter.choices:
        value["enum"] = list(parameter.choices)
    schema: dict[str, Any] = {"anyOf": [value, _TEMPLATE]} if value else {}
    if parameter.description:
        schema["description"] = parameter.description
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema
