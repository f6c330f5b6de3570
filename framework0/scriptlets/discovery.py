"""Finds scriptlets: files in ``scriptlets/plugins`` of the workspace, and installed packages.

A package offers scriptlets through the entry-point group ``framework0.scriptlets``; an entry point
names a class, or a module whose classes register themselves::

    [project.entry-points."framework0.scriptlets"]
    csv_loader = "my_package.loaders:CsvLoader"

Finding them this way imports them. Checks and drawings of recipes never do: they read files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ScriptletError
from framework0.scriptlets.registry import Registered, register_class, registered
from framework0.scriptlets.targets import load_module, user_place
from framework0.scriptlets.usercode import UserCode, active_roots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framework0.scriptlets.base import BaseScriptlet

ENTRY_POINTS: Final = "framework0.scriptlets"
PLUGINS: Final = ("scriptlets", "plugins")


def discover(
    roots: Sequence[str | os.PathLike[str]] = (".",),
    *,
    entry_points: bool = True,
    on_problem: Callable[[ScriptletError], None] | None = None,
) -> dict[str, Registered]:
    """Import every plugin of ``roots`` and every entry point; return all registered scriptlets.

    A broken plugin does not keep the others from being found. Each is handed to ``on_problem``;
    without one, all are raised together as one :class:`~framework0.errors.ScriptletError` at the end.
    """
    problems: list[ScriptletError] = []
    report = problems.append if on_problem is None else on_problem
    with UserCode(roots, keep=True) as code:
        _import_all(code.roots, entry_points=entry_points, report=report)
    if problems:
        raise ScriptletError("\n".join(map(str, problems)))
    return registered()


def builtin(name: str) -> type[BaseScriptlet] | None:
    """Return the built-in scriptlet ``name``; None when the active run's plugins have one of that name.

    What the plugins register is read as a check reads it, so that both mean the same one.
    """
    from framework0.source import Sources, builtin_scriptlets

    home = builtin_scriptlets().get(name)
    if home is None or Sources(active_roots()).step_kinds()[name] != home:
        return None
    from importlib import import_module

    found: type[BaseScriptlet] = getattr(import_module(home[0]), home[1])
    return found


def look_for(name: str) -> None:
    """Import the plugins of the active run, if there is one, so that ``name`` gets registered.

    Raises :class:`~framework0.errors.ScriptletError` with every broken plugin when it is not found:
    one of them may be the one that was meant.
    """
    roots = active_roots()
    if not roots:
        return
    problems: list[ScriptletError] = []
    _import_all(roots, entry_points=True, report=problems.append)
    if problems and name not in registered():
        broken = "\n".join(map(str, problems))
        raise ScriptletError(
            f"no scriptlet is registered as {name!r}, and not all could be loaded:\n{broken}"
        )


def _import_all(
    roots: Sequence[str], *, entry_points: bool, report: Callable[[ScriptletError], None]
) -> None:
    for module in _plugin_modules(roots):
        try:
            load_module(tuple(roots), module)
        except ScriptletError as problem:
            report(problem)
    for point in _entry_points() if entry_points else ():
        try:
            _load(point)
        except ScriptletError as problem:
            report(problem)


def _plugin_modules(roots: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for root in roots:
        folder = os.path.join(root, *PLUGINS)
        if not os.path.isdir(folder):
            continue
        for file in sorted(os.listdir(folder)):
            stem, suffix = os.path.splitext(file)
            if suffix == ".py" and stem.isidentifier() and not stem.startswith("_"):
                name = ".".join((*PLUGINS, stem))
                if name not in seen:
                    seen.add(name)
                    yield name


def _entry_points() -> Sequence[Any]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)


def _load(point: Any) -> None:
    try:
        found = point.load()
    except ScriptletError:
        raise
    except (Exception, SystemExit) as error:
        # Installed code runs here for the first time; whatever it raises is its own.
        raise ScriptletError(
            f"entry point {point.name} = {point.value!r}{_by(point)} cannot be loaded: "
            f"{user_place((), error)}{type(error).__name__}: {error}"
        ) from error
    if isinstance(found, type) and not any(entry.cls is found for entry in registered().values()):
        register_class(found, name=point.name)


def _by(point: Any) -> str:
    return f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
