"""``type: files``: copy, move, remove, archive, unpack, checksum and find files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import StepCancelled, UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

NEEDS_TO: Final = frozenset({"copy", "move", "archive", "unpack"})

OWN: Final[Mapping[str, frozenset[str]]] = {
    "copy": frozenset({"to", "overwrite"}),
    "move": frozenset({"to", "overwrite"}),
    "remove": frozenset({"missing_ok"}),
    "archive": frozenset({"to", "overwrite", "format"}),
    "unpack": frozenset({"to", "overwrite", "format", "max_files", "max_bytes"}),
    "checksum": frozenset({"algorithm", "expect"}),
    "glob": frozenset({"into"}),
}
"""The params that mean something to an action; of the others none may be given."""


class Files(BaseScriptlet):
    """Copy, move, remove, archive, unpack, checksum or find files, within the allowed folders only.

    A copy, an archive and what is unpacked appear whole or not at all. Archives of equal files are equal
    byte for byte. Unpacking refuses links, names that lead elsewhere, and archives that grow too large,
    before anything is in its place. The result holds ``path`` or ``paths`` and, by the action, ``files``,
    ``bytes``, ``removed``, ``checksum`` and ``checksums``. Raises FileNotFoundError, FileExistsError and
    other OSErrors; RefusedError (outside of the allowed folders, a hostile archive); StepError (a
    checksum that differs) and UsageError (wrong params).
    """

    name = "files"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "action": Parameter(
            str,
            choices=("copy", "move", "remove", "archive", "unpack", "checksum", "glob"),
            description="what to do",
        ),
        "path": Parameter(
            object,
            description="the file or folder; for archive and checksum also a list; a pattern for glob",
        ),
        "to": Parameter(str, required=False, description="where it goes: its new path itself"),
        "overwrite": Parameter(
            bool, required=False, description="whether what is there may be replaced; false"
        ),
        "missing_ok": Parameter(
            bool, required=False, description="whether nothing to remove is well, too; false"
        ),
        "format": Parameter(
            str,
            required=False,
            choices=("zip", "tar", "tar.gz", "tar.bz2", "tar.xz"),
            description="the kind of archive; by its ending, unless given",
        ),
        "max_files": Parameter(
            int, required=False, description="how many files are unpacked at most; 10,000"
        ),
        "max_bytes": Parameter(
            int, required=False, description="how many bytes are unpacked at most; 1 GiB"
        ),
        "algorithm": Parameter(
            str,
            required=False,
            choices=("sha256", "sha512", "sha1", "md5", "blake2b"),
            description="how the checksum is made; sha256",
        ),
        "expect": Parameter(
            str, required=False, description="what the checksum must be, in hexadecimal"
        ),
        "into": Parameter(str, required=False, description="the context key for the paths found"),
    }

    def validate(self, context: Any, params: dict[str, Any]) -> None:
        """Refuse params that mean nothing to the action, and lacking ones."""
        del context
        action = params["action"]
        for name, value in params.items():
            if value is not None and name not in {"action", "path"} and name not in OWN[action]:
                raise UsageError(f"{name} means nothing to {action}")
        if action in NEEDS_TO and params["to"] is None:
            raise UsageError(f"{action} needs to: where it goes")
        if params["path"] is None or isinstance(params["path"], list) != (
            action in {"archive", "checksum"} and isinstance(params["path"], list)
        ):
            raise UsageError(f"{action} takes one path")

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Do it."""
        result = getattr(self, f"_{params['action']}")(params)
        if params["into"] is not None:
            context.set(params["into"], result["paths"])
        return dict(result)

    def _look(self) -> None:
        if self.cancelled:
            raise StepCancelled("the step was told to stop")

    def _copy(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.copying import copy

        return copy(
            _roots(), _one(params), params["to"], self._look, overwrite=bool(params["overwrite"])
        )

    def _move(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.copying import move

        return move(
            _roots(), _one(params), params["to"], self._look, overwrite=bool(params["overwrite"])
        )

    def _remove(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.copying import remove

        return remove(_roots(), _one(params), missing_ok=bool(params["missing_ok"]))

    def _archive(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.archiving import archive
        from framework0.scriptlets.builtin.params import texts

        paths, overwrite = texts("path", params["path"]), bool(params["overwrite"])
        return archive(
            _roots(), paths, params["to"], params["format"], self._look, overwrite=overwrite
        )

    def _unpack(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.unpacking import Limits, unpack

        limits = Limits(params["max_files"], params["max_bytes"])
        return unpack(
            _roots(),
            _one(params),
            params["to"],
            params["format"],
            limits,
            self._look,
            overwrite=bool(params["overwrite"]),
        )

    def _checksum(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.finding import checksums
        from framework0.scriptlets.builtin.params import texts

        paths = texts("path", params["path"])
        return checksums(
            _roots(), paths, params["algorithm"] or "sha256", params["expect"], self._look
        )

    def _glob(self, params: Mapping[str, Any]) -> dict[str, Any]:
        from framework0.scriptlets.builtin.finding import matching

        found = matching(_roots(), _one(params), self._look)
        return {"paths": found, "count": len(found)}


def _roots() -> Any:
    from framework0.scriptlets.builtin.confined import allowed_roots

    return allowed_roots()


def _one(params: Mapping[str, Any]) -> str:
    if not isinstance(params["path"], str):
        raise UsageError(f"path must be a text, not {type(params['path']).__name__}")
    return params["path"]
