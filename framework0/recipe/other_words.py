"""What other tools call our keys: whoever writes one of these words means ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ELSEWHERE: Final[Mapping[str, str]] = {
    "arguments": "args",
    "params": "args",
    "parameters": "args",
    "kwargs": "args",
    "with": "args",
    "cmd": "command",
    "run": "command",
    "script": "command",
    "allow_failure": "continue_on_error",
    "ignore_errors": "continue_on_error",
    "working_directory": "cwd",
    "workdir": "cwd",
    "working_dir": "cwd",
    "after": "depends_on",
    "depends": "depends_on",
    "dependencies": "depends_on",
    "dependson": "depends_on",
    "needs": "depends_on",
    "requires": "depends_on",
    "environment": "env",
    "for_each": "foreach",
    "loop": "foreach",
    "matrix": "foreach",
    "with_items": "foreach",
    "callable": "function",
    "class": "function",
    "func": "function",
    "id": "name",
    "title": "name",
    "retries": "retry",
    "condition": "when",
    "if": "when",
    "only_if": "when",
    "meta": "metadata",
    "variables": "inputs",
    "vars": "inputs",
    "tasks": "steps",
    "jobs": "steps",
    "always": "finally",
    "on_error": "on_failure",
    "kind": "type",
    "max_attempts": "attempts",
    "tries": "attempts",
}
"""The word elsewhere, and the key here."""
