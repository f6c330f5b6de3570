"""How a person in a shell names the folder of an instance, for the commands that messages suggest."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def in_shell(text: str) -> str:
    """Return ``text`` as one word of a command, in quotes where a shell needs them."""
    import shlex

    return shlex.quote(text)


def from_here(folder: str | Path) -> str:
    """Return how a folder is named in the current one, as a word of a command.

    One that does not lie below the current folder is named in full.
    """
    text = os.path.abspath(folder)
    near = os.path.relpath(text)
    return in_shell(text if near.startswith(os.pardir) else near)
