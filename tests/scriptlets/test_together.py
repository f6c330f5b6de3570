"""A set of scriptlets run together: in the order they need, as parallel as they may."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Context
from framework0.errors import RunFailed, UsageError
from framework0.scriptlets import BaseScriptlet, ExecutionContext, Parameter

PATIENCE = 120
"""Seconds in which anything that must come has come."""


class Put(BaseScriptlet):
    """Sets ``key`` to ``value``."""

    parameters = {"key": Parameter(str), "value": Parameter(object, default=1)}

    def run(self, context, params):
        context.set(params["key"], params["value"])
        return {"value": params["value"]}


class Fails(BaseScriptlet):
    """Writes, then fails."""

    def run(self, context, params):
        context.set("half", "done")
        raise ValueError("no such file")


class SaysError(BaseScriptlet):
    """Returns a status that means failure."""

    def run(self, context, params):
        return {"status": "error", "message": "disk is full"}


class Waits(BaseScriptlet):
    """Waits until it is told to stop."""

    started = threading.Event()

    def run(self, context, params):
        self.started.set()
        while not self.cancelled:
            threading.Event().wait(0.001)
        return {}


class Later(BaseScriptlet):
    """Runs on an event loop of its own."""

    async def run(self, context, params):
        context.set("later", True)
        return {"ok": True}


def test_results_come_by_name_in_the_order_of_adding():
    together = ExecutionContext()
    first = together.add(Put, params={"key": "a", "value": 1})
    second = together.add(Put, name="second", depends_on=[first], params={"key": "b", "value": 2})
    third = together.add(Later, depends_on=first)
    report = together.run()
    assert report.ok
    assert report.results == {"put": {"value": 1}, "second": {"value": 2}, "later": {"ok": True}}
    assert list(report.results) == [first, second, third]
    assert [together.context.get(key) for key in ("a", "b", "later")] == [1, 2, True]
    report.raise_for_failures()


def test_each_write_is_signed_by_its_scriptlet():
    together = ExecutionContext(Context())
    together.add(Put, name="writer", params={"key": "a"})
    together.run()
    (change,) = together.context.history("a")
    assert (change.who, change.step) == ("writer", "writer")


def test_what_does_not_wait_for_each_other_runs_at_the_same_time():
    meeting = threading.Barrier(3)

    class Meets(BaseScriptlet):
        def run(self, context, params):
            meeting.wait(PATIENCE)
            return {}

    together = ExecutionContext()
    for name in "abc":
        together.add(Meets, name=name)
    assert together.run(max_workers=3).ok


def test_no_more_run_at_once_than_allowed():
    running, most, lock = [], [], threading.Lock()

    class Counts(BaseScriptlet):
        def run(self, context, params):
            with lock:
                running.append(self.name)
                most.append(len(running))
            threading.Event().wait(0.002)
            with lock:
                running.pop()

    together = ExecutionContext()
    for number in range(6):
        together.add(Counts, name=str(number))
    assert together.run(max_workers=2).ok
    assert max(most) <= 2


def test_a_failure_is_named_takes_its_writes_back_and_skips_only_what_depends_on_it():
    together = ExecutionContext()
    together.add(Fails)
    together.add(Put, name="after", depends_on=["fails"], params={"key": "a"})
    together.add(Put, name="last", depends_on=["after"], params={"key": "b"})
    together.add(Put, name="apart", params={"key": "c"})
    report = together.run()
    assert not report.ok
    assert {name: each.state for name, each in report.ended.items()} == {
        "fails": "failed",
        "after": "skipped",
        "last": "skipped",
        "apart": "succeeded",
    }
    assert together.context.get("half") is None
    assert together.context.keys() == ["c"]
    with pytest.raises(RunFailed) as error:
        report.raise_for_failures()
    assert str(error.value) == (
        "fails failed: ValueError: no such file\n"
        "after skipped: fails did not succeed\n"
        "last skipped: fails did not succeed"
    )
    assert isinstance(error.value.__cause__, ValueError)
    assert error.value.result is report


def test_a_status_that_means_failure_fails_it():
    together = ExecutionContext()
    together.add(SaysError)
    report = together.run()
    assert report.failures["says_error"].reason == "disk is full"
    with pytest.raises(RunFailed, match="says_error failed: disk is full"):
        report.raise_for_failures()


def test_params_that_do_not_fit_and_a_class_that_cannot_be_made_are_failures():
    class Unmakeable(BaseScriptlet):
        def __init__(self):
            raise OSError("no config")

    together = ExecutionContext()
    together.add(Put, params={"kee": 1})
    together.add(Unmakeable)
    failures = together.run().failures
    assert "kee is unknown (did you mean key?)" in failures["put"].reason
    assert failures["unmakeable"].reason == "OSError: no config"
    assert failures["unmakeable"].resources is None


def test_time_and_resources_are_told():
    together = ExecutionContext()
    together.add(Put, params={"key": "a"})
    report = together.run()
    ended = report.ended["put"]
    assert 0 <= ended.resources.wall <= ended.seconds <= report.seconds
    assert ended.resources.peak_memory > 0


def test_progress_is_told_with_the_name():
    seen = []

    class Tells(BaseScriptlet):
        def run(self, context, params):
            self.progress(1, 2)

    together = ExecutionContext(on_progress=lambda *facts: seen.append(facts))
    together.add(Tells, name="mine")
    together.run()
    assert seen == [("mine", 1, 2)]


def test_cancelling_stops_what_runs_and_starts_nothing_more():
    together = ExecutionContext()
    waits = Waits()
    waits.started = threading.Event()
    together.add(waits)
    together.add(Put, name="never", depends_on=["waits"], params={"key": "a"})
    together.add(Put, name="nor this", depends_on=["never"], params={"key": "a"})
    stopper = threading.Thread(target=lambda: (waits.started.wait(PATIENCE), together.cancel()))
    stopper.start()
    report = together.run(max_workers=1)
    stopper.join()
    assert {name: each.state for name, each in report.ended.items()} == {
        "waits": "succeeded",
        "never": "cancelled",
        "nor this": "skipped",
    }
    assert together.context.keys() == []


def test_told_to_stop_before_it_began_a_scriptlet_is_cancelled():
    together = ExecutionContext()

    class Stops(BaseScriptlet):
        def setup(self, context, params):
            together.cancel()

        def run(self, context, params):
            raise AssertionError("never")

    together.add(Stops)
    assert together.run().ended["stops"].state == "cancelled"


def test_an_interrupt_tells_what_runs_to_stop_and_is_raised_again(monkeypatch):
    together = ExecutionContext()
    together.add(Waits)
    waits = "framework0.scriptlets.together.wait"

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(waits, interrupted)
    with pytest.raises(KeyboardInterrupt):
        together.run()


def test_cycles_are_shown_as_paths():
    together = ExecutionContext()
    together.add(Put, name="a", depends_on=["c"])
    together.add(Put, name="b", depends_on=["a"])
    together.add(Put, name="c", depends_on=["b"])
    together.add(Put, name="self", depends_on=["self"])
    with pytest.raises(UsageError, match="in a circle: a → c → b → a; self → self"):
        together.run()


def test_a_dependency_nobody_added_is_answered_with_the_near_name():
    together = ExecutionContext()
    together.add(Put, name="load_data")
    together.add(Put, name="clean", depends_on=["load_dta"])
    with pytest.raises(
        UsageError, match=r"'clean' depends on 'load_dta'.*did you mean 'load_data'"
    ):
        together.run()
    alone = ExecutionContext()
    alone.add(Put, depends_on=["zzzzzz"])
    with pytest.raises(UsageError, match="was not added: add it first"):
        alone.run()


def test_wrong_use_is_refused_at_once():
    together = ExecutionContext()
    made = Put()
    together.add(made)
    with pytest.raises(UsageError, match="'put' was added already"):
        together.add(Put)
    with pytest.raises(UsageError, match="this very object was added before"):
        together.add(made, name="again")
    with pytest.raises(UsageError, match="is no scriptlet"):
        together.add(print)
    with pytest.raises(UsageError, match="max_workers=0: at least one"):
        together.run(max_workers=0)


def test_nothing_added_is_done_at_once():
    assert ExecutionContext().run().ended == {}


@settings(max_examples=30)
@given(st.data())
def test_nobody_runs_before_what_it_depends_on(data):
    count = data.draw(st.integers(1, 8))
    names = [str(number) for number in range(count)]
    edges = {
        name: data.draw(st.sets(st.sampled_from(names[:index]), max_size=3)) if index else set()
        for index, name in enumerate(names)
    }
    failing = data.draw(st.sets(st.sampled_from(names), max_size=1))
    ran, lock = [], threading.Lock()

    class Notes(BaseScriptlet):
        parameters = {"name": Parameter(str)}

        def run(self, context, params):
            with lock:
                ran.append(params["name"])
            return {"status": "failed" if params["name"] in failing else "success"}

    together = ExecutionContext()
    for name in data.draw(st.permutations(names)):
        together.add(Notes, name=name, depends_on=sorted(edges[name]), params={"name": name})
    report = together.run(max_workers=data.draw(st.integers(1, 4)))
    for place, name in enumerate(ran):
        assert edges[name] <= set(ran[:place])
        assert not edges[name] & failing
    assert set(report.ended) == set(names)
    assert {name for name, each in report.ended.items() if each.state == "failed"} == failing & set(
        ran
    )
