"""Who changed what, a line each: for those who must be able to say so later.

Lines of JSON go to one file of the server, which is renamed when it is full; the one before it is
kept. The text of a token is in no line: its id is. Values are in none either: the history has them.
"""

from __future__ import annotations

import os
from json.encoder import encode_basestring_ascii as quoted

from framework0.workspace import make_private_folder, open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Final

    from framework0.server.tokens import Token

KEYS_NAMED: Final = 20
"""Keys of one transaction that are named; of the others there is the number."""


def signature(token: Token, context: str) -> str:
    """Return the part of a line that says who and where: made once for a connection."""
    who, where = quoted(token.name), quoted(context)
    return f'"token":{quoted(token.id)},"who":{who},"context":{where}'


class Audit:
    """Takes lines from the loop and writes them in one go; ``path`` None keeps none."""

    def __init__(self, path: Path | None, most: int, now: Callable[[], float]) -> None:
        self._path = path
        self._most = most
        self._now = now
        self._lines: list[str] = []
        self._file = -1
        self.lost = 0
        self.kept = path is not None
        if path is not None:
            make_private_folder(path.parent)
            self._file = open_private(path)
            os.lseek(self._file, 0, os.SEEK_END)

    def note(self, signature: str, what: str, keys: Sequence[str], version: int | None) -> None:
        """Take down that whoever has that :func:`signature` did something."""
        if self._path is None:
            return
        named = ",".join(map(quoted, keys[:KEYS_NAMED]))
        latest = "null" if version is None else version
        self._lines.append(
            f'{{"at":{self._now():.3f},{signature},"did":"{what}",'
            f'"version":{latest},"count":{len(keys)},"keys":[{named}]}}'
        )

    def flush(self) -> None:
        """Write what was taken down; what cannot be written (a full disk) is counted as lost."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        data = ("\n".join(lines) + "\n").encode()
        try:
            if os.fstat(self._file).st_size + len(data) > self._most:
                self._turn()
            if os.write(self._file, data) != len(data):
                self.lost += 1
        except OSError:
            self.lost += len(lines)

    def close(self) -> None:
        """Write the rest and close the file."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _turn(self) -> None:
        """Begin a new file; the full one takes the place of the one before it."""
        assert self._path is not None
        os.replace(self._path, self._path.with_name(self._path.name + ".1"))
        os.close(self._file)
        self._file = open_private(self._path)
