"""A step of type ``recipe``: a run of its own, beneath the run of the step.

The inner run's id is made from the outer one's and the step's number, so that a resumed outer run
finds the inner one it had begun and goes on with it instead of beginning again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from framework0.errors import RecipeError, StepCancelled, StepError
from framework0.runner import Target

if TYPE_CHECKING:
    from framework0.assembly.session import Session
    from framework0.runner import Job

MAX_DEPTH = 10
"""Runs within runs; a recipe that calls itself is stopped here."""


def nested_target(outer: Session, job: Job) -> Target:
    """Return the call that runs the recipe of ``job`` with its args as inputs."""

    def run_inner(**inputs: Any) -> dict[str, Any]:
        from framework0.assembly.handed import Handed
        from framework0.assembly.running import run_or_resume
        from framework0.assembly.session import Options
        from framework0.workspace import for_system

        assert job.step.recipe is not None
        if outer.run_id.count(".") >= MAX_DEPTH:
            raise RecipeError(
                f"step {job.name!r} runs {job.step.recipe!r} {MAX_DEPTH} recipes deep: "
                "does a recipe run itself?"
            )
        folder = os.path.dirname(os.path.abspath(outer.recipe.file))
        options = Options(
            executor=outer.options.executor,
            concurrency=outer.options.concurrency,
            durability=outer.options.durability,
            grace=outer.options.grace,
            fail_fast=outer.options.fail_fast,
            stop_when=job.cancelled.is_set,
            capture=False,
            edited=outer.options.edited,
            watch=None if outer.watching is None else outer.watching.within(job),
            no_cache=outer.options.no_cache,
            handed=Handed(inputs, outer.secrets),
        )
        result = run_or_resume(
            os.path.join(folder, for_system(job.step.recipe)),
            run_id=f"{outer.run_id}.{job.node}",
            parent=outer.run_id,
            workspace=outer.workspace,
            inputs=inputs,
            options=options,
        )
        if result.state == "cancelled":
            raise StepCancelled(f"the inner run {result.id} was cancelled")
        if result.state == "paused":
            raise StepError(
                f"the inner run {result.id} is paused: `framework0 continue {result.id}`, then "
                f"`framework0 resume {outer.run_id}`"
            )
        if not result.ok:
            raise StepError(
                f"the inner run {result.id} {result.state}: `framework0 show {result.id}`"
            )
        return {"run": result.id, "state": result.state, "context": dict(result.context.items())}

    return Target(run_inner)
