"""The file formats of ``read`` and ``write``, by name and by ending."""

from __future__ import annotations

from typing import Any, Final

from framework0.errors import UsageError

FORMATS: Final = ("csv", "json", "jsonl", "parquet", "text")

_ENDINGS: Final = {
    ".csv": ("csv", ","),
    ".tsv": ("csv", "\t"),
    ".json": ("json", ""),
    ".jsonl": ("jsonl", ""),
    ".ndjson": ("jsonl", ""),
    ".parquet": ("parquet", ""),
    ".txt": ("text", ""),
    ".md": ("text", ""),
}


def format_of(path: str, given: str | None, delimiter: str | None) -> tuple[str, str]:
    """Return the format and the delimiter for a file; raise UsageError where nothing tells."""
    ending = next((ending for ending in _ENDINGS if path.lower().endswith(ending)), None)
    found, usual = _ENDINGS[ending] if ending else (None, "")
    kind = given or found
    if kind is None:
        raise UsageError(
            f"{path} has no ending that tells its format: add `format: csv` or the like"
        )
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise UsageError(f"delimiter must be one character, not {delimiter!r}")
    return kind, delimiter or (usual if kind == found else "") or ","


def known_encoding(name: str) -> str:
    """Return the encoding's own name; raise UsageError for one that is unknown or no text's."""
    import codecs

    try:
        found = codecs.lookup(name)
    except LookupError:
        raise UsageError(
            f"encoding {name!r} is unknown: utf-8, latin-1 and utf-16 are usual"
        ) from None
    # Some codecs turn bytes into bytes.
    if not getattr(found, "_is_text_encoding", True):
        raise UsageError(f"encoding {name!r} is none of texts")
    return found.name


def need_pyarrow() -> Any:
    """Return ``pyarrow``; raise UsageError with what to install when it is missing."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'framework0[tables]'") from None
    return pa
