"""The rules a step runs under: retry, foreach, success, and the policy they add up to."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from framework0.recipe import keys
from framework0.recipe.check_cache import read_cache
from framework0.recipe.check_limits import read_pool, read_size
from framework0.recipe.check_tables import READERS, read_table
from framework0.recipe.check_values import (
    WRONG,
    clipped,
    is_dotted,
    read_number,
    wrong_type,
)
from framework0.recipe.key import CACHE, POOL, SIZE
from framework0.recipe.limit_keys import LIMIT_KEYS
from framework0.recipe.model import DEFAULT_POLICY, Foreach, Policy, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.keys import Key

POLICY_KEYS: Final = frozenset(
    {
        *keys.DEFAULTS_KEYS,
        *(key.name for key in LIMIT_KEYS),
        "success",
        "exit_codes",
        "breakpoint",
        "cache",
    }
)

FAILURE_WORDS: Final = ("timeout", "exit", "memory")
"""What `retry.on` may name besides exception classes."""

_FIELDS: Final = {"success": "success_keys"}


def read_retry(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``retry``: a number of attempts, or a mapping."""
    attempts = keys.RETRY_KEYS["attempts"]
    if isinstance(value, int) and not isinstance(value, bool):
        count = read_number(findings, attempts._replace(name="retry"), value, path)
        return WRONG if count is WRONG else Retry(attempts=count)
    if not isinstance(value, dict):
        return wrong_type(findings, key, value, path)
    good = read_table(findings, keys.RETRY_KEYS, value, path, "retry")
    if "attempts" not in value and (*path, "attempts") not in findings.meant:
        findings.error(
            "missing-key",
            "retry does not say how many attempts there may be",
            path,
            key=True,
            hint="add `attempts: 3`",
        )
    if "on" in good:
        _check_failures(findings, good["on"], value["on"], (*path, "on"))
    return Retry(**good)


def _check_failures(findings: Findings, names: tuple[str, ...], raw: Any, path: Path) -> None:
    """Say so where a failure's name can be none, or is close to one that is built in."""
    known = [*FAILURE_WORDS, *_built_in_failures()]
    for name in names:
        where = (*path, raw.index(name)) if isinstance(raw, list) else path
        if not is_dotted(name):
            findings.error(
                "bad-dotted-name",
                f"on {clipped(name)!r} is no name of a failure",
                where,
                hint="name exception classes, `timeout`, `exit` or `memory`",
            )
        elif "." not in name and name not in known:
            near = findings.near(name, known)
            if near is not None:
                findings.warning(
                    "unlikely-failure",
                    f"{clipped(name)} is no built-in exception",
                    where,
                    hint=f"did you mean {near!r}? If it is your own, this will do",
                )


def _built_in_failures() -> list[str]:
    import builtins

    return [
        name
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    ]


