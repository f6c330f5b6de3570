"""The log files of a run: which there are, whose they are, and what was added since the last look."""

from __future__ import annotations

import os
import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RUN_LOG: Final = "run.log"
"""What was printed while no step was bound: by threads a step left behind, for instance."""

CHUNK_BYTES: Final = 64 * 1024
"""Read and shown at once: a log may be larger than memory."""

_STEP_LOG: Final = re.compile(r"([0-9]{5,})\.([0-9]+)\.log")


class LogFile:
    """One log, read from where the last look ended. ``node`` is None for that of the run itself."""

    def __init__(self, path: Path, node: int | None, attempt: int) -> None:
        self.path = path
        self.node = node
        self.attempt = attempt
        self._offset = 0
        # Bytes that are no UTF-8 are kept, and shown as escapes later.
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._begun = ""

    def __lt__(self, other: LogFile) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[int, int]:
        return (-1 if self.node is None else self.node, self.attempt)

    def chunks(self, *, last: bool) -> Iterator[str]:
        """Yield what was added, cut at line ends; an unfinished line is kept, unless ``last``."""
        try:
            file = open(self.path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            # Pruned while it was followed.
            return
        with file:
            file.seek(self._offset)
            while data := file.read(CHUNK_BYTES):
                self._offset += len(data)
                text = self._begun + self._decoder.decode(data)
                # A line longer than a chunk is shown in parts.
                end = text.rfind("\n") + 1 or (len(text) if len(text) >= CHUNK_BYTES else 0)
                self._begun = text[end:]
                if end:
                    yield text[:end]
        if last:
            rest = self._begun + self._decoder.decode(b"", final=True)
            self._begun = ""
            if rest:
                yield rest


class LogFolder:
    """The logs of a run that are ``wanted``, in a folder that need not exist yet."""

    def __init__(self, path: Path, wanted: Callable[[LogFile], bool]) -> None:
        self._path = path
        self._wanted = wanted
        self._files: dict[str, LogFile | None] = {}

    def look(self) -> list[LogFile]:
        """Return the files that are there now; those known before keep their place."""
        try:
            names = sorted(os.listdir(self._path))
        except FileNotFoundError:
            names = []
        for name in names:
            if name not in self._files:
                file = self._file(name)
                self._files[name] = file if file is not None and self._wanted(file) else None
        return [file for file in self._files.values() if file is not None]

    def _file(self, name: str) -> LogFile | None:
        if name == RUN_LOG:
            return LogFile(self._path / name, None, 0)
        found = _STEP_LOG.fullmatch(name)
        if found is None:
            return None
        return LogFile(self._path / name, int(found[1]) - 1, int(found[2]))
