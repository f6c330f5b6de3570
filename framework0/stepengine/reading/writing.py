"""Which parameters the methods of a node visibly change, and what of them cannot be seen by reading.

The lifecycle methods are followed through the methods and functions that they call, as far as these
stand in the library. A call that leads elsewhere and is not known to be harmless may change anything:
it is named, and nothing is concluded from its absence.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from framework0.source import Code, Imported
from framework0.stepengine.nodes import LIFECYCLE
from framework0.stepengine.reading.classes import Method
from framework0.stepengine.reading.literals import MUTATORS
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from framework0.errors import Place
    from framework0.source import Library, Module
    from framework0.stepengine.reading.classes import Family

MAX_METHODS: Final = 200
"""Methods and functions followed from one node."""

WRITERS: Final = frozenset({"update_json_dict", "increment_json_dict"})

GROUPS_OF_SELF: Final = frozenset({"params", "results", "shared"})
"""Attributes of StepNode through which parameters are read and written."""

GROUP_WRITERS: Final = frozenset({"increment", "update_all", *MUTATORS})
"""Methods of such a group that change it."""

OF_THE_VISIT: Final = frozenset({"attempt", "visit"})
"""Attributes of StepNode that differ from visit to visit by themselves."""

OWNED_BY_ENGINE: Final = frozenset(
    {"current_step_module", "current_step_node", "current_step_state", "step_engine_state"}
)
"""Parameters that the engine itself sets at each move: what a node writes there directs nothing."""

HARMLESS_CALLS: Final = frozenset(
    {
        *("abs", "all", "any", "bool", "bytes", "dict", "enumerate", "filter", "float", "format"),
        *("frozenset", "getattr", "hasattr", "int", "isinstance", "issubclass", "iter", "len"),
        *("list", "map", "max", "min", "next", "print", "range", "repr", "reversed", "round"),
        *("set", "sorted", "str", "sum", "super", "tuple", "type", "zip"),
        *("Exception", "RuntimeError", "ValueError", "KeyError", "TypeError", "OSError"),
    }
)

HARMLESS_METHODS: Final = frozenset(
    {
        *("casefold", "copy", "count", "encode", "endswith", "format", "get", "index", "items"),
        *("join", "keys", "lower", "lstrip", "replace", "rstrip", "split", "splitlines"),
        *(
            "startswith",
            "strip",
            "title",
            "upper",
            "values",
            "zfill",
            "isdigit",
            "advance_to",
            "complete",
        ),
        *("read_json_dict", "get_default_param_dict", "get_default_param_file_name"),
        *("get_default_param_lock_file_name", "dictionary_display"),
        *("debug", "info", "warning", "error", "exception"),
        *MUTATORS,
    }
)

PURE_MODULES: Final = frozenset(
    {"collections", "copy", "fractions", "functools", "itertools", "json", "logging", "math", "re"}
)

VARYING_MODULES: Final = frozenset({"datetime", "random", "secrets", "statistics", "time", "uuid"})
"""Modules whose answers differ from call to call, but which change no file."""

SAFE_IMPORTS: Final = frozenset({"octo_step_engine_parameters"})


class Unseen(NamedTuple):
    """Something that reading cannot see through, and where."""

    reason: str
    place: Place


class Write(NamedTuple):
    """A parameter that is visibly changed; ``group`` and ``name`` are None where they are computed."""

    group: str | None
    name: str | None
    place: Place


class Writing(NamedTuple):
    """``unseen`` is the first thing in any method that may change more than ``writes``.

    ``varying`` is what makes ``step_advance`` decide by something else than parameters.
    """

    writes: tuple[Write, ...]
    unseen: Unseen | None
    varying: Unseen | None


def writing_of(library: Library, family: Family) -> Writing:
    """Return what can be seen of the node's writing."""
    whole = _Walk(library, family, LIFECYCLE)
    deciding = _Walk(library, family, ("step_advance",))
    varying = deciding.varying or deciding.unseen or _remembered(deciding, whole)
    unseen = whole.unseen
    if unseen is None and family.unknown:
        unseen = Unseen(family.unknown, family.module.place(family.node))
    if family.ours == "RunRecipe" and unseen is None:
        unseen = Unseen("it runs a recipe", family.module.place(family.node))
    return Writing(tuple(whole.writes), unseen, varying or (unseen and None))


def _remembered(deciding: _Walk, whole: _Walk) -> Unseen | None:
    """Return an attribute that the decision reads and some method sets, which is a memory of its own."""
    for name, place in deciding.loaded.items():
        if name in OF_THE_VISIT:
            return Unseen(f"it decides by self.{name}", place)
        if name in whole.stored:
            return Unseen(f"it decides by self.{name}, which a method sets", place)
    return None


