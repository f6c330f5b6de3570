"""What stands in the place of a value that is kept as a file: its digest, its format, its size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.artifacts.store import Artifacts

MARK: Final = "$artifact"
"""The key that makes an object of JSON a reference; no value of a user may have it."""

DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_IN_TEXT: Final = re.compile(
    r'"\$artifact": ?"([0-9a-f]{64})", ?"format": ?"([a-z]+)", ?"bytes": ?(\d{1,18})'
)


class Artifact:
    """A reference to a kept value. Immutable; two are equal when digest and format are.

    ``digest`` is the SHA-256 of the file's content in hexadecimal, ``format`` one of
    :data:`~framework0.artifacts.formats.FORMATS`, ``bytes`` the size of the file.
    """

    __slots__ = ("_home", "bytes", "digest", "format")

    digest: str
    format: str
    bytes: int
    _home: Artifacts | None

    def __init__(
        self, digest: str, format: str, bytes: int, home: Artifacts | None = None  # noqa: A002
    ) -> None:
        put = object.__setattr__
        put(self, "digest", digest)
        put(self, "format", format)
        put(self, "bytes", bytes)
        put(self, "_home", home)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an artifact's reference does not change: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        return (self.digest, self.format) == (other.digest, other.format)

    def __hash__(self) -> int:
        return hash((self.digest, self.format))

    def __repr__(self) -> str:
        return f"Artifact({self.digest[:12]}…, {self.format}, {self.bytes:,} bytes)"

    def load(self) -> Any:
        """Return the value; see :meth:`Artifacts.load`."""
        if self._home is None:
            raise ArtifactError(
                f"artifact {self.digest[:12]} was read without its workspace: "
                "load it with Artifacts.load"
            )
        return self._home.load(self)

    def bound(self, home: Artifacts) -> Artifact:
        """Return the same reference, which knows where to load its value from."""
        return Artifact(self.digest, self.format, self.bytes, home)

    def to_json(self) -> dict[str, Any]:
        """Return the reference as it stands in a JSON value."""
        return {MARK: self.digest, "format": self.format, "bytes": self.bytes}

    @classmethod
    def from_json(cls, value: dict[str, Any], home: Artifacts | None = None) -> Artifact:
        """Return the reference that :meth:`to_json` wrote; raises ArtifactError for anything else."""
        digest, kind, size = value.get(MARK), value.get("format"), value.get("bytes")
        shaped = isinstance(digest, str) and DIGEST.fullmatch(digest) is not None
        if not shaped or not isinstance(kind, str) or type(size) is not int:
            raise ArtifactError(f"this is no reference to an artifact: {value!r:.200}")
        assert isinstance(digest, str)
        return cls(digest, kind, size, home)


def revive(value: Any, home: Artifacts | None = None) -> Any:
    """Return a JSON value with an :class:`Artifact` in the place of each reference in it."""
    if isinstance(value, list):
        return [revive(item, home) for item in value]
    if isinstance(value, dict):
        if MARK in value:
            return Artifact.from_json(value, home)
        return {key: revive(item, home) for key, item in value.items()}
    return value


def plain(value: Any) -> Any:
    """Return the value as JSON, each reference as :meth:`Artifact.to_json` writes it."""
    if isinstance(value, Artifact):
        return value.to_json()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def references(value: Any) -> Iterator[Artifact]:
    """Yield every reference inside a value of JSON and references."""
    if isinstance(value, Artifact):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)


def artifacts_in(text: str) -> list[Artifact]:
    """Return the references in a text of JSON, without parsing it."""
    if MARK not in text:
        return []
    return [Artifact(digest, kind, int(size)) for digest, kind, size in _IN_TEXT.findall(text)]
