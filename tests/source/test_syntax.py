"""Parsing in several threads at once."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from framework0.source import parse_python

TEXT = "def f(x):\n    return " + "(" * 40 + "x" + " + 1)" * 40 + "\n"


def test_threads_that_parse_at_once_all_get_their_trees():
    text = TEXT * 30

    def parse(number):
        return len(parse_python(text, f"file{number}.py").body)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(parse, range(200))) == {30}


def test_what_the_parser_raises_is_raised():
    with pytest.raises(SyntaxError):
        parse_python("def")


def test_a_parse_that_another_thread_has_disturbed_is_done_again(monkeypatch):
    answers = [SystemError("AST constructor recursion depth mismatch"), ast.parse("x = 1")]

    def disturbed(*_):
        answer = answers.pop(0)
        if isinstance(answer, SystemError):
            raise answer
        return answer

    monkeypatch.setattr(ast, "parse", disturbed)
    assert len(parse_python("x = 1").body) == 1
    assert not answers
