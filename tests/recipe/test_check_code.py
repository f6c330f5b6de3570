"""Claims about checking steps against the code they name and the context keys they share."""

from __future__ import annotations

from textwrap import dedent

import pytest

from framework0.errors import Place
from framework0.recipe import check_document, parse_text
from framework0.source import Facts, Parameter, Signature, Sources, Unknown

FUNCTIONS = """
def load(path, limit=10):
    return path


def first(path, /, limit=10):
    return path


def many(*paths, limit):
    return paths


def open_ended(path, **options):
    return path


def nothing():
    return 0


def typed(count: int, ratio: float = 1.0, label: str | None = None):
    return count


def paint(context, color="red"):
    context.set("picture", color)


def look(context):
    return context.get("picture")


def look_or_not(context):
    return context.get("picture", None)


def misspell(context):
    return context.get("pictre")


def anything(context, key):
    context.set(key, 1)


def any_read(context, key):
    return context.get(key)
"""

SCRIPTLETS = """
from typing import Literal

from scriptlets.framework import BaseScriptlet


class Reader(BaseScriptlet):
    def run(self, context, params):
        return {"path": params["path"], "limit": params.get("limit", 10)}
"""


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "things.py").write_text(dedent(FUNCTIONS))
    (tmp_path / "reading.py").write_text(dedent(SCRIPTLETS))
    (tmp_path / "broken.py").write_text("def load(:\n")
    return Sources([tmp_path])


def found(text, signatures, **more):
    document = parse_text(dedent(text), "demo.yaml")
    return check_document(document, signatures=signatures, **more).problems


def codes(text, signatures, **more):
    problems = found(text, signatures, **more)
    return [(one.severity, one.code) for one in problems if one.code != "order"]


def call(function, args="", module="things"):
    given = f", args: {args}" if args else ""
    return f"steps: [{{name: a, module: {module}, function: {function}{given}}}]"


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("load", "{path: x}"),
        ("load", "[x]"),
        ("load", "[x, 3]"),
        ("first", "[x]"),
        ("many", "{limit: 3}"),
        ("open_ended", "{path: x, whatever: 1}"),
        ("nothing", ""),
        ("nothing", "{}"),
        ("nothing", "[]"),
        ("typed", "{count: 3, ratio: 2, label: null}"),
        ("typed", "{count: '${{ run.id }}'}"),
        ("look_or_not", ""),
    ],
)
def test_arguments_that_fit_are_not_mentioned(function, args, sources):
    assert codes(call(function, args), sources) == []


@pytest.mark.parametrize(
    ("function", "args", "code", "severity"),
    [
        ("load", "", "missing-argument", "error"),
        ("load", "{limit: 3}", "missing-argument", "error"),
        ("load", "[]", "missing-argument", "error"),
        ("load", "{path: x, other: 1}", "unknown-argument", "error"),
        ("load", "[x, 1, 2]", "too-many-arguments", "error"),
        ("nothing", "[x]", "too-many-arguments", "error"),
        ("nothing", "{x: 1}", "unknown-argument", "error"),
        ("first", "{path: x}", "unknown-argument", "error"),
        ("first", "{limit: 3}", "missing-argument", "error"),
        ("many", "[x]", "missing-argument", "error"),
        ("typed", "{count: many}", "argument-type", "warning"),
        ("typed", "{count: null}", "argument-type", "warning"),
        ("typed", "[many]", "argument-type", "warning"),
        ("lod", "", "unknown-function", "error"),
    ],
)
def test_arguments_that_do_not_fit_are_named(function, args, code, severity, sources):
    assert (severity, code) in codes(call(function, args), sources)


@pytest.mark.parametrize(
    ("module", "function", "hint"),
    [
        ("code", "poison", "code is a module of Python itself: a file of yours needs another name"),
        ("csv", "raeder", "did you mean 'reader'?"),
    ],
)
def test_a_file_named_like_a_module_of_python_is_explained(module, function, hint, sources):
    text = f"steps: [{{name: a, module: {module}, function: {function}}}]"
    (problem,) = [one for one in found(text, sources) if one.code == "unknown-function"]
    assert problem.hint == hint


def test_a_misspelt_argument_is_not_missing_as_well(sources):
    (problem,) = [one for one in found(call("load", "{paht: x}"), sources) if one.code != "order"]
    assert (problem.code, problem.hint) == ("unknown-argument", "did you mean 'path'?")


def test_a_misspelt_module_and_a_broken_one_are_told_apart(sources):
    assert codes(call("load", module="thigns"), sources) == [("error", "unknown-module")]
    (broken,) = [
        one for one in found(call("load", module="broken"), sources) if one.code != "order"
    ]
    assert broken.code == "broken-module"
    assert broken.related[0][1].file.endswith("broken.py")


