"""Reading a recipe's text: the data it holds, the mistakes beside them, and where things stand."""

from __future__ import annotations

import hashlib

import pytest

from framework0.errors import Place, RecipeError
from framework0.recipe.limits import MAX_ALIAS_NODES, MAX_DEPTH, MAX_READING_PROBLEMS
from framework0.recipe.load import parse_text, read_document

RECIPE = """\
metadata:
  name: demo   # shown in lists
steps:
  - name: load
    timeout: 30s
    args: {path: "a b.csv", rows: 3}
  - name: sum
    depends_on: [load, "other"]
    description: |
      two
      lines
"""


def codes(text):
    """Read a text that is readable apart from mistakes; return the mistakes' codes."""
    return [problem.code for problem in parse_text(text).problems]


def refused(text):
    """Read a text that cannot be read; return the problems told."""
    with pytest.raises(RecipeError) as caught:
        parse_text(text, "r.yaml")
    return caught.value.problems


def test_a_recipe_is_read_as_plain_data():
    assert parse_text(RECIPE).data == {
        "metadata": {"name": "demo"},
        "steps": [
            {"name": "load", "timeout": "30s", "args": {"path": "a b.csv", "rows": 3}},
            {"name": "sum", "depends_on": ["load", "other"], "description": "two\nlines\n"},
        ],
    }


def test_the_digest_is_the_sha256_of_the_text_without_its_byte_order_mark(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + RECIPE.encode())
    assert read_document(path).digest == hashlib.sha256(RECIPE.encode()).hexdigest()
    assert parse_text("\ufeff" + RECIPE).digest == read_document(path).digest
    assert read_document(path).text == RECIPE


def test_a_document_shows_its_file_and_size():
    assert repr(parse_text("a: 1\n", "r.yaml")) == "Document('r.yaml', 5 characters)"


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("metadata",), 2, 3),
        (("metadata", "name"), 2, 9),
        (("steps",), 4, 3),
        (("steps", 0), 4, 5),
        (("steps", 0, "timeout"), 5, 14),
        (("steps", 0, "args"), 6, 11),
        (("steps", 0, "args", "path"), 6, 18),
        (("steps", 0, "args", "rows"), 6, 35),
        (("steps", 1, "depends_on", 1), 8, 24),
        (("steps", 1, "description"), 9, 18),
    ],
)
def test_the_place_of_a_value_is_where_it_begins(path, line, column):
    assert parse_text(RECIPE, "r.yaml").place(path) == Place("r.yaml", line, column)


def test_the_place_of_a_key_is_where_the_key_begins():
    document = parse_text(RECIPE)
    assert document.place(("steps", 0, "timeout"), key=True) == Place("<text>", 5, 5)
    assert document.place(("steps", 0, "args", "rows"), key=True) == Place("<text>", 6, 29)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("steps", 0, "retry"), 4, 5),
        (("steps", 0, "retry", "attempts"), 4, 5),
        (("steps", 7), 4, 3),
        (("steps", -1), 4, 3),
        (("steps", "name"), 4, 3),
        (("metadata", "name", "first"), 2, 9),
        (("metadata", 0), 2, 3),
        (("nothing",), 1, 1),
    ],
)
def test_a_path_that_leads_nowhere_is_placed_at_the_nearest_value_around_it(path, line, column):
    document = parse_text(RECIPE)
    assert document.place(path) == Place("<text>", line, column)
    assert document.place(path, key=True) == Place("<text>", line, column)


def test_places_are_the_same_whichever_reader_read_the_text():
    fast = parse_text("a: {b: [1, 2]}\n")
    slow = parse_text("a: {b: [1, 2]}\nt: |\n  x\n")
    assert fast.place(("a", "b", 1)) == slow.place(("a", "b", 1)) == Place("<text>", 1, 12)


def test_columns_count_characters_not_bytes():
    assert parse_text("日本: [é, ü]\n").place(("日本", 1)) == Place("<text>", 1, 9)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(newline):
    document = parse_text(RECIPE.replace("\n", newline))
    assert document.data == parse_text(RECIPE).data
    assert document.place(("steps", 1, "name")).line == 7


