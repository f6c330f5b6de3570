"""How names and words are spelled for the system, and kept in files, where its encoding is not UTF-8.

In a UTF-8 locale, and in Python's UTF-8 mode, both functions return what they are given. In another locale
Python cannot say a name such as ``días`` to the system at all, and has each foreign byte that
comes from there as a lone surrogate (PEP 383), which no file of ours can hold. Our files are always
UTF-8, so the names in them are those of the bytes that the system has.
"""

from __future__ import annotations

import os


def for_system(text: str) -> str:
    """Return ``text`` so that the system can be told: what its encoding cannot say, as bytes of UTF-8."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        try:
            return os.fsdecode(text.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            # A surrogate that stands for no byte: whoever uses the text says so.
            return text
    return text


def for_file(text: str) -> str:
    """Return ``text``, which the system has told, with the letters that its bytes mean in UTF-8.

    Bytes that mean none stay the surrogates that they are.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return text
