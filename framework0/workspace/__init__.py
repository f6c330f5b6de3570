"""Where a user's work lies: the workspace, its settings, its private files and its locks."""

from __future__ import annotations

from framework0.workspace.files import make_private_folder, open_private
from framework0.workspace.filesystem import FileSystem, filesystem_of
from framework0.workspace.locks import Gate, Holder, Lock, hold, holder
from framework0.workspace.process import Identity, is_alive, started_at, this_process
from framework0.workspace.settings import Settings
from framework0.workspace.workspace import Workspace, find_workspace, is_id

__all__ = [
    "FileSystem",
    "Gate",
    "Holder",
    "Identity",
    "Lock",
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
    "started_at",
    "this_process",
]
