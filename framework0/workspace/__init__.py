"""Where a user's work lies: the workspace, its settings, its private files and its locks."""

from __future__ import annotations

from framework0.doors import opening
from framework0.workspace.files import (
    make_private_folder,
    open_private,
    open_to_look,
    sync_folder,
    trouble,
)
from framework0.workspace.filesystem import FileSystem, filesystem_of
from framework0.workspace.locks import Gate, Holder, Lock, hold, holder
from framework0.workspace.process import Identity, is_alive, started_at, this_process
from framework0.workspace.settings import Settings
from framework0.workspace.workspace import Workspace, find_workspace, is_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.workspace.database import SYNCHRONOUS as SYNCHRONOUS
    from framework0.workspace.database import connect_sqlite as connect_sqlite
    from framework0.workspace.database import is_sqlite_damage as is_sqlite_damage
    from framework0.workspace.database import remote_reason as remote_reason
    from framework0.workspace.database import sqlite_cause as sqlite_cause
    from framework0.workspace.database import sqlite_code as sqlite_code
    from framework0.workspace.local_token import local_token_path as local_token_path
    from framework0.workspace.local_token import read_local_token as read_local_token
    from framework0.workspace.local_token import write_local_token as write_local_token
    from framework0.workspace.person import user_name as user_name
    from framework0.workspace.pools import PoolSlots as PoolSlots
    from framework0.workspace.pools import pool_text as pool_text
    from framework0.workspace.pools import pool_users as pool_users
    from framework0.workspace.pools import pools_folder as pools_folder
    from framework0.workspace.private import read_private as read_private
    from framework0.workspace.private import replace_private as replace_private
    from framework0.workspace.spelling import for_file as for_file
    from framework0.workspace.spelling import for_system as for_system

__all__ = [
    "SYNCHRONOUS",
    "FileSystem",
    "Gate",
    "Holder",
    "Identity",
    "Lock",
    "PoolSlots",
    "Settings",
    "Workspace",
    "connect_sqlite",
    "filesystem_of",
    "find_workspace",
    "for_file",
    "for_system",
    "hold",
    "holder",
    "is_alive",
    "is_id",
    "is_sqlite_damage",
    "local_token_path",
    "make_private_folder",
    "open_private",
    "open_to_look",
    "pool_text",
    "pool_users",
    "pools_folder",
    "read_local_token",
    "read_private",
    "remote_reason",
    "replace_private",
    "sqlite_cause",
    "sqlite_code",
    "started_at",
    "sync_folder",
    "this_process",
    "trouble",
    "user_name",
    "write_local_token",
]


# Few commands need these: the others do not load them.
_LATER = {
    "PoolSlots": "pools",
    "SYNCHRONOUS": "database",
    "connect_sqlite": "database",
    "for_file": "spelling",
    "for_system": "spelling",
    "is_sqlite_damage": "database",
    "local_token_path": "local_token",
    "pool_text": "pools",
    "pool_users": "pools",
    "pools_folder": "pools",
    "read_local_token": "local_token",
    "read_private": "private",
    "remote_reason": "database",
    "replace_private": "private",
    "sqlite_cause": "database",
    "sqlite_code": "database",
    "user_name": "person",
    "write_local_token": "local_token",
}

__getattr__ = opening(__name__, _LATER)
