"""Any bytes are a recipe or located problems: never a traceback, never a hang.

Ten thousand recipes, changed at random from good and bad ones, in chunks that can run side by side.
A failing recipe is shown whole; its chunk's number is the seed that makes it again.
"""

from __future__ import annotations

import random
import time

import pytest

from framework0.errors import Place, RecipeError
from framework0.recipe.check import check_document
from framework0.recipe.load import parse_text
from framework0.recipe.report import render_problems
from framework0.recipe.textfile import decode
from tests.mistakes import golden

CHUNKS = 20
RECIPES_A_CHUNK = 500
LONGEST_SEED = 4_000
"""Bytes of a recipe of the corpus that is changed here: the few longer ones only cost time."""

SECONDS_A_RECIPE = 10.0

WHOLE = b"""\
metadata: {name: demo, version: "1.0", description: "x: y"}
inputs:
  path: {type: string, default: data/in.csv}
  token: {type: string, secret: true}
defaults: {timeout: 30s, retry: 2}
env: [HOME]
steps:
  - name: load
    idx: 1
    module: steps.load
    function: run
    args: {path: "${{ inputs.path }}", n: 3, ratio: 0.5, home: "${{ env.HOME }}"}
    retry: {attempts: 3, delay: 1s, backoff: 2, jitter: 0.1, on: [TimeoutError]}
  - name: sum
    depends_on: [load]
    module: steps.sum
    function: run
    when: steps.load.result > 3 and not failed()
    foreach: {items: [1, 2, 3], parallel: 2, fail_fast: true}
    args:
      item: ${{ item }}
      text: |
        two
        lines
  - name: tell
    type: shell
    command: [echo, "${{ steps.sum.result }}"]
    exit_codes: [0, 1]
    env: {A: b}
    cwd: out
    depends_on: [sum]
on_failure:
  - {name: mourn, type: shell, command: "date | cat", shell: true}
finally:
  - name: nested
    type: recipe
    recipe: other.yaml
    continue_on_error: true
"""

TOKENS = (
    b"{", b"}", b"[", b"]", b":", b": ", b"- ", b"-", b",", b"&a ", b"*a", b"!!python/name:os.system ",
    b"!x ", b"|", b">-", b"\t", b"\0", b"\x1b[2J", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xf0\x9f\x91\x8d",
    b"---\n", b"...\n", b"%YAML 9.9\n", b"<<: ", b"'", b'"', b"#", b" #", b"\r", b"\r\n", b"\n",
    b"\xe2\x80\xa8", b"? ", b"9" * 5000, b"0777", b"1e999", b".nan", b"no", b"~", b"true", b"\\x", b"\\ud800",
    b"  " * 40, b"${{", b"}}", b"${{ ", b" }}", b"${{ steps.load.result }}", b"(" * 60, b"not " * 60,
    b"__class__", b"9**9**9", b"'a' * 99999999", b"depends_on: [sum]", b"name: load", b"steps:", b"-1", b"\n  ",
)  # fmt: skip


def seeds():
    """The recipes that are changed: one with every key, and those of the corpus."""
    texts = [(case / golden.RECIPE).read_bytes() for case in golden.cases()]
    return [WHOLE] * (len(texts) // 2) + [text for text in texts if len(text) <= LONGEST_SEED]


def changed(content, chance):
    """Return ``content`` with a few bytes inserted, cut, flipped, doubled or taken from the start."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(content) + 1)
        kind = chance.random()
        if kind < 0.45:
            content[at:at] = chance.choice(TOKENS)
        elif kind < 0.65:
            del content[at : at + chance.randrange(1, 12)]
        elif kind < 0.8 and at < len(content):
            content[at] ^= 1 << chance.randrange(8)
        elif kind < 0.95:
            start = chance.randrange(len(content) + 1)
            content[at:at] = content[start : start + chance.randrange(60)]
        else:
            del content[at:]
    return bytes(content)


def told_about(content):
    """Read and check ``content`` as the command does; return the problems and what is shown."""
    texts = {}
    try:
        texts["r.yaml"] = decode(content, "r.yaml")
        document = parse_text(texts["r.yaml"], "r.yaml")
        checked = check_document(document)
        problems = checked.problems
        errors = [problem for problem in problems if problem.severity == "error"]
        assert (checked.recipe is None) == bool(errors)
    except RecipeError as error:
        problems = error.problems
        assert problems
    return problems, render_problems(problems, texts)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.slow
def test_any_bytes_are_a_recipe_or_located_problems(chunk):
    chance = random.Random(chunk)
    starts = seeds()
    for _ in range(RECIPES_A_CHUNK):
        content = changed(chance.choice(starts), chance)
        begun = time.thread_time()
        try:
            problems, shown = told_about(content)
        except Exception as error:
            raise AssertionError(
                f"chunk {chunk}: {type(error).__name__} for {content!r}"
            ) from error
        assert time.thread_time() - begun < SECONDS_A_RECIPE, content
        for problem in problems:
            place = problem.place
            assert isinstance(place, Place), (problem, content)
            assert place.file == "r.yaml", (problem, content)
            assert place.line >= 1, (problem, content)
            assert place.column >= 1, (problem, content)
        assert "\x1b" not in shown


def test_the_recipe_that_is_changed_is_itself_well():
    problems, _ = told_about(WHOLE)
    assert [problem for problem in problems if problem.severity != "note"] == []


def test_the_changes_leave_some_recipes_well_and_break_most():
    chance = random.Random(7)
    verdicts = [
        any(problem.severity == "error" for problem in told_about(changed(WHOLE, chance))[0])
        for _ in range(200)
    ]
    assert 20 < sum(verdicts) < 200
