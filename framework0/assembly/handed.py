"""What a run within a run is handed by the outer one: inputs that may hold secrets of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from framework0.errors import UsageError
from framework0.secrets import MASK, Masker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.runner import RunHeader


class Handed:
    """The ``inputs`` of an inner run as they are, and the ``secrets`` of all runs around it."""

    __slots__ = ("inputs", "secrets")

    def __init__(self, inputs: Mapping[str, Any], secrets: tuple[str, ...]) -> None:
        self.inputs = inputs
        self.secrets = secrets

    def masked(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs as the journal may keep them."""
        if not self.secrets:
            return stored
        kept: dict[str, Any] = Masker(self.secrets).mask_value(stored)
        return kept


def inputs_again(header: RunHeader, handed: Handed | None) -> Mapping[str, Any]:
    """Return the inputs of a run that goes on: those handed to it, else those of the journal.

    Raises :class:`~framework0.errors.UsageError` for an inner run that had a secret among them, which
    nobody but the outer run can hand to it again.
    """
    if handed is not None:
        return handed.inputs
    is_inner = header.parent is not None and header.run_id.startswith(f"{header.parent}.")
    if is_inner and MASK in json.dumps(header.inputs):
        raise UsageError(
            f"run {header.run_id} was given a secret by run {header.parent}, and it is kept nowhere: "
            f"`framework0 resume {header.parent}` goes on with both"
        )
    return header.inputs
