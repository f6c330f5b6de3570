"""What a cached step may say, and whether its key can cover what its code reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.recipe.cache_keys import CACHE_KEYS
from framework0.recipe.check_tables import READERS, read_table
from framework0.recipe.check_values import clipped, wrong_type
from framework0.recipe.key import NAMES
from framework0.recipe.model import MAIN, Cache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe.check_code import Code
    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.check_steps import Steps
    from framework0.recipe.key import Key
    from framework0.recipe.model import Step
    from framework0.recipe.signatures import SignatureSource


def read_cache(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``cache``: true, false, or a mapping."""
    if isinstance(value, bool):
        return Cache() if value else None
    if not isinstance(value, dict):
        return wrong_type(findings, key, value, path)
    readers = {**READERS, NAMES: _read_paths}
    good = read_table(findings, CACHE_KEYS, value, path, "cache", readers=readers)
    further = good.get("key", [])
    further = further if isinstance(further, list) else [further]
    return Cache(tuple(further), good.get("ttl"), good.get("files", ()))


def _read_paths(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``files``: one path or a list of them, each of which may hold ``${{ }}``."""
    if isinstance(value, str) and value.strip():
        return (value,)
    if not isinstance(value, list):
        return wrong_type(findings, key, value, path)
    for place, one in enumerate(value):
        if not isinstance(one, str) or not one.strip():
            return wrong_type(
                findings, key._replace(name="a path", shape="text"), one, (*path, place)
            )
    return tuple(value)


def check_cache(findings: Findings, step: Step, raw: Mapping[str, Any], path: Path) -> None:
    """Report a ``cache`` where there is nothing to take from one."""
    if step.policy.cache is None or "cache" not in raw:
        return
    if step.kind == "step_engine":
        # Said already, with what else means nothing to a machine.
        return
    if step.kind == "approval":
        why, hint = "an approval is asked for each time", "take cache away"
    elif step.phase != MAIN:
        why = f"a step in {path[0]} is there for what it does, not for what it returns"
        hint = "take cache away, or move the step"
    else:
        return
    findings.error(
        "key-not-here", f"cache means nothing here: {why}", (*path, "cache"), key=True, hint=hint
    )


def check_cached_reads(
    findings: Findings, steps: Steps, code: Code, signatures: SignatureSource
) -> None:
    """Warn of cached steps that may read context keys which nobody can name beforehand."""
    for step in steps.all:
        if step.policy.cache is None or step.position in steps.broken:
            continue
        target = code.target(step)
        if target is None or target in code.absent or _names_context(step.policy.cache):
            continue
        if signatures.facts(*target).reads_unknown:
            path = steps.path(step.position)
            findings.warning(
                "cached-reads-unknown",
                f"{clipped(step.name)!r} is cached, and which context keys it reads cannot be told by "
                "reading its code: a change of them would go unnoticed",
                (*path, "cache") if "cache" in steps.raws[step.position] else (*path, "name"),
                key=True,
                hint="name them in cache.key, for example `cache: {key: ${{ context.rows }}}`",
            )


def _names_context(cache: Cache) -> bool:
    from framework0.recipe.expressions import compile_expression
    from framework0.recipe.templates import find_templates

    return any(
        name.root == "context"
        for template in find_templates(list(cache.key))
        if template.error is None
        for name in compile_expression(template.expression).names
    )
