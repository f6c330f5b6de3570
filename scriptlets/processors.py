"""Two ways to process the same numbers, which do not depend on each other."""

from __future__ import annotations

from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, register_scriptlet


@register_scriptlet
class ProcessorAScriptlet(BaseScriptlet):
    """Write the squares of ``pipeline.numbers`` to ``pipeline.squares``."""

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        squares = [number * number for number in context.get("pipeline.numbers", [])]
        context.set("pipeline.squares", squares)
        return {"status": "success", "numbers": len(squares)}


@register_scriptlet
class ProcessorBScriptlet(BaseScriptlet):
    """Write the running totals of ``pipeline.numbers`` to ``pipeline.totals``."""

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        totals = []
        total = 0
        numbers = context.get("pipeline.numbers", [])
        for done, number in enumerate(numbers, 1):
            total += number
            totals.append(total)
            self.progress(done, len(numbers))
        context.set("pipeline.totals", totals)
        return {"status": "success", "numbers": len(totals)}
