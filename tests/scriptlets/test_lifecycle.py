"""The order of the hooks, and that teardown comes whatever happens."""

from __future__ import annotations

import asyncio
import threading

import pytest

from framework0.context import Context
from framework0.errors import ScriptletError, StepCancelled
from framework0.scriptlets import BaseScriptlet, Control, Parameter, aperform, is_async, perform

HOOKS = ["setup", "validate", "run", "teardown"]


def recorder(failing=(), error=ValueError, asynchronous=False):
    """Return a scriptlet class and the list of the hooks it went through."""
    calls = []

    def body(hook):
        calls.append(hook)
        if hook in failing:
            raise error(hook)
        return {"status": "success"} if hook == "run" else None

    def method(hook):
        def plain(self, context, params):
            return body(hook)

        async def waiting(self, context, params):
            await asyncio.sleep(0)
            return body(hook)

        return waiting if asynchronous else plain

    members = {hook: method(hook) for hook in HOOKS}
    return type("Recorder", (BaseScriptlet,), members), calls


def driven(course):
    """Drive a coroutine to its end without an event loop."""
    while True:
        course.send(None)


def run(scriptlet, *, asynchronous, **options):
    if asynchronous:
        return asyncio.run(aperform(scriptlet, Context(), **options))
    return perform(scriptlet, Context(), **options)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_hooks_come_in_order(asynchronous):
    cls, calls = recorder(asynchronous=asynchronous)
    assert run(cls, asynchronous=asynchronous) == {"status": "success"}
    assert calls == HOOKS


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ("setup", ["setup", "teardown"]),
        ("validate", ["setup", "validate", "teardown"]),
        ("run", ["setup", "validate", "run", "teardown"]),
        ("teardown", ["setup", "validate", "run", "teardown"]),
    ],
)
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, StepCancelled])
def test_teardown_comes_after_an_error_anywhere(failing, expected, error, asynchronous):
    cls, calls = recorder([failing], error, asynchronous)
    if asynchronous and error in (SystemExit, KeyboardInterrupt):
        # An event loop passes these two on only after ending; driven by hand here.
        with pytest.raises(error, match=failing):
            driven(aperform(cls, Context()))
    else:
        with pytest.raises(error, match=failing):
            run(cls, asynchronous=asynchronous)
    assert calls == expected


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_error_in_teardown_does_not_hide_the_first(asynchronous):
    cls, _ = recorder(["run", "teardown"], asynchronous=asynchronous)
    with pytest.raises(ValueError, match="run") as first:
        run(cls, asynchronous=asynchronous)
    assert first.value.__notes__ == ["teardown failed too: ValueError: teardown"]


def test_validate_may_refuse_by_returning_false():
    class Refuses(BaseScriptlet):
        def validate(self, context, params):
            return False

        def run(self, context, params):
            raise AssertionError("never")

    with pytest.raises(ScriptletError, match="refuses: validate returned False"):
        perform(Refuses, Context())


def test_bad_params_end_it_before_setup():
    cls, calls = recorder()
    cls.parameters = {"source": Parameter(str)}
    with pytest.raises(ScriptletError, match="source is missing"):
        perform(cls, Context())
    assert calls == []


def test_defaults_reach_every_hook():
    seen = []

    class Defaults(BaseScriptlet):
        parameters = {"limit": 5}

        def setup(self, context, params):
            seen.append(dict(params))

        def run(self, context, params):
            return params

    assert perform(Defaults, Context()) == {"limit": 5}
    assert perform(Defaults, Context(), {"limit": 7}) == {"limit": 7}
    assert seen == [{"limit": 5}, {"limit": 7}]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("told_in", "calls_made"), [("setup", 1), ("validate", 2)])
def test_told_to_stop_it_begins_no_further_hook_but_teardown(told_in, calls_made, asynchronous):
    stop = threading.Event()
    cls, calls = recorder(asynchronous=asynchronous)
    inner = getattr(cls, told_in)

    def stopping(self, context, params):
        stop.set()
        return inner(self, context, params)

    setattr(cls, told_in, stopping)
    with pytest.raises(StepCancelled, match="told to stop"):
        run(cls, asynchronous=asynchronous, control=Control(cancelled=stop))
    assert calls == [*HOOKS[:calls_made], "teardown"]


def test_a_run_that_stops_when_told_returns_what_it_has():
    stop = threading.Event()

    class Loop(BaseScriptlet):
        def run(self, context, params):
            done = 0
            while not self.cancelled:
                done += 1
                if done == 3:
                    stop.set()
            return {"done": done}

    assert perform(Loop, Context(), control=Control(cancelled=stop)) == {"done": 3}


def test_a_cancelled_task_still_tears_down():
    entered = []
    running = asyncio.Event()

    class Waits(BaseScriptlet):
        async def run(self, context, params):
            entered.append("run")
            running.set()
            await asyncio.Event().wait()

        async def teardown(self, context, params):
            await asyncio.sleep(0)
            entered.append("teardown")

    async def story():
        task = asyncio.create_task(aperform(Waits, Context()))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert entered == ["run", "teardown"]


def test_an_async_scriptlet_can_be_performed_from_ordinary_code():
    cls, calls = recorder(asynchronous=True)
    assert is_async(cls)
    assert perform(cls, Context()) == {"status": "success"}
    assert calls == HOOKS


def test_an_ordinary_scriptlet_can_be_performed_on_a_loop():
    cls, calls = recorder()
    assert not is_async(cls)
    assert asyncio.run(aperform(cls, Context())) == {"status": "success"}
    assert calls == HOOKS


def test_an_instance_is_performed_as_it_is():
    class Keeps(BaseScriptlet):
        def run(self, context, params):
            return self

    mine = Keeps()
    assert perform(mine, Context()) is mine


@pytest.mark.parametrize("thing", [object(), dict, print, "text"])
def test_what_is_no_scriptlet_is_refused(thing):
    with pytest.raises(ScriptletError, match="is no scriptlet: inherit from BaseScriptlet"):
        perform(thing, Context())


def test_a_class_without_run_says_so():
    class Empty(BaseScriptlet):
        pass

    with pytest.raises(TypeError, match=r"Empty has no run\(self, context, params\)"):
        perform(Empty, Context())
