"""What ships for tests: the fakes of the runner's seams, which pass the same tests as the real parts.

With them a whole run takes place in one thread, on a clock of its own: hours of retry delays pass in
a millisecond, and the same seed gives the same run.
"""

from __future__ import annotations

from framework0.testing.clock import FakeClock
from framework0.testing.executor import FakeExecutor
from framework0.testing.pools import FakePools
from framework0.testing.recorder import MemoryRecorder

__all__ = ["FakeClock", "FakeExecutor", "FakePools", "MemoryRecorder"]