def test_a_scriptlet_takes_params_by_name_and_tells_what_it_reads(sources):
    assert codes(call("Reader", "{path: x, limit: 3}", "reading"), sources) == []
    assert ("error", "scriptlet-positional") in codes(call("Reader", "[x]", "reading"), sources)
    assert ("warning", "unknown-argument") in codes(
        call("Reader", "{path: x, color: red}", "reading"), sources
    )
    assert ("warning", "missing-argument") in codes(call("Reader", "{}", "reading"), sources)


def test_every_mistake_of_a_step_is_told_together_with_those_about_its_code(sources):
    text = "steps: [{name: a, module: things, function: lod, timeout: soon, retires: 3}]"
    assert {code for _, code in codes(text, sources)} == {
        "unknown-function",
        "bad-duration",
        "unknown-key",
    }


def test_a_type_of_the_workspace_is_checked_against_its_class(sources):
    kinds = {"read": ("reading", "Reader")}
    text = "steps: [{name: a, type: read, args: {color: red}}]"
    assert ("warning", "unknown-argument") in codes(text, sources, kinds=kinds)
    (note,) = [
        one
        for one in found("steps: [{name: a, type: read}]", sources, kinds=["read"])
        if one.code == "not-checked"
    ]
    assert "type read" in note.message


def test_many_steps_ask_about_the_same_code_once(sources):
    asked = []

    class Counting:
        def signature(self, module, function):
            asked.append((module, function))
            return sources.signature(module, function)

        facts = staticmethod(sources.facts)

    steps = "".join(
        f"  - {{name: s{n}, module: things, function: load, args: {{path: x}}}}\n"
        for n in range(50)
    )
    assert codes("steps:\n" + steps, Counting()) == []
    assert asked == [("things", "load")]


class Told:
    """A source whose answers are given: for what no file of ours can look like."""

    def __init__(self, answer, facts=None):
        self.answer = answer
        self._facts = facts or {}

    def signature(self, _module, _function):
        return self.answer

    def facts(self, _module, function):
        return self._facts.get(function, Facts())


def test_what_reading_cannot_tell_is_said_once_for_all_steps():
    steps = "".join(f"  - {{name: s{n}, module: m, function: f}}\n" for n in range(5))
    problems = found("steps:\n" + steps, Told(Unknown("m is made when it is imported")))
    (note,) = [one for one in problems if one.code == "not-checked"]
    assert note.severity == "note"
    assert note.message == "not checked: m is made when it is imported (s0, s1, s2 and 2 more)"


def test_declared_params_of_a_scriptlet_are_held_to_their_types_and_choices():
    size = Parameter("size", "keyword", types=("string",), choices=("small", "large"))
    source = Told(Signature("scriptlet", (size,), place=Place("x.py", 3, 1)))
    assert codes(call("f", "{size: small}", "m"), source) == []
    assert codes(call("f", "{size: 3}", "m"), source) == [("error", "argument-type")]
    assert codes(call("f", "{size: '${{ run.id }}'}", "m"), source) == []
    near, far = (
        next(one for one in found(call("f", text, "m"), source) if one.code == "argument-type")
        for text in ("{size: smal}", "{size: gigantic}")
    )
    assert near.hint == "did you mean 'small'?"
    assert far.hint == "one of small, large"
    assert far.related == (("its definition", Place("x.py", 3, 1)),)


def two(first, second, order="", more=""):
    return (
        f"{order}\nsteps:\n"
        f"  - {{name: a, module: things, function: {first}}}\n"
        f"  - {{name: b, module: things, function: {second}{more}}}\n"
    )


def test_a_key_written_before_is_fine_and_one_never_written_is_a_risk(sources):
    assert codes(two("paint", "look"), sources) == []
    assert codes(two("nothing", "look"), sources) == [("warning", "context-key-unwritten")]
    assert codes(two("nothing", "look_or_not"), sources) == []


def test_a_key_nothing_writes_has_its_near_name(sources):
    (problem,) = [one for one in found(two("paint", "misspell"), sources) if one.code != "order"]
    assert problem.hint == "did you mean 'picture'?"
    assert problem.related[0][1].file.endswith("things.py")


def test_a_key_written_only_later_is_a_risk_that_names_the_writer(sources):
    (problem,) = [one for one in found(two("look", "paint"), sources) if one.code != "order"]
    assert problem.code == "context-key-unwritten"
    assert "only 'b' does, later" in problem.message


def test_a_reader_that_does_not_wait_for_the_writer_is_told_to(sources):
    (problem,) = [
        one for one in found(two("paint", "look", "order: graph"), sources) if one.code != "order"
    ]
    assert (problem.code, problem.hint) == ("context-key-unordered", "add 'a' to its depends_on")


