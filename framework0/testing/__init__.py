"""What ships for tests: fakes of the seams, steps and recipes run in a scratch place, and golden runs.

The fakes pass the same tests as the real parts. With them a whole run takes place in one thread, on a
clock of its own: hours of retry delays pass in a millisecond, and the same seed gives the same run.
The pytest plugin (:mod:`framework0.testing.plugin`) hands the rest out as fixtures.
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.testing.clock import FakeClock as FakeClock
    from framework0.testing.executor import FakeExecutor as FakeExecutor
    from framework0.testing.golden import Golden as Golden
    from framework0.testing.log import FakeLog as FakeLog
    from framework0.testing.log import Machines as Machines
    from framework0.testing.machine import FakeHost as FakeHost
    from framework0.testing.machine import FakeObserver as FakeObserver
    from framework0.testing.pools import FakePools as FakePools
    from framework0.testing.reciperun import RecipeRun as RecipeRun
    from framework0.testing.reciperun import run_in_scratch as run_in_scratch
    from framework0.testing.recorder import MemoryRecorder as MemoryRecorder
    from framework0.testing.steprun import StepRun as StepRun
    from framework0.testing.steprun import run_step as run_step
    from framework0.testing.store import FakeStore as FakeStore

_HOMES = {
    "FakeClock": "clock",
    "FakeExecutor": "executor",
    "FakeHost": "machine",
    "FakeLog": "log",
    "FakeObserver": "machine",
    "FakePools": "pools",
    "FakeStore": "store",
    "Golden": "golden",
    "Machines": "log",
    "MemoryRecorder": "recorder",
    "RecipeRun": "reciperun",
    "StepRun": "steprun",
    "run_in_scratch": "reciperun",
    "run_step": "steprun",
}

__all__ = [
    "FakeClock",
    "FakeExecutor",
    "FakeHost",
    "FakeLog",
    "FakeObserver",
    "FakePools",
    "FakeStore",
    "Golden",
    "Machines",
    "MemoryRecorder",
    "RecipeRun",
    "StepRun",
    "run_in_scratch",
    "run_step",
]


__getattr__ = opening(__name__, _HOMES)
