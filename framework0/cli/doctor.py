"""Check this machine and this workspace for what is known to cause trouble.

Every line says ok, warn or fail, what was found, and what to do. A fail ends with exit code 4.

examples:
  framework0 doctor
  framework0 doctor --json | jq '.findings[] | select(.state != "ok")'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK, EXIT_WORKSPACE

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.cli.finding import Finding


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``doctor``."""
    parser.add_argument("--json", action="store_true", help="write the findings as JSON")
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Look at everything, show what was found, and return the exit code."""
    from framework0.cli.finding import FAIL

    findings = examine(arguments.workspace)
    failed = any(finding.state == FAIL for finding in findings)
    if arguments.json:
        import json

        shown = [finding._asdict() for finding in findings]
        print(json.dumps({"well": not failed, "findings": shown}, indent=2))
    else:
        _show(findings)
    return EXIT_WORKSPACE if failed else EXIT_OK


def examine(explicit: str | None) -> list[Finding]:
    """Return all findings; a workspace whose settings are wrong is one of them, and ends the list."""
    from framework0.cli.finding import FAIL, OK, Finding
    from framework0.cli.health_of_machine import examine_machine
    from framework0.cli.health_of_state import examine_state
    from framework0.errors import WorkspaceError
    from framework0.workspace import find_workspace

    findings = examine_machine()
    try:
        workspace = find_workspace(explicit=explicit)
    except WorkspaceError as error:
        return [*findings, Finding("workspace", FAIL, str(error), "mend the settings")]
    return [
        *findings,
        Finding("workspace", OK, str(workspace.root)),
        *examine_state(workspace),
    ]


def _show(findings: list[Finding]) -> None:
    from framework0.cli.finding import FAIL, WARN
    from framework0.logs import one_line, plain_lines

    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        margin = " " * (6 + width + 2)
        found = plain_lines(finding.found).replace("\n", f"\n{margin}")
        print(f"{finding.state:<4}  {finding.name:<{width}}  {found}")
        if finding.advice:
            print(f"{margin}→ {one_line(finding.advice)}")
    states = [finding.state for finding in findings]
    print(f"\n{len(states)} checks, {states.count(WARN)} warnings, {states.count(FAIL)} failures")