def read_success(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``success``: the context keys that must be there."""
    if not isinstance(value, dict):
        return wrong_type(findings, key, value, path)
    good = read_table(findings, keys.SUCCESS_KEYS, value, path, "success")
    return good.get("ctx_has_keys", ())


def read_foreach(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``foreach``: a list, one expression, or a mapping with ``items``."""
    if not isinstance(value, dict):
        items = read_items(findings, key, value, path)
        return WRONG if items is WRONG else Foreach(items)
    good = read_table(findings, keys.FOREACH_KEYS, value, path, "foreach", readers=_ITEM_READERS)
    if "items" not in value and (*path, "items") not in findings.meant:
        findings.error(
            "missing-key",
            "foreach has no items",
            path,
            key=True,
            hint="add `items:` with a list or one expression",
        )
    return Foreach(**good) if "items" in good else WRONG


def read_items(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read the items of a ``foreach``: a list, or the bare text of one expression."""
    if isinstance(value, list):
        if len(value) > keys.MOST_ITEMS:
            findings.error(
                "too-many-entries",
                f"foreach has {len(value):,} items; {keys.MOST_ITEMS:,} are allowed",
                path,
                hint="give each step a batch of items",
            )
            return WRONG
        if not value:
            findings.warning(
                "nothing-to-do", "foreach has no items: the step does nothing", path, key=True
            )
        return tuple(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    return wrong_type(findings, key, value, path)


def read_expression(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``when``: an expression, with or without ``${{ }}``, or plain true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.strip():
        return value
    return wrong_type(findings, key, value, path)


def read_arguments(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``args``: a mapping, a list, or nothing at all."""
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, dict) else wrong_type(findings, key, value, path)


def read_prompt(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``prompt``: a text, which may hold ``${{ }}``."""
    if isinstance(value, str):
        return value if value.strip() else wrong_type(findings, key, None, path)
    return wrong_type(findings, key, value, path)


def _as_is(findings: Findings, key: Key, value: Any, path: Path) -> Any:  # noqa: ARG001
    return value


_ITEM_READERS: Final[Mapping[str, Callable[[Findings, Key, Any, Path], Any]]] = {
    **READERS,
    keys.FOREACH: read_items,
}

STEP_READERS: Final[Mapping[str, Callable[[Findings, Key, Any, Path], Any]]] = {
    **READERS,
    keys.RETRY: read_retry,
    keys.SUCCESS: read_success,
    keys.FOREACH: read_foreach,
    keys.EXPRESSION: read_expression,
    keys.PROMPT: read_prompt,
    keys.ARGUMENTS: read_arguments,
    POOL: read_pool,
    CACHE: read_cache,
    SIZE: read_size,
    # What a command may be depends on `shell` beside it.
    keys.COMMAND: _as_is,
}


def bounded(
    findings: Findings, foreach: Foreach | None, raw: Mapping[str, Any], path: Path
) -> Foreach | None:
    """Return ``foreach`` with the ``parallel`` and ``fail_fast`` that stand beside it."""
    beside = [name for name in ("parallel", "fail_fast") if name in raw]
    if not beside:
        return foreach
    if "foreach" not in raw:
        for name in beside:
            findings.error(
                "key-not-here",
                f"{name} means nothing without foreach",
                (*path, name),
                key=True,
                hint="add `foreach:` or take it away",
            )
        return None
    if foreach is None:
        return None
    for name in beside:
        if isinstance(raw["foreach"], dict) and name in raw["foreach"]:
            findings.error(
                "key-not-here",
                f"{name} is given twice, here and inside foreach",
                (*path, name),
                key=True,
                hint="keep one of them",
                pointers=(("the other one", (*path, "foreach", name)),),
            )
    quiet = {name: raw[name] for name in beside if _is_right(name, raw[name])}
    return foreach._replace(**quiet)


def _is_right(name: str, value: Any) -> bool:
    """Say whether a bound beside foreach is of its type: if not, that has been said before."""
    return type(value) is (bool if name == "fail_fast" else int)


class Policies:
    """Adds a step's own rules to the recipe's defaults; equal rules give the same object."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self.base = combine(DEFAULT_POLICY, defaults) if defaults else DEFAULT_POLICY
        self._known: dict[tuple[tuple[str, Any], ...], Policy] = {}

    def of(self, own: Mapping[str, Any]) -> Policy:
        """Return the policy of a step whose own rules are ``own``."""
        if not own:
            return self.base
        cache = own.get("cache")
        if "env" in own or (cache is not None and cache.key):
            return combine(self.base, own)
        signature = tuple(own.items())
        policy = self._known.get(signature)
        if policy is None:
            policy = self._known[signature] = combine(self.base, own)
        return policy


def combine(base: Policy, own: Mapping[str, Any]) -> Policy:
    """Return ``base`` with the rules of ``own`` in their place; ``env`` is added to."""
    fields = {_FIELDS.get(name, name): value for name, value in own.items()}
    if "env" in fields:
        fields["env"] = MappingProxyType({**base.env, **fields["env"]})
    return base._replace(**fields)


__all__ = [
    "POLICY_KEYS",
    "STEP_READERS",
    "Policies",
    "bounded",
    "combine",
]