class _Walk:
    def __init__(self, library: Library, family: Family, methods: tuple[str, ...]) -> None:
        self.writes: list[Write] = []
        self.unseen: Unseen | None = None
        self.varying: Unseen | None = None
        self.stored: set[str] = set()
        self.loaded: dict[str, Place] = {}
        self._library = library
        self._family = family
        self._waiting: list[tuple[Module, Method]] = []
        self._seen: set[int] = set()
        for name in methods:
            self._add(family.method(name))
        while self._waiting:
            self._function(*self._waiting.pop())

    def _add(self, found: tuple[Module, Method] | None) -> None:
        if found is not None and id(found[1]) not in self._seen:
            self._seen.add(id(found[1]))
            self._waiting.append(found)
            if len(self._seen) > MAX_METHODS:
                self._waiting.clear()
                self._not_seen("it calls too many functions to be followed", *found)

    def _not_seen(self, reason: str, module: Module, node: ast.AST) -> None:
        self.unseen = self.unseen or Unseen(reason, module.place(node))

    def _function(self, module: Module, function: Method) -> None:
        me = function.args.args[0].arg if function.args.args else ""
        local = _imports_inside(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                self._call(module, node, me, local)
            elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                self._store(module, node, me)
            elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == me:
                if isinstance(node.ctx, ast.Load):
                    self.loaded.setdefault(node.attr, module.place(node))
                else:
                    self.stored.add(node.attr)
            elif isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.Global):
                self._not_seen("it does more than reading can follow", module, node)

    def _store(self, module: Module, node: ast.Subscript, me: str) -> None:
        """Note ``self.params["x"] = …``."""
        group = _group_of_self(node.value, me)
        if group:
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            self._write(group, key if isinstance(key, str) else None, module, node)

    def _write(self, group: str | None, name: str | None, module: Module, node: ast.AST) -> None:
        if group == "global_parameters" and name in OWNED_BY_ENGINE:
            return
        self.writes.append(Write(group, name, module.place(node)))

    def _call(self, module: Module, node: ast.Call, me: str, local: dict[str, str]) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            self._plain_call(module, node, function.id, local)
            return
        if not isinstance(function, ast.Attribute):
            self._not_seen("it calls what it has computed", module, node)
            return
        name = function.attr
        if name in WRITERS:
            self._write(_text(node, 3, "main_key"), _text(node, 4, "sub_key"), module, node)
        elif name in GROUP_WRITERS and (group := _group_of_self(function.value, me)):
            self._write(group, None, module, node)
        elif getattr(function.value, "id", None) == me or _is_super(function.value):
            self._own_method(module, node, name)
        elif not self._of_module(module, function, local) and name not in HARMLESS_METHODS:
            self._not_seen(f"{ast.unparse(function)}() was not followed", module, node)

    def _own_method(self, module: Module, node: ast.Call, name: str) -> None:
        found = self._family.method(name)
        if found is not None:
            self._add(found)
        elif not (self._family.ours and name in {"advance_to", "complete", *LIFECYCLE, "__init__"}):
            self._not_seen(f"self.{name}() was not followed", module, node)

    def _plain_call(self, module: Module, node: ast.Call, name: str, local: dict[str, str]) -> None:
        bound = self._library.bindings(module).get(name)
        if bound is None and name not in local and name in HARMLESS_CALLS:
            return
        source = local.get(name) or (bound.module if isinstance(bound, Imported) else "")
        if source in SAFE_IMPORTS or source in PURE_MODULES:
            return
        if source in VARYING_MODULES:
            self._varies(module, node)
            return
        resolved = self._library.value(module, node.func) if bound is not None else None
        if isinstance(resolved, Code) and isinstance(resolved.node, Method):
            self._add((resolved.module, resolved.node))
        else:
            self._not_seen(f"{name}() was not followed", module, node)

    def _of_module(self, module: Module, function: ast.Attribute, local: dict[str, str]) -> bool:
        """Tell whether the call is of a module that changes no file, and note if it varies."""
        root: ast.expr = function
        while isinstance(root, ast.Attribute):
            root = root.value
        name = getattr(root, "id", "")
        bound = self._library.bindings(module).get(name)
        source = local.get(name, bound.module if isinstance(bound, Imported) else "")
        top = source.partition(".")[0]
        if top in VARYING_MODULES:
            self._varies(module, function)
            return True
        return top in PURE_MODULES

    def _varies(self, module: Module, node: ast.expr) -> None:
        called = ast.unparse(node.func if isinstance(node, ast.Call) else node)
        self.varying = self.varying or Unseen(f"it decides by {called}()", module.place(node))


def _imports_inside(function: Method) -> dict[str, str]:
    """Return the names that are imported within the function, each with its module."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = node.module or ""
    return found


def _group_of_self(node: ast.expr, me: str) -> str:
    """Return ``params`` for ``self.params`` and ``self.params["x"]``, empty for anything else."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == me:
        return node.attr if node.attr in GROUPS_OF_SELF else ""
    return ""


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"


def _text(call: ast.Call, position: int, name: str) -> str | None:
    """Return an argument of a call if it is a literal text."""
    found = next((word.value for word in call.keywords if word.arg == name), None)
    if found is None and len(call.args) > position:
        found = call.args[position]
    value = found.value if isinstance(found, ast.Constant) else None
    return value if isinstance(value, str) else None
