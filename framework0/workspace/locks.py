"""Locks that need no hand: held by the kernel for the life of a process, readable by people.

The file says who holds it, for messages only; whether it *is* held is asked of the kernel. A lock
file is never removed while it may be in use, and never is the data file itself.
"""

from __future__ import annotations

import os
import time

from framework0.errors import LockHeld
from framework0.tuples import NamedTuple
from framework0.workspace import kernel
from framework0.workspace.files import open_private, open_to_look, trouble
from framework0.workspace.process import this_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Final, Self

_LOOK_AGAIN: Final = 0.01
"""Seconds between two attempts while waiting with a time limit, which flock itself cannot."""

_ASKERS: Final = 1.0
"""Seconds in which those who only ask whether a lock is held must have finished asking."""

_CONTENT: Final = 4096
"""More bytes than any description of a holder has."""

_held: set[int] = set()


class Holder(NamedTuple):
    """Who holds a lock, as they described themselves. ``since`` is epoch seconds; pid 0: unknown."""

    pid: int
    started: float
    host: str
    boot: str
    since: float
    note: str

    def __str__(self) -> str:
        if not self.pid:
            return "a process that has not said who it is yet"
        age = max(0.0, time.time() - self.since)
        note = f" ({self.note})" if self.note else ""
        return f"process {self.pid} on {self.host}{note}, for {_duration(age)}"


class Lock:
    """A held lock; release it, leave its ``with`` block, or die: each frees it."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        _held.add(descriptor)

    def release(self) -> None:
        """Free the lock; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        _held.discard(descriptor)
        # Unlocked and not only closed: a child forked in the meantime may still have it open.
        kernel.unlock(descriptor)
        os.close(descriptor)

    @property
    def intact(self) -> bool:
        """False once the lock file was removed or replaced, so that others may hold its namesake."""
        return self._descriptor is not None and _is_at(self.path, self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Gate:
    """A lock taken and given back many times in a row, from one opening of its file.

    Waiting is the kernel's: no polling, and whoever dies inside leaves the gate open.
    """

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = open_private(path)
        _held.add(self._descriptor)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            _held.discard(descriptor)
            os.close(descriptor)

    @property
    def descriptor(self) -> int:
        """The open file, for what is kept in it beside the lock; -1 once closed."""
        return self._descriptor

    @property
    def intact(self) -> bool:
        """False once the file was removed or replaced, so that others may hold its namesake."""
        return self._descriptor >= 0 and _is_at(self.path, self._descriptor)

    def enter_now(self) -> bool:
        """Take the lock if nobody has it; False says that somebody has. ``leave`` gives it back."""
        return kernel.lock(self._descriptor)

    def leave(self) -> None:
        """Give the lock back."""
        kernel.unlock(self._descriptor)

    def claim(self, offset: int) -> bool:
        """Claim one byte of the file for this gate's life; False: taken, or impossible here."""
        return kernel.claim_byte(self._descriptor, offset)

    def is_claimed(self, offset: int) -> bool:
        """Tell whether a living other gate has claimed that byte."""
        return kernel.is_byte_claimed(self._descriptor, offset)

    def __enter__(self) -> None:
        kernel.lock(self._descriptor, wait=True)

    def __exit__(self, *_: object) -> None:
        kernel.unlock(self._descriptor)


def hold(path: Path, note: str = "", *, timeout: float | None = 0.0) -> Lock:
    """Take the lock at ``path`` for this process; its folder must exist.

    ``timeout`` is in seconds: 0 asks once, None waits for ever (the kernel wakes us). ``note`` tells
    people what for.

    Raises :class:`~framework0.errors.LockHeld` naming the holder, and
    :class:`~framework0.errors.RefusedError` when the path is anything but a file of our own.
    """
    start = time.monotonic()
    while True:
        descriptor = open_private(path)
        try:
            taken = _take(descriptor, path, start, timeout)
            if taken and _is_at(path, descriptor):
                _describe(descriptor, note)
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        # Somebody removed the file between our opening and our locking it: begin again.
        os.close(descriptor)


def hold_now(path: Path, note: str = "") -> Lock | None:
    """Take the lock at ``path`` if it is free at this moment, else return None, and say no more.

    Somebody who is just asking who holds it counts as a holder here. Raises
    :class:`~framework0.errors.RefusedError` as :func:`hold` does.
    """
    while True:
        descriptor = open_private(path)
        try:
            taken = kernel.lock(descriptor)
            if taken and _is_at(path, descriptor):
                _describe(descriptor, note)
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not taken:
            return None


def holder(path: Path) -> Holder | None:
    """Return who holds the lock at ``path``, or None when nobody alive does."""
    descriptor = open_to_look(path)
    if descriptor is None:
        return None
    try:
        if kernel.lock(descriptor, shared=True):
            kernel.unlock(descriptor)
            return None
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, start: float, timeout: float | None) -> bool:
    if timeout is None:
        return kernel.lock(descriptor, wait=True)
    while not kernel.lock(descriptor):
        waited = time.monotonic() - start
        # Whoever asks (holder()) takes a shared lock for a moment; that is no holder.
        only_askers = kernel.lock(descriptor, shared=True)
        if only_askers:
            kernel.unlock(descriptor)
        if waited >= timeout and not (only_askers and waited < timeout + _ASKERS):
            who = str(_read(descriptor))
            raise LockHeld(f"{path} is held by {who}: wait for it, or end that process", holder=who)
        time.sleep(_LOOK_AGAIN if not only_askers else 0)
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    ours = os.fstat(descriptor)
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise trouble("look at", path, error) from error
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _describe(descriptor: int, note: str) -> None:
    import json

    who = this_process()
    text = json.dumps({**who._asdict(), "since": time.time(), "note": note}).encode("ascii")
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text[:_CONTENT], 0)
    except OSError:
        # A full disk must not keep anybody from locking: the kernel holds it, undescribed.
        return


def _read(descriptor: int) -> Holder:
    import json

    try:
        found = json.loads(os.pread(descriptor, _CONTENT, 0))
        return Holder(
            int(found["pid"]),
            float(found["started"]),
            str(found["host"]),
            str(found["boot"]),
            float(found["since"]),
            str(found["note"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(0, 0.0, "", "", 0.0, "")


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _forget_in_child() -> None:
    """Close the copies a fork made, so that a child which outlives us holds nothing of ours."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


_register: Callable[..., None] | None = getattr(os, "register_at_fork", None)
if _register is not None:
    _register(after_in_child=_forget_in_child)
