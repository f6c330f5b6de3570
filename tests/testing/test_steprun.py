"""One step by itself, called as a run would call it."""

from __future__ import annotations

import pytest

from framework0.errors import ScriptletError, UsageError
from framework0.logs import get_logger
from framework0.scriptlets import BaseScriptlet
from framework0.testing import run_step


def double(context, key):
    print("doubling", key)
    context.set(key, context.get(key) * 2)
    return context.get(key)


def fail(context):
    context.set("left", "behind")
    get_logger("test").warning("about to fail")
    raise ValueError("no such luck")


async def later(value):
    return value


class Far(BaseScriptlet):
    def run(self, context, params):
        self.progress(1, 2)
        return {"attempt": self.attempt, "value": params["value"]}


class Bad(BaseScriptlet):
    def run(self, context, params):
        return {"status": "failed", "message": "not today"}


def test_a_function_gets_its_arguments_and_a_context():
    run = run_step(double, {"key": "n"}, context={"n": 21})
    assert (run.ok, run.state, run.result) == (True, "succeeded", 42)
    assert run.context.get("n") == 42
    assert run.log == "doubling n\n"
    assert [(change.key, change.value, change.step) for change in run.changes] == [
        ("n", 42, "double")
    ]
    assert run.check() is run
    assert repr(run) == "<step double succeeded: 42>"


def test_a_failed_step_takes_its_writes_back_and_tells_where_it_failed():
    run = run_step(fail)
    assert (run.ok, run.state, run.failure.kind) == (False, "failed", "ValueError")
    assert run.context.keys() == []
    with pytest.raises(AssertionError) as raised:
        run.check()
    told = str(raised.value)
    assert "step 'fail' failed" in told
    assert f"ValueError: no such luck (at {__file__}:" in told
    assert "about to fail" in told
    assert "ValueError: no such luck" in repr(run)


@pytest.mark.parametrize("args", [["here"], {"value": "here"}])
def test_arguments_come_in_order_or_by_name(args):
    assert run_step(later, args).result == "here"


def test_scriptlets_know_their_attempt_and_tell_their_progress():
    run = run_step(Far, {"value": 1}, attempt=3)
    assert run.result == {"attempt": 3, "value": 1}
    assert run.progress == [(1, 2)]
    assert run_step(Bad).failure.message == "not today"


def test_success_keys_count_as_in_a_recipe():
    assert run_step(later, ["x"], success_keys=["done"]).failure.kind == "success_keys"


def test_a_name_is_found_from_a_folder_and_a_type_by_its_name(tmp_path):
    (tmp_path / "mine_here.py").write_text("def hello(who):\n    return f'hello {who}'\n")
    assert run_step("mine_here.hello", ["you"], root=tmp_path).result == "hello you"
    with pytest.raises(ScriptletError, match="did you mean"):
        run_step("mine_here.helo", root=tmp_path)
    (tmp_path / "in.txt").write_text("read me")
    assert run_step("read", {"path": str(tmp_path / "none.csv")}).state == "failed"


def test_what_cannot_be_called_is_no_step():
    with pytest.raises(UsageError, match="not a int"):
        run_step(3, name="three")
