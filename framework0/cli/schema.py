"""Write the JSON Schema of recipes, with this workspace's own step types and their arguments in it.

An editor with a YAML language server completes and checks a recipe whose first line names the schema:
  # yaml-language-server: $schema=recipe.schema.json

examples:
  framework0 schema --output recipe.schema.json
  framework0 schema | jq '."$defs".step.properties | keys'
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from framework0.workspace import Workspace

EDITOR_LINE: Final = "# yaml-language-server: $schema="
"""What stands before the schema's path in a recipe's first line. Source: the documentation of
yaml-language-server (https://github.com/redhat-developer/yaml-language-server#using-inlined-schema)."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``schema``."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write it to this file, in place of what is there (default: standard output)",
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Write the schema."""
    from framework0.workspace import find_workspace

    text = schema_text(find_workspace(explicit=arguments.workspace))
    if arguments.output is None:
        sys.stdout.write(text)
        return EXIT_OK
    from pathlib import Path

    from framework0.cli.troubles import say

    replace(Path(arguments.output), text)
    say(f"{arguments.output} is written; a recipe beside it begins with this line for editors:")
    say(f"{EDITOR_LINE}{Path(arguments.output).name}")
    return EXIT_OK


def schema_text(workspace: Workspace) -> str:
    """Return the schema as JSON; the code of ``workspace`` is read and not imported."""
    import json

    from framework0.recipe import json_schema
    from framework0.source import Sources

    sources = Sources((workspace.root,))
    schema = json_schema(sources.step_kinds(), signatures=sources)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def replace(path: Path, text: str) -> None:
    """Put ``text`` in place of the file: whoever reads it meanwhile finds the old one or the new one.

    What is no plain file (``/dev/stdout``, a pipe) is written to as it is.
    """
    import os
    import tempfile

    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    # A link stays a link: what it leads to is replaced.
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o644)
        os.replace(name, target)
    # Whatever ends it, a signal too: no half-written file stays beside the schema.
    except BaseException:
        os.unlink(name)
        raise
