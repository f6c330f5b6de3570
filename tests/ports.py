"""Ports that nobody else is given while nobody listens on them: a server that is killed comes back to its own.

A port that was free a moment ago (bind to 0, close) can be taken before it is used: the system gives such
ports to every connection that goes out, of which tests open thousands. Those here lie beside that range, and
each process of the tests marks the ones it has handed out, by a lock that ends with it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 10_000, 65_535

_mine: set[int] = set()
_marks: list[int] = []


def free_ports(count: int) -> list[int]:
    """Return ports of this process's own, all different, on which nobody listens on loopback."""
    low, high = map(
        int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    )
    candidates = [port for port in range(FIRST, LAST + 1) if not low <= port <= high]
    # Processes begin at different places, so that they seldom meet.
    start = os.getpid() * 101 % len(candidates)
    found: list[int] = []
    for port in (*candidates[start:], *candidates[:start]):
        if len(found) == count:
            break
        if port not in _mine and _marked(port) and _unused(port):
            found.append(port)
            _mine.add(port)
    assert len(found) == count, "no port is free"
    return found


def _marked(port: int) -> bool:
    """Mark a port as this process's: a byte of one file for each, locked as long as it lives."""
    if not _marks:
        path = Path(tempfile.gettempdir()) / f"framework0-test-ports-{os.getuid()}"
        _marks.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        fcntl.lockf(_marks[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what is left of a connection that has ended is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
