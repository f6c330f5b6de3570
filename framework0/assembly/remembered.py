"""A checked recipe as JSON and back, so that a short run need not read YAML nor check it again."""

from __future__ import annotations

from types import MappingProxyType

from framework0.recipe import NOTHING, Cache, Foreach, Input, Policy, Recipe, Retry, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

_BARE: Final = Step("", -1)
_PLAIN: Final = (
    "name",
    "version",
    "description",
    "order",
    "order_reason",
    "digest",
    "fail_fast",
    "deadline",
    "pauses",
)


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Return all of ``recipe`` but its text and its file's name; equal policies are written once."""
    policies: list[Policy] = []
    steps = [_step_to_json(step, policies) for step in recipe.steps]
    return {
        **{name: getattr(recipe, name) for name in _PLAIN},
        "metadata": dict(recipe.metadata),
        "inputs": [list(each) for each in recipe.inputs],
        "env_allow": list(recipe.env_allow),
        "policies": [{**each._asdict(), "env": dict(each.env)} for each in policies],
        "steps": steps,
        "code": dict(recipe.code),
    }


def from_json(data: Mapping[str, Any], file: str, text: str) -> Recipe:
    """Return the recipe again. Raises KeyError, TypeError or the like for anything else."""
    policies = [_policy(each) for each in data["policies"]]
    return Recipe(
        **{name: data[name] for name in _PLAIN},
        metadata=data["metadata"] or NOTHING,
        inputs=tuple(_input(row) for row in data["inputs"]),
        env_allow=tuple(data["env_allow"]),
        steps=tuple(_step(row, policies) for row in data["steps"]),
        code=data["code"],
        file=file,
        text=text,
    )


def _step_to_json(step: Step, policies: list[Policy]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in Step.__slots__:
        value = getattr(step, name)
        if value != getattr(_BARE, name):
            row[name] = value
    if "policy" in row:
        if step.policy not in policies:
            policies.append(step.policy)
        row["policy"] = policies.index(step.policy)
    return row


def _step(row: Mapping[str, Any], policies: list[Policy]) -> Step:
    parts = dict(row)
    for name in ("args", "command", "depends_on"):
        if isinstance(parts.get(name), list):
            parts[name] = tuple(parts[name])
    if "foreach" in parts:
        items, *bounds = parts["foreach"]
        parts["foreach"] = Foreach(tuple(items) if isinstance(items, list) else items, *bounds)
    if "policy" in parts:
        parts["policy"] = policies[parts["policy"]]
    return Step(**{"name": "", **parts})


def _policy(row: Mapping[str, Any]) -> Policy:
    retry = Retry(*row["retry"])
    cache = row["cache"]
    return Policy(
        **{
            **row,
            "cache": Cache(tuple(cache[0]), cache[1], tuple(cache[2])) if cache else None,
            "retry": retry._replace(on=tuple(retry.on)),
            "success_keys": tuple(row["success_keys"]),
            "exit_codes": tuple(row["exit_codes"]),
            "pool": tuple(row["pool"]) if row["pool"] else None,
            "env": MappingProxyType(row["env"]) if row["env"] else NOTHING,
        }
    )


def _input(row: list[Any]) -> Input:
    entry = Input(*row)
    return entry._replace(choices=tuple(entry.choices))
