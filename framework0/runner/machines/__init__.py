"""Machines of the step engine as runs: their nodes in a process, their visits in the journal."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.runner.machines.executor import MachineExecutor as MachineExecutor
    from framework0.runner.machines.host import ProcessHost as ProcessHost
    from framework0.runner.machines.recording import MachineRecord as MachineRecord
    from framework0.runner.machines.recording import known_nodes as known_nodes
    from framework0.runner.machines.recording import visit_of as visit_of
    from framework0.runner.machines.watching import SHARED as SHARED
    from framework0.runner.machines.watching import Mirror as Mirror
    from framework0.runner.machines.watching import Watchers as Watchers

_HOMES = {
    "MachineExecutor": "executor",
    "MachineRecord": "recording",
    "Mirror": "watching",
    "ProcessHost": "host",
    "SHARED": "watching",
    "Watchers": "watching",
    "known_nodes": "recording",
    "visit_of": "recording",
}

__all__ = [
    "SHARED",
    "MachineExecutor",
    "MachineRecord",
    "Mirror",
    "ProcessHost",
    "Watchers",
    "known_nodes",
    "visit_of",
]


__getattr__ = opening(__name__, _HOMES)
