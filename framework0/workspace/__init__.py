"""Where a user's work lies: the workspace, its settings, its private files and its locks."""

from __future__ import annotations

from framework0.workspace.files import make_private_folder, open_private
from framework0.workspace.filesystem import FileSystem, filesystem_of
from framework0.workspace.locks import Gate, Holder, Lock, hold, holder
from framework0.workspace.process import Identity, is_alive, started_at, this_process
from framework0.workspace.settings import Settings
from framework0.workspace.workspace import Workspace, find_workspace, is_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.workspace.person import user_name as user_name
    from framework0.workspace.pools import PoolSlots as PoolSlots
    from framework0.workspace.pools import pool_text as pool_text
    from framework0.workspace.pools import pool_users as pool_users
    from framework0.workspace.pools import pools_folder as pools_folder

__all__ = [
    "FileSystem",
    "Gate",
    "Holder",
    "Identity",
    "Lock",
    "PoolSlots",
    "Settings",
    "Workspace",
    "filesystem_of",
    "find_workspace",
    "hold",
    "holder",
    "is_alive",
    "is_id",
    "make_private_folder",
    "open_private",
    "pool_text",
    "pool_users",
    "pools_folder",
    "started_at",
    "this_process",
    "user_name",
]


def __getattr__(name: str) -> object:
    # Few recipes use pools: the others do not load them.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "user_name":
        from framework0.workspace.person import user_name

        return user_name
    from framework0.workspace import pools

    return getattr(pools, name)
