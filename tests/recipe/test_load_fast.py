"""The fast reader: it may decline any text, but what it reads is what the careful reader reads."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
import yaml12
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import RecipeError
from framework0.recipe import fastread
from framework0.recipe.compose import compose
from framework0.recipe.limits import MAX_DEPTH, MAX_FILE_BYTES
from framework0.recipe.load import parse_text
from framework0.recipe.textfile import refuse_characters

EVERYDAY = """\
# A pipeline
---
metadata:
  name: "example_automation"
  version: "1.0"
  site: http://example.org:8080/a#b   # where it came from

inputs:
  path: {type: string, default: "/path/to/data: new.csv"}
steps:
- name: load_data
  idx: 1
  module: scriptlets.data.loader
  function: DataLoaderScriptlet
  when: ${{ inputs.path != 'x' }} and more
  args:
    source: "say \\"hi\\" \\\\ there\\n"
    quoted: 'it''s: fine # really'
    ratio: 0.5
    empty:
    nothing: null
    flag: true
    list: [1, -2, 3.5, a b, "c, d", 'e']
    nested: {a: [x, y], b: "p: q", c: []}
  timeout: 30s
- name: clean_data
  depends_on: ["load_data"]
  args:
    - - 1
      - 2
    - three
    - run: |
        echo "a"   # not a comment

          for x in *; do echo $x; done
      "on": |-
         last
    -   key: value
        other: 日本語
"""

WORDS = (
    "1", "-5", "0", "01", "1.5", "-0.0", "30s", "12:30", "word", "two words", "it's", "x: y", '"q"',
    '"q: r"', '"a \\" b"', "'s'", "'it''s'", "'x: y # z'", "http://x", "a#b", "a #b", "${{ x.y }}",
    "[a, b]", "[1, 'x', \"y: z\"]", "[]", "{}", "{a: 1}", "{a: 1, a: 2}", "{a: [x, y], b: 2}",
    "[a: 1]", "{a, b}", "yes", "no", "True", "null", "~", "é", "日本", "./x", "../y", "..", "-", "|",
    ">", "- x", "a:", "a :", "a, b", "[a, b", "a]", "1e3", "0x1f", "(x)", "<<", "?", "? x", "!x", "&a",
    "*a", "@x", "%x", "a\tb", "a\u2028b", "a'b", "'a' b", '""', "a - b", "[a - b]", "{a : 1}", "{a:1}",
    "[ a , b ]", "12345678901234567", "999999999999999999", "1.123456789", "a\u00a0b", "true x", "#x",
)  # fmt: skip
BLOCKS = ("|", "|", "|-", "|+", ">", "|2", "| ", "| # c")
LINES = ("", "", "text", " more", "# c", "k: v", "- x", "it's", '{"a', "  ", "é", "---", "...")
MARKS = (
    "",
    "\n",
    " ",
    "  ",
    ":",
    ": ",
    "-",
    "- ",
    "'",
    '"',
    "#",
    " #",
    "{",
    "[",
    "}",
    "]",
    ",",
    "\r\n",
)
KEYS = (*"abcdefghijkl", "name", "k-1", "x.y", "_z", "no", "true", "null", "1", '"q"', "a b")


def text_of(chance):
    """Write lines that look like a recipe's, with any word anywhere and any indentation at times."""
    lines = ["---"] if chance.random() < 0.1 else []
    indent = chance.choice((0, 0, 0, 0, 0, 0, 0, 2))
    for number in range(chance.randrange(1, 9)):
        step = chance.choice((0, 0, 0, 2, 2, -2, -2, 1, -1, -9)) if number else 0
        indent = max(indent + step, 0)
        dashes = "- " * chance.choice((0, 0, 0, 1, 1, 2)) if number else ""
        word = chance.choice(WORDS) if chance.random() < 0.8 else ""
        alone = number and chance.random() < 0.2
        end = chance.choice(("", "", "", "", " ", " # c", "# c", "  # it's: x"))
        body = word if alone else f"{chance.choice(KEYS)}: {word}"
        lines.append(" " * indent + dashes + body + end)
        if chance.random() < 0.05:
            lines.append(chance.choice(("", "  ", "# c", "  # c: d", "# it's \"x")))
    return "\n".join(lines) + chance.choice(("\n", "", "\n\n", " "))


def blocks_of(chance):
    """Write steps with text blocks, most of them as people write them, some a column off."""
    lines = ["steps:"]
    for number in range(chance.randrange(1, 4)):
        dash, inner = chance.choice((("- ", "  "), ("  - ", "    "), (f"k{number}:\n  ", "  ")))
        for key in "abc"[: chance.randrange(1, 4)]:
            lines.append(f"{dash if key == 'a' else inner}{key}: {chance.choice(BLOCKS[:4])}")
            deep = inner + " " * chance.choice((2, 2, 2, 2, 2, 2, 1, 3, 0))
            lines.append(deep + chance.choice(("text", "# c", "k: v", "- x", "'")))
            for _ in range(chance.randrange(5)):
                more = chance.choice(("", "", "", "", "", " ", "  ", "\t"))
                text = chance.choice(LINES)
                lines.append(deep + more + text if text else "")
    return "\n".join(lines) + chance.choice(("\n", "\n\n", "\n\n\n", ""))


