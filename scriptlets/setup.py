"""Prepare what the processors work on."""

from __future__ import annotations

from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, Parameter, register_scriptlet


@register_scriptlet
class SetupScriptlet(BaseScriptlet):
    """Put ``numbers`` (1 to 10 unless told otherwise) into the context as ``pipeline.numbers``."""

    parameters = {"numbers": Parameter(list, default=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])}

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        numbers = params["numbers"]
        context.set("pipeline.numbers", numbers)
        return {"status": "success", "numbers": len(numbers)}
