"""Where the contexts of a server are kept, by the word that chooses it.

``memory`` keeps them as long as the server runs; ``sqlite:PATH`` in the file at that path;
``etcd://…`` and ``nats://…`` on a cluster, where other servers find them too; any other word is the name
of a shared context of the workspace. What is not the default namespace is beside the default one's
file with its name after a ``+``, which no name of a context has, or a log of its own on the cluster.
"""

from __future__ import annotations

from pathlib import Path

from framework0.context import MemoryStore
from framework0.errors import StoreUnavailable, UsageError
from framework0.server.limits import CLUSTER_SECONDS
from framework0.server.namespaces import DEFAULT
from framework0.workspace import is_id, make_private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from framework0.context import Store
    from framework0.workspace import Workspace

MEMORY: Final = "memory"
_SQLITE: Final = "sqlite:"
_CLUSTERS: Final = ("etcd://", "etcds://", "nats://", "natss://")


class Stores:
    """Opens the store of a namespace; ``text`` says for people where they are."""

    def __init__(self, word: str, workspace: Workspace) -> None:
        self._file: Path | None = None
        self._cluster = ""
        if word == MEMORY:
            self.text = "memory (gone when the server ends)"
            return
        if word.startswith(_CLUSTERS):
            self._cluster = self.text = word
            return
        if word.startswith(_SQLITE):
            path = word.removeprefix(_SQLITE)
            if not path:
                raise UsageError("--store sqlite:PATH needs the path of a file")
            self._file = Path(path).absolute()
        elif is_id(word):
            self._file = workspace.state / "contexts" / f"{word}.db"
            workspace.ensure_state()
        else:
            from framework0.context.replicated import shown

            raise UsageError(
                "--store is `memory`, `sqlite:PATH`, `etcd://HOST:PORT,…/NAME`, "
                f"`nats://HOST:PORT,…/NAME` or the name of a context, not {shown(word)!r}"
            )
        make_private_folder(self._file.parent)
        self.text = str(self._file)

    @property
    def clustered(self) -> bool:
        """Whether other servers share these contexts, and may make some that are new to this one."""
        return bool(self._cluster)

    def names(self) -> list[str]:
        """Return the names of the namespaces to open at the start, the default one aside.

        Those on a cluster are opened when somebody asks for them.
        """
        if self._file is None:
            return []
        start, end = f"{self._file.stem}+", self._file.suffix
        return sorted(
            found.name[len(start) : -len(end) or None]
            for found in self._file.parent.glob(f"*{end}")
            if found.name.startswith(start) and is_id(found.name[len(start) : -len(end) or None])
        )

    def check_name(self, name: str) -> None:
        """Raise :class:`~framework0.errors.UsageError` for a name that no context here can have."""
        if self._cluster:
            from framework0.context.replicated import check_namespace

            check_namespace(name)

    def exists(self, name: str) -> bool:
        """Whether another server has made the namespace on the cluster; may take its time.

        Raises :class:`~framework0.errors.StoreUnavailable` when the cluster does not answer.
        """
        from framework0.context.replicated import Away, open_log

        log = open_log(self._cluster, namespace=name)
        try:
            return log.begun()
        except Away as error:
            raise StoreUnavailable(
                f"whether there is a context {name!r} cannot be asked: {error}", happened=False
            ) from error
        finally:
            log.close()

    def open(self, name: str) -> Store:
        """Open the store of a namespace, made if it is new; on a cluster this may take its time."""
        store: Store
        if self._cluster:
            from framework0.context.replicated import ReplicatedStore, open_log

            log = open_log(self._cluster, namespace="" if name == DEFAULT else name)
            store = ReplicatedStore(log, timeout=CLUSTER_SECONDS)
            return store
        if self._file is None:
            return MemoryStore()
        from framework0.context.persist import SQLiteStore

        path = self._file
        if name != DEFAULT:
            path = path.with_name(f"{path.stem}+{name}{path.suffix}")
        store = SQLiteStore(path)
        return store
