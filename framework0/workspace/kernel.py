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

    def claim_byte(descriptor: int, offset: int) -> bool:
        """Claim one byte of an open file: never possible here, where locks belong to processes."""
        del descriptor, offset
        return False

    def is_byte_claimed(descriptor: int, offset: int) -> bool:
        """Tell whether another opening has claimed that byte: nobody can here."""
        del descriptor, offset
        return False

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

    # The struct flock of 64-bit Linux: kind, whence, start, length, process.
    _FLOCK: Final = "@hhqqi4x"

    def claim_byte(descriptor: int, offset: int) -> bool:
        """Claim one byte of an open file until that opening is closed, or its process dies.

        False when another opening has it, and on systems whose byte locks belong to processes.
        See "Open file description locks" in fcntl(2).
        """
        import struct

        if not hasattr(fcntl, "F_OFD_SETLK"):
            return False
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

    def is_byte_claimed(descriptor: int, offset: int) -> bool:
        """Tell whether another opening of the file, by a process that is alive, has claimed it."""
        import struct

        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
        return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)
