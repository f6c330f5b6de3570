"""What the checker asks about the code behind steps; who answers is wired above.

The checker itself reads no files: it is handed an object that fits :class:`SignatureSource`
(``framework0.source.Sources`` in the product) or none, in which case code is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.source import Answer, Facts


class SignatureSource(Protocol):
    """Answers from reading alone; no method imports or runs the code it is asked about."""

    def signature(self, module: str, function: str) -> Answer:
        """Say what ``function`` of ``module`` takes, or why that is not known."""

    def facts(self, module: str, function: str) -> Facts:
        """Say which context keys it reads and writes."""

    def digest(self, module: str, function: str) -> str:
        """Return a hash that changes when the code the step depends on does."""

    def step_kinds(self) -> Mapping[str, tuple[str, str]]:
        """Return the workspace's own step types: name to (module, class)."""
