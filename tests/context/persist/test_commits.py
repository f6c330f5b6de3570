"""Group commit: who leads, who waits, and what each is told when something goes wrong."""

from __future__ import annotations

import threading
import time

import pytest

from framework0.context.persist.commits import GroupCommit
from framework0.errors import ContextError, StoreError

SECONDS = 120.0


class Stage:
    """Performs one ticket after the other when it is let to, and remembers who came together."""

    def __init__(self, trouble=None):
        self.trouble = trouble
        self.together = []
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.commits = GroupCommit(self.perform, self.after)
        self.afters = 0

    def perform(self, tickets):
        self.together.append([request for ticket in tickets for request in ticket.requests])
        self.entered.set()
        assert self.go_on.wait(SECONDS)
        if self.trouble is not None and len(self.together) == 1:
            raise self.trouble
        for ticket in tickets:
            ticket.answers = [f"done {request}" for request in ticket.requests]

    def after(self):
        self.afters += 1

    def submit(self, request, answers):
        try:
            answers[request] = self.commits.submit([request])
        except (StoreError, ContextError, KeyboardInterrupt) as error:
            answers[request] = error

    def begin(self, requests):
        """Let the first one lead, and all others wait behind it; return threads and answers."""
        answers, threads = {}, []
        for request in requests:
            thread = threading.Thread(target=self.submit, args=(request, answers))
            thread.start()
            threads.append(thread)
            assert self.entered.wait(SECONDS)
        while len(self.commits._waiting) < len(requests) - 1:
            time.sleep(0.001)
        self.go_on.set()
        for thread in threads:
            thread.join(SECONDS)
        return answers


def test_who_comes_meanwhile_is_done_together_next():
    stage = Stage()
    answers = stage.begin(["a", "b", "c", "d"])
    assert answers == {name: [f"done {name}"] for name in "abcd"}
    assert [sorted(group) for group in stage.together] == [["a"], ["b", "c", "d"]]
    assert stage.afters == 2
    assert stage.commits.submit([]) == []


def test_a_trouble_is_told_to_those_it_concerns_and_the_next_go_on():
    stage = Stage(StoreError("no room"))
    answers = stage.begin(["a", "b", "c"])
    assert str(answers["a"]) == "no room"
    assert (answers["b"], answers["c"]) == (["done b"], ["done c"])


def test_an_interrupted_leader_passes_on_what_it_led():
    stage = Stage(KeyboardInterrupt())
    answers = stage.begin(["a", "b"])
    assert isinstance(answers["a"], KeyboardInterrupt)
    assert answers["b"] == ["done b"]


def test_who_is_led_by_one_that_is_interrupted_is_told_that_it_may_have_happened():
    stage = Stage()
    seen = []

    def perform(tickets):
        seen.append(len(tickets))
        if len(seen) == 1:
            stage.entered.set()
            assert stage.go_on.wait(SECONDS)
            for ticket in tickets:
                ticket.answers = []
            return
        raise KeyboardInterrupt

    stage.commits = GroupCommit(perform, stage.after)
    answers = stage.begin(["a", "b", "c"])
    kinds = sorted(type(answers[name]).__name__ for name in "bc")
    assert kinds == ["ContextError", "KeyboardInterrupt"]
    assert seen == [1, 2]
    told = next(answer for answer in answers.values() if isinstance(answer, ContextError))
    with pytest.raises(ContextError, match="may have happened"):
        raise told


def test_who_was_answered_together_is_waited_for_and_goes_on_together():
    stage = Stage()
    stage.commits = GroupCommit(stage.perform, stage.after, linger=SECONDS)
    stage.begin(["a", "b", "c"])
    assert stage.together == [["a"], ["b", "c"]]
    answers, threads = {}, []
    for request in ("d", "e"):
        thread = threading.Thread(target=stage.submit, args=(request, answers))
        thread.start()
        threads.append(thread)
        while request == "d" and not stage.commits._waiting:
            time.sleep(0.001)
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(stage.together[2]) == ["d", "e"]
    assert answers == {"d": ["done d"], "e": ["done e"]}


def test_an_interrupt_while_others_are_waited_for_leaves_the_next_one_to_lead(monkeypatch):
    stage = Stage()
    stage.commits = GroupCommit(stage.perform, stage.after, linger=SECONDS)
    stage.begin(["a", "b", "c"])

    def interrupt(_):
        raise KeyboardInterrupt

    answers = {}
    with monkeypatch.context() as patched:
        patched.setattr("framework0.context.persist.commits.sleep", interrupt)
        stage.submit("d", answers)
    assert isinstance(answers["d"], KeyboardInterrupt)
    # Two come, as many as were answered together last.
    threads = [threading.Thread(target=stage.submit, args=(name, answers)) for name in "ef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert (answers["e"], answers["f"]) == (["done e"], ["done f"])
    assert sorted(stage.together[2]) == ["e", "f"]
