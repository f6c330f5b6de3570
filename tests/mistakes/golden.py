"""The corpus of mistakes: what each wrong recipe is answered with, kept as text beside it.

Each folder here holds one ``recipe.yaml`` (any bytes at all) and the ``expected.txt`` that reading and
checking it must give. A folder with Python files beside the recipe is checked against that code; one whose name
begins with ``builtin-`` is checked against the built-in scriptlets.
After a deliberate change of a message, write the answers anew and read the difference:

    python tests/mistakes/golden.py [CASE …]
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

CORPUS = Path(__file__).resolve().parent
RECIPE = "recipe.yaml"
EXPECTED = "expected.txt"


def cases():
    """Return the folders of the corpus by name."""
    return sorted(path.parent for path in CORPUS.glob(f"*/{RECIPE}"))


def problems_of(case):
    """Return the errors and warnings of a case in the order shown, and the texts to quote from."""
    from framework0.errors import RecipeError
    from framework0.recipe.check import check_document
    from framework0.recipe.load import parse_text
    from framework0.recipe.textfile import decode

    texts = {}
    try:
        texts[RECIPE] = decode((case / RECIPE).read_bytes(), RECIPE)
        document = parse_text(texts[RECIPE], RECIPE)
        sources = _signatures(case)
        kinds = () if sources is None else sources.step_kinds()
        pools = _pools(case)
        found = check_document(document, signatures=sources, kinds=kinds, pools=pools).problems
    except RecipeError as error:
        found = error.problems
    return [problem for problem in found if problem.severity != "note"], texts


def _signatures(case):
    if not any(case.glob("**/*.py")) and not case.name.startswith("builtin-"):
        return None
    from framework0.source import Sources

    return Sources([case])


def _pools(case):
    """Return the pools of a case that has settings beside its recipe."""
    settings = case / "framework0.toml"
    if not settings.exists():
        return None
    return tomllib.loads(settings.read_text(encoding="utf-8"))["pools"]


def answer(case):
    """Return what a person is shown for a case."""
    from framework0.recipe.report import render_problems, summarize

    problems, texts = problems_of(case)
    shown = render_problems(problems, texts)
    # The code of a case is told by its full path, which is not the same everywhere.
    return f"{shown}{summarize(problems)}\n".replace(f"{case}/", "")


def main(names):
    """Write the expected answer of the cases named, or of all."""
    for case in cases():
        if not names or case.name in names:
            (case / EXPECTED).write_text(answer(case), encoding="utf-8", newline="\n")
            print(case.name)


if __name__ == "__main__":
    sys.path.insert(0, str(CORPUS.parents[1]))
    main(sys.argv[1:])
