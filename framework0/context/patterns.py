"""Keys, and the patterns that choose among them.

``*`` stands for any characters but a dot, so within one part of a dotted key; ``**`` for any
characters, dots included, so ``**`` is every key and ``a.**`` everything below ``a``. All else is
literal, square brackets too, because keys of ``foreach`` items hold them (``work[0].total``).

No pattern is slow. A star that has taken as little as it can up to the next literal never has to
take more: what would then follow could follow before. So nothing is tried twice, but after ``**``
each beginning is, and the number of stars is bounded for that.
"""

from __future__ import annotations

from framework0.context.limits import KEY_CHARACTERS, PATTERN_STARS
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERYTHING = "**"
_LINE_BREAKS = "\u2028\u2029"


def check_key(key: str) -> str:
    """Return ``key`` as plain text; raises ContextError when it cannot be a key.

    A key is non-empty text of at most KEY_CHARACTERS without control characters, line separators
    and lone surrogates; beyond that it is opaque.
    """
    if type(key) is not str:
        if not isinstance(key, str):
            raise ContextError(f"a context key is text, not {type(key).__name__} ({key!r:.80})")
        key = str.__str__(key)
    if not key:
        raise ContextError("a context key cannot be empty; name what the value is")
    if len(key) > KEY_CHARACTERS:
        raise ContextError(
            f"the context key {key[:40]!a}… has {len(key):,} characters, more than "
            f"{KEY_CHARACTERS}; put the long part into the value"
        )
    if not key.isprintable() and any(map(_unprintable, key)):
        raise ContextError(
            f"the context key {key[:80]!a} holds a control character, a line separator or a lone "
            "surrogate; use printable text"
        )
    return key


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test that tells whether a key matches ``pattern``.

    Raises ContextError when the pattern is not non-empty text, or has too many characters or stars.
    """
    if not isinstance(pattern, str) or not pattern:
        raise ContextError(f"a pattern is non-empty text such as 'a.*', not {pattern!r:.80}")
    stars = pattern.count("*")
    if not stars:
        return pattern.__eq__
    if len(pattern) > KEY_CHARACTERS or stars > PATTERN_STARS:
        raise ContextError(
            f"the pattern {pattern[:40]!a}… has {len(pattern):,} characters and {stars:,} stars; "
            f"up to {KEY_CHARACTERS} and {PATTERN_STARS} are looked for"
        )
    start = pattern.rstrip("*")
    if "*" in start:
        return _general(pattern)
    begin = len(start)
    if len(pattern) - begin > 1:
        return lambda key: key.startswith(start)
    return lambda key: key.startswith(start) and "." not in key[begin:]


def _general(pattern: str) -> Callable[[str], bool]:
    # Loaded only when a star stands somewhere but at the end.
    import re

    *floating, last = ("".join(_piece(text)) for text in re.split(r"\*\*+", pattern))
    # (?>…) is never entered again once it has matched; only the end is looked for from all places.
    parts = [floating[0], *(f"(?>.*?{piece})" for piece in floating[1:]), ".*"] if floating else []
    match = re.compile("".join([*parts, last]), re.DOTALL).fullmatch
    return lambda key: match(key) is not None


def _piece(text: str) -> Iterator[str]:
    """Yield the regular expression of a pattern's piece between two double stars."""
    from re import escape

    first, *literals = text.split("*")
    yield escape(first)
    if literals:
        yield from (f"(?>[^.]*?{escape(literal)})" for literal in literals[:-1])
        yield f"[^.]*?{escape(literals[-1])}"


def _unprintable(character: str) -> bool:
    return (
        character < " "
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
        or character in _LINE_BREAKS
    )
