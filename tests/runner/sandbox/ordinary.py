"""Become an ordinary user and run a command: ``python ordinary.py FOLDER … -- COMMAND …``.

Started by root, in a mount namespace of its own: there the folders are reachable for everybody, even when one
above them is not (an interpreter in root's home). Started by anybody else it only runs the command.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from framework0.runner.sandbox.calls import call

NOBODY = 65534
NEW_MOUNTS, BIND, MOVE, REC, PRIVATE = 0x0002_0000, 0x1000, 0x2000, 0x4000, 1 << 18


def reveal(folders):
    """Put an empty folder over each that others may not enter, and ``folders`` into it."""
    hidden = {}
    for folder in map(Path, folders):
        for above in reversed(folder.parents):
            if not above.stat().st_mode & 0o001:
                hidden.setdefault(above, []).append(folder)
                break
    for above, inside in hidden.items():
        held = [(tempfile.mkdtemp(), folder) for folder in inside]
        for place, folder in held:
            call("mount", str(folder), place, None, BIND | REC, None)
        call("mount", "cover", str(above), "tmpfs", 0, "mode=755")
        for place, folder in held:
            folder.mkdir(parents=True, exist_ok=True)
            call("mount", place, str(folder), None, MOVE, None)
            os.rmdir(place)


def main():
    at = sys.argv.index("--")
    if os.geteuid() == 0:
        call("unshare", NEW_MOUNTS)
        call("mount", "none", "/", None, REC | PRIVATE, None)
        reveal(dict.fromkeys(sys.argv[1:at]))
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    os.execvp(sys.argv[at + 1], sys.argv[at + 1 :])


if __name__ == "__main__":
    main()
