"""What limits a run as a whole: the pools its steps use, ``fail_fast``, its deadline, its logs' size.

A run that has none gets the plain state machine, shell and workshop.
"""

from __future__ import annotations

from framework0.errors import UsageError
from framework0.runner import Run, RunState, Workshop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from framework0.assembly.session import Options
    from framework0.recipe import Policy, Recipe
    from framework0.runner import Plan
    from framework0.workspace import Settings, Workspace


class Limits:
    """The limits of one run. ``pools`` has the size of each pool used, ``deadline`` is in seconds.

    ``max_log_bytes`` holds for steps that say nothing themselves (0: no limit).
    """

    __slots__ = ("deadline", "fail_fast", "logs", "max_log_bytes", "pools")

    def __init__(
        self,
        pools: Mapping[str, int],
        *,
        fail_fast: bool,
        deadline: float | None,
        max_log_bytes: int,
        logs: bool,
    ) -> None:
        self.pools = pools
        self.fail_fast = fail_fast
        self.deadline = deadline
        self.max_log_bytes = max_log_bytes
        self.logs = logs or bool(max_log_bytes)

    @property
    def of_state(self) -> bool:
        """Say whether they are for the state machine to keep."""
        return bool(self.pools) or self.fail_fast or self.deadline is not None

    def make_state(self, plan: Plan, **parts: Any) -> RunState:
        """Return the state machine that keeps these limits."""
        if not self.of_state:
            return RunState(plan, **parts)
        from framework0.runner import LimitedState

        return LimitedState(plan, pools=self.pools, fail_fast=self.fail_fast, **parts)

    def maker_of_run(self, workspace: Workspace, run_id: str) -> Callable[..., Run]:
        """Return what makes the shell that keeps these limits."""
        if not self.of_state:
            return Run
        from functools import partial

        from framework0.runner import LimitedRun

        slots = None
        if self.pools:
            from framework0.workspace import PoolSlots, pools_folder

            slots = PoolSlots(pools_folder(workspace), self.pools, run_id)
        return partial(LimitedRun, pools=slots, deadline=self.deadline)

    def make_workshop(self, **parts: Any) -> Workshop:
        """Return the maker of jobs whose logs are as long as they may be."""
        if not self.logs:
            return Workshop(**parts)
        from framework0.runner import BoundedWorkshop

        return BoundedWorkshop(self.max_log_bytes, **parts)


def limits_of(
    policies: Iterable[Policy], recipe: Recipe, options: Options, settings: Settings
) -> Limits:
    """Return the limits of a run of ``recipe``, whose steps have these policies.

    Raises :class:`~framework0.errors.UsageError` when a pool is not in the settings (any more), or
    has become smaller than what a step needs: before anything has begun.
    """
    pools: dict[str, int] = {}
    logs = False
    for policy in policies:
        logs = logs or policy.max_log_bytes is not None
        if policy.pool is not None:
            name, slots = policy.pool
            pools[name] = _size(name, slots, settings.pools)
    return Limits(
        pools,
        fail_fast=options.fail_fast or recipe.fail_fast,
        deadline=options.deadline or recipe.deadline,
        max_log_bytes=settings.max_log_bytes,
        logs=logs,
    )


def _size(name: str, slots: int, pools: Mapping[str, int]) -> int:
    size = pools.get(name)
    if size is None:
        raise UsageError(
            f"the workspace has no pool {name!r}: add `{name} = {slots}` under `[pools]` in "
            "framework0.toml"
        )
    if slots > size:
        raise UsageError(
            f"a step needs {slots} slots of pool {name!r}, which has {size}: make it larger in "
            "framework0.toml"
        )
    return size
