"""The secrets' door: values that must never be shown, and what hides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.secrets.forms import MINIMUM_LENGTH as MINIMUM_LENGTH
    from framework0.secrets.masker import MASK as MASK
    from framework0.secrets.masker import Masker as Masker

_HOMES = {"MASK": "masker", "MINIMUM_LENGTH": "forms", "Masker": "masker"}

__all__ = ["MASK", "MINIMUM_LENGTH", "Masker"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
