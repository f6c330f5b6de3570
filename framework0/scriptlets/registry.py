"""Which scriptlets there are, by name.

    @register_scriptlet
    class LoaderScriptlet(BaseScriptlet): ...              # named "loader"

    @register_scriptlet(name="csv_loader", version="2.0")
    class AnotherLoader(BaseScriptlet): ...

The name is the one given, else a ``name = "…"`` of the class body, else the class name without
``Scriptlet`` in small letters (:func:`~framework0.scriptlets.naming.default_name`). What ``__init__``
sets on an instance is not looked at: registering makes no instance. A recipe uses the name as a
step's ``type``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from framework0.errors import DuplicateScriptlet, ScriptletError
from framework0.scriptlets.checking import faults_of
from framework0.scriptlets.naming import default_name
from framework0.scriptlets.places import Written, calling_place, place_of
from framework0.source import near_names
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from framework0.scriptlets.base import BaseScriptlet

__all__ = ["Registered", "get_scriptlet", "register_scriptlet", "registered", "unregister"]

Scriptlet = TypeVar("Scriptlet", bound=type)


class Registered(NamedTuple):
    """A registered class; ``place`` is the ``file:line`` of its registration."""

    name: str
    version: str
    cls: type[BaseScriptlet]
    place: str


_entries: dict[str, Registered] = {}
_files: dict[str, str] = {}


@overload
def register_scriptlet(cls: Scriptlet, /) -> Scriptlet: ...


@overload
def register_scriptlet(
    *, name: str | None = None, version: str | None = None, replace: bool = False
) -> Callable[[Scriptlet], Scriptlet]: ...


def register_scriptlet(
    cls: Scriptlet | None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    replace: bool = False,
) -> Scriptlet | Callable[[Scriptlet], Scriptlet]:
    """Check a scriptlet class and make it known by its name; used bare or with arguments.

    ``replace`` takes a name over from another class. The same class of the same file registered
    again (a module imported anew) replaces the former one silently.

    Raises :class:`~framework0.errors.ScriptletError` with every fault of the class at once, and
    :class:`~framework0.errors.DuplicateScriptlet` naming both places.
    """
    if cls is not None:
        _register(cls, name, version, replace=replace, place=calling_place(1))
        return cls

    def decorate(decorated: Scriptlet) -> Scriptlet:
        _register(decorated, name, version, replace=replace, place=calling_place(1))
        return decorated

    return decorate


def register_class(cls: type, *, name: str | None = None, replace: bool = False) -> None:
    """Register a class that carries no decorator, as an entry point names it."""
    _register(cls, name, None, replace=replace, place=place_of(cls))


def _register(
    cls: object, name: str | None, version: str | None, *, replace: bool, place: Written
) -> None:
    if not isinstance(cls, type):
        raise ScriptletError(
            f"{place}: register_scriptlet belongs on a class, not on {_described(cls)}: "
            "a recipe can name a plain function as it is"
        )
    if name is None:
        name = getattr(cls, "name", "") or default_name(cls)
    if version is None:
        version = getattr(cls, "version", "0")
    if faults := faults_of(cls, name, version):
        raise ScriptletError(f"{place}: {cls.__qualname__} is no scriptlet: " + "; ".join(faults))
    known = _entries.get(name)
    if known is not None and not replace and not _is_same(known, cls, place):
        raise DuplicateScriptlet(
            f"two scriptlets are named {name!r}: {known.cls.__qualname__} at {known.place} and "
            f"{cls.__qualname__} at {place}; rename one, or register the second with replace=True"
        )
    _entries[name] = Registered(name, version, cls, str(place))
    _files[name] = place.file


def _is_same(known: Registered, cls: type, place: Written) -> bool:
    """Tell whether this is the known class again: its file imported anew, or a cell run again."""
    if known.cls is cls:
        return True
    if known.cls.__qualname__ != cls.__qualname__:
        return False
    return _files[known.name] == place.file or known.cls.__module__ == cls.__module__ == "__main__"


def _described(thing: object) -> str:
    name = getattr(thing, "__qualname__", None)
    return f"the function {name}" if name else f"a {type(thing).__name__}"


def get_scriptlet(name: str) -> type[BaseScriptlet]:
    """Return the class registered as ``name``, or the built-in one of that name.

    During a run, a name that is not known yet is looked for in the plugins of its workspace and in
    the installed packages. Raises :class:`~framework0.errors.ScriptletError` with the near name, or
    with what keeps a plugin from being loaded.
    """
    if name not in _entries:
        from framework0.scriptlets.discovery import builtin, look_for

        found = builtin(name)
        if found is not None:
            return found
        look_for(name)
    entry = _entries.get(name)
    if entry is not None:
        return entry.cls
    from framework0.source import builtin_scriptlets

    known = {**builtin_scriptlets(), **_entries}
    near = near_names(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    raise ScriptletError(f"no scriptlet is registered as {name!r} ({hint})")


def registered() -> dict[str, Registered]:
    """Return every registered scriptlet by name, in name order."""
    return {name: _entries[name] for name in sorted(_entries)}


def unregister(name: str) -> bool:
    """Forget the scriptlet ``name``; False when there was none."""
    _files.pop(name, None)
    return _entries.pop(name, None) is not None


def forget_modules(modules: Collection[str]) -> None:
    """Forget the scriptlets of modules that are no longer loaded."""
    gone = set(modules)
    for name in [name for name, entry in _entries.items() if entry.cls.__module__ in gone]:
        unregister(name)
