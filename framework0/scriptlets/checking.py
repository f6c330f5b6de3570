"""A scriptlet class is checked whole before it may be registered: every fault at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ScriptletError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import declared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

HOOKS: Final = ("setup", "validate", "teardown")

RESERVED_NAMES: Final = frozenset({"python", "shell", "recipe", "approval", "step_engine"})
"""Step types that mean something of their own in a recipe."""

NAME_LIMIT: Final = 200
"""Characters of a name: the same as a step's, since it stands in the same places."""

# The flags of a code object (inspect.CO_*); importing inspect costs 12 ms.
_VARARGS: Final = 0x04
_VARKEYWORDS: Final = 0x08
_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80
_ASYNC_GENERATOR: Final = 0x200


def faults_of(cls: type, name: str, version: Any) -> list[str]:
    """Return everything that keeps ``cls`` from being a scriptlet, in reading order."""
    if not issubclass(cls, BaseScriptlet):
        return ["it does not inherit from BaseScriptlet"]
    return [
        *_name_faults(name, version),
        *_parameter_faults(cls),
        *_making_faults(cls),
        *_run_faults(cls),
        *(fault for hook in HOOKS for fault in _hook_faults(cls, hook)),
    ]


def _name_faults(name: Any, version: Any) -> Iterator[str]:
    if not isinstance(name, str) or not name.strip():
        yield f"its name is {name!r}, not a text"
    elif not name.isprintable() or len(name) > NAME_LIMIT:
        yield f"its name {name[:40]!r} must be printable and at most {NAME_LIMIT} characters"
    elif name in RESERVED_NAMES:
        yield f"its name {name!r} is a step type of recipes: choose another"
    if not isinstance(version, str):
        yield f"its version is {version!r}, not a text: put it in quotes"


def _parameter_faults(cls: type) -> Iterator[str]:
    parameters: Any = getattr(cls, "parameters", None)
    if not hasattr(parameters, "items"):
        yield "its parameters are not a mapping of names to Parameter(...) or defaults"
        return
    if wrong := [key for key in parameters if not isinstance(key, str) or not key]:
        yield f"its parameters have names that are no text: {', '.join(map(repr, wrong))}"
    try:
        declared(cls)
    except ScriptletError as error:
        yield f"its parameters cannot be used: {error}"


def _making_faults(cls: type) -> Iterator[str]:
    left = sorted(getattr(cls, "__abstractmethods__", ()))
    if left:
        yield f"it is abstract: {', '.join(left)} must be written"
    code = _code_of(cls, "__init__")
    if code is not None and _required(cls.__init__, code, given=1):  # type: ignore[misc]
        yield "its __init__ needs arguments, but a recipe can give none: use params in run instead"


def _run_faults(cls: type[BaseScriptlet]) -> Iterator[str]:
    if cls.run is BaseScriptlet.run:
        yield "it has no run(self, context, params)"
        return
    yield from _signature_faults(cls, "run")
    code = _code_of(cls, "run")
    if code is not None and code.co_flags & (_GENERATOR | _ASYNC_GENERATOR):
        yield "run is a generator: return a mapping, and use self.progress(done, total) on the way"


def _hook_faults(cls: type[BaseScriptlet], hook: str) -> Iterator[str]:
    yield from _signature_faults(cls, hook)
    code, run = _code_of(cls, hook), _code_of(cls, "run")
    if code is None:
        return
    if code.co_flags & (_GENERATOR | _ASYNC_GENERATOR):
        yield f"{hook} is a generator: it would never be started"
    elif code.co_flags & _COROUTINE and run is not None and not run.co_flags & _COROUTINE:
        yield f"{hook} is async but run is not: make both async, or neither"


def _signature_faults(cls: type, method: str) -> Iterator[str]:
    kind = next((vars(base)[method] for base in cls.__mro__ if method in vars(base)), None)
    if not callable(getattr(cls, method)):
        yield f"{method} is {type(kind).__name__}, not a method"
        return
    code = _code_of(cls, method)
    if code is None:
        return
    given = 2 if isinstance(kind, staticmethod) else 3
    function = _function_of(cls, method)
    takes_all = bool(code.co_flags & _VARARGS) or code.co_argcount >= given
    if not takes_all or _required(function, code, given=given):
        yield f"{method}{_shown(code)} cannot be called as {method}(context, params)"


def _code_of(cls: type, method: str) -> CodeType | None:
    """Return the code of a method written in Python, None for anything else."""
    return getattr(_function_of(cls, method), "__code__", None)


def _function_of(cls: type, method: str) -> Any:
    """Return the function beneath a method, class method or static method."""
    bound = getattr(cls, method)
    return getattr(bound, "__func__", bound)


def _required(function: Any, code: CodeType, *, given: int) -> bool:
    """Tell whether the function needs more than ``given`` positional arguments."""
    without_default = code.co_argcount - len(function.__defaults__ or ())
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return without_default > given or any(
        name not in (function.__kwdefaults__ or {}) for name in keywords
    )


def _shown(code: CodeType) -> str:
    count = code.co_argcount + code.co_kwonlyargcount
    names = list(code.co_varnames[: code.co_argcount])
    rest = list(code.co_varnames[count:])
    if code.co_flags & _VARARGS:
        names.append("*" + rest.pop(0))
    elif code.co_kwonlyargcount:
        names.append("*")
    names += code.co_varnames[code.co_argcount : count]
    if code.co_flags & _VARKEYWORDS:
        names.append("**" + rest.pop(0))
    return f"({', '.join(names)})"
