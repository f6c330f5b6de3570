"""Going on with a run, and running it again: what was acknowledged never runs a second time."""

from __future__ import annotations

import pytest

from framework0.assembly import Options, rerun, resume_run
from framework0.errors import RecipeError, RunNotFound, UsageError

FLAKY = """
    metadata: {name: flaky}
    steps:
      - {name: first, module: steps, function: note, args: {word: first}}
      - {name: second, module: gate, function: pass_gate, depends_on: [first]}
      - {name: third, module: steps, function: note, args: {word: third}, depends_on: [second]}
"""

GATE = """
from pathlib import Path

def pass_gate(context):
    context.set("seen", True)
    if not Path(__file__).with_name("open").exists():
        raise OSError("the gate is closed")
    return "passed"
"""


@pytest.fixture
def gate(space):
    (space.root / "gate.py").write_text(GATE)
    return (space.root / "open").touch


def test_resume_runs_what_is_not_complete_and_nothing_else(run, space, gate, ledger):
    broken = run(FLAKY)
    assert broken.state == "failed"
    assert broken.steps["third"].state == "skipped"
    assert not broken.context.get("seen", False)
    gate()
    mended = resume_run(broken.id, workspace=space)
    assert mended.ok
    assert mended.id == broken.id
    assert ledger() == ["first", "third"]
    assert mended.steps["second"].attempts == 2
    assert mended.steps["first"].result == "first"
    assert mended.context.get("seen") is True


def test_resume_of_a_finished_run_runs_nothing(run, space, ledger):
    done = run("metadata: {name: d}\nsteps: [{name: a, module: steps, function: note}]\n")
    assert resume_run(done.id, workspace=space).ok
    assert ledger() == ["x"]


def test_resume_uses_the_recipe_that_was_recorded_if_told_so(run, space, gate, ledger):
    broken = run(FLAKY)
    (space.root / "recipe.yaml").write_text("metadata: {name: other}\nsteps: []\n")
    gate()
    with pytest.raises(RecipeError):
        resume_run(broken.id, workspace=space)
    assert resume_run(broken.id, workspace=space, options=Options(edited="recorded")).ok
    assert ledger() == ["first", "third"]


def test_decisions_made_hold_on_resume(run, space, gate, ledger):
    broken = run("""
        metadata: {name: decisions}
        steps:
          - {name: ask, module: steps, function: note, args: {word: asked}, when: "context.get('seen', false) == true"}
          - name: each
            foreach: "${{ context.get('list', [1, 2]) }}"
            module: steps
            function: note
            args: {word: "item${{ item }}"}
          - {name: change, module: steps, function: put, args: {key: list, value: [9]}}
          - {name: gate, module: gate, function: pass_gate}
    """)
    assert broken.state == "failed"
    gate()
    mended = resume_run(broken.id, workspace=space)
    assert mended.ok
    assert mended.steps["ask"].state == "skipped"
    assert mended.steps["each"].result == ["item1", "item2"]
    assert sorted(ledger()) == ["item1", "item2"]


def test_only_the_failed_items_of_a_foreach_run_again(run, space, gate, ledger):
    (space.root / "picky.py").write_text(
        "from steps import note\n"
        "from gate import pass_gate\n"
        "def pick(context, item):\n"
        "    note(f'item{item}')\n"
        "    return pass_gate(context) if item == 2 else item\n"
    )
    broken = run("""
        metadata: {name: items}
        steps:
          - {name: each, foreach: [1, 2, 3], module: picky, function: pick, args: {item: "${{ item }}"}}
    """)
    assert broken.steps["each"].failure.message == "1 of 3 items failed, first each[1]"
    gate()
    mended = resume_run(broken.id, workspace=space)
    assert mended.steps["each"].result == [1, "passed", 3]
    assert sorted(ledger()) == ["item1", "item2", "item2", "item3"]


def test_clean_up_comes_after_everything_on_resume_too(run, space, gate, ledger):
    text = FLAKY + """
    finally:
      - {name: tidy, module: steps, function: note, args: {word: tidy}}
    """
    broken = run(text)
    assert ledger() == ["first", "tidy"]
    gate()
    assert resume_run(broken.id, workspace=space).ok
    assert ledger() == ["first", "tidy", "third", "tidy"]


def test_a_lost_object_is_named_when_a_later_step_needs_it(run, space, gate):
    broken = run("""
        metadata: {name: objects}
        steps:
          - {name: make, module: steps, function: an_object}
          - {name: gate, module: gate, function: pass_gate}
          - {name: use, module: steps, function: echo, args: {value: "${{ steps.make.result }}"}, depends_on: [make, gate]}
    """)
    assert broken.state == "failed"
    gate()
    mended = resume_run(broken.id, workspace=space)
    assert "the result of 'make' is gone" in mended.steps["use"].failure.message


def test_a_secret_is_read_again_on_resume(run, space, gate, monkeypatch):
    monkeypatch.setenv("TOKEN", "first-secret")
    broken = run("""
        metadata: {name: secrets}
        inputs: {token: {secret: true, required: true}}
        steps:
          - {name: gate, module: gate, function: pass_gate}
          - {name: use, module: steps, function: put, args: {key: k, value: "${{ inputs.token }}"}}
    """)
    gate()
    monkeypatch.delenv("TOKEN")
    with pytest.raises(UsageError, match="set TOKEN in the environment"):
        resume_run(broken.id, workspace=space)
    monkeypatch.setenv("TOKEN", "second-secret")
    assert resume_run(broken.id, workspace=space).context.get("k") == "second-secret"


