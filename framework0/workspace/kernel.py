"""The one system call behind our locks: the kernel grants them and takes them back at a death."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_BUSY: Final = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)

if sys.platform == "win32":
    # For Windows; no machine of ours has executed this branch.
    import msvcrt

    # Windows locks bytes and keeps others from reading them: lock one far behind the content.
    _BYTE: Final = 1 << 30

    def lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
        """Take the lock of an open file; False when somebody else has it."""
        del shared
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

    def unlock(descriptor: int) -> None:
        """Give the lock back."""
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
        """Take the lock of an open file; False when somebody else has it.

        The lock belongs to this opening of the file (flock): other openings in the same process
        are somebody else, and closing one of them does not release ours, as ``lockf`` would.
        """
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

    def unlock(descriptor: int) -> None:
        """Give the lock back."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)
