"""What is told about: one run, as those who tell about it to the outside need to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.runner import Plan


def _as_it_is(text: str) -> str:
    return text


class Subject:
    """The run ``run_id`` of the recipe of ``plan``; ``name`` is what a person called it.

    ``hide(text)`` returns a text without any secret of the run. ``tell(sentence)`` says to a person
    what went wrong with the telling; it must not raise. ``ended`` are the states of the nodes that
    had ended before, of a run that goes on.
    """

    __slots__ = ("ended", "hide", "name", "plan", "recipe", "run_id", "tell")

    def __init__(
        self,
        run_id: str,
        name: str,
        plan: Plan,
        *,
        hide: Callable[[str], str] = _as_it_is,
        tell: Callable[[str], object],
    ) -> None:
        self.run_id = run_id
        self.name = hide(name)
        self.plan = plan
        self.recipe = hide(plan.recipe.name)
        self.hide = hide
        self.tell = tell
        self.ended: dict[int, str] = {}
