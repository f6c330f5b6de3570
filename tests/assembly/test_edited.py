"""A run whose recipe or code has changed is never silently continued (promise R6)."""

from __future__ import annotations

import json

import pytest

from framework0.assembly import Options, compare, rerun, resume_run
from framework0.errors import RefusedError

STEPS = 25

CODE = """
from pathlib import Path


def note(context, word, key=None):
    context.set(key or word, word)
    with Path(__file__).with_name("ledger.txt").open("a") as file:
        file.write(word + "\\n")


def gate(context):
    if not Path(__file__).with_name("open").exists():
        raise OSError("the gate is closed")
"""


def a_function(number):
    return f"\n\ndef note{number}(context, word):\n    note(context, word)\n    return {number}\n"


def document(steps=STEPS):
    """Two rows of steps, each a chain, and a gate that is closed at first."""
    rows = [
        {
            "name": f"s{number}",
            "module": "work",
            "function": f"note{number}",
            "args": {"word": f"w{number}"},
            "depends_on": [f"s{number - 2}"] if number > 1 else [],
        }
        for number in range(steps)
    ]
    gate = {"name": "gate", "module": "work", "function": "gate"}
    return [*rows, {**gate, "depends_on": [f"s{steps - 1}", f"s{steps - 2}"]}]


@pytest.fixture
def broken(space, run):
    """A failed run, all of whose steps but the gate have finished; the gate is open now."""
    (space.root / "work.py").write_text(CODE + "".join(map(a_function, range(STEPS))))
    failed = run(json.dumps({"metadata": {"name": "r6"}, "steps": document()}))
    assert failed.state == "failed"
    (space.root / "open").touch()
    (space.root / "ledger.txt").unlink()
    return failed


def below(number):
    """Return a step's number and those of the steps that come after it."""
    return set(range(number, STEPS, 2))


def changed_definition(steps, number):
    steps[number]["env"] = {"LANG": "C"}
    return below(number), "changed: env"


def changed_args(steps, number):
    steps[number]["args"]["word"] += "x"
    return below(number), f"changed: args (word 'w{number}' → 'w{number}x')"


def removed(steps, number):
    del steps[number]
    for step in steps:
        step["depends_on"] = [one for one in step["depends_on"] if one != f"s{number}"]
    return below(number) - {number}, "removed"


def renamed(steps, number):
    steps[number]["name"] = "fresh"
    for step in steps:
        step["depends_on"] = ["fresh" if one == f"s{number}" else one for one in step["depends_on"]]
    return below(number), "removed, or renamed to 'fresh'?"


CASES = [changed_definition, changed_args, removed, renamed]


