"""The id of a run: sorts by time, reads as a time, and two runs of one second still differ."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_SUFFIX_BYTES: Final = 4
"""65,000 runs of one second have an even chance of one clash, which the journal then refuses."""


def new_run_id(now: float, random: Callable[[int], bytes]) -> str:
    """Return an id such as ``20261124-034501-1f9a03bc`` (UTC) for the epoch second ``now``.

    ``random`` returns that many random bytes, as ``os.urandom`` does.
    """
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + random(_SUFFIX_BYTES).hex()
