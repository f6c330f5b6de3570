"""Which attempts have begun: one 16-bit counter per node in a file mapped into memory.

Counting up is a store into the page cache: about 100 ns, and the kernel keeps it through a
``kill -9``. It is not synced: after a power cut a counter may be behind, and then what the
journal itself says decides.
"""

from __future__ import annotations

import mmap
import os

from framework0.errors import JournalError
from framework0.workspace import open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Final

_WIDTH: Final = 2

MAX_ATTEMPTS: Final = 65_535
"""What 16 bits hold; a step that was started more often is in a loop nobody wants."""

_BLOCK: Final = 4096
"""The file grows by whole blocks, so that a foreach that adds nodes rarely maps it anew."""


class StartMarks:
    """The counters of one run, writable. Not for several threads at once on one node."""

    __slots__ = ("_counters", "_map", "path")

    def __init__(self, path: Path, nodes: int) -> None:
        self.path = path
        self._map: mmap.mmap | None = None
        self._counters = memoryview(b"").cast("H")
        self.extend(nodes)

    def add(self, node: int) -> int:
        """Note that an attempt of ``node`` begins and return its number, from 1."""
        counters = self._counters
        number = counters[node] + 1
        if number > MAX_ATTEMPTS:
            raise JournalError(f"node {node} was started {MAX_ATTEMPTS} times: it is in a loop")
        counters[node] = number
        return number

    def extend(self, nodes: int) -> None:
        """Make room for ``nodes`` nodes; the file never shrinks, new counters are 0.

        Raises :class:`~framework0.errors.JournalError` when the disk is full.
        """
        size = max(1, -(-nodes * _WIDTH // _BLOCK)) * _BLOCK
        if size <= len(self._counters) * _WIDTH:
            return
        descriptor = open_private(self.path)
        try:
            size = max(size, os.fstat(descriptor).st_size // _BLOCK * _BLOCK)
            _reserve(descriptor, size)
            mapped = mmap.mmap(descriptor, size)
        except OSError as error:
            raise JournalError(
                f"cannot reserve {size} bytes in {self.path}: {error.strerror} "
                f"(errno {error.errno}); make room, then resume the run"
            ) from error
        finally:
            os.close(descriptor)
        self.close()
        self._map = mapped
        self._counters = memoryview(mapped).cast("H")

    def raise_to(self, numbers: Iterable[tuple[int, int]]) -> None:
        """Lift each (node, number of attempts) that is behind, after a crash of the machine."""
        counters = self._counters
        for node, number in numbers:
            counters[node] = max(counters[node], number)

    def close(self) -> None:
        """Unmap the file; what was counted stays."""
        self._counters.release()
        if self._map is not None:
            self._map.close()
            self._map = None


def read_marks(path: Path) -> tuple[int, ...]:
    """Return the counters in the file; a missing or torn file has fewer, which means 0."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror} (errno {error.errno})") from error
    whole = len(content) // _WIDTH * _WIDTH
    return tuple(memoryview(content)[:whole].cast("H"))


def _reserve(descriptor: int, size: int) -> None:
    # A hole in a mapped file costs the process its life (SIGBUS) once the disk is full.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        missing = size - os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(max(0, missing)), size - max(0, missing))
