"""From the module and function a recipe names to the object, or to a message that helps."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from framework0.errors import Framework0Error, ScriptletError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any, Final

LISTED_MODULES: Final = 2000
"""Files looked at for a near name: enough for a workspace, quick on a whole disk."""

_SKIPPED_FOLDERS: Final = frozenset({"__pycache__", "build", "dist", "node_modules", "venv"})


def find_target(roots: tuple[str, ...], module: str, function: str) -> Any:
    """Return ``function`` of ``module``; raise ScriptletError saying what stands in the way."""
    found: Any = load_module(roots, module)
    place = getattr(found, "__file__", None) or module
    walked = ""
    for part in function.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ScriptletError(_no_function(module, place, found, walked, part)) from None
        walked = f"{walked}.{part}" if walked else part
    if not callable(found):
        raise ScriptletError(
            f"{function} in {place} is {_kind(found)}, not something to call: "
            "name a scriptlet class or a function"
        )
    return found


def load_module(roots: tuple[str, ...], module: str) -> ModuleType:
    """Import ``module``; raise ScriptletError when there is none or it fails."""
    if not module or not all(part.isidentifier() for part in module.split(".")):
        raise ScriptletError(
            f"{module!r} is not a module's name: write it as in an import, package.module"
        )
    try:
        return import_module(module)
    except Framework0Error:
        raise
    except ModuleNotFoundError as error:
        if _is_itself(error.name, module):
            raise ScriptletError(_no_module(roots, module, error.name or module)) from None
        raise _import_failed(roots, module, error) from error
    except (Exception, SystemExit) as error:
        # The user's module ran: whatever it raised is its own error, to be shown as such.
        raise _import_failed(roots, module, error) from error


def _is_itself(missing: str | None, module: str) -> bool:
    return missing is not None and (missing == module or module.startswith(missing + "."))


def _no_module(roots: tuple[str, ...], module: str, missing: str) -> str:
    from framework0.source import near_names

    where = " or ".join(roots) or "the workspace"
    near = near_names(module, modules_in(roots), 1)
    part = "" if missing == module else f" (no {missing!r})"
    hint = f"; did you mean {near[0]}?" if near else f"; looked in {where}"
    return f"there is no module {module!r}{part}{hint}"


def modules_in(roots: Iterable[str]) -> list[str]:
    """Return the dotted names of the Python files below ``roots``, at most ``LISTED_MODULES``."""
    names: list[str] = []
    for root in roots:
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(
                name for name in folders if name.isidentifier() and name not in _SKIPPED_FOLDERS
            )
            inside = os.path.relpath(folder, root)
            prefix = "" if inside == os.curdir else inside.replace(os.sep, ".") + "."
            for file in sorted(files):
                stem, suffix = os.path.splitext(file)
                if suffix == ".py" and stem.isidentifier():
                    names.append(prefix[:-1] if stem == "__init__" else prefix + stem)
                if len(names) >= LISTED_MODULES:
                    return names
    return names


def _import_failed(roots: tuple[str, ...], module: str, error: BaseException) -> ScriptletError:
    return ScriptletError(
        f"module {module!r} cannot be imported: "
        f"{user_place(roots, error)}{type(error).__name__}: {error}"
    )


def user_place(roots: tuple[str, ...], error: BaseException) -> str:
    """Return ``file:line: `` of the deepest frame in the user's code, empty when there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: "
    place = ""
    # Only an error needs it, and it brings a dozen modules along.
    import traceback

    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if any(file.startswith(root.rstrip(os.sep) + os.sep) for root in roots):
            place = f"{file}:{line}: "
    return place


def _no_function(module: str, place: str, owner: Any, walked: str, part: str) -> str:
    names = [name for name in callables_of(owner) if not name.startswith("_")]
    from framework0.source import near_names

    near = near_names(part, names, 1)
    inside = f"{walked} in {place}" if walked else place
    hint = f"; did you mean {near[0]}?" if near else f"; it has {_listed(names)}"
    return f"module {module!r}: there is no {part!r} in {inside}{hint}"


def callables_of(owner: Any) -> list[str]:
    """Return the callable attributes of a module or class, in name order."""
    return sorted(name for name in dir(owner) if callable(getattr(owner, name, None)))


def _listed(names: list[str]) -> str:
    most = 8
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "nothing to call") + more


def _kind(value: Any) -> str:
    return "a module" if isinstance(value, type(sys)) else f"of type {type(value).__name__}"
