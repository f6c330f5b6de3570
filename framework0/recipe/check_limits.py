"""What a step may use: pools that exist and are large enough, limits that can be enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.check_tables import read_table
from framework0.recipe.check_values import (
    WRONG,
    clipped,
    misplaced_template,
    read_name,
    wrong_type,
)
from framework0.recipe.limit_keys import POOL_KEYS
from framework0.recipe.sizes import FORMS, parse_size, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.key import Key
    from framework0.recipe.model import Step

OWN_PROCESS: Final = ("memory", "cpu")
"""Limits of a process, which a thread of ours does not have to itself."""

CHECKED: Final = frozenset({"pool", *OWN_PROCESS})
"""Keys of a step that have to fit what else is known."""


def read_size(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a number of bytes within the key's bounds."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if value is None or isinstance(value, (list, dict)):
        return wrong_type(findings, key, value, path, FORMS)
    hint = f"for example `{key.name}: {key.example}`"
    try:
        size = parse_size(value)
    except ValueError as error:
        findings.error("bad-size", f"{key.name} {error}", path, hint=hint)
        return WRONG
    low, high = key.low or 0, key.high or size
    if not low <= size <= high:
        bounds = f"from {size_text(low)} to {size_text(high)}"
        told = f"{key.name} must be {bounds}, not {size_text(size)}"
        findings.error("out-of-range", told, path, hint=hint)
        return WRONG
    return size


def read_pool(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read ``pool``, a name or a mapping, into its name and the number of slots."""
    if isinstance(value, str):
        name = read_name(findings, key, value, path)
        return WRONG if name is WRONG else (name, 1)
    if not isinstance(value, dict):
        return wrong_type(findings, key, value, path)
    good = read_table(findings, POOL_KEYS, value, path, "pool")
    if "name" not in value and (*path, "name") not in findings.meant:
        findings.error("missing-key", "pool has no name", path, key=True, hint="add `name: gpu`")
    return (good["name"], good.get("slots", 1)) if "name" in good else WRONG


def check_limits(
    findings: Findings,
    step: Step,
    raw: Mapping[str, Any],
    path: Path,
    pools: Mapping[str, int] | None,
) -> None:
    """Report limits of a step that nothing could keep; ``pools`` None are those of elsewhere."""
    if step.kind == "recipe":
        for name in sorted(CHECKED & raw.keys()):
            findings.error(
                "key-not-here",
                f"{name} means nothing to a step of type recipe: its steps run under limits of their own",
                (*path, name),
                key=True,
                hint=f"put {name} on the steps of {clipped(step.recipe or 'that recipe')}",
            )
        return
    if step.kind != "step_engine":
        _check_process(findings, step, raw, path)
    if step.policy.pool is not None and pools is not None:
        _check_pool(findings, step.policy.pool, raw["pool"], (*path, "pool"), pools)


def _check_process(findings: Findings, step: Step, raw: Mapping[str, Any], path: Path) -> None:
    limits = [name for name in OWN_PROCESS if name in raw]
    executor = step.policy.executor
    if not limits or executor not in {"thread", "serial"}:
        return
    findings.error(
        "limit-in-thread",
        f"{limits[0]} cannot limit a step with executor: {executor}: it shares its process with others",
        (*path, "executor" if "executor" in raw else limits[0]),
        key=True,
        hint=f"write `executor: process`, or take {' and '.join(limits)} away",
    )


def _check_pool(
    findings: Findings, pool: tuple[str, int], raw: Any, path: Path, pools: Mapping[str, int]
) -> None:
    name, slots = pool
    size = pools.get(name)
    if size is None:
        known = ", ".join(sorted(pools))
        findings.error(
            "unknown-pool",
            f"the workspace has no pool called {clipped(name)!r}",
            (*path, "name") if isinstance(raw, dict) else path,
            hint=did_you_mean(findings.near(name, pools))
            or (f"it has {known}; add others" if known else f"add `{name} = 1`")
            + " under `[pools]` in framework0.toml",
        )
    elif slots > size:
        findings.error(
            "pool-too-small",
            f"pool {clipped(name)!r} has {size} {'slot' if size == 1 else 'slots'}, so a step that "
            f"needs {slots} would wait for ever",
            (*path, "slots"),
            hint=f"write `slots: {size}`, or make the pool larger in framework0.toml",
        )
