"""A number that all processes with one context open share: by it they know that others have written.

It stands in the lock file, mapped into memory, so that asking costs no system call. A writer makes it
odd before it commits and even behind that, always by adding one, and only within the gate. While it is
odd nobody can know, and asks the database; a writer that was killed leaves it odd, and the next one to
pass the gate makes it even. Only what is acknowledged must be seen by others, and a writer acknowledges
behind that.
"""

from __future__ import annotations

import os
from mmap import mmap

from framework0.errors import StoreError
from framework0.workspace import open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Final

_SIZE: Final = 8


class Counter:
    """The number in the file at ``path``; made and changed within the gate only."""

    __slots__ = ("_cell", "_map", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = open_private(path)
        try:
            if os.fstat(descriptor).st_size < _SIZE:
                # Written and not only sized: touching a hole of a full disk ends the process.
                os.write(descriptor, bytes(_SIZE))
            self._map: mmap | None = mmap(descriptor, _SIZE)
        except OSError as error:
            raise StoreError(
                f"cannot map {path}: {error.strerror} (errno {error.errno}); make room or make it "
                "writable, then open the context again"
            ) from error
        finally:
            os.close(descriptor)
        self._cell: Any = memoryview(self._map).cast("Q")
        self.settle()

    def value(self) -> int:
        """Return the number as it is now."""
        number: int = self._cell[0]
        return number

    def unsettle(self) -> int:
        """Make it odd: something is about to be committed. Returns what it is then."""
        number: int = self._cell[0] | 1
        self._cell[0] = number
        return number

    def settle(self) -> int:
        """Make it even: what was committed can be read. Returns what it is then."""
        number: int = self._cell[0] + (self._cell[0] & 1)
        self._cell[0] = number
        return number

    def close(self) -> None:
        """Let go of the file; the number stays what it was. A second call does nothing."""
        # Not released by force: another thread may be reading it just now, and the last one lets go.
        self._cell = [self._cell[0]]
        self._map = None
