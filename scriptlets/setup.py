"""Prepare what the processors work on."""

from __future__ import annotations

from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, register_scriptlet


@register_scriptlet
class SetupScriptlet(BaseScriptlet):
    """Put ``numbers`` (1 to 10 unless told otherwise) into the context as ``pipeline.numbers``."""

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        numbers = list(params.get("numbers", range(1, 11)))
        context.set("pipeline.numbers", numbers)
        return {"status": "success", "numbers": len(numbers)}
