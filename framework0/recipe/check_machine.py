"""A step that runs a machine: which one, what its parameters are to be, and what is taken from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.check_values import clipped, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.model import Step

NOT_HERE: Final[Mapping[str, str]] = {
    "executor": "take it away: the nodes of a machine always run in a process of their own",
    "cwd": "take it away: the nodes of a machine run in the folder of its instance",
    "memory": "take it away, or limit what the nodes start",
    "cpu": "take it away, or limit what the nodes start",
    "cache": "take it away: a machine has a state of its own, and goes on from there",
}
"""Keys that mean something to other steps, and what to do with them here."""


def read_machine(
    findings: Findings, step: Step, good: Mapping[str, Any], raw: Mapping[str, Any], path: Path
) -> None:
    """Give a step of a machine what it runs with, and report what cannot go with one."""
    for name, hint in NOT_HERE.items():
        if name in raw:
            findings.error(
                "key-not-here",
                f"{name} means nothing to a step of type step_engine",
                (*path, name),
                key=True,
                hint=hint,
            )
    _check_params(findings, good.get("args"), (*path, "args"))
    _check_results(findings, good.get("results"), (*path, "results"))
    # What `defaults` say of these is for other steps.
    step.policy = step.policy._replace(executor=None, cwd=None, memory=None, cpu=None, cache=None)
    step.args = {
        "instance": good.get("instance", ""),
        "library": good.get("library"),
        "first_node": good.get("first_node"),
        "params": good.get("args") or {},
        "results": good.get("results") or {},
        "mirror": good.get("mirror", False),
    }


def _check_params(findings: Findings, groups: Any, path: Path) -> None:
    """Report parameters that are no groups of values."""
    if isinstance(groups, tuple):
        findings.error(
            "wrong-type",
            "args of a machine must be a mapping of its groups of parameters, not a list",
            path,
            hint="for example `args: {limits: {pressure: 4.5}}`",
        )
        return
    for name, group in (groups or {}).items():
        if not isinstance(group, dict) and not (isinstance(group, str) and "${{" in group):
            findings.error(
                "wrong-type",
                f"the group {clipped(str(name))!r} must be a mapping of parameters, not {shown(group)}",
                (*path, name),
                hint="parameters stand in groups: for example `args: {limits: {pressure: 4.5}}`",
            )


def _check_results(findings: Findings, wanted: Any, path: Path) -> None:
    """Report results that name no group."""
    for key, source in (wanted or {}).items():
        if not isinstance(source, str) or "${{" in source or not all(source.split(".")):
            findings.error(
                "wrong-type",
                f"the source of {clipped(str(key))!r} must be a group, or GROUP.NAME, not {shown(source)}",
                (*path, key),
                hint="for example `results: {parts: shared_data.parts}`",
            )


__all__ = ["read_machine"]
