"""The corpus of mistakes: every wrong recipe gets the answer kept beside it, and every answer helps."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.mistakes import golden

CASES = golden.cases()
KINDS_EXPECTED = 120
"""Distinct causes the corpus must hold at least; see the issue that asked for it."""


@cache
def problems_of(case):
    """The problems of a case, read and checked once for all claims."""
    return golden.problems_of(case)


def shape_of(message):
    """Return a message without what it quotes and counts, so that two of one cause are equal."""
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "…", message)
    steps = re.sub(r"\S+ \(line \d+\)(?: → \S+ \(line \d+\))*(?: → \S+)?", "…", unquoted)
    words = re.sub(r"\S*[0-9]\S*|[*&!]\S+", "…", steps)
    return re.sub(r"(?:…[\s,]*)+", "… ", words)


def causes():
    """Return every distinct (code, shape of the message) of the corpus."""
    return {
        (problem.code, shape_of(problem.message))
        for case in CASES
        for problem in problems_of(case)[0]
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_recipe_gets_the_answer_kept_beside_it(case):
    expected = (case / golden.EXPECTED).read_text(encoding="utf-8")
    assert (
        golden.answer(case) == expected
    ), f"if the new answer is better: python tests/mistakes/golden.py {case.name}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_mistake_is_located_and_says_what_to_do(case):
    problems, texts = problems_of(case)
    assert problems, "a case of the corpus is a mistake"
    for problem in problems:
        assert problem.place.file in {golden.RECIPE, *texts}
        assert problem.place.line >= 1
        assert problem.place.column >= 1
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code)
        assert problem.message.isprintable()
        assert not problem.message.endswith((".", "!"))
        assert "Traceback" not in problem.message
        assert problem.hint is None or problem.hint.strip()


def test_every_case_has_its_answer_and_every_answer_its_case():
    folders = {path.parent for path in golden.CORPUS.glob(f"*/{golden.EXPECTED}")}
    assert folders == set(CASES)


def test_the_corpus_holds_many_distinct_causes():
    found = causes()
    assert len(found) >= KINDS_EXPECTED, "\n".join(map(str, sorted(found)))


def test_two_cases_are_never_the_same_recipe():
    texts = [
        tuple(sorted((path.name, path.read_bytes()) for path in case.rglob("*") if path.is_file()))
        for case in CASES
    ]
    assert len(set(texts)) == len(texts)


def test_every_code_has_its_heading_on_the_page_of_errors(repository):
    page = (repository / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^### (\S+)$", page, flags=re.MULTILINE))
    assert {code for code, _ in causes()} <= headings


def test_the_shape_of_a_message_leaves_out_what_it_quotes_and_counts():
    assert shape_of("the key 'a' stands 3 times") == shape_of("the key 'b c' stands 10,000 times")
    assert shape_of("*a stands inside") == shape_of("*b stands inside")
    assert shape_of("a tab") != shape_of("a space")
