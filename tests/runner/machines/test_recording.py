"""A machine's run in the journal: visits as attempts, and what is told of records that a kill has cost."""

from __future__ import annotations

import shutil

import pytest

from framework0.errors import WorkspaceError
from framework0.runner import Journal, RunHeader
from framework0.runner.machines import MachineRecord, known_nodes, visit_of
from framework0.secrets import Masker
from framework0.stepengine import Answer, Call, Fault, NodeFacts

RUN = "20261124-000000-00000000"


def facts(*names):
    return [NodeFacts(name, "m", "C", "m.py", 1, {}, {}, {}, {}, ()) for name in names]


class Machine:
    """One engine's life as an observer is told of it, in one workspace's journal."""

    def __init__(self, folder, names=("a", "b"), position=None, **more):
        self.folder = folder
        self.names = names
        self.journal = Journal(folder / "journal.db")
        self.position = position or {}
        self.record = MachineRecord(
            self._recorder, lambda: self.position, lambda run: folder / "runs" / run, **more
        )

    def _recorder(self, run, names):
        machine = {"instance": "i", "library": "l", "nodes": list(names)}
        if self.journal.runs():
            return self.journal.resume(run, len(names))
        header = RunHeader(run_id=run, recipe_name="machine i", options={"machine": machine})
        return self.journal.begin(header, len(names))

    def began(self, resumed=False):
        self.record.began(RUN, self.folder, facts(*self.names), resumed)
        return self

    def visited(self, visit, node, to=None, tries=1):
        self.record.moved(visit, node, "ENTER", 1)
        for attempt in range(1, tries + 1):
            call = Call(node, "m", "step_execute", visit, attempt, None)
            self.record.called(call, Answer(0))
        self.record.left(visit, node, None if to is None else "next", to, 0.5)

    def ended(self, state="COMPLETE_SUCCESS", fault=None):
        self.record.ended(state, fault)
        self.record.close()

    def killed(self):
        """End without a word, as a kill would, except that what was queued is durable."""
        self.record._recorder.close()

    def history(self):
        return self.journal.read(RUN)

    def told(self):
        return [
            (record.name, record.attempt, record.state, visit_of(record))
            for record in self.history().attempts
        ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_each_visit_is_an_attempt_of_its_node(folder):
    machine = Machine(folder).began()
    machine.visited(1, "a", to="b")
    machine.visited(2, "b", to="a")
    machine.visited(3, "a", tries=3)
    machine.ended()
    assert machine.told() == [
        ("a", 1, "succeeded", 1),
        ("b", 1, "succeeded", 2),
        ("a", 2, "succeeded", 3),
    ]
    history = machine.history()
    assert history.summary.state == "succeeded"
    assert [record.reason for record in history.attempts] == [
        "visit 1: to b by next",
        "visit 2: to a by next",
        "visit 3, 3 tries: the end",
    ]


def test_a_node_that_was_not_visited_is_skipped_at_the_end(folder):
    machine = Machine(folder).began()
    machine.visited(1, "a")
    machine.ended()
    assert machine.told()[-1] == ("b", 0, "skipped", 0)


def test_a_visit_in_flight_goes_on_under_its_number(folder):
    first = Machine(folder).began()
    first.record.moved(1, "a", "ENTER", 1)
    first.killed()
    position = {"visit": 1, "node": "a", "state": "EXECUTE", "visits": {"a": 1}}
    second = Machine(folder, position=position).began(resumed=True)
    second.visited(1, "a")
    second.ended()
    assert second.told()[0] == ("a", 1, "succeeded", 1)
    assert second.history().started[0] == 1


def test_visits_that_the_file_counts_and_the_journal_lacks_are_told_as_lost(folder):
    first = Machine(folder).began()
    first.visited(1, "a", to="b")
    first.killed()
    position = {"visit": 5, "node": "b", "state": "ENTER", "visits": {"a": 3, "b": 2}}
    second = Machine(folder, position=position).began(resumed=True)
    second.visited(5, "b")
    second.ended()
    assert second.told() == [
        ("a", 1, "succeeded", 1),
        ("a", 2, "succeeded", 0),
        ("a", 3, "succeeded", 0),
        ("b", 1, "succeeded", 0),
        ("b", 2, "succeeded", 5),
    ]
    assert "was lost" in second.history().attempts[1].reason


def test_what_was_told_as_lost_is_not_told_twice(folder):
    position = {"visit": 3, "node": "b", "state": "ENTER", "visits": {"a": 2, "b": 1}}
    for resumed in (False, True, True):
        machine = Machine(folder, position=position).began(resumed=resumed)
        machine.killed()
    assert [state for _, _, state, _ in machine.told()] == ["succeeded", "succeeded"]


def test_between_two_nodes_no_visit_is_in_flight(folder):
    first = Machine(folder).began()
    first.visited(1, "a", to="b")
    first.killed()
    position = {"visit": 1, "node": "b", "state": "JUMP", "visits": {"a": 1}}
    second = Machine(folder, position=position).began(resumed=True)
    second.record.moved(1, "b", "JUMP", 0)
    second.visited(2, "b")
    second.ended()
    assert second.told() == [("a", 1, "succeeded", 1), ("b", 1, "succeeded", 2)]


def test_a_visit_that_was_over_when_the_engine_was_killed_keeps_its_number(folder):
    first = Machine(folder).began()
    first.record.moved(7, "a", "ENTER", 1)
    first.killed()
    position = {"visit": 7, "node": "b", "state": "JUMP", "visits": {"a": 1}}
    for _ in range(2):
        second = Machine(folder, position=position).began(resumed=True)
        second.killed()
    assert second.told() == [("a", 1, "succeeded", 7)]


@pytest.mark.parametrize(
    "position",
    [
        {"visit": "x", "node": 3, "state": [], "visits": ["a"]},
        {"visit": 1, "node": "a", "state": "JUMP", "visits": {"a": "many", "nowhere": 3}},
    ],
)
def test_a_position_that_makes_no_sense_stops_nobody(folder, position):
    Machine(folder).began().killed()
    machine = Machine(folder, position=position).began(resumed=True)
    machine.visited(2, "a")
    machine.ended()
    assert machine.record.trouble is None
    assert machine.told()[0] == ("a", 1, "succeeded", 2)


def test_a_visit_that_somebody_took_the_machine_away_from_is_cancelled(folder):
    first = Machine(folder).began()
    first.record.moved(1, "a", "ENTER", 1)
    first.killed()
    position = {"visit": 1, "node": "a", "state": "EXECUTE", "visits": {"a": 1}}
    second = Machine(folder, position=position).began(resumed=True)
    second.visited(2, "b")
    second.ended()
    assert second.told() == [("a", 1, "cancelled", 1), ("b", 1, "succeeded", 2)]


def test_a_failure_and_going_on_after_it_are_two_attempts_of_one_visit(folder):
    first = Machine(folder).began()
    first.record.moved(1, "a", "ENTER", 1)
    first.ended("COMPLETE_ERROR", Fault("ValueError", "stuck", "m.py:3"))
    assert first.history().summary.state == "failed"
    position = {"visit": 1, "node": "a", "state": "EXECUTE", "visits": {"a": 1}}
    second = Machine(folder, position=position).began(resumed=True)
    second.visited(1, "a", to="b")
    second.visited(2, "b")
    second.ended()
    told = [entry for entry in second.told() if entry[1]]
    assert told == [("a", 1, "failed", 1), ("a", 2, "succeeded", 1), ("b", 1, "succeeded", 2)]


def test_a_failure_between_two_nodes_is_of_the_run(folder):
    machine = Machine(folder).began()
    machine.visited(1, "a", to="b")
    machine.ended("COMPLETE_ERROR", Fault("limit", "too many"))
    assert machine.history().decisions[-1, "halted"] == "limit: too many"


def test_nodes_that_a_library_gets_later_come_behind_the_others(folder):
    first = Machine(folder, ("b",)).began()
    first.visited(1, "b", to="a")
    first.killed()
    second = Machine(folder, ("a", "b"), {"visit": 2, "node": "a", "state": "ENTER"})
    second.began(resumed=True)
    second.visited(2, "a")
    second.ended()
    assert known_nodes(second.history()) == ["b", "a"]
    assert [(record.node, record.name) for record in second.history().attempts] == [
        (0, "b"),
        (1, "a"),
    ]


def test_what_nodes_print_is_in_the_log_of_their_visit(folder):
    machine = Machine(folder)
    machine.record.printed(b"imported\n")
    machine.began()
    machine.record.moved(1, "a", "ENTER", 1)
    machine.record.printed(b"one\n")
    machine.record.left(1, "a", "next", "b", 0.1)
    machine.record.moved(2, "b", "ENTER", 1)
    machine.record.printed(b"two\n")
    machine.record.left(2, "b", None, None, 0.1)
    machine.ended()
    logs = folder / "runs" / RUN / "logs"
    texts = {path.name: path.read_text(encoding="utf-8") for path in logs.iterdir()}
    assert texts == {"run.log": "imported\n", "00001.1.log": "one\n", "00002.1.log": "two\n"}


def test_secrets_are_in_no_log_and_no_record(folder):
    machine = Machine(folder, masker=Masker(("hunter22",))).began()
    machine.record.moved(1, "a", "ENTER", 1)
    machine.record.printed(b"it is hunter22\n")
    machine.ended("COMPLETE_ERROR", Fault("ValueError", "hunter22 is wrong"))
    failure = machine.history().attempts[0].outcome.failure
    assert failure.message == "*** is wrong"
    log = (folder / "runs" / RUN / "logs" / "00001.1.log").read_text(encoding="utf-8")
    assert log == "it is ***\n"


def test_trouble_of_the_journal_does_not_stop_the_machine_and_is_kept(folder):
    machine = Machine(folder).began()
    machine.visited(1, "a", to="b")
    machine.record._recorder.flush()
    shutil.move(folder / "journal.db", folder / "elsewhere.db")
    machine.visited(2, "b")
    machine.ended()
    assert isinstance(machine.record.trouble, WorkspaceError)


@pytest.mark.parametrize(("at", "way"), [("entry", "before"), ("exit", "after"), ("step", "step")])
def test_a_pause_says_where_and_going_on_passes_it(folder, at, way):
    position = {"visit": 1, "node": "a", "state": "ENTER", "paused": {"at": at, "node": "a"}}
    first = Machine(folder, position=position).began()
    first.record.moved(1, "a", "ENTER", 0)
    first.ended("PAUSED")
    history = first.history()
    assert history.summary.state == "paused"
    assert history.decisions[0, "paused"]["way"] == way
    assert history.decisions[0, "passed"] == []
    second = Machine(folder, position=position).began(resumed=True)
    second.visited(1, "a")
    second.ended()
    assert second.history().decisions[0, "passed"] == [way]
