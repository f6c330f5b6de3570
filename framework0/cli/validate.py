"""Check recipes and show every mistake at its place; none of their code is imported or run.

examples:
  framework0 validate recipe.yaml
  framework0 validate recipes/*.yaml --strict
  framework0 validate --format sarif recipe.yaml > result.sarif
  generate_recipe | framework0 validate -
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK, EXIT_RECIPE

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from framework0.errors import Problem
    from framework0.recipe import Document, Recipe
    from framework0.workspace import Workspace

FORMATS: Final = ("human", "json", "github", "sarif")

STDIN: Final = "-"


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``validate``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a recipe; - reads standard input")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="human",
        help="human (default), or for programs: json, github (annotations), sarif (code scanning)",
    )
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument("--strict", action="store_true", help="a warning is as bad as an error")
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Check every file, show what was found, and return the exit code."""
    from framework0.workspace import find_workspace

    workspace = find_workspace(explicit=arguments.workspace)
    found = [_check(file, workspace) for file in arguments.files]
    problems = [problem for checked in found for problem in checked.problems]
    form = "json" if arguments.json else arguments.format
    if form == "human":
        for checked in found:
            _show(checked)
        if len(found) > 1:
            print(_total(found))
    else:
        sys.stdout.write(_written(form, problems))
    bad = {"error", "warning"} if arguments.strict else {"error"}
    return EXIT_RECIPE if any(problem.severity in bad for problem in problems) else EXIT_OK


class _Found:
    """One file with all that was found in it; ``recipe`` is None if there is an error."""

    def __init__(
        self, file: str, text: str, problems: Sequence[Problem], recipe: Recipe | None
    ) -> None:
        self.file = file
        self.text = text
        self.problems = problems
        self.recipe = recipe


def _check(file: str, workspace: Workspace) -> _Found:
    from framework0.assembly import checked
    from framework0.errors import RecipeError

    text = None
    try:
        if file == STDIN:
            file, text = "<stdin>", _standard_input()
        document = _document(file, text)
    except RecipeError as error:
        return _Found(
            file, text if text is not None else _text_of(error, file), error.problems, None
        )
    result = checked(document, workspace)
    return _Found(file, document.text, result.problems, result.recipe)


def _document(file: str, text: str | None) -> Document:
    from framework0.recipe import parse_text, read_document

    return read_document(file) if text is None else parse_text(text, file)


def _standard_input() -> str:
    from framework0.errors import UsageError
    from framework0.recipe import text_of

    if sys.stdin is None:
        raise UsageError("standard input is closed: name a file instead of -")
    return text_of(sys.stdin.buffer, "<stdin>")


def _text_of(error: object, file: str) -> str:
    from framework0.cli.troubles import texts_of
    from framework0.errors import RecipeError

    assert isinstance(error, RecipeError)
    return texts_of(error.problems).get(file, "")


def _show(checked: _Found) -> None:
    from framework0.cli.streams import wants_color
    from framework0.logs import one_line
    from framework0.recipe import render_report, summarize

    texts = {checked.file: checked.text}
    sys.stdout.write(render_report(checked.problems, texts, color=wants_color(sys.stdout)))
    name = one_line(checked.file)
    serious = [problem for problem in checked.problems if problem.severity != "note"]
    if checked.recipe is None:
        print(f"{name}: {summarize(serious)}")
        return
    count = len(checked.recipe.steps)
    steps = f"{count:,} step{'' if count == 1 else 's'}"
    print(f"{name}: {summarize(serious) or 'no mistakes'}, {steps}")


def _total(found: Sequence[_Found]) -> str:
    wrong = sum(1 for checked in found if checked.recipe is None)
    return f"{len(found)} files, {wrong or 'none'} of them wrong"


def _written(form: str, problems: Sequence[Problem]) -> str:
    from framework0.recipe import as_github, as_json, as_sarif

    return {"json": as_json, "github": as_github, "sarif": as_sarif}[form](problems)


def documented_main(argv: Sequence[str] | None = None) -> int:
    """Be ``python orchestrator/enhanced_recipe_parser.py validate FILE``."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    from framework0.cli.troubles import reported

    parser = ArgumentParser(
        prog="enhanced_recipe_parser.py",
        description="Check recipes.\n\nexample:\n  python orchestrator/enhanced_recipe_parser.py validate recipe.yaml",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    configure(
        verbs.add_parser("validate", help="check recipes and show every mistake at its place")
    )
    return reported(lambda: execute(parser.parse_args(argv)))
