"""Real runs that stop for a person, and what that person can do then."""

from __future__ import annotations

import getpass
import time

import pytest

from framework0.assembly import Options, Wishes, amend_run, continue_run, rerun, resume_run
from framework0.errors import EXIT_PAUSED, RunPaused, UsageError
from framework0.runner import Journal, now_standing
from framework0.workspace import holder, user_name

CHAIN = """
    order: graph
    steps:
      - {name: first, module: steps, function: put, args: {key: x, value: 1}}
      - {name: second, module: steps, function: put, args: {key: y, value: "${{ context.x }}"},
         depends_on: [first], BREAK}
      - {name: third, module: steps, function: echo, args: {value: "${{ context.y }}"},
         depends_on: [second]}
      - {name: beside, module: steps, function: note, args: {word: beside}}
"""

ASKING = """
    order: graph
    inputs: {what: {default: "1.0"}}
    steps:
      - {name: build, module: steps, function: note, args: {word: built}}
      - name: ask
        type: approval
        prompt: Publish ${{ inputs.what }} of ${{ steps.build.result }}?
        depends_on: [build]
        MORE
      - {name: publish, module: steps, function: echo, args: {value: "${{ steps.ask.result }}"},
         depends_on: [ask]}
"""


def with_break(way):
    return CHAIN.replace("BREAK", f"breakpoint: {way}")


def asking(more=""):
    return ASKING.replace("MORE", more or "description: ask")


@pytest.fixture
def go_on(space):
    def go(run_id, *, who="ada", options=None, **wishes):
        return continue_run(
            run_id, Wishes(who, **wishes), workspace=space, options=Options(**(options or {}))
        )

    return go


def test_before_holds_back_the_step_and_lets_all_else_go_on(run, go_on, ledger, space):
    result = run(with_break("before"))
    assert result.state == "paused"
    assert {name: step.state for name, step in result.steps.items()} == {
        "first": "succeeded",
        "second": "paused",
        "third": "pending",
        "beside": "succeeded",
    }
    assert holder(space.run_folder(result.id) / "lock") is None
    after = go_on(result.id, edits={"x": 7})
    assert after.state == "succeeded"
    assert after.steps["third"].result == 7
    assert ledger() == ["beside"]


def test_after_leaves_the_result_and_the_writes_to_look_at(run, go_on, history):
    result = run(with_break("after"))
    assert result.steps["second"].result == 1
    assert result.context.get("y") == 1
    assert result.steps["third"].state == "pending"
    assert [stop["way"] for stop in now_standing(history(result.id).decisions).values()] == [
        "after"
    ]
    assert go_on(result.id, removed=["x"]).steps["third"].result == 1


def test_a_paused_run_raises_what_ends_with_6(run):
    with pytest.raises(RunPaused, match="framework0 continue") as raised:
        run(with_break("before")).raise_for_state()
    assert raised.value.exit_code == EXIT_PAUSED == 6


def test_edits_are_signed_by_the_person_and_kept_with_the_run(run, go_on, history):
    result = run(with_break("before"))
    go_on(result.id, edits={"x": {"deep": [1]}, "new": "text"})
    kept = history(result.id)
    mine = [change for change in kept.changes if change.who == "ada"]
    assert [(change.key, change.value, change.step) for change in mine] == [
        ("x", {"deep": [1]}, None),
        ("new", "text", None),
    ]
    assert kept.decisions[-1, "edited"] == {"who": "ada", "keys": ["x", "new"]}


def test_what_is_wrong_with_a_wish_leaves_the_run_as_it_was(run, go_on, history):
    result = run(with_break("before"))
    before = history(result.id)
    for wishes, told in (
        ({"removed": ["nothing"]}, "no such key"),
        ({"answers": {"second": "approve"}}, "waits for no answer"),
        ({"options": {"breaks": ["thrid"]}}, "did you mean 'third'"),
    ):
        with pytest.raises(UsageError, match=told):
            go_on(result.id, edits={"x": 5}, **wishes)
        assert history(result.id) == before


def test_edits_and_answers_can_be_kept_without_going_on(run, go_on, history, space):
    result = run(asking())
    amend_run(result.id, Wishes("ada", edits={"k": 1}), workspace=space)
    amend_run(result.id, Wishes("bob", answers={"ask": "approve"}), workspace=space)
    kept = history(result.id)
    assert kept.summary.state == "paused"
    assert kept.decisions[1, "answer"]["who"] == "bob"
    after = go_on(result.id)
    assert after.steps["publish"].result["who"] == "bob"
    assert after.context.get("k") == 1


