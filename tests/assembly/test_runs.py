"""Runs from the recipe's text to the result, the context and the journal: nothing is faked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from framework0.assembly import arun_recipe, run_recipe
from framework0.context import Context
from framework0.errors import RecipeError, RunFailed, UsageError


def step(result, name):
    return result.steps[name]


def test_results_reach_later_steps_and_the_caller(run):
    result = run("""
        metadata: {name: sums}
        steps:
          - {name: first, module: steps, function: add, args: {a: 1, b: 2}}
          - {name: second, module: steps, function: add, args: {a: "${{ steps.first.result }}"}}
    """)
    assert result.ok
    assert step(result, "second").result == 13
    assert result.raise_for_state() is result


def test_positional_arguments_keep_their_order(run):
    result = run("""
        metadata: {name: sums}
        steps:
          - {name: power, module: builtins, function: pow, args: [2, 10]}
    """)
    assert step(result, "power").result == 1024


def test_context_writes_are_signed_and_kept_with_the_step(run, history):
    result = run("""
        metadata: {name: context}
        steps:
          - {name: write, module: steps, function: put, args: {key: a.b, value: [1, 2]}}
    """)
    assert result.context.get("a.b") == [1, 2]
    (change,) = history(result.id).changes
    assert (change.key, change.value, change.step, change.attempt) == ("a.b", [1, 2], "write", 1)
    assert change.run == result.id


def test_a_scriptlet_gets_params_and_the_context(run):
    result = run("""
        metadata: {name: scriptlet}
        steps:
          - {name: greet, module: steps, function: Greeter, args: {who: Ada}}
    """)
    assert step(result, "greet").result == {"status": "success", "who": "Ada"}
    assert result.context.get("greeting") == "hello Ada"


def test_what_a_failed_attempt_wrote_is_taken_back_and_stays_in_the_history(run, history):
    result = run("""
        metadata: {name: compensated}
        steps:
          - {name: seed, module: steps, function: put, args: {key: half, value: 0}}
          - {name: bad, module: steps, function: put_and_fail}
    """)
    assert result.state == "failed"
    assert result.context.get("half") == 0
    assert [change.value for change in history(result.id).changes] == [0, 1, 0]


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("put_and_fail", "ValueError", "after writing"),
        ("leave", "SystemExit", "called sys.exit(3)"),
        ("interrupt", "KeyboardInterrupt", "no message"),
        ("unprintable", "steps.unprintable.<locals>.Bad", "(its message could not be made)"),
        ("Sad", "status", "the cat has it"),
    ],
)
def test_whatever_a_step_raises_is_its_own_failure(run, function, kind, message):
    result = run(f"""
        metadata: {{name: failing}}
        steps:
          - {{name: bad, module: steps, function: {function}}}
    """)
    failure = step(result, "bad").failure
    assert (failure.kind, failure.message) == (kind, message)
    with pytest.raises(RunFailed) as raised:
        result.raise_for_state()
    assert raised.value.result is result


def test_a_failure_says_where_in_the_users_own_code(run, space):
    result = run("""
        metadata: {name: failing}
        steps:
          - {name: bad, module: steps, function: put_and_fail}
    """)
    failure = step(result, "bad").failure
    assert failure.where.startswith(str(space.root / "steps.py") + ":")
    assert "framework0" not in failure.trace.replace(str(space.root), "")


def test_a_scriptlets_return_code_other_than_0_is_a_failure_a_functions_is_not(run):
    result = run("""
        metadata: {name: codes}
        order: graph
        steps:
          - {name: scriptlet, module: steps, function: Code, args: {code: 4}}
          - {name: function, module: steps, function: echo, args: {value: 4}}
    """)
    assert step(result, "scriptlet").failure.kind == "status"
    assert step(result, "function").state == "succeeded"


def test_retries_start_where_the_first_attempt_started(run, ledger, history):
    result = run("""
        metadata: {name: retry}
        steps:
          - name: flaky
            module: steps
            function: fail_until
            args: {times: 3}
            retry: {attempts: 5, on: [OSError]}
    """)
    assert step(result, "flaky").result == 3
    assert step(result, "flaky").attempts == 3
    assert ledger() == ["try"] * 3
    states = [
        (record.attempt, record.state, record.final) for record in history(result.id).attempts
    ]
    assert states == [(1, "failed", False), (2, "failed", False), (3, "succeeded", True)]
    assert result.context.get("tries") == 3


def test_attempts_never_exceed_their_limit(run, ledger):
    result = run("""
        metadata: {name: retry}
        steps:
          - {name: flaky, module: steps, function: fail_until, args: {times: 9}, retry: {attempts: 2}}
    """)
    assert result.state == "failed"
    assert ledger() == ["try", "try"]


def test_a_result_that_is_not_json_serves_the_run_and_the_journal_says_it_is_gone(run, history):
    result = run("""
        metadata: {name: objects}
        steps:
          - {name: make, module: steps, function: an_object}
    """)
    assert set(step(result, "make").result) == {"open"}
    (record,) = history(result.id).attempts
    assert record.outcome.result is None
    assert record.reason.startswith("result not kept")


def test_missing_success_keys_fail_the_step(run):
    result = run("""
        metadata: {name: promises}
        steps:
          - name: lazy
            module: steps
            function: nothing
            success: {ctx_has_keys: [report, total]}
    """)
    assert (
        step(result, "lazy").failure.message
        == "ended without setting 'report', 'total' in the context"
    )


def test_a_command_after_which_a_key_is_missing_fails_too(run):
    result = run("""
        metadata: {name: promises}
        order: graph
        steps:
          - name: early
            type: shell
            command: [echo, hello]
            success: {ctx_has_keys: [report]}
            continue_on_error: true
          - name: write
            module: steps
            function: put
            args: {key: report, value: 1}
            depends_on: [early]
          - name: late
            type: shell
            command: [echo, hello]
            success: {ctx_has_keys: [report]}
            depends_on: [write]
    """)
    assert step(result, "early").state == "failed"
    assert step(result, "early").failure.message == "ended without setting 'report' in the context"
    assert step(result, "late").state == "succeeded"


def test_when_chooses_and_its_answer_is_written_down(run, history):
    result = run("""
        metadata: {name: choices}
        inputs: {big: {type: boolean, default: false}}
        steps:
          - {name: large, module: steps, function: note, when: inputs.big}
          - {name: small, module: steps, function: note, when: not inputs.big}
    """)
    assert step(result, "large").state == "skipped"
    assert step(result, "large").reason == "when is false: inputs.big"
    assert step(result, "small").state == "succeeded"
    assert history(result.id).decisions == {(0, "when"): False, (1, "when"): True}


def test_a_condition_that_finds_nothing_fails_its_step_with_the_expressions_message(run):
    result = run("""
        metadata: {name: broken}
        steps:
          - {name: ask, module: steps, function: nothing, when: context.nowhere > 1}
    """)
    assert step(result, "ask").state == "failed"
    assert "nowhere" in step(result, "ask").failure.message


def test_foreach_runs_one_step_for_each_item_and_lists_the_results_in_order(run, history):
    result = run("""
        metadata: {name: each}
        steps:
          - name: square
            foreach: [1, 2, 3]
            module: steps
            function: add
            args: {a: "${{ item }}", b: "${{ index }}"}
          - {name: total, module: builtins, function: sum, args: ["${{ steps.square.result }}"], depends_on: [square]}
    """)
    assert step(result, "square").result == [1, 3, 5]
    assert step(result, "total").result == 9
    assert step(result, "square[2]").state == "succeeded"
    assert history(result.id).decisions[0, "foreach"]["items"] == [1, 2, 3]


def test_a_foreach_over_an_expression_that_is_no_list_says_so(run):
    result = run("""
        metadata: {name: each}
        inputs: {names: {type: string, default: abc}}
        steps:
          - {name: square, foreach: "${{ inputs.names }}", module: steps, function: nothing}
    """)
    assert step(result, "square").failure.message == "foreach of 'square' needs a list and got str"


def test_failure_hooks_and_finally_steps_see_the_failure(run, ledger):
    result = run("""
        metadata: {name: hooks}
        steps:
          - {name: work, module: steps, function: leave}
        on_failure:
          - {name: alarm, module: steps, function: note, args: {word: alarm}}
        finally:
          - {name: tidy, module: steps, function: note, args: {word: tidy}, when: failed()}
    """)
    assert result.state == "failed"
    assert ledger() == ["alarm", "tidy"]


def test_async_steps_share_one_loop_and_async_results_arrive(run):
    result = run("""
        metadata: {name: loop}
        order: graph
        steps:
          - {name: a, module: steps, function: double, args: {x: 2}}
          - {name: b, module: steps, function: double, args: {x: 3}, depends_on: [a]}
    """)
    assert [step(result, name).result for name in "ab"] == [4, 6]


def test_an_async_step_past_its_timeout_is_cancelled(run):
    result = run("""
        metadata: {name: late}
        steps:
          - {name: late, module: steps, function: sleep_forever, timeout: 0.05, executor: thread}
    """)
    assert step(result, "late").state == "timed_out"


def test_a_thread_past_its_timeout_is_reported_and_said_to_be_left_behind(run):
    result = run("""
        metadata: {name: late}
        steps:
          - {name: late, module: steps, function: wait_until_told, timeout: 0.05, executor: thread}
    """)
    assert step(result, "late").state == "timed_out"
    assert "cannot be stopped from outside" in step(result, "late").failure.message


@pytest.mark.slow
def test_a_step_with_a_timeout_runs_in_a_process_that_is_ended(run, ledger):
    result = run("""
        metadata: {name: late}
        steps:
          - {name: late, module: steps, function: wait_until_told, timeout: 0.5}
    """)
    assert step(result, "late").state == "timed_out"
    assert step(result, "late").failure.message == "ran longer than its timeout of 0.5 s"


def test_serial_steps_run_in_the_calling_thread(run):
    result = run(
        """
        metadata: {name: serial}
        steps:
          - {name: where, module: steps, function: thread_name}
    """,
        executor="serial",
    )
    assert step(result, "where").result == threading.get_ident()


def test_as_many_steps_as_allowed_run_at_the_same_time(run):
    result = run(
        """
        metadata: {name: together}
        order: graph
        steps:
          - {name: a, module: steps, function: meet, args: {count: 3}}
          - {name: b, module: steps, function: meet, args: {count: 3}}
          - {name: c, module: steps, function: meet, args: {count: 3}}
    """,
        concurrency=3,
    )
    assert result.ok


def test_only_runs_the_named_steps_with_the_results_of_the_last_success(run, ledger):
    text = """
        metadata: {name: partial}
        steps:
          - {name: load, module: steps, function: note, args: {word: loaded}}
          - {name: use, module: steps, function: echo, args: {value: "${{ steps.load.result }}"}, depends_on: [load]}
    """
    assert run(text).ok
    again = run(text, only=("use",))
    assert step(again, "use").result == "loaded"
    assert ledger() == ["loaded"]


def test_skip_leaves_a_step_out_and_runs_those_after_it(run, ledger):
    result = run(
        """
        metadata: {name: partial}
        steps:
          - {name: a, module: steps, function: note, args: {word: a}}
          - {name: b, module: steps, function: note, args: {word: b}}
    """,
        skip=("a",),
    )
    assert ledger() == ["b"]
    assert step(result, "a").reason == "left out by --skip"


def test_a_shell_step_takes_a_list_without_a_shell(run):
    result = run("""
        metadata: {name: shell}
        steps:
          - {name: say, type: shell, command: [echo, "$(touch hacked); x"]}
    """)
    assert step(result, "say").result["stdout"] == "$(touch hacked); x"


def test_a_recipe_step_runs_another_recipe_with_its_own_inputs(run, space, history):
    (space.root / "inner.yaml").write_text(
        "metadata: {name: inner}\n"
        "inputs: {who: {type: string, required: true}}\n"
        "steps:\n"
        "  - {name: greet, module: steps, function: Greeter, args: {who: '${{ inputs.who }}'}}\n"
    )
    result = run("""
        metadata: {name: outer}
        steps:
          - {name: inner, type: recipe, recipe: inner.yaml, args: {who: Bo}}
    """)
    inner = step(result, "inner").result
    assert inner["context"] == {"greeting": "hello Bo"}
    assert history(inner["run"]).header.parent == result.id


def test_a_recipe_that_runs_itself_is_stopped(run):
    result = run("""
        metadata: {name: endless}
        steps:
          - {name: again, type: recipe, recipe: recipe.yaml}
    """)
    assert result.state == "failed"


def test_a_module_that_does_not_import_fails_the_step_with_its_own_error(run, space):
    (space.root / "broken.py").write_text(
        "def f():\n    return 1\n\nraise RuntimeError('at import')\n"
    )
    result = run("""
        metadata: {name: imports}
        steps:
          - {name: bad, module: broken, function: f}
    """)
    failure = step(result, "bad").failure
    assert "at import" in failure.message
    assert "broken.py:4" in failure.message


def test_a_secret_input_comes_from_the_environment_and_is_masked_everywhere(
    run, space, history, monkeypatch
):
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    result = run("""
        metadata: {name: secrets}
        inputs: {token: {secret: true, required: true}}
        steps:
          - {name: use, module: steps, function: put, args: {key: k, value: "${{ inputs.token }}"}}
          - {name: say, module: builtins, function: print, args: ["it is ${{ inputs.token }}"]}
    """)
    assert result.ok
    assert result.context.get("k") == "hunter2-hunter2"
    everything = b"".join(path.read_bytes() for path in space.state.rglob("*") if path.is_file())
    assert b"hunter2" not in everything
    assert b"it is ***" in everything
    assert "token" not in history(result.id).header.inputs


def test_inputs_are_checked_before_anything_runs(run, ledger):
    text = """
        metadata: {name: inputs}
        inputs:
          count: {type: integer, default: 1}
          mode: {type: string, choices: [fast, slow], default: fast}
          must: {type: list, required: true}
        steps:
          - {name: a, module: steps, function: note}
    """
    with pytest.raises(UsageError) as wrong:
        run(text, inputs={"cuont": "3", "count": "many", "mode": "medium"})
    message = str(wrong.value)
    assert "did you mean 'count'?" in message
    assert "'many' is not" in message
    assert "one of 'fast', 'slow'" in message
    assert "--input must=VALUE" in message
    assert ledger() == []
    assert run(text, inputs={"count": "3", "must": '["x"]'}).ok


def test_a_context_of_the_caller_is_shared_with_the_run(run):
    shared = Context()
    shared.set("before", 1)
    run(
        """
        metadata: {name: shared}
        steps:
          - {name: write, module: steps, function: put, args: {key: after, value: 2}}
    """,
        context=shared,
    )
    assert dict(shared.items()) == {"before": 1, "after": 2}


def test_run_recipe_takes_a_file_and_refuses_a_wrong_one_with_all_its_mistakes(space):
    good = space.root / "good.yaml"
    good.write_text("metadata: {name: g}\nsteps: [{name: a, module: steps, function: nothing}]\n")
    assert run_recipe(good, workspace=space).ok
    bad = space.root / "bad.yaml"
    bad.write_text("metadata: {name: b}\nsteps: [{name: a, modul: steps, functon: nothing}]\n")
    with pytest.raises(RecipeError) as wrong:
        run_recipe(bad, workspace=space)
    assert len(wrong.value.problems) >= 2


def test_arun_recipe_leaves_the_loop_free_and_hears_its_cancellation(space):
    path = space.root / "wait.yaml"
    path.write_text(
        "metadata: {name: w}\nsteps: [{name: a, module: steps, function: sleep_forever}]\n"
    )

    async def main():
        task = asyncio.create_task(arun_recipe(path, workspace=space))
        for _ in range(10_000):
            await asyncio.sleep(0.001)
            if list(space.state.glob("runs/*/started")):
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_nothing_is_recorded_after_the_end_however_the_threads_meet(run, history):
    text = """
        metadata: {name: ends}
        order: graph
        inputs: {wet: {type: boolean, default: false}}
        steps:
          - {name: dry, module: steps, function: nothing, when: not inputs.wet}
          - {name: wet, module: steps, function: nothing, when: inputs.wet}
          - {name: broken, module: steps, function: leave}
          - {name: never, module: steps, function: nothing, depends_on: [broken]}
    """
    for _ in range(30):
        recorded = history(run(text).id)
        assert recorded.summary.state == "failed"
        assert len(recorded.attempts) == 4
