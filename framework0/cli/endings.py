"""The last word about a run: how it ended, what failed and where, and the next step to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework0.assembly import RunResult, StepResult

SHOWN_FAILURES = 10
"""Failures told in full; a run of thousands of steps may have thousands of them."""


def ending(result: RunResult, *, debug: bool = False, pauses: Iterable[str] = ()) -> str:
    """Return the text that closes a run; ``pauses`` tells where it stands if it is paused."""
    from framework0.logs import plain_lines

    steps = [step for step in result.steps.values() if not step.name.endswith("]")]
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.state] = counts.get(step.state, 0) + 1
    told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())
    lines = [f"run {result.id} {result.state}: {told}"]
    failed = [step for step in result.steps.values() if step.failure is not None]
    lines += [_failure(step, debug=debug) for step in failed[:SHOWN_FAILURES]]
    if len(failed) > SHOWN_FAILURES:
        lines.append(f"… and {len(failed) - SHOWN_FAILURES} more: `framework0 show {result.id}`")
    if result.state == "paused":
        lines += pauses
    elif not result.ok:
        lines.append(f"what the steps printed: `framework0 logs {result.id}`")
        when = "once it is mended:     " if failed else "to go on from there:   "
        lines.append(f"{when} `framework0 resume {result.id}`")
    return plain_lines("\n".join(lines))


def _failure(step: StepResult, *, debug: bool) -> str:
    failure = step.failure
    assert failure is not None
    where = f"\n    at {failure.where}" if failure.where else ""
    text = f"  {step.name}: {failure.kind}: {failure.message}{where}"
    if debug and failure.trace:
        text += "\n" + "\n".join(f"    {line}" for line in failure.trace.splitlines())
    return text
