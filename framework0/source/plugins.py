"""The step types that are scriptlets: those that come with the product, and a workspace's own.

Both are read, never imported: so a misspelt param of either is found before anything runs. A
workspace's own are the registered classes in its ``scriptlets/plugins``.
"""

from __future__ import annotations

import ast
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from framework0.source.classes import Family
from framework0.source.finding import SourceFile
from framework0.source.naming import default_name
from framework0.source.parsing import Module
from framework0.source.resolving import Code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework0.source.resolving import Library

_BUILTIN: Final = "framework0.scriptlets.builtin"

BUILTIN_SCRIPTLETS: Final = MappingProxyType(
    {
        "assert": (f"{_BUILTIN}.asserting", "Assert"),
        "files": (f"{_BUILTIN}.files", "Files"),
        "http": (f"{_BUILTIN}.http", "Http"),
        "notify": (f"{_BUILTIN}.notify", "Notify"),
        "poll": (f"{_BUILTIN}.poll", "Poll"),
        "read": (f"{_BUILTIN}.read", "Read"),
        "sql": (f"{_BUILTIN}.sql", "Sql"),
        "template": (f"{_BUILTIN}.template", "Template"),
        "wait": (f"{_BUILTIN}.wait", "Wait"),
        "write": (f"{_BUILTIN}.write", "Write"),
    }
)
"""A scriptlet of the workspace that has one of these names comes before the one here."""

PLUGINS: Final = ("scriptlets", "plugins")
REGISTER: Final = "register_scriptlet"

MAX_PLUGINS: Final = 1000
"""Files read at most: a workspace has a handful, and a wrong root may have very many."""


def builtin_scriptlets() -> Mapping[str, tuple[str, str]]:
    """Return the step types that come with the product: name to (module, class)."""
    return BUILTIN_SCRIPTLETS


def is_builtin(module: str) -> bool:
    """Tell whether ``module`` holds a built-in step type."""
    return module.startswith(_BUILTIN + ".")


def builtin_file(module: str) -> str | None:
    """Return the file of a module of built-in step types, None when there is none of that name."""
    name = module.removeprefix(_BUILTIN + ".")
    if not is_builtin(module) or not name.isidentifier():
        return None
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.path.join(package, "scriptlets", "builtin", name + ".py")
    return path if os.path.isfile(path) else None


def plugin_kinds(library: Library) -> dict[str, tuple[str, str]]:
    """Return name → (module, class) for every class that carries ``@register_scriptlet``.

    The first place that claims a name has it. A name that is computed is left out.
    """
    found: dict[str, tuple[str, str]] = {}
    for name in _modules(library):
        file = library.finder.find(name)
        module = library.module(file) if isinstance(file, SourceFile) else None
        if isinstance(module, Module):
            for kind, cls in _registered(library, module):
                found.setdefault(kind, (name, cls))
    return found


def _modules(library: Library) -> Iterator[str]:
    seen: set[str] = set()
    for root in library.finder.roots:
        try:
            files = sorted(os.listdir(os.path.join(root, *PLUGINS)))
        except OSError:
            continue
        for file in files[:MAX_PLUGINS]:
            stem, suffix = os.path.splitext(file)
            if suffix == ".py" and stem.isidentifier() and not stem.startswith("_"):
                name = ".".join((*PLUGINS, stem))
                if name not in seen:
                    seen.add(name)
                    yield name


def _registered(library: Library, module: Module) -> Iterator[tuple[str, str]]:
    for node in module.tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            named = call.func if call is not None else decorator
            last = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
            if last == REGISTER:
                name = _name(library, Code(module, node), call)
                if name:
                    yield name, node.name


def _name(library: Library, code: Code, call: ast.Call | None) -> str:
    """Return the name a class is registered by; nothing if it is computed."""
    for keyword in call.keywords if call is not None else ():
        if keyword.arg == "name":
            given = keyword.value
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                return given.value
            if not isinstance(given, ast.Constant):
                return ""
    assert isinstance(code.node, ast.ClassDef)
    member = Family(library, code).member("name")
    if member is None:
        return default_name(code.node.name)
    definition = member.definition
    if isinstance(definition, ast.Constant) and isinstance(definition.value, str):
        return definition.value or default_name(code.node.name)
    return ""
