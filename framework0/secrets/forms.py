"""The shapes a secret takes on its way into a text: as it is, encoded, escaped, wrapped."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

MINIMUM_LENGTH: Final = 6
"""Characters below which nothing is masked: shorter texts occur everywhere by chance."""


NESTED_LEVELS: Final = 4
"""How often a text is escaped over: JSON in a field of JSON in a field of JSON, logged as JSON."""


def forms_of(secret: str) -> frozenset[str]:
    """Return every form of ``secret`` worth looking for.

    As it is; each of its lines; with surrounding space off; base64, standard and URL-safe, at each
    of the three positions inside a longer encoded text; hexadecimal; URL-encoded; JSON-, Python- and
    HTML-escaped.
    """
    forms = set(_texts(secret))
    for text in tuple(forms):
        raw = text.encode("utf-8", "surrogatepass")
        forms.update(_encoded(raw))
        forms.update(_escaped({text, repr(raw)[2:-1], *_quoted(text)}, NESTED_LEVELS))
    return frozenset(form for form in forms if len(form) >= MINIMUM_LENGTH)


def _texts(secret: str) -> Iterator[str]:
    yield secret
    yield secret.strip()
    lines = secret.splitlines()
    if len(lines) > 1:
        # A PEM key printed with an indent or a prefix shows its lines one by one.
        yield from (line.strip() for line in lines)


def _escaped(texts: set[str], levels: int) -> set[str]:
    """Return ``texts`` escaped for JSON and for Python, up to ``levels`` times over."""
    found = set(texts)
    for _ in range(levels):
        texts = {form for text in texts for form in _escaped_once(text)} - found
        found |= texts
    return found


def _escaped_once(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]


def _quoted(text: str) -> Iterator[str]:
    yield text.replace("'", "\\'")
    yield text.replace("'", "'\"'\"'")
    yield html.escape(text)
    yield html.escape(text, quote=False)


def _encoded(raw: bytes) -> Iterator[str]:
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield _lower_percent(quoted)
    yield raw.hex()
    yield raw.hex().upper()
    for offset in range(3):
        standard = _base64_at(raw, offset)
        yield standard
        yield standard.replace("+", "-").replace("/", "_")


def _lower_percent(quoted: str) -> str:
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _base64_at(raw: bytes, offset: int) -> str:
    """Return the characters that ``raw`` alone decides when ``offset`` bytes stand before it.

    Base64 (RFC 4648) packs three bytes into four characters, so at the ends a character is shared
    with a neighbor: ``user:secret`` encodes the secret otherwise than the secret alone.
    """
    text = base64.b64encode(b"\0" * offset + raw).decode("ascii")
    first = -(-offset * 8 // 6)
    end = (offset + len(raw)) * 8 // 6
    return text[first:end]
