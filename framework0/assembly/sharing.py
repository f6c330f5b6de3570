"""Contexts that outlive a run: of the workspace, of a server, of a cluster; and runs that share one.

A run writes to a shared context at once and durably, so what an attempt wrote can outlive the attempt's
record when the process is killed between the two. Going on with the run therefore begins by taking
back what no acknowledged attempt has written: the context then holds what completed steps did.
"""

from __future__ import annotations

from framework0.context import Author, Context
from framework0.errors import HistoryTrimmed, StoreUnavailable, UsageError
from framework0.workspace import is_id, make_private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any, Final

    from framework0.assembly.session import Options
    from framework0.context import Change, Store
    from framework0.runner import AttemptRecord, RunHistory
    from framework0.workspace import Workspace

DEFAULT_NAME: Final = "default"

CONNECT_SECONDS = 10.0
"""How long a server may take until it has told what there is."""

_SERVERS: Final = ("ws://", "wss://")
_CLUSTERS: Final = ("etcd://", "etcds://", "nats://", "natss://")


def open_store(where: str, workspace: Workspace, *, token: str | None = None) -> Store:
    """Open the store of a shared context.

    ``where`` is a name (a file in the workspace's state, shared by all its processes), the address of
    a server (``ws://``, ``wss://``), or that of a cluster (``etcd://``, ``nats://``). ``token`` is for a
    server; without it those are looked for that a client finds by itself. Raises
    :class:`~framework0.errors.UsageError` for what is none of them.
    """
    if where.startswith(_SERVERS):
        return _on_server(where, token)
    if where.startswith(_CLUSTERS):
        from framework0.context.replicated import ReplicatedStore, open_log

        return ReplicatedStore(open_log(where))
    from framework0.context.persist import SQLiteStore

    return SQLiteStore(context_file(where, workspace))


def _on_server(url: str, token: str | None) -> Store:
    from framework0.context import RemoteStore

    store = RemoteStore(url, token=token)
    try:
        reached = store.wait_connected(CONNECT_SECONDS)
    # An interrupt as well: the connection's thread must not outlive a call that brought nothing.
    except BaseException:
        store.close()
        raise
    if reached:
        return store
    trouble = store.status().trouble
    store.close()
    raise StoreUnavailable(
        f"no context server answers at {url} within {CONNECT_SECONDS:g} s"
        + (f": {trouble}" if trouble else ""),
        happened=False,
    )


def context_file(name: str, workspace: Workspace) -> Path:
    """Return the file of a context of the workspace, whose folder is made if it is missing."""
    if not is_id(name):
        from framework0.context.replicated import shown

        raise UsageError(
            f"{shown(name)!r} names no shared context: give a name such as `{DEFAULT_NAME}`, the address of a "
            "server such as ws://127.0.0.1:8765, or that of a cluster such as etcd://10.0.0.1:2379/name"
        )
    workspace.ensure_state()
    folder: Path = workspace.state / "contexts"
    make_private_folder(folder)
    return folder / f"{name}.db"


def shared_context(where: str, workspace: Workspace, *, who: str = "user") -> Context:
    """Open a shared context; see :func:`open_store`. The caller closes it."""
    return Context(open_store(where, workspace), who=who)


class Shared:
    """The shared context of one run; ``where`` and ``since`` are what a later session must know."""

    __slots__ = ("context", "since", "store", "where")

    def __init__(self, where: str, workspace: Workspace, since: int | None = None) -> None:
        """Open the context; ``since`` is its version when the run began, None: it begins now."""
        self.where = where
        self.store = open_store(where, workspace)
        self.context = Context(self.store)
        self.since = self.store.version() if since is None else since

    def stored(self) -> dict[str, Any]:
        """Return what :func:`share_again` reads."""
        return {"context": self.where, "context_since": self.since}

    def take_back_unacknowledged(
        self, run_id: str, attempts: Iterable[AttemptRecord]
    ) -> tuple[str, ...]:
        """Undo what attempts of a run wrote that have no record in its journal.

        What somebody else has written over since is left as it is; the keys of that are returned.
        """
        known = {(record.name, record.attempt) for record in attempts}
        orphans: dict[tuple[str, int], list[Change]] = {}
        for change in self._changes():
            if change.run == run_id and change.step is not None and change.attempt is not None:
                attempt = (change.step, change.attempt)
                if attempt not in known:
                    orphans.setdefault(attempt, []).append(change)
        left: list[str] = []
        # The latest first: what it replaced is what the one before it wrote.
        latest = sorted(orphans.items(), key=lambda item: item[1][-1].version, reverse=True)
        for (step, number), changes in latest:
            view = self.context.view(Author(step, run_id, step, number))
            view.changes.extend(changes)
            view.compensate()
            left.extend(view.left)
        return tuple(left)

    def _changes(self) -> Iterator[Change]:
        # A server in memory that began anew is at an earlier version than the run has seen.
        since = min(self.since, self.store.version())
        try:
            return self.store.changes(since)
        except HistoryTrimmed:
            # Of what is forgotten nothing can be taken back; what is kept may still be the run's.
            return self.store.changes()


def begin_sharing(options: Options, where: str, workspace: Workspace) -> Context:
    """Open the shared context of a run that begins now."""
    options.shared = Shared(where, workspace)
    return options.shared.context


def share_again(history: RunHistory, options: Options, workspace: Workspace) -> Context:
    """Open the shared context of a run that goes on, without what it had not acknowledged there."""
    header = history.header
    options.shared = Shared(
        header.options["context"], workspace, header.options.get("context_since", 0)
    )
    options.shared.take_back_unacknowledged(header.run_id, history.attempts)
    return options.shared.context
