"""A workspace: the folder a user works in, the state kept beside their files, and its settings."""

from __future__ import annotations

import os
from pathlib import Path

from framework0.errors import UsageError, WorkspaceError
from framework0.workspace.files import make_private_folder, open_private, trouble
from framework0.workspace.settings import Settings, settings_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

STATE_FOLDER: Final = ".framework0"
SETTINGS_FILE: Final = "framework0.toml"
PROJECT_FILE: Final = "pyproject.toml"
HOME_VARIABLE: Final = "FRAMEWORK0_HOME"

_ID_START: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_ID_REST: Final = _ID_START | frozenset("._-")
_ID_LENGTH: Final = 100


def is_id(text: str) -> bool:
    """Tell whether ``text`` may name a run and so a folder: never ``..``, never a separator."""
    return (
        0 < len(text) <= _ID_LENGTH
        and text[0] in _ID_START
        and _ID_REST.issuperset(text)
        and ".." not in text
    )


class Workspace:
    """Where everything of one user's work lies.

    ``root`` is where their recipes and code are, ``state`` the folder of ours (the journal, the
    logs, the caches). Nothing is created before it is needed.
    """

    __slots__ = ("root", "settings", "state")

    def __init__(self, root: Path, state: Path, settings: Settings | None = None) -> None:
        self.root = root
        self.state = state
        self.settings = Settings() if settings is None else settings

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r}, state={str(self.state)!r})"

    @property
    def journal(self) -> Path:
        """The journal's file, whether it exists or not."""
        return self.state / "journal.db"

    @property
    def cache(self) -> Path:
        """The folder for what can be computed again."""
        return self.state / "cache"

    @property
    def artifacts(self) -> Path:
        """The folder of values that are large or no JSON, whether it exists or not."""
        return self.state / "artifacts"

    def ensure_state(self) -> Path:
        """Create the state folder, closed to other users and to version control, and return it.

        Raises :class:`~framework0.errors.WorkspaceError` when it cannot be created.
        """
        ignore = self.state / ".gitignore"
        if not ignore.exists():
            make_private_folder(self.state)
            descriptor = open_private(ignore)
            try:
                os.write(descriptor, b"*\n")
            except OSError as error:
                raise trouble("write", ignore, error) from error
            finally:
                os.close(descriptor)
        return self.state

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of one run's files.

        Raises :class:`~framework0.errors.UsageError` when ``run_id`` is not an id.
        """
        if not is_id(run_id):
            raise UsageError(
                f"{run_id!r} is not a run's id: letters, digits, '.', '_' and '-' are allowed"
            )
        return self.state / "runs" / run_id


def find_workspace(
    start: Path | str | None = None,
    explicit: Path | str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Workspace:
    """Return the workspace that ``start`` (default: the current folder) lies in.

    The nearest folder upward that has a ``.framework0/``, a ``framework0.toml`` or a
    ``pyproject.toml`` with a ``[tool.framework0]`` table is its root; without any, ``start`` itself
    is. ``explicit`` names the root instead. ``FRAMEWORK0_HOME`` in ``environ`` names the state
    folder, for a root that cannot be written or lies on a network; the root stays as found.

    Raises :class:`~framework0.errors.UsageError` when ``explicit`` is no folder, and
    :class:`~framework0.errors.WorkspaceError` when the settings are wrong.
    """
    if explicit is not None:
        root = Path(explicit).absolute()
        if not root.is_dir():
            raise UsageError(f"{explicit} is not a folder: name the folder of a workspace")
        settings = _settings_in(root)
    else:
        root, settings = _search(Path(start or ".").absolute())
    home = environ.get(HOME_VARIABLE)
    state = Path(home).absolute() if home else root / STATE_FOLDER
    return Workspace(root, state, settings)


def _search(start: Path) -> tuple[Path, Settings | None]:
    for folder in (start, *start.parents):
        settings = _settings_in(folder)
        if settings is not None or (folder / STATE_FOLDER).is_dir():
            return folder, settings
    return start, None


def _settings_in(folder: Path) -> Settings | None:
    own = _read(folder / SETTINGS_FILE)
    if own is not None:
        return _parse(own, folder / SETTINGS_FILE, shared=False)
    project = _read(folder / PROJECT_FILE)
    if project is not None and _may_be_ours(project):
        return _parse(project, folder / PROJECT_FILE, shared=True)
    return None


def _read(path: Path) -> bytes | None:
    # Nearly every folder upward has neither file: asking costs a tenth of failing to open.
    if not path.is_file():
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise trouble("read", path, error) from error


def _may_be_ours(content: bytes) -> bool:
    """Tell cheaply whether a TOML parser could find ``tool.framework0``; the parser costs 10 ms."""
    if b"framework0" not in content:
        return False
    bare = content.translate(None, b" \t\"'")
    return any(sign in bare for sign in (b"tool.framework0", b"[tool]", b"tool={"))


def _parse(content: bytes, path: Path, *, shared: bool) -> Settings | None:
    import tomllib

    try:
        text = content.decode("utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"{path}: not valid TOML: {error}") from error
    if not shared:
        return settings_from(table, str(path), text)
    tool = table.get("tool")
    ours = tool.get("framework0") if isinstance(tool, dict) else None
    if ours is None:
        return None
    if not isinstance(ours, dict):
        raise WorkspaceError(f"{path}: tool.framework0 must be a table")
    return settings_from(ours, str(path), text, "tool.framework0")
