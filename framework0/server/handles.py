"""Room for the connections a server is meant to hold: the system counts each as an open file."""

from __future__ import annotations

from framework0.errors import UsageError
from framework0.server.limits import NAMESPACES, TURNED_AWAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Of a context in a file: the file, its log, the log's index, and readers of their own.
_EACH_CONTEXT: Final = 8
_OTHERS: Final = 64


def make_room(connections: int) -> None:
    """Raise this process's limit of open files so far that all of these find room.

    Raises UsageError when the system does not allow it: without room, a server could neither take
    the connections it was promised to take nor open what it keeps contexts in.
    """
    try:
        import resource
    except ImportError:
        # This system has no such limit.
        return
    needed = connections + TURNED_AWAY + NAMESPACES * _EACH_CONTEXT + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"--max-connections {connections} needs {needed:,} open files, and this system allows "
            f"{hard:,} (`ulimit -Hn`): take fewer, or have the limit raised"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
