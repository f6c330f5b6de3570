"""Whom to signal to end a run: its warden, where it has one, which no stuck step can make deaf.

The lock of a run names the process that does the work. Its warden is the parent of that process and
is written into the run's folder; whoever wants to signal it checks that it still is that parent.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

    from framework0.workspace import Holder

FILE: Final = "warden"
"""The file in a run's folder that names its warden: the process id and when that process started."""


def note_responsible(folder: Path) -> None:
    """Write down who is to be signaled for the run in ``folder``, if it is not the process itself."""
    from framework0.errors import WorkspaceError
    from framework0.runner import responsible_pid
    from framework0.workspace import open_private, started_at

    pid = responsible_pid()
    if pid == os.getpid():
        return
    try:
        descriptor = open_private(folder / FILE)
    except WorkspaceError:
        # A full disk: then the run is signaled itself, which is well unless a step hangs in C.
        return
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{pid} {started_at(pid) or 0.0:.17g}\n".encode("ascii"), 0)
    except OSError:
        # The same.
        return
    finally:
        os.close(descriptor)


def process_to_signal(folder: Path, holder: Holder) -> tuple[int, float]:
    """Return process id and start of the one to signal for the run that ``holder`` works on."""
    from framework0.workspace import started_at

    try:
        pid, started = (folder / FILE).read_text(encoding="ascii").split()
        warden = int(pid), float(started)
    except (OSError, ValueError):
        return holder.pid, holder.started
    if _parent_of(holder.pid) == warden[0] and started_at(warden[0]) == warden[1]:
        return warden
    return holder.pid, holder.started


def _parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except OSError:
        return 0
    # The command's name may hold spaces and brackets: fields count from the last bracket on.
    return int(content[content.rindex(b")") + 2 :].split()[1])
