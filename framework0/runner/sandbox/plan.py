"""What a step behind the walls may see and use."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError
from framework0.runner.sandbox.root import SCRATCH as FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

_BEYOND: Final = 1 << 30
"""Bytes of address space beyond twice the memory a step asks for: stacks of threads, reserved arenas."""

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

    ``roots`` are further folders of code. Raises :class:`~framework0.errors.RefusedError` when one of them is
    the home folder or holds it, for then everything a person owns would be in sight, and when the runner
    itself would load modules from one of them.
    """
    root = workspace.resolve()
    code = [str(workspace.absolute()), str(root), *map(os.path.abspath, roots)]
    seen = list(dict.fromkeys(map(os.path.realpath, code)))
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix]
    homes = _homes()
    _check_folders(seen, homes)
    _check_interpreter(prefixes, homes)
    package = Path(__file__).resolve().parents[2]
    _check_path(seen, str(package.parent))
    ours = [str(package), sys.executable, *prefixes, *sys.path]
    hidden = (*homes, root.parent, state.resolve(), Path(FOLDER))
    places = [
        os.path.abspath(one)
        for one in (*ours, *map(os.path.realpath, ours))
        if one and os.path.exists(one) and not _shows_too_much(one, hidden, prefixes)
    ]
    settings = [f"/etc/{name}" for name in _SETTINGS]
    readable = [*_SYSTEM, *settings, *_outermost([*places, *code])]
    return {
        "readable": [[one, os.path.realpath(one)] for one in readable],
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
        "home": FOLDER,
        "folder": FOLDER,
        "env": environment(),
    }


def narrowed(plan: Mapping[str, Any], memory: int | None, folder: str | None) -> dict[str, Any]:
    """Return ``plan`` for a step that says how much memory it needs, or where it works.

    Address space is more than what is used of it, which the supervisor looks after.
    """
    own = dict(plan)
    if memory:
        own["memory"] = min(plan["memory"], 2 * memory + _BEYOND)
    if folder is not None:
        own["folder"] = folder
    return own


def _homes() -> list[Path]:
    """Return the home folder, by the environment and by the system's list of users."""
    # Elsewhere than on POSIX it does not exist, and this is not called.
    import pwd

    found = [Path("~").expanduser().resolve()]
    # A user of a container may be in no list.
    with suppress(KeyError):
        found.append(Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve())
    return list(dict.fromkeys(found))


def _check_folders(seen: Sequence[str], homes: Sequence[Path]) -> None:
    for folder in map(Path, seen):
        for home in homes:
            if _holds(folder, home):
                raise RefusedError(
                    f"{folder} is or holds the home folder {home}, and steps can read their "
                    "workspace: put the recipe into a folder of its own to run it untrusted"
                )
        if _holds(folder, Path(FOLDER)):
            raise RefusedError(
                f"{folder} is the folder in which an untrusted step has its own files: put the recipe into "
                "a folder of its own"
            )


def _check_interpreter(prefixes: Sequence[str], homes: Sequence[Path]) -> None:
    for prefix in map(os.path.realpath, prefixes):
        if any(_holds(Path(prefix), home) for home in homes):
            raise RefusedError(
                f"Python is installed in {prefix}, which is or holds the home folder, and steps can read "
                "their interpreter: run it with one that has a folder of its own (`python -m venv`)"
            )


def _check_path(seen: Sequence[str], package: str) -> None:
    """Refuse when the runner's own import path leads into code that nobody trusts."""
    for entry in map(os.path.realpath, sys.path):
        if entry in seen and entry != package:
            raise RefusedError(
                f"{entry} is on the import path of the runner, which would load its modules outside of "
                "the sandbox: start `framework0` itself (or `python -P -m framework0`), without that "
                "folder in PYTHONPATH"
            )


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


def _shows_too_much(place: str, hidden: Sequence[Path], prefixes: Sequence[str]) -> bool:
    """Say whether ``place`` shows more than code: one of ``hidden``, or where the command was started."""
    folder = Path(place).resolve()
    if any(_holds(Path(prefix).resolve(), folder) for prefix in prefixes):
        return False
    return folder == Path.cwd() or any(_holds(folder, one) for one in hidden)


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return ``paths`` without what lies in another of them or in the system, the outer ones first."""
    found: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(path == one or path.startswith(one + "/") for one in (*_SYSTEM, *found)):
            found.append(path)
    return found
