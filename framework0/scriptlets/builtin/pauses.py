"""Sleeping that holds no thread in a run and still hears at once when its step is told to stop."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from framework0.errors import StepCancelled

if TYPE_CHECKING:
    from framework0.scriptlets.base import BaseScriptlet

LOOK: Final = 0.1
"""Seconds between two looks. A run cancels the task itself; this is for whoever performs by hand."""


async def pause(scriptlet: BaseScriptlet, seconds: float) -> None:
    """Sleep; raise :class:`~framework0.errors.StepCancelled` when the step is told to stop."""
    ends = monotonic() + seconds
    while (left := ends - monotonic()) > 0:
        if scriptlet.cancelled:
            raise StepCancelled("the step was told to stop")
        await asyncio.sleep(min(LOOK, left))
