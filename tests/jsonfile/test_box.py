"""What stands in the lock file: half a record is none, and a refused edit is told to who asked for it."""

from __future__ import annotations

import os
import threading

import pytest

from framework0.errors import ValueRefused
from framework0.jsonfile import JsonFile
from framework0.jsonfile.box import PLACES, Box
from framework0.jsonfile.replacing import Draft
from framework0.workspace import FileSystem, Gate


@pytest.fixture
def gates(tmp_path):
    made = []

    def make():
        made.append(Gate(tmp_path / "lock"))
        return made[-1]

    yield make
    for gate in made:
        gate.close()


def test_a_question_is_answered_once(gates):
    asker, server = Box(gates(), posting=True), Box(gates(), posting=True)
    token = asker.ask(["add", ["n"], 1])
    assert asker.answer(token) is None
    assert list(server.questions()) == [(0, token, ["add", ["n"], 1])]
    server.reply(0, token, [True, 5])
    assert asker.answer(token) == [True, 5]
    assert list(server.questions()) == []


def test_a_question_that_is_withdrawn_or_whose_owner_is_gone_is_none(gates):
    gate = gates()
    asker, server = Box(gate, posting=True), Box(gates(), posting=True)
    asker.ask(["add", ["n"], 1])
    asker.withdraw()
    assert list(server.questions()) == []
    asker.ask(["add", ["n"], 1])
    assert len(list(server.questions())) == 1
    gate.close()
    assert list(server.questions()) == []


def test_a_question_cut_anywhere_is_none(gates, tmp_path):
    asker, server = Box(gates(), posting=True), Box(gates(), posting=True)
    asker.ask(["set", ["g", "a"], "some value"])
    whole = (tmp_path / "lock").read_bytes()
    for length in range(12288, len(whole)):
        (tmp_path / "lock").write_bytes(whole[:length])
        assert list(server.questions()) == []
    for at in range(12288, len(whole)):
        (tmp_path / "lock").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert list(server.questions()) == []


def test_what_has_no_room_or_no_place_is_not_posted(gates):
    boxes = [Box(gates(), posting=True) for _ in range(PLACES + 1)]
    assert boxes[0].ask(["set", ["a"], "x" * 700]) is None
    assert boxes[0].ask(["set", ["a"], {1, 2}]) is None
    assert [box.ask(["add", ["n"], 1]) is None for box in boxes] == [False] * PLACES + [True]
    assert Box(gates(), posting=False).ask(["add", ["n"], 1]) is None


def test_edits_posted_during_a_change_are_made_with_it_and_refusals_are_told(tmp_path):
    path = tmp_path / "p.json"
    file, told, threads = JsonFile(path), {}, []
    asked = {
        "sum": lambda other: other.increment("n", by=5),
        "set": lambda other: other.set("g", "a", value=[1]),
        "refused": lambda other: other.increment("text"),
        "large": lambda other: other.set("large", value="x" * 2000),
    }

    def ask(name):
        try:
            told[name] = asked[name](JsonFile(path))
        except ValueRefused as error:
            told[name] = (str(error), error.path)

    def change(document):
        document.update(n=1, text="x")
        for name in asked:
            threads.append(threading.Thread(target=ask, args=(name,)))
            threads[-1].start()
        lock = path.with_name("p.json.lock")
        while sum(lock.read_bytes().count(word) for word in (b'["add"', b'["set"')) < 3:
            assert not told

    file.change(change)
    for thread in threads:
        thread.join()
    assert told == {
        "sum": 6,
        "set": None,
        "refused": ("text is a text ('x'), not an integer: it cannot be counted", "text"),
        "large": None,
    }
    assert file.read() == {"n": 6, "text": "x", "g": {"a": [1]}, "large": "x" * 2000}


def count_in_threads(path, files=4, each=20):
    sums = []

    def count():
        file = JsonFile(path, durable=False)
        sums.extend(file.increment("n") for _ in range(each))

    threads = [threading.Thread(target=count) for _ in range(files)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(sums)


def test_where_no_byte_can_be_claimed_each_waits_for_its_own_turn(tmp_path, monkeypatch):
    # As on macOS and Windows, and with a Python that does not know these locks.
    monkeypatch.delattr("fcntl.F_OFD_SETLK")
    assert count_in_threads(tmp_path / "p.json") == list(range(1, 81))
    assert b'["add"' not in (tmp_path / "p.json.lock").read_bytes()


def test_on_a_file_system_that_others_share_nothing_is_posted(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "framework0.jsonfile.queue.filesystem_of", lambda path: FileSystem("nfs4", "/")
    )
    assert count_in_threads(tmp_path / "p.json") == list(range(1, 81))
    assert b'["add"' not in (tmp_path / "p.json.lock").read_bytes()


def test_where_an_open_file_cannot_be_replaced_it_is_not_kept_open(tmp_path, monkeypatch):
    # As on Windows.
    monkeypatch.setattr("framework0.jsonfile.source._KEEPS", False)
    path = tmp_path / "p.json"
    file = JsonFile(path)
    file.set("g", "a", value=1)
    assert file.get("g", "a") == 1
    assert str(path) not in {
        os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
    }
    assert count_in_threads(tmp_path / "q.json") == list(range(1, 81))


def test_an_interrupt_after_the_replacement_does_not_have_a_posted_count_made_twice(
    tmp_path, monkeypatch
):
    path = tmp_path / "p.json"
    file, told = JsonFile(path), []
    other = JsonFile(path)
    waiting = threading.Thread(target=lambda: told.append(other.increment("n")))
    real = Draft.put

    def put(draft):
        real(draft)
        if draft.path == path:
            monkeypatch.undo()
            raise KeyboardInterrupt

    def change(document):
        waiting.start()
        while b'["add"' not in file.lock_path.read_bytes():
            assert not told

    monkeypatch.setattr(Draft, "put", put)
    with pytest.raises(KeyboardInterrupt):
        file.change(change)
    waiting.join()
    assert (told, file.get("n")) == ([1], 1)
    assert file.increment("n") == 2
