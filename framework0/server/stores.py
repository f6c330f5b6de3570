"""Where the contexts of a server are kept, by the word that chooses it.

``memory`` keeps them as long as the server runs; ``sqlite:PATH`` in the file at that path; any other
word is the name of a shared context of the workspace. What is not the default namespace is beside the
default one's file, with its name after a ``+``, which no name of a context has.
"""

from __future__ import annotations

from pathlib import Path

from framework0.context import MemoryStore
from framework0.errors import UsageError
from framework0.server.namespaces import DEFAULT
from framework0.workspace import is_id, make_private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from framework0.context import Store
    from framework0.workspace import Workspace

MEMORY: Final = "memory"
_SQLITE: Final = "sqlite:"


class Stores:
    """Opens the store of a namespace; ``text`` says for people where they are."""

    def __init__(self, word: str, workspace: Workspace) -> None:
        self._file: Path | None = None
        if word == MEMORY:
            self.text = "memory (gone when the server ends)"
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
            raise UsageError(
                f"--store is `memory`, `sqlite:PATH` or the name of a context, not {word!r}"
            )
        make_private_folder(self._file.parent)
        self.text = str(self._file)

    @property
    def durable(self) -> bool:
        """Whether what is written outlives the server."""
        return self._file is not None

    def names(self) -> list[str]:
        """Return the names of the namespaces that are kept already, the default one aside."""
        if self._file is None:
            return []
        start, end = f"{self._file.stem}+", self._file.suffix
        return sorted(
            found.name[len(start) : -len(end) or None]
            for found in self._file.parent.glob(f"*{end}")
            if found.name.startswith(start) and is_id(found.name[len(start) : -len(end) or None])
        )

    def open(self, name: str) -> Store:
        """Open the store of a namespace, made if it is new."""
        if self._file is None:
            return MemoryStore()
        from framework0.context.persist import SQLiteStore

        path = self._file
        if name != DEFAULT:
            path = path.with_name(f"{path.stem}+{name}{path.suffix}")
        store: Store = SQLiteStore(path)
        return store
