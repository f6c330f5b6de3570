"""From a recipe's text to plain data, fast when all is well and precise when it is not.

A text of the everyday kind goes through the fast reader, which knows no positions. Everything else,
and every text somebody asks a position of, goes through the careful one. Both give the same data.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from framework0.errors import Place, Problem, RecipeError
from framework0.recipe import fastread
from framework0.recipe.positions import find
from framework0.recipe.textfile import decode, read_bytes, refuse_characters, reordering_characters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.recipe.cache import RecipeCache
    from framework0.recipe.compose import Composition
    from framework0.recipe.positions import Mark


class Document:
    """A recipe as read: not yet checked, but plain data with a place for everything.

    ``data`` is a mapping of plain values (shared between aliases: treat it as immutable).
    ``problems`` are the mistakes and traps that left the rest readable, in file order. ``text`` has
    no byte order mark.
    """

    __slots__ = ("_digest", "_mark", "data", "file", "problems", "text")

    def __init__(
        self,
        file: str,
        text: str,
        data: dict[str, Any],
        problems: tuple[Problem, ...] = (),
        mark: Mark | None = None,
        digest: str | None = None,
    ) -> None:
        self.file = file
        self.text = text
        self.data = data
        self.problems = problems
        self._mark = mark
        self._digest = digest

    def __repr__(self) -> str:
        return f"Document({self.file!r}, {len(self.text)} characters)"

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, as hexadecimal digits."""
        if self._digest is None:
            self._digest = digest_of(self.text)
        return self._digest

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Return where the value at ``path`` stands, or its key if ``key``.

        ``path`` is like ``("steps", 3, "timeout")``. If it does not exist, the place is that of the
        nearest value around it. The first call reads the text again, carefully; the others are free.
        """
        if self._mark is None:
            if key and len(path) == 1 and isinstance(path[0], str):
                line = _line_of_top_key(self.text, path[0])
                if line:
                    return Place(self.file, line, 1)
            self._mark = _compose(self.text, self.file).mark
        line, column = find(self._mark, path, key=key)
        return Place(self.file, line + 1, column + 1)


def _line_of_top_key(text: str, name: str) -> int:
    """Return the line of a key at the margin, 0 if there is none: no need to read all for that.

    What ``validate`` says of a recipe as a whole stands at such a key, however large the recipe is.
    """
    start = 0 if text.startswith(f"{name}:") else text.find(f"\n{name}:") + 1
    if not start and not text.startswith(f"{name}:"):
        return 0
    return text.count("\n", 0, start) + 1


def digest_of(text: str) -> str:
    """Return the SHA-256 of ``text`` in UTF-8, as hexadecimal digits."""
    # Imported when it is needed: it loads OpenSSL.
    import hashlib

    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_document(path: str | os.PathLike[str], cache: RecipeCache | None = None) -> Document:
    """Read the recipe file at ``path``; with a ``cache``, only if its text was not read before.

    Raises :class:`~framework0.errors.RecipeError` when nothing useful can be read: no regular file,
    not text, wrong syntax, a limit passed, no mapping. Mistakes beside those are in ``problems``.
    """
    file = os.fspath(path)
    text = decode(read_bytes(file), file)
    return parse_text(text, file) if cache is None else remembered_text(text, file, cache)


def remembered_text(text: str, file: str, cache: RecipeCache) -> Document:
    """Read a recipe from ``text`` if that text was not read before. See read_document."""
    digest = digest_of(text)
    known = cache.load(digest, file)
    if known is None:
        document = parse_text(text, file)
        cache.store(digest, document.data, document.problems)
        return document
    return Document(file, text, known.data, known.problems, digest=digest)


def parse_text(text: str, file: str = "<text>") -> Document:
    """Read a recipe from ``text``; ``file`` is what its places are called. See read_document."""
    text = text.removeprefix("\ufeff")
    data = fastread.read(text)
    if data is not None:
        return Document(file, text, data)
    refuse_characters(text, file)
    composed = _compose(text, file)
    problems = (*reordering_characters(text, file), *composed.problems)
    if composed.empty or composed.data is None:
        message = "the recipe is empty"
        hint = "a recipe has at least `steps:` with one step"
        raise RecipeError((*problems, Problem("empty", message, Place(file, 1, 1), hint=hint)))
    if not isinstance(composed.data, dict):
        line, column, _ = composed.mark
        what = "a list" if isinstance(composed.data, list) else "a single value"
        message = f"a recipe must be a mapping of keys, and this is {what}"
        hint = "begin with `steps:` and put the list below it"
        place = Place(file, line + 1, column + 1)
        raise RecipeError((*problems, Problem("not-a-mapping", message, place, hint=hint)))
    return Document(file, text, composed.data, problems, composed.mark)


def _compose(text: str, file: str) -> Composition:
    # Imported when it is needed: an everyday recipe never pays the 16 ms.
    from framework0.recipe.compose import compose

    return compose(text, file)
