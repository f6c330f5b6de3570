"""Which steps of a running run wait for a pool, and who is in their way: told from outside the run."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.cli.story import RunStory, StepStory
    from framework0.workspace import Workspace

OVER = frozenset({"succeeded", "failed", "timed_out", "cancelled", "skipped", "cached"})
"""States of a step that nothing waits for any more."""


def note_waits(story: RunStory, space: Workspace) -> None:
    """Put into ``story.waits``, by node, what each step that waits for a pool waits for."""
    if story.state != "running" or story.plan is None:
        return
    told: dict[str, tuple[int, str]] = {}
    for step, pool, slots in _candidates(story):
        if pool not in told:
            told[pool] = _free(story, space, pool)
        free, text = told[pool]
        if slots > free:
            story.waits[step.node] = f"waiting for {text}"


def _candidates(story: RunStory) -> Iterator[tuple[StepStory, str, int]]:
    """Yield the steps that could start but for a pool, or for a worker."""
    plan = story.plan
    assert plan is not None
    for step in story.steps:
        home = step.node if step.owner is None else step.owner
        definition = plan.steps[home]
        if step.state != "pending" or definition.policy.pool is None:
            continue
        begun = step.owner is not None or all(
            story.by_node[parent].state in OVER for parent in plan.parents[home]
        )
        if begun and definition.phase == "main":
            yield step, *definition.policy.pool


def _free(story: RunStory, space: Workspace, pool: str) -> tuple[int, str]:
    from framework0.workspace import pool_text, pool_users, pools_folder

    users = pool_users(pools_folder(space), pool)
    size = space.settings.pools.get(pool, 0)
    return size - len(users), pool_text(pool, size, users, story.header.run_id)
