"""How a connection to a context server is."""

from __future__ import annotations

from framework0.tuples import NamedTuple


class RemoteStatus(NamedTuple):
    """A moment of a :class:`~framework0.context.remote.store.RemoteStore`.

    ``behind`` is how many versions the server is known to be ahead, ``silent_seconds`` how long ago it
    was heard (None: never), ``reconnects`` how often the connection was made again, ``snapshots`` how
    often everything had to come, ``why`` why the last time. ``waiting`` requests have no answer yet,
    ``kept`` writes wait for the server, and ``refused`` of such it did not take.
    """

    connected: bool
    address: str
    namespace: str
    role: str
    who: str
    version: int
    behind: int
    reconnects: int
    snapshots: int
    why: str | None
    silent_seconds: float | None
    waiting: int
    kept: int
    refused: int
    trouble: str | None

    @property
    def state(self) -> str:
        """One word for people."""
        return "connected" if self.connected else "away"
