"""The reference pages of the command name all there is, and each verb's help shows how to use it."""

from __future__ import annotations

import re

import pytest

from framework0 import errors
from framework0.cli.main import parser_of, verb_module
from framework0.cli.verbs import VERBS
from tests.conftest import REPOSITORY

REFERENCE = REPOSITORY / "docs" / "reference"


def section(verb):
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/reference/cli.md has no heading for {verb}"
    return found[1]


def options(parser):
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from options(inner)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_in_its_section_of_the_reference(verb):
    written = set(re.findall(r"`(-[\w-]+)[ `]", section(verb)))
    assert set(options(parser_of(verb))) - {"-h", "--help"} == written


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_an_example_that_begins_with_it(verb):
    text = verb_module(verb).__doc__
    assert (
        f"  framework0 {verb}" in text.partition("examples:\n")[2] or f"(framework0 {verb}" in text
    )
    assert all(action.help for action in parser_of(verb)._actions if action.option_strings)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_a_verb_are_accepted_by_its_parser(verb):
    examples = verb_module(verb).__doc__.partition("examples:\n")[2]
    for line in re.findall(rf"framework0 {verb}\b(.*)", examples):
        words = re.split(r"\s[|>#]\s|\)|  +", line)[0].split()
        parser_of(verb).parse_args([word.strip("'") for word in words])


def test_every_exit_code_is_in_the_reference():
    page = (REFERENCE / "exit_codes.md").read_text(encoding="utf-8")
    written = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    raised = {
        thing.exit_code
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, errors.Framework0Error)
    }
    assert written == codes
    assert raised <= codes