def test_a_value_behind_an_alias_is_placed_where_it_is_written():
    document = parse_text("base: &b {x: 1}\ncopy: *b\n")
    assert document.data == {"base": {"x": 1}, "copy": {"x": 1}}
    assert document.place(("copy",)) == Place("<text>", 2, 7)
    assert document.place(("copy", "x")) == Place("<text>", 1, 14)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("&k a: 1\nb: *k\n", {"a": 1, "b": "a"}),
        ("a: &x b\n*x : 1\n", {"a": "b", "b": 1}),
        ("a: &x []\nb: [*x, *x]\n", {"a": [], "b": [[], []]}),
    ],
)
def test_an_alias_repeats_the_value_of_its_anchor(text, data):
    document = parse_text(text)
    assert document.data == data
    assert not document.problems


def test_both_places_of_a_duplicate_key_are_told_and_the_first_value_is_kept():
    document = parse_text("a: 1\nb: 2\na: {c: 3}\n", "r.yaml")
    (problem,) = document.problems
    assert document.data == {"a": 1, "b": 2}
    assert (problem.code, problem.severity) == ("duplicate-key", "error")
    assert problem.place == Place("r.yaml", 3, 1)
    assert problem.related == (("first here", Place("r.yaml", 1, 1)),)


def test_all_mistakes_of_a_text_are_told_in_file_order():
    text = "a: 0777\nb: !x no\na: 1\nc: *gone\n1: x\n<<: {z: 1}\nd: .nan\n"
    document = parse_text(text)
    assert [(problem.code, problem.place.line) for problem in document.problems] == [
        ("number-ambiguous", 1),
        ("tag", 2),
        ("looks-like-boolean", 2),
        ("duplicate-key", 3),
        ("alias-unknown", 4),
        ("key-not-text", 5),
        ("merge-key", 6),
        ("number-not-finite", 7),
    ]
    assert document.data == {"a": 0, "b": "no", "c": None, "1": "x", "d": None}


def test_mistakes_found_before_a_syntax_error_are_told_with_it():
    told = refused("a: 0777\nb: [1\n")
    assert [problem.code for problem in told] == ["number-ambiguous", "yaml-syntax"]


def test_a_key_is_text_even_if_it_was_called_a_boolean_once():
    assert parse_text("no: 1\non: {yes: 2}\n").data == {"no": 1, "on": {"yes": 2}}
    assert codes("no: 1\non: {yes: 2}\n") == []


def test_quoting_a_look_alike_makes_it_plain_text():
    assert codes("a: 'no'\nb: \"0777\"\nc: '1_000'\n") == []


def test_a_list_or_mapping_as_a_key_is_told_and_its_value_left_out():
    document = parse_text("? [a, b]\n: 1\n? {c: d}\n: 2\ne: 3\n")
    assert document.data == {"e": 3}
    assert [problem.code for problem in document.problems] == ["key-not-text"] * 2


def test_a_second_document_is_told_and_not_read():
    document = parse_text("a: 1\n---\nb: [\n")
    assert document.data == {"a": 1}
    assert [problem.code for problem in document.problems] == ["several-documents"]


@pytest.mark.parametrize("text", ["", "\n\n", "# only this\n", "---\n", "~\n", "null\n"])
def test_nothing_is_an_empty_recipe(text):
    assert [problem.code for problem in refused(text)] == ["empty"]


