"""The executors, independent of each other; each is loaded when a run first needs it."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.runner.executors.answers import AnswerExecutor as AnswerExecutor
    from framework0.runner.executors.loop import LoopExecutor as LoopExecutor
    from framework0.runner.executors.pool import PoolExecutor as PoolExecutor
    from framework0.runner.executors.process import ProcessExecutor as ProcessExecutor
    from framework0.runner.executors.serial import SerialExecutor as SerialExecutor
    from framework0.runner.executors.thread import ThreadExecutor as ThreadExecutor

_HOMES = {
    "AnswerExecutor": "answers",
    "LoopExecutor": "loop",
    "PoolExecutor": "pool",
    "ProcessExecutor": "process",
    "SerialExecutor": "serial",
    "ThreadExecutor": "thread",
}

__all__ = [
    "AnswerExecutor",
    "LoopExecutor",
    "PoolExecutor",
    "ProcessExecutor",
    "SerialExecutor",
    "ThreadExecutor",
]


__getattr__ = opening(__name__, _HOMES)