def test_an_inner_run_that_failed_is_gone_on_with(run, space, gate, ledger, history):
    (space.root / "inner.yaml").write_text(
        "metadata: {name: inner}\n"
        "steps:\n"
        "  - {name: one, module: steps, function: note, args: {word: inner}}\n"
        "  - {name: two, module: gate, function: pass_gate}\n"
    )
    broken = run("metadata: {name: outer}\nsteps: [{name: in, type: recipe, recipe: inner.yaml}]\n")
    assert f"the inner run {broken.id}.0 failed" in broken.steps["in"].failure.message
    gate()
    assert resume_run(broken.id, workspace=space).ok
    assert ledger() == ["inner"]


def test_rerun_is_a_new_run_that_names_its_parent(run, space, ledger, history):
    done = run("metadata: {name: d}\nsteps: [{name: a, module: steps, function: note}]\n")
    again = rerun(done.id, workspace=space)
    assert again.id != done.id
    assert ledger() == ["x", "x"]
    assert history(again.id).header.parent == done.id


def test_rerun_of_the_failed_keeps_what_succeeded(run, space, gate, ledger, history):
    broken = run(FLAKY)
    gate()
    again = rerun(broken.id, failed_only=True, workspace=space)
    assert again.ok
    assert ledger() == ["first", "third"]
    assert again.steps["first"].result == "first"
    assert again.steps["first"].reason == f"kept from run {broken.id}"
    assert history(again.id).summary.state == "succeeded"


def test_rerun_of_the_failed_runs_edited_steps_and_those_after_them(run, space, gate, ledger):
    broken = run(FLAKY)
    gate()
    path = space.root / "recipe.yaml"
    path.write_text(path.read_text().replace("word: first", "word: edited"))
    assert rerun(broken.id, failed_only=True, workspace=space).ok
    assert ledger() == ["first", "edited", "third"]


def test_rerun_of_the_failed_says_when_nothing_failed(run, space):
    done = run("metadata: {name: d}\nsteps: [{name: a, module: steps, function: note}]\n")
    with pytest.raises(UsageError, match="nothing to run again"):
        rerun(done.id, failed_only=True, workspace=space)


def test_a_run_nobody_knows_cannot_be_resumed(space):
    with pytest.raises(RunNotFound):
        resume_run("20200101-000000-ffffffff", workspace=space)


def test_a_cancelled_run_ends_its_steps_runs_its_finally_and_can_be_resumed(run, space, ledger):
    runs = []
    text = """
        metadata: {name: cancel}
        order: graph
        steps:
          - {name: long, module: steps, function: sleep_forever}
          - {name: next, module: steps, function: note, args: {word: next}, depends_on: [long]}
        finally:
          - {name: tidy, module: steps, function: note, args: {word: tidy}}
    """

    class Watch:
        def run_started(self, run_id, total): ...
        def step_progress(self, name, done, total): ...
        def step_finished(self, records): ...
        def run_finished(self, state, seconds): ...

        def step_started(self, name, attempt):
            if name == "long":
                runs[0].cancel("enough")

    result = run(text, on_run=runs.append, observer=Watch())
    assert result.state == "cancelled"
    assert result.steps["long"].state == "cancelled"
    assert result.steps["next"].state == "cancelled"
    assert ledger() == ["tidy"]


def test_a_step_that_does_not_hear_is_left_behind_after_the_grace_time(run, space):
    runs = []

    class Watch:
        def run_started(self, run_id, total): ...
        def step_progress(self, name, done, total): ...
        def step_finished(self, records): ...
        def run_finished(self, state, seconds): ...

        def step_started(self, name, attempt):
            runs[0].cancel("enough")

    result = run(
        "metadata: {name: deaf}\nsteps: [{name: a, module: steps, function: wait_until_told}]\n",
        on_run=runs.append,
        observer=Watch(),
        grace=0.05,
    )
    assert (
        result.steps["a"].failure.message
        == "enough; it did not stop within 0.05 s and was left behind"
    )


def test_a_second_signal_ends_at_once(run):
    runs = []

    class Watch:
        def run_started(self, run_id, total): ...
        def step_progress(self, name, done, total): ...
        def step_finished(self, records): ...
        def run_finished(self, state, seconds): ...

        def step_started(self, name, attempt):
            runs[0].abandon()

    result = run(
        "metadata: {name: deaf}\nsteps: [{name: a, module: steps, function: wait_until_told}]\n",
        on_run=runs.append,
        observer=Watch(),
    )
    assert result.state == "cancelled"
    assert result.steps["a"].failure.message == "ended at once by a second signal"


def test_options_left_open_are_those_of_the_run_before(run, space, gate, ledger):
    broken = run(FLAKY, skip=("first",))
    gate()
    mended = resume_run(broken.id, workspace=space, options=Options())
    assert mended.steps["first"].state == "skipped"
    assert ledger() == ["third"]
