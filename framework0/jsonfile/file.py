"""A JSON file under a lock: every change is whole, on the disk, and made by one at a time."""

from __future__ import annotations

import os
import threading
import time

from framework0.errors import JsonFileBroken, LockHeld, UsageError, ValueRefused
from framework0.jsonfile.copies import copy_value
from framework0.jsonfile.edits import ADD, SET, apply_edit
from framework0.jsonfile.queue import Queue
from framework0.jsonfile.source import Source
from framework0.jsonfile.text import parse_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any, Final

    from framework0.jsonfile.copies import Document

TIME_LIMIT: Final = 30.0
"""Seconds that a change waits for its turn, unless told otherwise."""

_BEING_SAVED: Final = 0.02
"""Seconds after which a broken file is looked at once more: an editor may be saving it."""


class JsonFile:
    """One JSON object in a file that threads and processes of this host share.

    Reading takes no lock, because a file that is replaced whole is never half. A change waits at
    most ``timeout`` seconds (None: for ever); it has reached the disk when the call returns, unless
    ``durable`` is False. The lock file is ``lock_path``, by default the file's name with ``.lock``
    at its end, and belongs to the kernel: it is free at the moment its holder dies. The state before
    the last change is kept beside the file, under its name with ``.bak`` at its end.

    On a network file system nothing is promised but what its locks and renames promise.
    """

    _process = 0

    def __init__(
        self,
        path: Path,
        lock_path: Path | None = None,
        *,
        timeout: float | None = TIME_LIMIT,
        durable: bool = True,
    ) -> None:
        if timeout is not None and not timeout >= 0:
            raise UsageError(f"a time limit is 0 seconds or more, or None, not {timeout!r}")
        self.path = path
        self.lock_path = lock_path or path.with_name(f"{path.name}.lock")
        if self.lock_path == path:
            raise UsageError(f"{path} cannot be its own lock file")
        self.good_copy = path.with_name(f"{path.name}.bak")
        self._timeout = timeout
        self._durable = durable
        self._begin()

    def __del__(self) -> None:
        # In a child of a fork the numbers of these files may be others' already.
        if self._process == os.getpid():
            self._queue.close()
            self._source.close()

    def read(self) -> dict[str, Any]:
        """Return the whole object, a copy of our own; a file that is not there is an empty one.

        Raises :class:`~framework0.errors.JsonFileBroken` for a file that is not one object of JSON,
        :class:`~framework0.errors.RefusedError` for a link, a pipe or a folder in its place, and
        :class:`~framework0.errors.WorkspaceError` when it cannot be read.
        """
        return self._document().copy()

    def get(self, *keys: str, default: Any = None) -> Any:
        """Return the value that ``keys`` lead to from the outside in, or ``default``.

        Raises as :meth:`read` does.
        """
        here: Any = self._document().content
        for key in keys:
            if not isinstance(here, dict) or key not in here:
                return default
            here = here[key]
        return copy_value(here)

    def set(self, *keys: str, value: Any) -> None:
        """Set the value that ``keys`` lead to; groups that are missing are made.

        Raises as :meth:`change` does, and :class:`~framework0.errors.ValueRefused` for a value that is
        no JSON, or when one of the keys but the last leads to something that is no group.
        """
        self._apply((SET, _checked(keys), value))

    def increment(self, *keys: str, by: int = 1) -> int:
        """Add ``by`` to the integer that ``keys`` lead to, and return the sum; none counts as 0.

        Two callers never get the same sum. Raises as :meth:`set` does, and
        :class:`~framework0.errors.ValueRefused` for what is no integer or leaves 64 bits.
        """
        if isinstance(by, bool) or not isinstance(by, int):
            raise UsageError(f"a count goes up or down by an integer, not by {by!r:.60}")
        return int(self._apply((ADD, _checked(keys), by)))

    def change(self, function: Callable[[dict[str, Any]], Any]) -> Any:
        """Have ``function`` change the object in place, as one change; return what it returns.

        It is called with the lock held, and again if somebody has edited the file by hand meanwhile.
        Nothing is changed when it raises.

        Raises :class:`~framework0.errors.LockHeld` when the turn did not come in time, and as
        :meth:`read` does; nothing was changed then, unless the message says so.
        """
        return self._in_turn(lambda queue: queue.run(function, None))

    def close(self) -> None:
        """Close what is open; the next call opens it again."""
        with self._turn, self._looking:
            self._queue.close()
            self._source.close()

    def _begin(self) -> None:
        self._process = os.getpid()
        # Threads of one process take turns here, processes at the lock file.
        self._turn = threading.Lock()
        self._looking = threading.Lock()
        self._source = Source(self.path)
        self._queue = Queue(self.path, self.lock_path, durable=self._durable)

    def _apply(self, edit: tuple[str, Sequence[str], Any]) -> Any:
        return self._in_turn(
            lambda queue: queue.run(lambda document: apply_edit(document, edit), edit)
        )

    def _in_turn(self, action: Callable[[Queue], Any]) -> Any:
        self._notice_fork()
        limit = -1.0 if self._timeout is None else self._timeout
        start = time.monotonic()
        if not self._turn.acquire(timeout=limit):
            raise LockHeld(
                f"{self.lock_path} is held by another thread of this process: wait for it",
                holder=f"process {os.getpid()}",
            )
        try:
            self._queue.until = None if self._timeout is None else start + self._timeout
            return action(self._queue)
        except JsonFileBroken as error:
            raise self._offering(error) from error
        finally:
            self._turn.release()

    def _document(self) -> Document:
        self._notice_fork()
        with self._looking:
            try:
                return self._source.document()
            except JsonFileBroken:
                time.sleep(_BEING_SAVED)
            try:
                return self._source.document()
            except JsonFileBroken as error:
                raise self._offering(error) from error

    def _notice_fork(self) -> None:
        # A child has copies of our open files and perhaps of held locks: it begins anew.
        if self._process != os.getpid():
            self._begin()

    def _offering(self, error: JsonFileBroken) -> JsonFileBroken:
        """Add what to do next; the good copy is offered only if it is one."""
        try:
            parse_object(self.good_copy.read_bytes(), str(self.good_copy))
        except (OSError, JsonFileBroken):
            copy, advice = None, "repair it, or move it away to begin anew"
        else:
            copy = str(self.good_copy)
            advice = f"the state before the last change is in {copy}"
        return JsonFileBroken(
            f"{error}; nothing was overwritten: {advice}",
            offset=error.offset,
            line=error.line,
            good_copy=copy,
        )


def _checked(keys: Sequence[str]) -> Sequence[str]:
    if not keys:
        raise UsageError("name at least one key")
    for key in keys:
        if not isinstance(key, str):
            raise ValueRefused(f"a key is a text, not {key!r:.60}")
    return keys