def changed(text, chance):
    """Cut, insert or double a few characters of ``text``."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text) + 1)
        cut = chance.choice((0, 0, 1, 2, 9))
        put = chance.choice(
            (*MARKS, *WORDS, text[at : at + chance.randrange(20)], chr(chance.randrange(0x3000)))
        )
        text = text[:at] + put + text[at + cut :]
    return text


def agree(text):
    """Whether the fast reader took ``text``; fails if it then read it otherwise."""
    fast = fastread.read(text)
    if fast is None:
        return False
    refuse_characters(text, "<text>")
    careful = compose(text, "<text>")
    assert careful.problems == ()
    # repr tells 1 from 1.0 and True, and the order of keys.
    assert repr(fast) == repr(careful.data)
    return True


def test_an_everyday_recipe_is_read_fast():
    assert agree(EVERYDAY)
    assert agree(EVERYDAY.replace("\n", "\r\n"))
    assert parse_text(EVERYDAY).data["steps"][0]["args"]["quoted"] == "it's: fine # really"


def test_the_recipes_that_ship_as_examples_are_read_fast(repository):
    examples = sorted((repository / "orchestrator" / "recipes").glob("*.yaml"))
    assert examples
    for path in examples:
        assert agree(path.read_text(encoding="utf-8")), path.name


@pytest.mark.slow
def test_an_everyday_recipe_never_loads_the_careful_reader(repository):
    code = (
        "import sys; from framework0.recipe.load import parse_text; parse_text(sys.stdin.read());"
        "print(sorted({'yaml', 'yaml12', 'hashlib', 'json', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=EVERYDAY,
        cwd=repository,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        env={"PYTHONPATH": str(repository), "PYTHONUTF8": "1"},
    )
    assert done.stdout == "['yaml12']\n"


@settings(max_examples=60)
@given(st.integers(0, 2**64))
def test_what_is_read_fast_is_what_the_careful_reader_reads(seed):
    chance = random.Random(seed)
    for _ in range(20):
        agree(text_of(chance))
        agree(blocks_of(chance))


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 2**64))
def test_a_changed_recipe_is_read_the_same_by_both_or_by_the_careful_one(seed):
    chance = random.Random(seed)
    for _ in range(10):
        text = changed(EVERYDAY, chance)
        try:
            agree(text)
        except RecipeError as error:
            raise AssertionError(f"only the careful reader refused {text!r}: {error}") from error


@pytest.mark.slow
def test_enough_generated_texts_are_read_fast_to_prove_something():
    taken = sum(
        agree(f"{key}: {word}\n{other}:\n  - {word}\n  - x: {word}\n    y: {word}\n")
        for key in KEYS[::3]
        for other in KEYS[::4]
        for word in WORDS
    )
    assert taken > 500
    chance = random.Random(1)
    assert sum(agree(blocks_of(chance)) for _ in range(1_000)) > 50


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",
        "a: 1\nb: {c: 1, c: 2}\n",
        "a: 1\nb:\n  - c: 1\n    d: 'x: y'\n    c: 2\n",
        'a: 1\n"a": 2\n',
        "a: http://x\na: 'b: c' # d: e\n",
        "a: {b: 1, b: 2, b: 3}\nc: x:y\nd: x:y\n",
    ],
)
def test_a_duplicate_key_never_passes_the_fast_reader(text):
    assert fastread.read(text) is None
    assert "duplicate-key" in [problem.code for problem in parse_text(text).problems]


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n",
        "a: !x 1\n",
        "a: >\n  x\n",
        "a: |2\n   x\n",
        "a: |\n\n  x\n",
        "a: |\n  x\n y\n",
        "a: |\nb: 1\n",
        "a: |\n  x",
        "a:\n\tb: 1\n",
        "? a\n: b\n",
        "a: {b, c}\n",
        "a: {b:1}\n",
        "a: 0777\n",
        "a: 1e3\n",
        "a: 9223372036854775808\n",
        "a: no\n",
        "a: [no]\n",
        "true: 1\n",
        "a: 'x\n  y'\n",
        "a: 1\n---\nb: 2\n",
        "  a: 1\nb: 2\n",
        "- a\n",
        "word\n",
        "",
        "a: b\n" + "".join(" " * n + "a:\n" for n in range(1, 65)),
        "a: x\rb: y\n",
        "a: \u2028\n",
        "a: 'x\u202ey'\n",
    ],
)
def test_an_unusual_text_is_left_to_the_careful_reader(text):
    assert fastread.read(text) is None


def test_the_pattern_itself_bounds_how_deep_a_text_it_takes_can_nest():
    def nested(levels):
        return "".join(f"{' ' * level}a:\n" for level in range(levels))

    assert agree(nested(MAX_DEPTH))
    assert fastread.read(nested(MAX_DEPTH + 1)) is None
    assert fastread.read("a:\n" + "- " * 100_000) is None
    assert agree("a:\n" + "".join(f"{' ' * n}- - - a:\n" for n in range(0, 57, 7)))


def test_a_file_too_large_is_left_to_the_careful_reader(monkeypatch):
    monkeypatch.setattr(fastread, "MAX_FILE_BYTES", 4)
    assert fastread.read("a: 1") == {"a": 1}
    assert fastread.read("a: 12") is None
    assert MAX_FILE_BYTES == 64 * 1024 * 1024


def test_a_reader_that_finds_other_than_text_as_keys_is_not_believed(monkeypatch):
    for answer in ({1: 2}, {"a": {None: 1}}, ["a"], "a", None):
        monkeypatch.setattr(yaml12, "parse_yaml", lambda _text, answer=answer: answer)
        assert fastread.read("a: 1\n") is None
