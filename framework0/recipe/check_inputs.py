"""The parts of a recipe around its steps: the header, its inputs, its defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe import keys
from framework0.recipe.check_collections import bad_variable, is_variable
from framework0.recipe.check_policy import STEP_READERS
from framework0.recipe.check_tables import READERS, read_table
from framework0.recipe.check_values import (
    WRONG,
    as_written,
    clipped,
    misplaced_template,
    read_name,
    read_text,
    shown,
)
from framework0.recipe.model import Input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.keys import Key

_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "list",
    dict: "mapping",
}

_OTHER_WORDS: Final = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "array": "list",
    "dict": "mapping",
    "object": "mapping",
}


def fits(value: Any, kind: str) -> bool:
    """Say whether ``value`` is of the input type ``kind``; an integer is a number as well."""
    found = _TYPES.get(type(value))
    return found == kind or (kind == "number" and found == "integer")


def read_header(findings: Findings, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of a recipe: ``metadata``, or the older ``test_meta`` in its words."""
    metadata = data.get("metadata")
    older = data.get("test_meta")
    header: dict[str, Any] = {}
    if isinstance(older, dict):
        good = read_table(
            findings,
            keys.TEST_META_KEYS,
            older,
            ("test_meta",),
            "test_meta",
            open_ended=True,
            readers=_HEADER_READERS,
        )
        header = {**older, **good, "name": good.get("test_id")}
    if isinstance(metadata, dict):
        if "test_meta" in data:
            findings.warning(
                "two-headers",
                "the recipe has both metadata and test_meta: metadata decides",
                ("test_meta",),
                key=True,
                hint="move what you need into metadata",
            )
        good = read_table(
            findings,
            keys.METADATA_KEYS,
            metadata,
            ("metadata",),
            "metadata",
            open_ended=True,
            readers=_HEADER_READERS,
        )
        header = {**header, **metadata, **good}
    return header


def _read_version(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    if key.name != "version" or isinstance(value, bool) or not isinstance(value, (int, float)):
        return read_text(findings, key, value, path)
    if isinstance(value, float):
        findings.warning(
            "version-number",
            f"version is the number {value}: 1.10 and 1.1 would be the same",
            path,
            hint=f'write it as text: `version: "{value}"`',
        )
    return str(value)


def _read_header_name(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    if key.name == "test_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return read_name(findings, key, value, path)


_HEADER_READERS: Final = {**READERS, keys.TEXT: _read_version, keys.NAME: _read_header_name}


def read_defaults(findings: Findings, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules that hold for every step which does not say otherwise."""
    return read_table(
        findings, keys.DEFAULTS_KEYS, raw, ("defaults",), "defaults", readers=STEP_READERS
    )


def read_allowed(findings: Findings, names: tuple[str, ...], raw: Any) -> tuple[str, ...]:
    """Return the environment variables that expressions may read."""
    for name in names:
        if not is_variable(name):
            at: Path = ("env", raw.index(name)) if isinstance(raw, list) else ("env",)
            bad_variable(findings, name, at)
    return tuple(dict.fromkeys(names))


def read_inputs(findings: Findings, raw: Mapping[str, Any]) -> tuple[Input, ...]:
    """Return the inputs of a recipe."""
    return tuple(_read_input(findings, name, value) for name, value in raw.items())


def _read_input(findings: Findings, name: str, raw: Any) -> Input:
    path: Path = ("inputs", name)
    if not name.isidentifier():
        findings.error(
            "bad-name",
            f"the input {clipped(name)!r} cannot be named in an expression",
            path,
            key=True,
            hint="use letters, digits and `_`, and no digit first",
        )
    if raw is None:
        return Input(name, required=True)
    if not isinstance(raw, dict):
        misplaced_template(findings, keys.INPUT_KEYS["default"], raw, path)
        return Input(name, type=_TYPES[type(raw)], default=raw)
    good = read_table(findings, keys.INPUT_KEYS, raw, path, "an input", readers=_INPUT_READERS)
    kind = good.get("type") or _TYPES.get(type(raw.get("default")), "string")
    secret = good.get("secret", False)
    if secret:
        _check_secret(findings, raw, path)
    elif "env" in raw:
        findings.error(
            "key-not-here",
            "env is for a secret input; others are given by whoever starts the recipe",
            (*path, "env"),
            key=True,
            hint="add `secret: true`, or take env away",
        )
    if "type" not in raw or "type" in good:
        _check_values(findings, raw, kind, path)
    env = good.get("env")
    if env is not None and not is_variable(env):
        bad_variable(findings, env, (*path, "env"))
    return Input(
        name,
        type=kind,
        default=raw.get("default"),
        required=good.get("required", "default" not in raw),
        secret=secret,
        env=(env or name.upper()) if secret else None,
        choices=tuple(good.get("choices", ())),
        description=good.get("description", ""),
    )


def _check_secret(findings: Findings, raw: Mapping[str, Any], path: Path) -> None:
    if "default" in raw:
        findings.error(
            "secret-default",
            "a secret must not stand in the recipe, and this is its default",
            (*path, "default"),
            hint="take it away, change the secret, and set the environment variable instead",
        )
    if raw.get("type", "string") != "string" and "type" in raw:
        findings.error(
            "secret-type",
            "a secret comes from the environment, so it is a string",
            (*path, "type"),
            hint="take the type away",
        )


def _check_values(findings: Findings, raw: Mapping[str, Any], kind: str, path: Path) -> None:
    choices = raw.get("choices")
    if isinstance(choices, list):
        if not choices:
            findings.error(
                "wrong-type",
                "choices is an empty list: no value would be allowed",
                (*path, "choices"),
                hint="take it away to allow every value",
            )
        for at, choice in enumerate(choices):
            if not fits(choice, kind):
                _misfit(findings, "a choice", choice, kind, (*path, "choices", at))
    if raw.get("default") is None or raw.get("secret") is True:
        return
    default, where = raw["default"], (*path, "default")
    if misplaced_template(findings, keys.INPUT_KEYS["default"], default, where):
        return
    if not fits(default, kind):
        _misfit(findings, "the default", default, kind, where)
    elif isinstance(choices, list) and choices and default not in choices:
        findings.error(
            "default-not-a-choice",
            f"the default, {shown(default)}, is none of the choices",
            where,
            hint="add it to choices, or take one of them",
            pointers=(("the choices", (*path, "choices")),),
        )


def _misfit(findings: Findings, what: str, value: Any, kind: str, path: Path) -> None:
    hint = f"write a {kind}" if kind != "integer" else "write a whole number"
    if kind == "string" and isinstance(value, (bool, int, float)):
        hint = f'quote it: "{as_written(value)}"'
    findings.error(
        "default-type", f"{what} must be of type {kind}, not {shown(value)}", path, hint=hint
    )


def _read_input_type(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    meant = _OTHER_WORDS.get(value) if isinstance(value, str) else None
    if meant is None:
        return READERS[keys.CHOICE](findings, key, value, path)
    findings.error(
        "bad-choice", f"type cannot be {shown(value)}", path, hint=f"did you mean {meant!r}?"
    )
    return WRONG


_INPUT_READERS: Final = {**READERS, keys.CHOICE: _read_input_type}
