"""Named slots that all runs of a workspace share, whichever process they are in.

A slot is a file whose lock the kernel holds for the process of a run: when that process ends, however
it ends, the slot is free. A run that found too few free slots puts a ticket into the pool's queue, a
locked file named by the time on the machine's monotonic clock. Only the run with the oldest living
ticket may take slots, so runs take turns: first come, first served. A ticket whose process is gone
is in nobody's way.
"""

from __future__ import annotations

import os
import time
from itertools import count
from typing import TYPE_CHECKING, Final

from framework0.workspace.files import make_private_folder, trouble
from framework0.workspace.locks import hold, hold_now, holder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from framework0.workspace.locks import Lock
    from framework0.workspace.workspace import Workspace

FOLDER: Final = "pools"
"""The folder of all pools in the state folder of a workspace."""

QUEUE: Final = "queue"

_NAMED: Final = 3
"""Runs named as the users of a pool; more would hide the sentence."""


class PoolSlots:
    """What one run holds of the pools in ``folder``; not thread-safe, never waits.

    ``sizes`` is how many slots each pool has. Several objects, in one process or in many, share them.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int], run_id: str) -> None:
        self._folder = folder
        self._sizes = sizes
        self._run_id = run_id
        self._held: dict[int, list[Lock]] = {}
        self._tickets: dict[str, Lock] = {}
        self._count = count()

    def take(self, node: int, pool: str, slots: int, step: str) -> bool:
        """Hold ``slots`` slots for ``node``, all or none; False when they are in use.

        After a refusal this run has its place in the pool's queue. Raises
        :class:`~framework0.errors.WorkspaceError` when the files cannot be used.
        """
        note = f"{self._run_id} {step}"
        if self._is_first(pool):
            locks = self._grab(pool, slots, note)
            if locks:
                self._held[node] = locks
                self.leave(pool)
                return True
        if pool not in self._tickets:
            self._tickets[pool] = self._ticket(pool, note)
        return False

    def give_back(self, node: int) -> None:
        """Free what ``node`` holds, if it holds anything."""
        for lock in self._held.pop(node, ()):
            lock.release()

    def leave(self, pool: str) -> None:
        """Give up the place in the queue of ``pool``, if there is one."""
        ticket = self._tickets.pop(pool, None)
        if ticket is not None:
            _remove(ticket.path)
            ticket.release()

    def told(self, pool: str) -> str:
        """Return for people how many slots of ``pool`` are in use, and by which runs."""
        users = pool_users(self._folder, pool)
        return pool_text(pool, self._sizes[pool], users, self._run_id)

    def close(self) -> None:
        """Free everything."""
        for node in list(self._held):
            self.give_back(node)
        for pool in list(self._tickets):
            self.leave(pool)

    def _grab(self, pool: str, slots: int, note: str) -> list[Lock]:
        folder = self._folder / pool
        make_private_folder(folder)
        taken: list[Lock] = []
        size = self._sizes[pool]
        for number in range(size):
            if len(taken) == slots or len(taken) + size - number < slots:
                break
            lock = hold_now(folder / _slot(number), note)
            if lock is not None:
                taken.append(lock)
        if len(taken) == slots:
            return taken
        for lock in taken:
            lock.release()
        return []

    def _ticket(self, pool: str, note: str) -> Lock:
        queue = self._folder / pool / QUEUE
        make_private_folder(queue)
        # The count tells tickets of one process apart, where the clock is too coarse to.
        name = f"{time.monotonic_ns():020d}-{os.getpid()}-{next(self._count)}-{id(self):x}"
        return hold(queue / name, note)

    def _is_first(self, pool: str) -> bool:
        """Say whether nobody who lives came before this run; what the dead left is removed."""
        ticket = self._tickets.get(pool)
        own = "" if ticket is None else ticket.path.name
        queue = self._folder / pool / QUEUE
        for name in _names(queue):
            if own and name >= own:
                break
            if holder(queue / name) is not None:
                return False
            # One that is just being made is made again by its owner, who looks whether it is there.
            _remove(queue / name)
        return True


def pools_folder(workspace: Workspace) -> Path:
    """Return the folder of a workspace's pools."""
    return workspace.state / FOLDER


def pool_users(folder: Path, pool: str) -> list[str]:
    """Return who holds slots of ``pool`` now, once for each slot: the run's id, a blank, the step."""
    found = []
    for name in _names(folder / pool):
        if name.startswith(_SLOT):
            who = holder(folder / pool / name)
            if who is not None:
                found.append(who.note)
    return found


def pool_text(pool: str, size: int, users: Iterable[str], own: str = "") -> str:
    """Return how much of a pool is in use: ``pool gpu (2 of 2 in use by run X)``."""
    runs = [user.partition(" ")[0] for user in users]
    if not runs:
        return f"pool {pool} (0 of {size} in use)"
    names = list(dict.fromkeys("this run" if run == own else f"run {run}" for run in runs))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"pool {pool} ({len(runs)} of {size} in use by {', '.join(names[:_NAMED])}{more})"


_SLOT: Final = "slot-"


def _slot(number: int) -> str:
    return f"{_SLOT}{number + 1}"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise trouble("read the folder", folder, error) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    # A ticket that cannot be removed is one that nobody holds: it is passed over.
    except OSError:
        return
