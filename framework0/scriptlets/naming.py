"""The name a scriptlet goes by when it says none: its class name in small letters."""

from __future__ import annotations

_SUFFIX = "Scriptlet"


def default_name(cls: type) -> str:
    """Return ``custom_processor`` for a class named ``CustomProcessorScriptlet``.

    A new word begins at a capital after a small letter or digit, and at the last capital of a row
    that a small letter follows: ``HTTPGet`` becomes ``http_get``.
    """
    name = cls.__name__.lstrip("_")
    if name.endswith(_SUFFIX) and name != _SUFFIX:
        name = name[: -len(_SUFFIX)]
    letters: list[str] = []
    for index, letter in enumerate(name):
        if index and letter.isupper():
            before, after = name[index - 1], name[index + 1 : index + 2]
            begins = after.islower() if before.isupper() else before != "_"
            if begins:
                letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)