def test_breakpoints_of_a_person_hold_until_they_are_passed(run, go_on):
    result = run(with_break("before"), breaks=["first", "third"])
    assert result.steps["first"].state == "paused"
    second = go_on(result.id)
    assert second.steps["second"].state == "paused"
    third = go_on(result.id)
    assert third.steps["third"].state == "paused"
    assert go_on(result.id).state == "succeeded"


def test_no_breaks_goes_to_the_end(run, go_on):
    assert run(with_break("before"), no_breaks=True).state == "succeeded"
    result = run(with_break("before"), breaks=["first"])
    assert go_on(result.id, options={"no_breaks": True}).state == "succeeded"


def test_a_breakpoint_can_be_added_while_going_on(run, go_on):
    result = run(with_break("before"))
    again = go_on(result.id, options={"breaks": ["second:after"]})
    assert (again.state, again.steps["second"].state) == ("paused", "succeeded")
    assert go_on(result.id).state == "succeeded"


def test_a_breakpoint_of_no_step_is_refused_before_there_is_a_run(run, space):
    with pytest.raises(UsageError, match="did you mean 'first'"):
        run(with_break("before"), breaks=["frist"])
    journal = Journal(space.journal)
    assert journal.runs() == []
    journal.close()


def test_one_item_of_a_foreach_can_be_stopped_at(run, go_on, ledger):
    result = run(
        """
        steps:
          - {name: each, module: steps, function: note, args: {word: "w${{ item }}"},
             foreach: [a, b, c]}
        """,
        breaks=["each[1]"],
        concurrency=1,
    )
    assert result.state == "paused"
    assert ledger() == ["wa", "wc"]
    assert go_on(result.id).steps["each"].result == ["wa", "wb", "wc"]


def test_resume_does_not_go_past_a_pause(run, space):
    result = run(with_break("before"))
    with pytest.raises(UsageError, match=f"framework0 continue {result.id}"):
        resume_run(result.id, workspace=space)


def test_what_failed_beside_a_pause_is_not_run_again_by_going_on(run, go_on, ledger):
    result = run("""
        order: graph
        steps:
          - {name: bad, module: steps, function: fail_until, args: {times: 9}}
          - {name: after_bad, module: steps, function: nothing, depends_on: [bad]}
          - {name: good, module: steps, function: nothing, breakpoint: before}
          - {name: last, module: steps, function: nothing, depends_on: [after_bad, good]}
        """)
    assert result.state == "paused"
    after = go_on(result.id)
    assert (after.state, ledger()) == ("failed", ["try"])
    assert after.steps["last"].reason == "after_bad was skipped"


def test_an_answer_is_the_result_of_its_step(run, go_on, history):
    result = run(asking(), inputs={"what": "2.1"})
    kept = history(result.id)
    assert kept.decisions[1, "asked"]["prompt"] == "Publish 2.1 of built?"
    began = time.time()
    after = go_on(result.id, answers={"ask": "approve"}, comment="well done")
    answer = after.steps["publish"].result
    assert {**answer, "at": 0} == {
        "answer": "approve", "who": "ada", "at": 0, "comment": "well done"
    }  # fmt: skip
    assert began <= answer["at"] <= time.time()


def test_a_rejection_fails_the_step_and_a_resume_asks_anew(run, go_on, space):
    result = run(asking())
    after = go_on(result.id, answers={"ask": "reject"}, comment="not yet")
    failure = after.steps["ask"].failure
    assert (after.state, failure.kind, failure.message) == (
        "failed", "rejected", "rejected by ada: not yet",
    )  # fmt: skip
    assert after.steps["publish"].state == "skipped"
    assert resume_run(result.id, workspace=space).state == "paused"
    assert go_on(result.id, answers={"ask": "approve"}).state == "succeeded"


def test_choices_of_its_own_are_the_only_answers(run, go_on):
    result = run(asking("choices: [eu, us]"))
    with pytest.raises(UsageError, match="its choices are eu, us"):
        go_on(result.id, answers={"ask": "approve"})
    after = go_on(result.id, answers={"ask": "us"})
    assert after.steps["publish"].result["answer"] == "us"


def test_only_approvers_may_answer(run, go_on):
    result = run(asking("approvers: [grace]"))
    with pytest.raises(UsageError, match="to be answered by grace, and you are ada"):
        go_on(result.id, answers={"ask": "approve"})
    assert go_on(result.id, who="grace", answers={"ask": "approve"}).state == "succeeded"