@pytest.mark.parametrize("text", ["- a\n", "word\n", "42\n", "[1]\n", "'a: b'\n"])
def test_a_recipe_is_a_mapping(text):
    assert [problem.code for problem in refused(text)] == ["not-a-mapping"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_a_hundred_thousand_levels_are_refused_at_the_first_too_many(opening):
    problem = refused(opening * 100_000)[-1]
    assert problem.code == "too-deep"
    assert (problem.place.line, problem.place.column <= 300) == (1, True)


def test_the_deepest_recipe_allowed_is_read():
    text = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "\n"
    assert codes(text) == []
    (problem,) = refused(text.replace("[", "[[", 1).replace("]", "]]", 1))
    assert problem.code == "too-deep"


def test_aliases_may_stand_for_so_many_values_and_no_more():
    lines = [f"a0: &a0 [{', '.join(['x'] * 9)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (problem,) = refused("\n".join(lines) + "\n")
    assert problem.code == "alias-expansion"
    assert f"{MAX_ALIAS_NODES:,} values" in problem.message


def test_aliases_may_stand_for_so_much_text_and_no_more():
    (problem,) = refused(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]\n")
    assert problem.code == "alias-expansion"
    assert "characters" in problem.message


def test_a_recipe_may_hold_so_many_values_and_no_more(monkeypatch):
    monkeypatch.setattr("framework0.recipe.compose.MAX_NODES", 1_000)
    assert len(parse_text("a: &x [" + "1," * 997 + "]\n").data["a"]) == 997
    (problem,) = refused("a: &x [" + "1," * 998 + "]\n")
    assert problem.code == "too-many-values"


def test_reading_ends_after_so_many_mistakes():
    told = refused("".join(f"k{n}: 0777\n" for n in range(10 * MAX_READING_PROBLEMS)))
    assert len(told) == MAX_READING_PROBLEMS + 1
    assert told[-1].code == "too-many-mistakes"


def test_any_number_of_warnings_leaves_a_recipe_readable():
    document = parse_text("".join(f"k{n}: no\n" for n in range(10 * MAX_READING_PROBLEMS)))
    assert len(document.data) == 10 * MAX_READING_PROBLEMS
    assert len(document.problems) == MAX_READING_PROBLEMS


@pytest.mark.parametrize(
    ("character", "told"),
    [
        ("\x00", "U+0000 (NUL)"),
        ("\x07", "U+0007 (a control character)"),
        ("\x1b", "U+001B (escape)"),
        ("\x7f", "U+007F (a control character)"),
        ("\x85", "U+0085 (a next-line mark)"),
        ("\u2028", "U+2028 (a line separator)"),
        ("\ufeff", "U+FEFF (a byte order mark)"),
        ("\uffff", "U+FFFF (a control character)"),
        ("\ud800", "U+D800 (half of a character)"),
    ],
)
def test_a_character_no_recipe_may_hold_is_told_with_its_place(character, told):
    (problem,) = refused(f"a: 1\r\nb: 'x{character}y'\n")
    assert problem.code == "control-character"
    assert told in problem.message
    assert problem.place == Place("r.yaml", 2, 6)


def test_a_character_that_reorders_text_is_a_warning():
    document = parse_text("a: 1\nb: 'x\u202ey'\n")
    (problem,) = document.problems
    assert (problem.code, problem.severity) == ("hidden-character", "warning")
    assert problem.place == Place("<text>", 2, 6)
    assert document.data["b"] == "x\u202ey"


def test_every_character_let_through_is_one_the_parser_takes():
    allowed = "".join(
        chr(number)
        for number in (*range(0x20, 0x10000), *range(0x10000, 0x110000, 4097))
        if not 0xD800 <= number <= 0xDFFF
        and chr(number) not in "'\x7f\ufeff\ufffe\uffff\u2028\u2029"
        and not 0x80 <= number < 0xA0
    )
    assert parse_text(f"a: '{allowed}'\n").data == {"a": allowed}


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!vault", "!!set", "!!str", "!"]
)
def test_a_tag_is_told_and_runs_nothing(tag):
    document = parse_text(f"a: {tag} {{x: 1}}\n")
    assert [problem.code for problem in document.problems] == ["tag"]
    assert document.data == {"a": {"x": 1}}


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "&a {*a : 1}\n"])
def test_a_value_that_contains_itself_is_refused(text):
    assert "alias-recursive" in codes(text)