def test_two_steps_that_may_run_together_must_not_write_one_key(sources):
    together = two("paint", "paint", "order: graph")
    assert codes(together, sources) == [("warning", "context-write-conflict")]
    assert codes(two("paint", "paint"), sources) == []
    waits = two("paint", "paint", more=", depends_on: [a]")
    assert codes(waits, sources) == []


def test_many_writers_of_one_key_are_one_warning(sources):
    steps = "".join(f"  - {{name: s{n}, module: things, function: paint}}\n" for n in range(6))
    problems = found("order: graph\nsteps:\n" + steps, sources)
    (problem,) = [one for one in problems if one.code == "context-write-conflict"]
    assert "4 more steps write it too" in problem.message


def test_where_a_step_may_write_anything_nothing_is_claimed_but_that(sources):
    text = two("anything", "look", more="").replace("anything}", "anything, args: {key: k}}")
    assert codes(text, sources) == [("note", "not-checked")]
    later = two("look", "anything").replace("anything}", "anything, args: {key: k}}")
    assert ("warning", "context-key-unwritten") in codes(later, sources)


def test_reads_that_cannot_be_told_are_said_not_to_be_checked(sources):
    text = call("any_read", "{key: k}")
    (note,) = [one for one in found(text, sources) if one.code != "order"]
    assert note.code == "not-checked"
    assert "reads" in note.message


def test_an_expression_reads_keys_too(sources):
    reads = "steps:\n  - {{name: a, module: things, function: {}}}\n".format
    shown = "  - {name: b, module: things, function: load, args: ['${{ context.picture }}']}\n"
    assert codes(reads("paint") + shown, sources) == []
    inside = shown.replace("context.picture", "context.picture.color")
    assert codes(reads("paint") + inside, sources) == []
    (problem,) = [one for one in found(reads("nothing") + shown, sources) if one.code != "order"]
    assert problem.code == "context-key-unwritten"
    assert problem.place.column > shown.index("'${{")
    guarded = shown.replace("context.picture", 'context.get("picture", 1)')
    assert codes(reads("nothing") + guarded, sources) == []


def test_keys_a_step_must_leave_behind_may_be_its_own(sources):
    kept = ", success: {ctx_has_keys: [picture]}"
    assert codes(two("nothing", "paint", more=kept), sources) == []
    assert codes(two("nothing", "nothing", more=kept), sources) == [
        ("warning", "context-key-unwritten")
    ]


def test_later_parts_of_a_recipe_come_after_all_earlier_ones(sources):
    text = (
        "order: graph\n"
        "steps: [{name: a, module: things, function: paint}]\n"
        "on_failure: [{name: b, module: things, function: look}]\n"
        "finally: [{name: c, module: things, function: paint}]\n"
    )
    assert codes(text, sources) == []
    early = (
        "steps: [{name: a, module: things, function: look}]\n"
        "finally: [{name: c, module: things, function: paint}]\n"
    )
    assert codes(early, sources) == [("warning", "context-key-unwritten")]


def test_a_recipe_within_may_write_anything(sources):
    text = (
        "steps:\n"
        "  - {name: a, type: recipe, recipe: x.yaml}\n"
        "  - {name: b, module: things, function: look}\n"
    )
    (note,) = [one for one in found(text, sources) if one.code != "order"]
    assert note.code == "not-checked"
    assert "recipe" in note.message


def test_a_shell_step_touches_no_keys(sources):
    text = (
        "steps:\n"
        "  - {name: a, type: shell, command: [ls]}\n"
        "  - {name: b, module: things, function: look}\n"
    )
    assert codes(text, sources) == [("warning", "context-key-unwritten")]


def test_a_step_whose_code_is_unknown_may_write_anything(sources):
    text = (
        "steps:\n"
        "  - {name: a, type: far_away}\n"
        "  - {name: b, module: things, function: look}\n"
    )
    assert codes(text, sources, kinds=["far_away"]) == [("note", "not-checked")]


def test_with_a_cycle_keys_are_not_looked_at(sources):
    text = (
        "steps:\n"
        "  - {name: a, module: things, function: look, depends_on: [b]}\n"
        "  - {name: b, module: things, function: paint, depends_on: [a]}\n"
    )
    assert codes(text, sources) == [("error", "cycle")]


def test_very_many_readers_and_writers_are_not_compared_one_by_one(sources, monkeypatch):
    monkeypatch.setattr("framework0.recipe.check_context.MOST_PAIRS", 1)
    notes = found(two("paint", "look", "order: graph"), sources)
    assert any("very many" in note.message for note in notes if note.code == "not-checked")
