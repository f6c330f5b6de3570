"""List, show, export or clear out the large values that runs have kept as files.

examples:
  framework0 artifacts
  framework0 artifacts show 94e1da7c0c68
  framework0 artifacts export 94e1da7c0c68 rows.npy
  framework0 artifacts gc --dry-run
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.choosing import add_workspace, opened
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from framework0.artifacts import Artifact
    from framework0.runner import Journal, Mention
    from framework0.workspace import Workspace

SHOWN: Final = 12
"""Characters of a digest in a list: enough to be the only one, few enough for a line."""

LISTED: Final = 50
"""Artifacts listed unless told otherwise."""

_ACTIONS: Final = {
    "list": "list them, the largest first",
    "show": "show what one of them is, who wrote it, and whether it is whole",
    "export": "copy the content of one into a file",
    "gc": "remove those that nothing needs, and what the settings let go of",
}


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``artifacts`` and of its actions."""
    from argparse import SUPPRESS

    parser.add_argument("--all", action="store_true", help=f"list more than the {LISTED} largest")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_workspace(parser)
    actions = parser.add_subparsers(dest="action", metavar="list|show|export|gc")
    for name, about in _ACTIONS.items():
        action = actions.add_parser(name, help=about, description=f"{about.capitalize()}.")
        if name in ("show", "export"):
            action.add_argument("digest", metavar="DIGEST", help="any unique beginning of a digest")
        if name == "export":
            action.add_argument("file", metavar="FILE", help="the new file; it must not exist")
        if name == "list":
            action.add_argument("--all", action="store_true", default=SUPPRESS, help="list all")
        if name == "gc":
            action.add_argument("--dry-run", action="store_true", help="only say what would go")
        # Suppressed, so that the parser of the verb has the say when they stand before the action.
        action.add_argument("--json", action="store_true", default=SUPPRESS, help="as JSON")
        action.add_argument("--workspace", metavar="DIR", default=SUPPRESS, help="the workspace")


def execute(arguments: Namespace) -> int:
    """Do what the action says; without one, list them."""
    actions = {"show": _show, "export": _export, "gc": _gc}
    with opened(arguments) as (workspace, journal):
        actions.get(arguments.action, _list)(arguments, workspace, journal)
    return EXIT_OK


def _list(arguments: Namespace, workspace: Workspace, journal: Journal) -> None:
    from framework0.artifacts import listed
    from framework0.cli.troubles import say

    by_digest = _by_digest(journal.mentions())
    found = sorted(listed(workspace.artifacts), key=lambda kept: -kept.bytes)
    shown = found if arguments.all or arguments.json else found[:LISTED]
    rows = [_row(kept.digest, kept.bytes, by_digest.get(kept.digest, [])) for kept in shown]
    if arguments.json:
        _write_json(rows)
        return
    if not found:
        say("no artifact is kept here: values become files when they are large or no JSON")
        return
    _print_table(rows)
    if len(found) > len(shown):
        say(f"{len(found) - len(shown)} smaller ones are not shown: --all shows them")


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    from framework0.cli.columns import table
    from framework0.cli.sizes import bytes_text
    from framework0.cli.streams import columns_of

    cells = [
        [
            row["digest"][:SHOWN],
            row["format"] or "?",
            bytes_text(row["bytes"]),
            row["run"] or "no run",
            row["step"] or "",
            row["key"] or "",
        ]
        for row in rows
    ]
    header = ["DIGEST", "FORMAT", "SIZE", "RUN", "STEP", "KEY"]
    sys.stdout.write(table(header, cells, columns=columns_of(sys.stdout), right="SIZE"))


def _row(digest: str, size: int, mentions: Sequence[Mention]) -> dict[str, Any]:
    """Return the facts of one artifact: who wrote it first, and how many places name it."""
    first = mentions[0] if mentions else None
    return {
        "digest": digest,
        "format": first.artifact.format if first else None,
        "bytes": size,
        "run": first.run if first else None,
        "step": first.step if first else None,
        "attempt": first.attempt if first else None,
        "key": first.key if first else None,
        "mentions": len(mentions),
    }


