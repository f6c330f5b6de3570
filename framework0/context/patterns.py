"""Keys, and the patterns that choose among them.

A pattern has one special character: ``*`` stands for any characters, dots included, so ``*`` is
every key and ``a.*`` everything below ``a``. All else is literal, square brackets too, because keys
of ``foreach`` items hold them (``work[0].total``). A pattern that matches more than was meant shows
itself; one that matches less hides, hence no second kind of star.
"""

from __future__ import annotations

from framework0.context.limits import KEY_CHARACTERS
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = "*"
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

    Raises ContextError when the pattern is not non-empty text.
    """
    if not isinstance(pattern, str) or not pattern:
        raise ContextError(f"a pattern is non-empty text such as 'a.*', not {pattern!r:.80}")
    first, *rest = pattern.split("*")
    if not rest:
        return first.__eq__
    if not any(rest):
        return lambda key: key.startswith(first)
    *middle, last = rest
    shortest = len(first) + len(last)

    def matches(key: str) -> bool:
        if len(key) < shortest or not key.startswith(first) or not key.endswith(last):
            return False
        here, end = len(first), len(key) - len(last)
        # Leftmost is always right here: what a star swallows is free.
        for piece in middle:
            found = key.find(piece, here, end)
            if found < 0:
                return False
            here = found + len(piece)
        return True

    return matches


def _unprintable(character: str) -> bool:
    return (
        character < " "
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
        or character in _LINE_BREAKS
    )
