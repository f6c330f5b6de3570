"""The inputs of a run: what the caller gave, what the environment holds, what the recipe defaults to."""

from __future__ import annotations

import os

from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from framework0.assembly.session import Options
    from framework0.recipe import Input, Recipe
    from framework0.workspace import Workspace

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "mapping": (dict,),
}
_WORDS: Final = {"true": True, "false": False}


class Inputs:
    """All values by name, which of them are secret, and what may be written down."""

    def __init__(self, values: dict[str, Any], secrets: frozenset[str]) -> None:
        self.values = values
        self.secret_names = secrets

    @property
    def stored(self) -> dict[str, Any]:
        """The values without the secrets: what the journal keeps."""
        return {name: value for name, value in self.values.items() if name not in self.secret_names}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret values that are there."""
        found = (self.values[name] for name in sorted(self.secret_names))
        return tuple(value for value in found if isinstance(value, str) and value)


def environment_of(options: Options, space: Workspace) -> Mapping[str, str]:
    """Return the variables that secrets are read from."""
    if not options.untrusted:
        return os.environ
    from framework0.assembly.untrusted import permitted

    return permitted(space.settings)


def resolve_inputs(recipe: Recipe, given: Mapping[str, Any], environ: Mapping[str, str]) -> Inputs:
    """Return every input of ``recipe``. Text for an input of another type is converted.

    Raises :class:`~framework0.errors.UsageError` listing every mistake: unknown names with the near
    one, missing required inputs, values of the wrong type or outside the choices, secrets given
    by hand (they would stay in the shell's history) and secrets missing from the environment.
    """
    declared = {entry.name: entry for entry in recipe.inputs}
    mistakes = [_unknown(name, declared) for name in given if name not in declared]
    values: dict[str, Any] = {}
    for name, entry in declared.items():
        try:
            values[name] = _value(entry, given, environ)
        except UsageError as mistake:
            mistakes.append(str(mistake))
    if mistakes:
        raise UsageError("; ".join(mistakes))
    return Inputs(values, frozenset(name for name, entry in declared.items() if entry.secret))


def _unknown(name: str, declared: Mapping[str, Input]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, declared, n=1)
    if near:
        return f"the recipe has no input {name!r}: did you mean {near[0]!r}?"
    known = ", ".join(declared) or "none"
    return f"the recipe has no input {name!r}; its inputs: {known}"


def _value(entry: Input, given: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    if entry.secret:
        return _secret(entry, given, environ)
    if entry.name in given:
        return _checked(entry, given[entry.name])
    if entry.env and entry.env in environ:
        return _checked(entry, environ[entry.env])
    if entry.required:
        raise UsageError(
            f"input {entry.name!r} ({entry.type}) is required: give --input {entry.name}=VALUE"
        )
    return entry.default


def _secret(entry: Input, given: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    variable = entry.env or entry.name.upper()
    if entry.name in given:
        raise UsageError(
            f"input {entry.name!r} is secret and is read from the environment: set {variable}"
        )
    if variable in environ:
        return environ[variable]
    if entry.required:
        raise UsageError(
            f"secret input {entry.name!r} is missing: set {variable} in the environment"
        )
    return None


def _checked(entry: Input, value: Any) -> Any:
    wanted = _TYPES[entry.type]
    if isinstance(value, str) and entry.type != "string":
        value = _from_text(entry, value)
    fits = isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
    if not fits:
        raise UsageError(
            f"input {entry.name!r} must be of type {entry.type}, not {type(value).__name__}"
        )
    if entry.choices and value not in entry.choices:
        choices = ", ".join(repr(choice) for choice in entry.choices)
        raise UsageError(f"input {entry.name!r} must be one of {choices}, not {value!r}")
    return value


def _from_text(entry: Input, text: str) -> Any:
    if entry.type == "boolean":
        if text.lower() not in _WORDS:
            raise UsageError(f"input {entry.name!r} must be true or false, not {text!r}")
        return _WORDS[text.lower()]
    import json

    try:
        return json.loads(text)
    except ValueError:
        raise UsageError(
            f"input {entry.name!r} must be of type {entry.type}, and {text!r} is not: "
            'lists and mappings are written as JSON, as in \'["a", "b"]\''
        ) from None