def _show(arguments: Namespace, workspace: Workspace, journal: Journal) -> None:
    from framework0.cli.sizes import bytes_text
    from framework0.logs import plain_lines

    artifact, mentions = _chosen(arguments.digest, workspace, journal)
    store = _store(workspace, journal)
    store.verify(artifact)
    if arguments.json:
        facts = _row(artifact.digest, artifact.bytes, mentions)
        named = [
            {"run": one.run, "step": one.step, "attempt": one.attempt, "key": one.key}
            for one in mentions
        ]
        _write_json({**facts, "path": str(store.path(artifact)), "named_by": named})
        return
    lines = [
        f"artifact {artifact.digest}",
        f"  format  {artifact.format}, {bytes_text(artifact.bytes)}, as it was written",
        f"  file    {store.path(artifact)}",
        *(f"  {mention}" for mention in mentions),
    ]
    sys.stdout.write(plain_lines("\n".join(lines)) + "\n")


def _export(arguments: Namespace, workspace: Workspace, journal: Journal) -> None:
    import shutil

    from framework0.cli.troubles import say
    from framework0.errors import UsageError, WorkspaceError

    artifact, _ = _chosen(arguments.digest, workspace, journal)
    store = _store(workspace, journal)
    store.verify(artifact)
    try:
        with store.path(artifact).open("rb") as source, open(arguments.file, "xb") as target:
            shutil.copyfileobj(source, target)
    except FileExistsError:
        raise UsageError(f"{arguments.file} exists: name a new file") from None
    except OSError as error:
        raise WorkspaceError(
            f"cannot write {arguments.file}: {error.strerror} (errno {error.errno})"
        ) from error
    say(f"{arguments.file} holds artifact {artifact.digest[:SHOWN]} ({artifact.format})")


def _gc(arguments: Namespace, workspace: Workspace, journal: Journal) -> None:
    from framework0.assembly import sweep_artifacts
    from framework0.cli.runs import told_swept
    from framework0.cli.troubles import say

    swept = sweep_artifacts(workspace, journal, dry_run=arguments.dry_run)
    if arguments.json:
        facts = [{"digest": kept.digest, "bytes": kept.bytes} for kept in swept]
        _write_json({"removed": [] if arguments.dry_run else facts, "would_remove": facts})
    else:
        say(told_swept(swept, done=not arguments.dry_run))


def _chosen(
    word: str, workspace: Workspace, journal: Journal
) -> tuple[Artifact, Sequence[Mention]]:
    """Return the artifact that the beginning of a digest means, and who names it."""
    from framework0.artifacts import Artifact, listed
    from framework0.errors import UsageError

    found = [kept for kept in listed(workspace.artifacts) if kept.digest.startswith(word)]
    mentions = journal.mentions(word) if word.isalnum() else []
    digests = sorted({*(kept.digest for kept in found), *(one.artifact.digest for one in mentions)})
    if len(digests) != 1:
        what = "no artifact begins" if not digests else f"{len(digests)} artifacts begin"
        raise UsageError(f"{what} with {word!r}: `framework0 artifacts` lists them")
    if mentions:
        return mentions[0].artifact, mentions
    return Artifact(digests[0], "bytes", found[0].bytes), mentions


def _store(workspace: Workspace, journal: Journal) -> Any:
    from framework0.assembly import artifacts_of

    return artifacts_of(workspace, journal.told)


def _by_digest(mentions: Sequence[Mention]) -> dict[str, list[Mention]]:
    found: dict[str, list[Mention]] = {}
    for mention in mentions:
        found.setdefault(mention.artifact.digest, []).append(mention)
    return found


def _write_json(value: Any) -> None:
    import json

    sys.stdout.write(json.dumps(value, indent=2) + "\n")
