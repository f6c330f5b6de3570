"""What a scriptlet's ``params`` may hold, declared on the class.

    class Load(BaseScriptlet):
        parameters = {
            "source": Parameter(str, description="the file to read"),
            "limit": Parameter(int, default=100),
            "mode": Parameter(str, default="fast", choices=("fast", "exact")),
            "note": Parameter(str, required=False),
            "strict": True,
        }

Rules, which the checker that reads the class without importing it follows as well:

- a key is a parameter's name; the value is a ``Parameter(...)`` or a plain JSON default;
- the first argument is one of ``str int float bool list dict object`` (``object``: any value);
  ``float`` takes an int too; ``bool`` is no ``int``; None fits only where the default is None;
- with ``default=`` it is optional; with ``required=False`` it is optional and None; otherwise it is
  required. ``required=True`` may be written out, but not beside a default;
- a plain default means an optional parameter of its own type; a plain None takes any value;
- a class that declares nothing (or ``{}``) accepts any params; one that declares refuses others;
- a subclass's ``parameters`` replace those of its base: write ``{**Base.parameters, …}`` to add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ScriptletError
from framework0.source import near_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.scriptlets.base import BaseScriptlet

TYPES: Final = (str, int, float, bool, list, dict, object)


MISSING: Final = object()
"""Stands for a default that was not given, as None is a default of its own."""


class Parameter:
    """One declared parameter; the rules are this module's."""

    __slots__ = ("choices", "default", "description", "required", "type")

    def __init__(
        self,
        type: type = object,  # noqa: A002
        *,
        default: Any = MISSING,
        required: bool | None = None,
        choices: Sequence[Any] = (),
        description: str = "",
    ) -> None:
        if type not in TYPES:
            names = ", ".join(each.__name__ for each in TYPES)
            raise ScriptletError(f"Parameter({type!r}): the type is one of {names}")
        if required and default is not MISSING:
            raise ScriptletError("Parameter(required=True) has a default: drop one of the two")
        self.type = type
        self.required = default is MISSING if required is None else required
        self.default = None if default is MISSING else default
        self.choices = tuple(choices)
        self.description = description
        if not self.required and (fault := self.fault(self.default)):
            raise ScriptletError(f"Parameter(default={default!r}): the default {fault}")

    def __repr__(self) -> str:
        word = "required" if self.required else f"default={self.default!r}"
        return f"Parameter({self.type.__name__}, {word})"

    def fault(self, value: Any) -> str:
        """Say what is wrong with ``value``, nothing when it fits."""
        if value is None and not self.required and self.default is None:
            return ""
        if not _fits(value, self.type):
            return f"is {_type_name(value)}, not {self.type.__name__}"
        if self.choices and value not in self.choices:
            return f"is {value!r}, not one of {', '.join(map(repr, self.choices))}"
        return ""


def declared(cls: type) -> dict[str, Parameter]:
    """Return the parameters ``cls`` declares, plain defaults as :class:`Parameter`."""
    found: dict[str, Parameter] = {}
    for name, value in getattr(cls, "parameters", {}).items():
        if isinstance(value, Parameter):
            found[name] = value
        else:
            kind = object if value is None else type(value)
            found[name] = Parameter(kind, default=value)
    return found


def accept(scriptlet: BaseScriptlet, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ``params`` with the declared defaults filled in.

    Raises :class:`~framework0.errors.ScriptletError` with every misfit at once: a missing or an
    unknown name, a wrong type, a value outside the choices.
    """
    given = {} if params is None else dict(params)
    if not scriptlet.parameters:
        return given
    wanted = declared(type(scriptlet))
    faults = [_unknown(name, wanted) for name in given if name not in wanted]
    for name, parameter in wanted.items():
        if name in given:
            fault = parameter.fault(given[name])
            if fault:
                faults.append(f"{name} {fault}")
        elif parameter.required:
            faults.append(f"{name} is missing ({parameter.type.__name__})")
        else:
            given[name] = _copy(parameter.default)
    if faults:
        raise ScriptletError(f"{scriptlet.name}: params do not fit: " + "; ".join(faults))
    return given


def _unknown(name: object, wanted: Mapping[str, Parameter]) -> str:
    near = near_names(str(name), wanted, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(wanted)}"
    return f"{name} is unknown ({hint})"


def _fits(value: Any, kind: type) -> bool:
    if kind is object:
        return True
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)


def _type_name(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(item) for item in value]
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return value
