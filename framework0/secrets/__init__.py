"""The secrets' door: values that must never be shown, and what hides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.doors import opening

if TYPE_CHECKING:
    from framework0.secrets.forms import MINIMUM_LENGTH as MINIMUM_LENGTH
    from framework0.secrets.masker import MASK as MASK
    from framework0.secrets.masker import Masker as Masker

_HOMES = {"MASK": "masker", "MINIMUM_LENGTH": "forms", "Masker": "masker"}

__all__ = ["MASK", "MINIMUM_LENGTH", "Masker"]


__getattr__ = opening(__name__, _HOMES)
