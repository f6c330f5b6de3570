"""The name a scriptlet class goes by when it says none, from the class's own name."""

from __future__ import annotations

from typing import Final

_SUFFIX: Final = "Scriptlet"


def default_name(class_name: str) -> str:
    """Return ``custom_processor`` for ``CustomProcessorScriptlet``.

    A word begins at a capital after a small letter or digit, and at the last capital of a row that
    a small letter follows: ``HTTPGet`` becomes ``http_get``.
    """
    name = class_name.lstrip("_")
    if name.endswith(_SUFFIX) and name != _SUFFIX:
        name = name[: -len(_SUFFIX)]
    return "".join(
        f"_{letter.lower()}" if _begins_word(name, index) else letter.lower()
        for index, letter in enumerate(name)
    )


def _begins_word(name: str, index: int) -> bool:
    if not index or not name[index].isupper():
        return False
    before, after = name[index - 1], name[index + 1 : index + 2]
    return after.islower() if before.isupper() else before != "_"
