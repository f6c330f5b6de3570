"""Replaces secrets in what is shown or stored.

Masking is per value, not per place: whatever text holds one of the values, in one of the forms of
:mod:`framework0.secrets.forms`, has it replaced. A value broken over lines is found by its pieces:
the end of a line, the beginning of one, or a whole line that is a piece of a secret of at least
``MINIMUM_LENGTH`` characters. Fewer characters than that of a broken secret may remain.

Not found: a secret reversed, encrypted, compressed, spelled with spaces between its letters, or
computed with. Whoever runs code of their own can always disguise what they print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError
from framework0.secrets.forms import MINIMUM_LENGTH, forms_of

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK: Final = "***"

_ENDS: Final = r"(?:(?<!\\)(?:\\+r)?\\+n|[\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029]+)"
"""An end of a line, real or as an escape inside a text that was put on one line.

Looked for only where a row of backslashes begins: at each of them, a long row would cost its square.
"""

_LINE_END: Final = re.compile(_ENDS + r"\Z")
_BROKEN: Final = re.compile(rf"(?s:.*?){_ENDS}|(?s:.+)\Z")

_SPELLINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")

_AROUND: Final = " \t\"'`\\,;:()[]{}<>|+&"
"""Characters a printer puts around the pieces of a text that it breaks over lines."""


class Masker:
    """Hides ``values``: a mapping of names to secrets, or the secrets alone.

    Raises :class:`~framework0.errors.RefusedError` for a secret shorter than ``MINIMUM_LENGTH``
    characters: masking it would blot out unrelated text, and not masking it would show it. Empty
    values hide nothing and are skipped. The same object may be used from any thread.
    """

    __slots__ = ("_ends", "_forms", "_grams", "_longest", "_starts")

    def __init__(self, values: Mapping[str, str] | Iterable[str]) -> None:
        forms: set[str] = set()
        for name, value in _named(values):
            if not value:
                continue
            if len(value.strip()) < MINIMUM_LENGTH:
                raise RefusedError(
                    f"{name} is too short to be hidden: a secret needs at least {MINIMUM_LENGTH} "
                    "characters; give a longer one, or do not declare it secret"
                )
            forms |= forms_of(value)
        # Longest first, so that a form inside another leaves nothing of the other.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._forms = ordered
        self._longest = len(ordered[0]) if ordered else 0
        self._grams = frozenset(
            form[at : at + MINIMUM_LENGTH]
            for form in ordered
            for at in range(len(form) - MINIMUM_LENGTH + 1)
        )
        self._starts = _by_piece(ordered, slice(0, MINIMUM_LENGTH))
        self._ends = _by_piece(ordered, slice(-MINIMUM_LENGTH, None))

    def __repr__(self) -> str:
        return "<Masker>"

    def __bool__(self) -> bool:
        return bool(self._forms)

    def mask(self, text: str) -> str:
        """Return ``text`` with every secret in it replaced by ``***``."""
        # Nearly every line ends here: it shares no six characters in a row with any form.
        places = range(len(text) - MINIMUM_LENGTH + 1)
        if self._grams.isdisjoint([text[at : at + MINIMUM_LENGTH] for at in places]):
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        lines = _BROKEN.findall(text) if "\\n" in text else text.splitlines(keepends=True)
        return "".join(map(self._without_pieces, lines))

    def mask_value(self, value: Any) -> Any:
        """Return a copy of a JSON value with the secrets in its strings and keys replaced."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {self.mask_value(key): self.mask_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.mask_value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = repr(value)
            return value if self.mask(shown) == shown else MASK
        return value

    def is_in(self, content: bytes | memoryview) -> bool:
        """Say whether bytes hold a secret, spelled in UTF-8, or in UTF-16 or UTF-32 as arrays do.

        Not found: a secret in what is compressed, encrypted, or split over several parts.
        """
        whole = bytes(content)
        return any(
            form.encode(encoding, "surrogatepass") in whole
            for form in self._forms
            for encoding in _SPELLINGS
        )

    def safe_cut(self, text: str) -> int:
        """Return how many leading characters of ``text`` no later text can make part of a secret."""
        if not self._forms:
            return len(text)
        cut = max(0, len(text) - self._longest + 1)
        while (behind := self._behind(text, cut)) > cut:
            cut = behind
        return cut

    def _behind(self, text: str, cut: int) -> int:
        """Return the end of a form that a cut would go through, else the cut."""
        for form in self._forms:
            place = text.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
            if place >= 0:
                return place + len(form)
        return cut

    def _without_pieces(self, line: str) -> str:
        body = line[: -len(end[0])] if (end := _LINE_END.search(line)) else line
        bare = body.strip(_AROUND)
        if len(bare) < MINIMUM_LENGTH:
            return line
        if self._is_piece(bare):
            return line.replace(bare, MASK)
        cut, last = self._tail(body), len(body)
        if cut == last:
            last = len(body.rstrip(_AROUND))
            cut = self._tail(body[:last])
        begin = len(body) - len(body.lstrip(_AROUND))
        head = begin + self._head(body[begin:cut])
        first = MASK if head > begin else ""
        second = MASK if cut < last else ""
        return body[:begin] + first + body[head:cut] + second + line[last:]

    def _is_piece(self, bare: str) -> bool:
        """Tell whether a whole line is a piece of a longer secret."""
        return any(bare in form for forms in self._starts.values() for form in forms)

    def _tail(self, body: str) -> int:
        """Return where the beginning of a secret starts that the line's end cuts off."""
        for piece, forms in self._starts.items():
            place = body.find(piece, max(0, len(body) - self._longest))
            while place >= 0:
                rest = body[place:]
                if any(form.startswith(rest) for form in forms):
                    return place
                place = body.find(piece, place + 1)
        return len(body)

    def _head(self, body: str) -> int:
        """Return where the rest of a secret ends that the line's beginning goes on with."""
        for piece, forms in self._ends.items():
            place = body.find(piece, 0, self._longest)
            while place >= 0:
                end = place + len(piece)
                if any(form.endswith(body[:end]) for form in forms):
                    return end
                place = body.find(piece, place + 1, self._longest)
        return 0


def _named(values: Mapping[str, str] | Iterable[str]) -> Iterable[tuple[str, str]]:
    if isinstance(values, Mapping):
        return ((f"secret {name!r}", value) for name, value in values.items())
    return ((f"secret number {number}", value) for number, value in enumerate(values, 1))


def _by_piece(forms: list[str], piece: slice) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for form in forms:
        if len(form) > MINIMUM_LENGTH:
            grouped.setdefault(form[piece], []).append(form)
    return grouped
