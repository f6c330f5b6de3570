"""Which keys code takes from the mapping-like things it is given: its params and its context."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from framework0.source.facts import KEYWORD, NO_CONTEXT, Facts, Parameter
from framework0.source.following import Walk
from framework0.source.resolving import Code
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework0.errors import Place
    from framework0.source.classes import Family, Member
    from framework0.source.following import Call, Use
    from framework0.source.resolving import FunctionNode, Library

HOOKS: Final = ("setup", "validate", "run", "teardown")
"""The methods of a scriptlet that get the context and the params, in the order they are called."""

CONTEXT: Final = "context"

_READ_ALL: Final = frozenset(
    {"keys", "items", "history", "at", "snapshot", "diff", "subscribe", "wait_for"}
)
_PLAIN_PARAMS: Final = frozenset({"get", "pop", "setdefault"})


class _Key(NamedTuple):
    """One use of a key. ``sure`` if it happens whenever the code runs, and nothing stands in for it."""

    key: str
    place: Place
    sure: bool
    default: Any = None


def params_of(family: Family, run: Member) -> tuple[list[Parameter], bool]:
    """Return the params that a scriptlet's methods read, and whether there may be more."""
    found: dict[str, Parameter] = {}
    more = False
    for member in _hooks(family, run):
        walk = _walk(family.library, member, family, position=2)
        if walk is None:
            continue
        more = more or walk.escaped
        for use in walk.uses:
            key = _param(use)
            if key is None:
                more = True
            elif key.key:
                known = found.get(key.key)
                required = key.sure or (known is not None and known.required)
                default = key.default if known is None else known.default
                found[key.key] = Parameter(key.key, KEYWORD, required, default=default)
    return list(found.values()), more


def _hooks(family: Family, run: Member) -> list[Member]:
    members = [run if name == "run" else family.member(name) for name in HOOKS]
    return [member for member in members if member is not None]


def _walk(library: Library, member: Member, family: Family | None, *, position: int) -> Walk | None:
    """Walk a method, watching its parameter number ``position`` (self is 0)."""
    node = member.definition
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if len(names) <= position:
        return None
    walk = Walk(library, family)
    walk.function(Code(member.module, node), names[position], sure=True)
    return walk


def _param(use: Use) -> _Key | None:
    """Return the param that ``use`` reads; a key of "" if it reads none; None if it may be any."""
    match use.how:
        case "in" | "item" if use.key is not None:
            return _Key(use.key, use.place, use.how == "item" and use.sure)
        case "stored":
            return _Key("", use.place, sure=False)
    call = use.call
    if call is None or call.method not in _PLAIN_PARAMS or use.key is None:
        return None
    sure = use.sure and call.method == "pop" and call.default is None
    return _Key(use.key, use.place, sure, _literal(call.default))


def _literal(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def facts_of_scriptlet(family: Family) -> Facts:
    """Return the context keys that a scriptlet's methods touch."""
    run = family.member("run")
    walks = [
        _walk(family.library, member, family, position=1)
        for member in (_hooks(family, run) if run is not None else ())
    ]
    facts = _facts(walk for walk in walks if walk is not None)
    if family.unknown or run is None:
        return facts._replace(reads_unknown=True, writes_unknown=True)
    return facts


def facts_of_function(library: Library, code: Code) -> Facts:
    """Return the context keys that a function with a parameter named ``context`` touches."""
    assert not isinstance(code.node, ast.ClassDef)
    node: FunctionNode = code.node
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    if all(argument.arg != CONTEXT for argument in arguments):
        return NO_CONTEXT
    walk = Walk(library, None)
    walk.function(code, CONTEXT, sure=True)
    return _facts([walk])


def _facts(walks: Iterable[Walk]) -> Facts:
    reads: dict[str, Place] = {}
    guarded: dict[str, Place] = {}
    writes: dict[str, Place] = {}
    reads_unknown = writes_unknown = False
    for walk in walks:
        reads_unknown |= walk.escaped
        writes_unknown |= walk.escaped
        for use in walk.uses:
            kind = _context_use(use)
            if use.key is not None and kind in ("read", "guarded", "write"):
                kept = {"read": reads, "guarded": guarded, "write": writes}[kind]
                kept.setdefault(use.key, use.place)
            else:
                reads_unknown |= kind != "write"
                writes_unknown |= kind in ("write", "any")
    # A key read both ways is needed; one that the code wrote itself before is not worth a warning.
    guarded = {key: place for key, place in guarded.items() if key not in reads}
    return Facts(reads, writes, reads_unknown, writes_unknown, guarded)


def _context_use(use: Use) -> str:
    call: Call | None = use.call
    if call is None:
        sure = use.how == "item" and use.sure
        return "write" if use.how == "stored" else "read" if sure else "guarded"
    if call.method == "get":
        return "read" if use.sure and call.default is None else "guarded"
    if call.method in ("set", "delete"):
        return "write"
    return "all" if call.method in _READ_ALL else "any"
