"""What a step behind the walls may see and use."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError
from framework0.runner.sandbox.root import SCRATCH as FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRATCH: Final = 256 << 20
"""Bytes of the scratch folder, which is memory; no file may be larger either."""

FILES: Final = 20_000
MEMORY: Final = 4 << 30
"""Bytes of address space of one process, where the step's ``memory`` says nothing."""

CPU: Final = 3600
"""Seconds of processor time of one process."""

PROCESSES: Final = 128
DESCRIPTORS: Final = 256
LOG: Final = 16 << 20
"""Bytes that a step may print; the rest is dropped, and the log says so."""

LINE: Final = 64 << 20
"""Bytes that a step may say to the runner: its result, its context, its progress."""

_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS: Final = (
    "ld.so.cache",
    "ld.so.conf",
    "localtime",
    "alternatives",
    "ssl/certs",
    "mime.types",
)

_PASSED_ON: Final = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")


def plan_for(
    workspace: Path, state: Path, roots: Sequence[str], missing: Sequence[str]
) -> dict[str, Any]:
    """Return what steps of ``workspace`` may see: its code, the interpreter, the system's libraries.

    Raises :class:`~framework0.errors.RefusedError` when the workspace is the home folder, or holds it:
    then everything a person owns would be in sight.
    """
    home = Path("~").expanduser().resolve()
    root = workspace.resolve()
    for folder in (root, *(Path(one).resolve() for one in roots)):
        if _holds(folder, home):
            raise RefusedError(
                f"{folder} is or holds the home folder {home}, and steps can read their workspace: "
                "put the recipe into a folder of its own to run it untrusted"
            )
    ours = [str(Path(__file__).resolve().parents[3]), sys.prefix, sys.base_prefix, sys.exec_prefix]
    wanted = [
        *ours,
        *sys.path,
        *(os.path.realpath(one) for one in (*ours, *sys.path)),
        sys.executable,
    ]
    hidden = (home, root.parent, state.resolve(), Path(FOLDER))
    code = [one for one in wanted if one and os.path.exists(one) and not _holds_any(one, hidden)]
    places = [*map(os.path.abspath, code), str(workspace.absolute()), str(root), *map(str, roots)]
    return {
        "readable": [*_SYSTEM, *(f"/etc/{name}" for name in _SETTINGS), *_outermost(places)],
        "covered": sorted(
            {str(state), str(state.resolve()), str(root / ".framework0"), str(root / ".git")}
        ),
        "scratch": SCRATCH,
        "files": FILES,
        "memory": MEMORY,
        "cpu": CPU,
        "processes": PROCESSES,
        "descriptors": DESCRIPTORS,
        "log": LOG,
        "line": LINE,
        "missing": list(missing),
        "folder": FOLDER,
        "env": environment(),
    }


def environment() -> dict[str, str]:
    """Return the variables that every such step gets, and with its own no others."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = "/usr/local/bin:/usr/bin:/bin"
    return {
        "PATH": path,
        "HOME": FOLDER,
        "TMPDIR": FOLDER,
        "PYTHONDONTWRITEBYTECODE": "1",
        **passed,
    }


def _holds(folder: Path, home: Path) -> bool:
    return folder == home or folder in home.parents


def _holds_any(place: str, hidden: Sequence[Path]) -> bool:
    folder = Path(place).resolve()
    return any(_holds(folder, one) for one in hidden) and not str(folder).startswith(
        sys.base_prefix
    )


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return ``paths`` without what lies in another of them or in the system, the outer ones first."""
    found: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(path == one or path.startswith(one + "/") for one in (*_SYSTEM, *found)):
            found.append(path)
    return found
