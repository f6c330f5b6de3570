"""Bring together what several steps have left in the context."""

from __future__ import annotations

from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, register_scriptlet


@register_scriptlet
class CombinerScriptlet(BaseScriptlet):
    """Pair ``pipeline.squares`` with ``pipeline.totals`` in ``pipeline.combined``.

    Raises ValueError when the two are not equally long, for then one of them is incomplete.
    """

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        squares = context.get("pipeline.squares", [])
        totals = context.get("pipeline.totals", [])
        if len(squares) != len(totals):
            raise ValueError(f"{len(squares)} squares do not pair with {len(totals)} totals")
        combined = [
            {"square": square, "total": total}
            for square, total in zip(squares, totals, strict=True)
        ]
        context.set("pipeline.combined", combined)
        return {"status": "success", "pairs": len(combined)}
