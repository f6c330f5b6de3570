"""The question of an approval: which answers there are, who may give one, what holds without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.check_policy import combine
from framework0.recipe.check_values import clipped
from framework0.recipe.model import DEFAULT_POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.model import Step

APPROVE: Final = "approve"
REJECT: Final = "reject"
FAIL: Final = "fail"

ALLOWED: Final = frozenset(
    {
        *("name", "idx", "type", "depends_on", "when", "continue_on_error", "description"),
        *("prompt", "choices", "approvers", "timeout", "on_timeout"),
    }
)
"""Keys that mean something to an approval: nothing runs, so most rules of running do not."""

_REPORTED: Final = frozenset(
    {
        *("module", "function", "args", "command", "shell", "exit_codes", "recipe"),
        *("instance", "library", "first_node", "results", "mirror"),
    }
)
"""Keys of other types of step, about which more has been said."""


def read_approval(
    findings: Findings, step: Step, good: Mapping[str, Any], raw: Mapping[str, Any], path: Path
) -> None:
    """Give an approval its question, and report what cannot go with one.

    ``defaults`` are rules for what runs: an approval takes none of them.
    """
    from framework0.recipe.keys import STEP_KEYS

    for name in raw:
        if name in STEP_KEYS and name not in ALLOWED and name not in _REPORTED:
            findings.error(
                "key-not-here",
                f"{name} means nothing to a step of type approval",
                (*path, name),
                key=True,
                hint="take it away: an approval runs nothing, it waits for a person's answer",
            )
    choices = good.get("choices", (APPROVE, REJECT))
    _check_choices(findings, choices, raw, path)
    on_timeout = good.get("on_timeout", FAIL)
    _check_timeout(findings, on_timeout, choices, raw, path)
    own = {"continue_on_error": good["continue_on_error"]} if "continue_on_error" in good else {}
    step.policy = combine(DEFAULT_POLICY, own) if own else DEFAULT_POLICY
    step.args = {
        "prompt": good.get("prompt", ""),
        "choices": list(choices),
        "approvers": list(good.get("approvers", ())),
        "timeout": good.get("timeout"),
        "on_timeout": on_timeout,
    }


def _check_choices(
    findings: Findings, choices: tuple[str, ...], raw: Mapping[str, Any], path: Path
) -> None:
    if "choices" not in raw:
        return
    where = (*path, "choices")
    if raw["choices"] == []:
        findings.error(
            "bad-approval",
            "choices is an empty list: nobody could answer",
            where,
            hint="name the answers, or take it away for approve and reject",
        )
    for place, choice in enumerate(choices):
        if choice in choices[:place]:
            findings.error(
                "bad-approval",
                f"the choice {clipped(choice)!r} is there twice",
                (*where, place),
                hint="keep one of them",
            )


def _check_timeout(
    findings: Findings,
    on_timeout: str,
    choices: tuple[str, ...],
    raw: Mapping[str, Any],
    path: Path,
) -> None:
    if "on_timeout" not in raw:
        return
    where = (*path, "on_timeout")
    if "timeout" not in raw:
        findings.error(
            "key-not-here",
            "on_timeout means nothing without timeout",
            where,
            key=True,
            hint="add `timeout: 2d`, or take it away",
        )
    elif on_timeout != FAIL and choices and on_timeout not in choices:
        findings.error(
            "bad-approval",
            f"on_timeout is {on_timeout}, which is none of the choices",
            where,
            hint=f"write `on_timeout: fail`, or add {on_timeout} to choices",
        )


__all__ = ["read_approval"]
