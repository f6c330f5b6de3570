"""What the step engine bounds, and why."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MAX_VISITS: Final = 10_000
"""Passings of nodes in the life of an instance: a loop without a way out ends after minutes, not never."""

MAX_ATTEMPTS: Final = 1_000
"""Attempts that ``retry`` may ask for, as many as in recipes."""

MAX_COUNTED: Final = 256
"""Nodes, and arrows, whose passings are counted in the parameter file: those passed last.

The file is written whole at each transition, so what is kept there is paid for each time."""

MAX_MESSAGE: Final = 2_000
"""Characters of a fault's message that are kept in the parameter file."""
