"""Waiting for the lock of one file, and being served by whoever has it meanwhile."""

from __future__ import annotations

import json
import time

from framework0.errors import LockHeld, ValueRefused
from framework0.jsonfile.batch import Batch
from framework0.jsonfile.box import Box
from framework0.jsonfile.replacing import remove_drafts
from framework0.jsonfile.source import Source
from framework0.workspace import Gate, filesystem_of, holder, this_process, trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any, Final

    Change = Callable[[dict[str, Any]], Any]
    Edit = tuple[str, Sequence[str], Any]

_SLOWER: Final = 1.3
_SHORTEST: Final = 0.0003
_LONGEST: Final = 0.003
"""Seconds between two looks while waiting: a replacement with its syncs takes about one of these."""


class Queue:
    """The way to one file's lock from one place in one process; ``until`` limits the waiting."""

    def __init__(self, path: Path, lock_path: Path, *, durable: bool) -> None:
        self._path = path
        self._lock_path = lock_path
        self._durable = durable
        self._source = Source(path)
        self._gate: Gate | None = None
        self._box: Box | None = None
        self._who = ""
        self._swept = False
        self.until: float | None = None

    def run(self, change: Change, edit: Edit | None) -> Any:
        """Make ``change`` when the lock is ours, or have its holder make the ``edit`` it stands for.

        Raises what ``change`` raises, and as :meth:`framework0.jsonfile.JsonFile.change` does.
        """
        while True:
            gate, box = self._open()
            token, answer = (None, None) if self._enter(gate) else self._wait(gate, box, edit)
            if answer is not None:
                return _result(answer)
            try:
                if gate.intact:
                    batch = Batch(self._path, self._source, gate, box, durable=self._durable)
                    return self._serve(batch, box, change, token)
                answer = box.answer(token) if token else None
                if answer is not None:
                    return _result(answer)
            finally:
                gate.leave()
            # The lock file was removed before it was ours: the one that is there now counts.
            self.close()

    def close(self) -> None:
        """Close what is open; the next change opens it again."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.close()
        self._source.close()

    def _open(self) -> tuple[Gate, Box]:
        if self._gate is None or self._box is None:
            self._gate = Gate(self._lock_path)
            # Far away, locks of bytes and of files may be one thing: nothing is posted there.
            self._box = Box(self._gate, posting=not filesystem_of(self._path).remote)
            self._swept = False
        return self._gate, self._box

    def _enter(self, gate: Gate) -> bool:
        try:
            return gate.enter_now()
        except OSError as error:
            raise trouble("lock", self._lock_path, error) from error

    def _serve(self, batch: Batch, box: Box, change: Change, token: bytes | None) -> Any:
        batch.recover()
        if token is not None:
            # Whoever had the lock may have answered between our last look and our turn.
            answer = box.answer(token)
            if answer is not None:
                return _result(answer)
            box.withdraw()
        if not self._swept:
            remove_drafts(self._path)
            self._swept = True
        box.describe(self._description())
        return batch.run(change)

    def _wait(self, gate: Gate, box: Box, edit: Edit | None) -> tuple[bytes | None, Any]:
        """Return our token and its answer; without an answer, the lock is ours."""
        token = box.ask(edit) if edit is not None else None
        pause = _SHORTEST
        try:
            while True:
                answer = box.answer(token) if token else None
                if answer is not None or self._enter(gate):
                    return token, answer
                if self.until is not None and time.monotonic() >= self.until:
                    break
                time.sleep(pause)
                pause = min(pause * _SLOWER, _LONGEST)
        except BaseException:
            if token is not None:
                box.withdraw()
            raise
        return token, self._give_up(box, token)

    def _give_up(self, box: Box, token: bytes | None) -> Any:
        """Withdraw, and raise; or return the answer that has come at the last moment."""
        unsure = ""
        if token is not None:
            box.withdraw()
            taken = box.is_taking()
            answer = box.answer(token)
            if answer is not None:
                return answer
            if taken:
                unsure = "; it may have taken up this change already, and make it when it goes on"
        who = str(holder(self._lock_path) or "a process that has just ended")
        raise LockHeld(
            f"{self._lock_path} is held by {who}: wait for it, or end that process{unsure}",
            holder=who,
        )

    def _description(self) -> bytes:
        if not self._who:
            self._who = json.dumps({**this_process()._asdict(), "note": self._path.name})[:-1]
        return f'{self._who}, "since": {time.time()!r}}}'.encode("ascii")


def _result(answer: Any) -> Any:
    done, value, *path = answer
    if done:
        return value
    raise ValueRefused(value, path=path[0])
