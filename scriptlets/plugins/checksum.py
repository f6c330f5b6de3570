"""The step type ``checksum``: note what exactly the input files of a run were."""

from __future__ import annotations

import hashlib
from typing import Any

from orchestrator.context import Context
from scriptlets.data.loader import locate
from scriptlets.framework import BaseScriptlet, Parameter, register_scriptlet


@register_scriptlet(name="checksum")
class ChecksumScriptlet(BaseScriptlet):
    """Write ``checksum.<file>`` (the SHA-256 in hexadecimal) for each of ``files``.

    Raises FileNotFoundError for a file that is not there.
    """

    parameters = {"files": Parameter(list, description="the files to look at")}

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        files = params["files"]
        for done, file in enumerate(files, 1):
            path = locate(file)
            context.set(f"checksum.{path.name}", hashlib.sha256(path.read_bytes()).hexdigest())
            self.progress(done, len(files))
        return {"status": "success", "files": len(files)}
