"""A pipe whose far end a thread empties into a log, so that what children write can be masked."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE_SECONDS: Final = 1.0
"""How long closing waits for the pipe's end: a grandchild may hold it open for ever."""

_CHUNK: Final = 64 * 1024


class Drain:
    """Reads a pipe until every writer has closed it, handing each chunk to ``sink``."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._read, self._write = os.pipe()
        self._sink = sink
        self._thread = threading.Thread(target=self._pump, name="step-log", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return the end that is written to."""
        return self._write

    def close(self) -> None:
        """Close our own end and wait until the rest is read, at most ``CLOSE_SECONDS``."""
        os.close(self._write)
        self._thread.join(CLOSE_SECONDS)

    def _pump(self) -> None:
        with os.fdopen(self._read, "rb", buffering=0) as pipe:
            while chunk := pipe.read(_CHUNK):
                self._sink(chunk)
