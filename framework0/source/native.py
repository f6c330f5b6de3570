"""What Python's own compiled functions take: they have no source, but they are not user code.

Only modules that come with Python are asked; they are imported for it. What somebody else compiled
is never imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.source.facts import (
    CLASS,
    FUNCTION,
    KEYWORD,
    ORDINARY,
    POSITIONAL,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    Missing,
    Parameter,
    Signature,
    Unknown,
)
from framework0.source.near import near_names
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from types import ModuleType


class NativeName(NamedTuple):
    """A name in a module that has no Python source; ``trusted`` if Python itself brings it."""

    module: str
    name: str
    trusted: bool


_KINDS: Final = {
    "POSITIONAL_ONLY": POSITIONAL,
    "POSITIONAL_OR_KEYWORD": ORDINARY,
    "VAR_POSITIONAL": VAR_POSITIONAL,
    "KEYWORD_ONLY": KEYWORD,
    "VAR_KEYWORD": VAR_KEYWORD,
}

_PLAIN: Final = (str, int, float, bool, type(None))


def has(native: NativeName) -> bool:
    """Return whether the module has the name; True where that cannot be known."""
    module = _module(native)
    return module is None or hasattr(module, native.name.partition(".")[0])


def _module(native: NativeName) -> ModuleType | None:
    if not native.trusted:
        return None
    from importlib import import_module

    try:
        return import_module(native.module)
    except ImportError:
        return None


def native_signature(native: NativeName) -> Signature | Missing | Unknown:
    """Return what a compiled function of Python takes."""
    if not native.trusted:
        return Unknown(f"{native.module} is compiled: it has no source to read")
    module = _module(native)
    if module is None:
        return Unknown(f"{native.module} cannot be loaded on this machine")
    found: Any = module
    for part in native.name.split("."):
        inner = getattr(found, part, found)
        if inner is found:
            return Missing("function", near_names(part, _public(found)))
        found = inner
    if not callable(found):
        return Unknown(f"{native.module}.{native.name} cannot be called")
    return _signature(found)


def _public(owner: Any) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def _signature(found: Any) -> Signature | Unknown:
    import inspect

    try:
        signature = inspect.signature(found)
    except (ValueError, TypeError):
        return Unknown("it is compiled and does not say what it takes")
    parameters = []
    for parameter in signature.parameters.values():
        kind = _KINDS[parameter.kind.name]
        default = parameter.default
        required = default is parameter.empty and kind not in (VAR_POSITIONAL, VAR_KEYWORD)
        plain = default if isinstance(default, _PLAIN) else None
        parameters.append(Parameter(parameter.name, kind, required, default=plain))
    return Signature(
        CLASS if isinstance(found, type) else FUNCTION,
        tuple(parameters),
        open=any(parameter.kind == VAR_KEYWORD for parameter in parameters),
        summary=(found.__doc__ or "").strip().partition("\n")[0][:200],
    )