@pytest.mark.parametrize("number", range(STEPS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_no_edit_is_silently_continued(broken, space, ledger, history, case, number):
    path = space.root / "recipe.yaml"
    recipe = json.loads(path.read_text())
    again, reason = case(recipe["steps"], number)
    path.write_text(json.dumps(recipe))
    with pytest.raises(RefusedError) as refused:
        resume_run(broken.id, workspace=space)
    assert refused.value.exit_code == 5
    assert f"does not hold: s{number}: {reason}\n" in str(refused.value)
    assert ledger() == []
    accepted = resume_run(broken.id, workspace=space, options=Options(edited="accept"))
    assert accepted.ok
    assert accepted.id != broken.id
    words = sorted(recipe["steps"][place]["args"]["word"] for place in positions(recipe, again))
    assert sorted(ledger()) == words
    context = dict(accepted.context.items())
    assert set(context) == {step["args"]["word"] for step in recipe["steps"] if "args" in step}
    assert history(broken.id).summary.state == "failed"


def positions(recipe, numbers):
    words = {f"w{number}" for number in numbers}
    return [
        place
        for place, step in enumerate(recipe["steps"])
        if step.get("args", {}).get("word", "").rstrip("x") in words
    ]


@pytest.mark.parametrize("number", range(STEPS))
def test_no_changed_code_is_silently_continued(broken, space, ledger, number):
    path = space.root / "work.py"
    path.write_text(path.read_text().replace(f"return {number}\n", f"return {number} + 0\n"))
    with pytest.raises(RefusedError) as refused:
        resume_run(broken.id, workspace=space)
    assert f"does not hold: s{number}: changed: code of work.py\n" in str(refused.value)
    assert str(refused.value).count("does not hold: ") == len(below(number))
    accepted = resume_run(broken.id, workspace=space, options=Options(edited="accept"))
    assert accepted.ok
    assert sorted(ledger()) == sorted(f"w{one}" for one in below(number))


def test_as_recorded_keeps_all_that_has_finished(broken, space, ledger):
    path = space.root / "work.py"
    path.write_text(path.read_text().replace("return 3\n", "return 33\n"))
    went_on = resume_run(broken.id, workspace=space, options=Options(edited="recorded"))
    assert went_on.ok
    assert went_on.id == broken.id
    assert ledger() == []


def test_mended_code_of_the_step_that_failed_is_no_change(broken, space, ledger):
    path = space.root / "work.py"
    path.write_text(path.read_text().replace("the gate is closed", "closed"))
    assert resume_run(broken.id, workspace=space).id == broken.id
    assert ledger() == []


def test_accept_without_a_change_goes_on_with_the_same_run(broken, space):
    went_on = resume_run(broken.id, workspace=space, options=Options(edited="accept"))
    assert went_on.id == broken.id


@pytest.mark.parametrize("how", ["timeout: 9s, ", "retry: 2, ", "description: said, "])
def test_how_a_step_is_run_does_not_change_what_it_did(run, space, history, how):
    (space.root / "work.py").write_text(CODE)
    text = "steps:\n  - {HOWname: a, module: work, function: note, args: {word: a}}\n  - {name: g, module: work, function: gate}\n"
    broken = run(text.replace("HOW", ""))
    (space.root / "recipe.yaml").write_text(text.replace("HOW", how))
    found = compare(history(broken.id), space)
    assert [one.holds for one in found.steps] == [True]
    assert found.edited is (how[0] != "d")


def test_a_new_step_above_makes_what_comes_after_it_run_again(run, space, history):
    (space.root / "work.py").write_text(CODE)
    step = "  - {name: NAME, module: work, function: note, args: {word: NAME}}\n"
    gate = "  - {name: g, module: work, function: gate}\n"
    broken = run("steps:\n" + step.replace("NAME", "a") + gate)
    path = space.root / "recipe.yaml"
    path.write_text("steps:\n" + step.replace("NAME", "b") + step.replace("NAME", "a") + gate)
    found = compare(history(broken.id), space)
    assert found.steps[0].reasons == ("upstream b is new",)
    assert found.added == ("b",)


def test_a_changed_file_that_a_step_imports_is_named(run, space, history):
    (space.root / "work.py").write_text("import far\n" + CODE)
    (space.root / "far.py").write_text("X = 1\n")
    broken = run(
        "steps:\n  - {name: a, module: work, function: note, args: {word: a}}\n"
        "  - {name: g, module: work, function: gate}\n"
    )
    (space.root / "far.py").write_text("X = 2\n")
    found = compare(history(broken.id), space)
    assert found.steps[0].reasons == ("changed: code of far.py",)
    assert (found.edited, found.recoded) == (False, True)


def test_items_that_have_finished_count_as_finished_work(run, space, history, ledger):
    (space.root / "work.py").write_text(
        CODE
        + "\ndef pick(context, item):\n    if item == 2:\n        gate(context)\n    note(context, str(item))\n"
    )
    text = (
        "steps:\n  - {name: each, foreach: [1, 2, 3], module: work, function: pick, "
        'args: {item: "${{ item }}"}}\n'
    )
    broken = run(text)
    found = compare(history(broken.id), space)
    assert [(one.step, one.holds, one.partly) for one in found.steps] == [("each", True, True)]
    path = space.root / "work.py"
    path.write_text(path.read_text().replace("item == 2", "item == 4"))
    with pytest.raises(RefusedError, match=r"each \(some of its items\): changed: code of work.py"):
        resume_run(broken.id, workspace=space)
    accepted = resume_run(broken.id, workspace=space, options=Options(edited="accept"))
    assert accepted.ok
    assert sorted(ledger()) == ["1", "1", "2", "3", "3"]


def test_writes_of_items_are_kept_with_their_step(run, space):
    (space.root / "work.py").write_text(CODE)
    broken = run(
        'steps:\n  - {name: each, foreach: [x, y], module: work, function: note, args: {word: "${{ item }}"}}\n'
        "  - {name: g, module: work, function: gate}\n"
    )
    (space.root / "open").touch()
    again = rerun(broken.id, failed_only=True, workspace=space)
    assert again.ok
    assert dict(again.context.items()) == {"x": "x", "y": "y"}


def test_a_skip_by_a_condition_holds_in_the_new_run(run, space, ledger):
    (space.root / "work.py").write_text(CODE)
    text = (
        "steps:\n  - {name: a, module: work, function: note, args: {word: a}, when: 'false'}\n"
        "  - {name: b, module: work, function: note, args: {word: b}}\n"
        "  - {name: g, module: work, function: gate}\n"
    )
    broken = run(text)
    (space.root / "open").touch()
    (space.root / "recipe.yaml").write_text(
        text + "  - {name: c, module: work, function: note, args: {word: c}}\n"
    )
    accepted = resume_run(broken.id, workspace=space, options=Options(edited="accept"))
    assert accepted.ok
    assert accepted.steps["a"].state == "skipped"
    assert ledger() == ["b", "c"]


def test_a_changed_condition_is_decided_again(run, space, ledger):
    (space.root / "work.py").write_text(CODE)
    text = (
        "steps:\n  - {name: a, module: work, function: note, args: {word: a}, when: 'false'}\n"
        "  - {name: g, module: work, function: gate}\n"
    )
    broken = run(text)
    (space.root / "open").touch()
    (space.root / "recipe.yaml").write_text(text.replace("'false'", "'true'"))
    with pytest.raises(RefusedError, match="a: changed: when"):
        resume_run(broken.id, workspace=space)
    assert resume_run(broken.id, workspace=space, options=Options(edited="accept")).ok
    assert ledger() == ["a"]


def test_an_inner_recipe_that_was_edited_is_not_silently_continued_either(run, space, ledger):
    (space.root / "work.py").write_text(CODE)
    inner = space.root / "inner.yaml"
    inner.write_text(
        "steps:\n  - {name: a, module: work, function: note, args: {word: a}}\n"
        "  - {name: g, module: work, function: gate}\n"
    )
    broken = run("steps: [{name: in, type: recipe, recipe: inner.yaml}]\n")
    (space.root / "open").touch()
    inner.write_text(inner.read_text().replace("word: a", "word: b"))
    refused = resume_run(broken.id, workspace=space)
    assert refused.state == "failed"
    assert "was edited after it began" in refused.steps["in"].failure.message
    assert resume_run(broken.id, workspace=space, options=Options(edited="recorded")).ok
    assert ledger() == ["a"]


def test_a_run_that_recorded_no_code_is_compared_by_its_recipe_alone(broken, space, history):
    old = history(broken.id)
    bare = old._replace(header=old.header._replace(code={}))
    (space.root / "work.py").write_text(CODE + "".join(a_function(n + 1) for n in range(-1, STEPS)))
    assert not compare(bare, space).changed
    assert compare(old, space).recipe.code != old.header.code or not compare(old, space).changed


def test_a_recipe_whose_file_is_gone_goes_on_as_recorded(broken, space):
    (space.root / "recipe.yaml").unlink()
    assert resume_run(broken.id, workspace=space).id == broken.id