def test_without_an_answer_nothing_goes_on(run, go_on, history):
    result = run(asking())
    with pytest.raises(UsageError, match="waits for an answer to ask: give one"):
        go_on(result.id)
    assert history(result.id).summary.state == "paused"


@pytest.mark.parametrize(
    ("on_timeout", "state", "step"),
    [("approve", "succeeded", "succeeded"), ("reject", "failed", "failed"), ("fail", "failed", "timed_out")],
)  # fmt: skip
def test_a_timeout_takes_effect_when_the_run_is_continued(run, go_on, on_timeout, state, step):
    result = run(asking(f"timeout: 1ms\n        on_timeout: {on_timeout}"))
    asked = time.time()
    while time.time() <= asked + 0.001:
        pass
    with pytest.raises(UsageError, match="comes too late"):
        go_on(result.id, answers={"ask": "approve"})
    after = go_on(result.id)
    assert (after.state, after.steps["ask"].state) == (state, step)
    if state == "succeeded":
        assert after.steps["publish"].result["who"] is None


def test_an_answer_is_given_once(run, go_on, space):
    result = run(asking())
    amend_run(result.id, Wishes("ada", answers={"ask": "approve"}), workspace=space)
    with pytest.raises(UsageError, match="was answered by ada: approve"):
        go_on(result.id, who="bob", answers={"ask": "reject"})


def test_an_approval_takes_none_of_the_rules_for_what_runs(run, go_on, ledger):
    text = "    defaults: {retry: 3, timeout: 9s, executor: thread}\n" + asking()
    result = run(text)
    after = go_on(result.id, answers={"ask": "reject"})
    assert after.steps["ask"].attempts == 1


def test_a_question_that_cannot_be_put_into_words_fails_its_step(run):
    result = run(asking().replace("steps.build.result", "context.missing"))
    assert result.state == "failed"
    assert "missing" in result.steps["ask"].failure.message


def test_a_question_and_its_comment_hide_secrets(run, go_on, history, monkeypatch):
    monkeypatch.setenv("TOKEN", "s3cr3t-value")
    text = asking().replace('{what: {default: "1.0"}}', "{what: {secret: true, env: TOKEN}}")
    result = run(text)
    go_on(
        result.id, answers={"ask": "approve"}, comment="s3cr3t-value", edits={"k": "s3cr3t-value"}
    )
    kept = repr(history(result.id))
    assert "Publish" in kept
    assert "s3cr3t-value" not in kept


def test_a_cancelled_run_asks_nobody(run):
    stop = []
    result = run(
        """
        order: graph
        steps:
          - {name: slow, module: steps, function: note}
          - {name: after, module: steps, function: note, depends_on: [slow]}
        finally:
          - {name: ask, type: approval, prompt: Clean up?}
        """,
        stop_when=lambda: True,
        on_run=stop.append,
    )
    assert (result.state, result.steps["ask"].state) in {
        ("cancelled", "cancelled"),
        # All was over before it could be cancelled.
        ("paused", "paused"),
    }


def test_a_run_that_is_not_paused_is_not_continued(run, go_on):
    with pytest.raises(UsageError, match="it is succeeded: there is nothing left"):
        go_on(run("steps: [{name: a, module: steps, function: nothing}]").id)
    with pytest.raises(UsageError, match="framework0 resume"):
        go_on(run("steps: [{name: a, module: steps, function: leave}]").id)


def test_limits_and_stops_go_together(run, go_on):
    result = run(
        "    fail_fast: true\n" + with_break("before").replace("\n    order", "\n    order")
    )
    assert result.state == "paused"
    assert go_on(result.id).state == "succeeded"


def test_a_rerun_stops_where_the_recipe_says(run, space):
    result = run(with_break("before"), no_breaks=True)
    assert rerun(result.id, workspace=space).state == "paused"


def test_a_recipe_within_one_that_pauses_says_how_to_go_on(run, space, go_on):
    (space.root / "inner.yaml").write_text(
        "steps: [{name: a, module: steps, function: nothing, breakpoint: before}]\n"
    )
    result = run("steps: [{name: outer, type: recipe, recipe: inner.yaml}]")
    assert result.state == "failed"
    assert f"framework0 continue {result.id}.0" in result.steps["outer"].failure.message
    assert go_on(f"{result.id}.0").state == "succeeded"
    assert resume_run(result.id, workspace=space).state == "succeeded"


def test_the_person_is_the_account_and_not_a_variable(monkeypatch):
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("LOGNAME", "somebody")
    name = user_name()
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    assert name == getpass.getuser() != "somebody"


def test_an_account_without_a_name_is_told_by_its_number(monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert user_name() == "uid 4000000001"
