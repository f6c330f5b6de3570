"""A JSON file under a lock: what is read is what is there, and changes are whole."""

from __future__ import annotations

import json
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import JsonFileBroken, LockHeld, UsageError, ValueRefused
from framework0.jsonfile import JsonFile, parse_object, render_object


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p.json"


def test_values_are_set_counted_and_read_and_groups_are_made(path):
    file = JsonFile(path)
    assert file.read() == {}
    file.set("g", "a", value="text")
    assert file.increment("g", "n") == 1
    assert file.increment("g", "n", by=-3) == -2
    file.set("deep", "er", "still", value=[1, {"x": None}])
    assert json.loads(path.read_text()) == file.read()
    assert file.read() == {"g": {"a": "text", "n": -2}, "deep": {"er": {"still": [1, {"x": None}]}}}
    assert file.get("deep", "er", "still") == [1, {"x": None}]
    assert file.get("deep", "nothing", default=7) == 7
    assert file.get("g", "a", "further") is None
    file.close()
    assert file.get("g", "n") == -2


def test_what_is_read_is_a_copy_of_ones_own(path):
    file = JsonFile(path)
    file.set("g", "list", value=[1])
    file.set("flat", "a", value=1)
    found = file.read()
    found["g"]["list"].append(2)
    found["flat"]["a"] = 2
    file.get("g", "list").append(3)
    assert file.read() == {"g": {"list": [1]}, "flat": {"a": 1}}


def test_a_value_that_was_handed_in_is_not_tied_to_the_file(path):
    file = JsonFile(path)
    value = [1]
    file.set("g", "a", value=value)
    value.append(2)
    assert file.get("g", "a") == [1]
    assert file.change(lambda document: document["g"].update(b=value)) is None
    value.append(3)
    assert file.get("g", "b") == [1, 2]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ('"7"', r"g.n is a text \('7'\), not an integer: it cannot be counted"),
        ("true", r"g.n is true or false \(True\), not an integer"),
        ("1.0", r"g.n is a fraction \(1.0\), not an integer"),
        ("null", r"g.n is null \(None\), not an integer"),
        ("[]", r"g.n is a list"),
        ("9223372036854775807", r"g.n would leave the range of 64 bits"),
    ],
)
def test_what_cannot_be_counted_is_refused(now, said, path):
    path.write_text(f'{{"g": {{"n": {now}}}}}')
    with pytest.raises(ValueRefused, match=said) as caught:
        JsonFile(path).increment("g", "n")
    assert caught.value.path == "g.n"
    assert path.read_text() == f'{{"g": {{"n": {now}}}}}'


def test_a_value_under_what_is_no_group_is_refused(path):
    path.write_text('{"g": 7}')
    with pytest.raises(
        ValueRefused, match="g is an integer, not a group: 'a' cannot be put into it"
    ):
        JsonFile(path).set("g", "a", value=1)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x", object(), "\ud800", {1: 1, "1": 2}])
def test_what_json_cannot_hold_is_refused_and_nothing_changed(value, path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    with pytest.raises(ValueRefused, match="cannot hold that value"):
        file.set("g", "a", value=value)
    assert file.read() == {"g": {"a": 1}}
    assert sorted(os.listdir(path.parent)) == ["p.json", "p.json.lock"]


@pytest.mark.parametrize(
    "call",
    [
        lambda path: JsonFile(path, path),
        lambda path: JsonFile(path, timeout=-1),
        lambda path: JsonFile(path).set(value=1),
        lambda path: JsonFile(path).increment("g", "n", by=True),
        lambda path: JsonFile(path).increment("g", "n", by=0.5),
    ],
)
def test_calls_that_make_no_sense_are_refused(call, path):
    with pytest.raises(UsageError):
        call(path)
    assert not path.exists()


def test_a_key_that_is_no_text_is_refused(path):
    with pytest.raises(ValueRefused, match="a key is a text, not 1"):
        JsonFile(path).set(1, value=1)


def test_one_and_true_are_not_the_same(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    file.set("g", "a", value=True)
    assert file.get("g", "a") is True
    file.set("g", "a", value=1.0)
    assert path.read_text().count("1.0") == 1


def test_an_edit_by_hand_is_seen_at_once_also_of_the_same_length(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    seen = []
    for number in range(2, 10):
        text = path.read_text().replace(str(number - 1), str(number))
        there = path.stat()
        with path.open("r+") as handle:
            handle.write(text)
        # As a quick editor would: same inode, same size, same time.
        os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))
        seen.append(file.get("g", "a"))
    assert seen == list(range(2, 10))


def test_an_edit_by_hand_during_a_change_is_not_lost(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    calls = []

    def change(document):
        calls.append(dict(document["g"]))
        if len(calls) == 1:
            draft = path.with_name("editor")
            draft.write_text('{"g": {"a": 1, "hand": true}}')
            os.replace(draft, path)
        document["g"]["a"] = 2

    file.change(change)
    assert len(calls) == 2
    assert file.read() == {"g": {"a": 2, "hand": True}}


def test_a_change_that_raises_changes_nothing_and_gives_the_lock_back(path):
    file = JsonFile(path)
    file.set("g", "a", value=1)

    def change(document):
        document.clear()
        raise OSError(28, "of the user's own")

    with pytest.raises(OSError, match="of the user's own"):
        file.change(change)
    assert JsonFile(path, timeout=0).get("g", "a") == 1
    JsonFile(path, timeout=0).set("g", "a", value=2)


def test_a_child_of_a_fork_takes_the_lock_by_itself(path):
    file = JsonFile(path)
    file.set("g", "n", value=0)
    child = os.fork()
    if child == 0:
        for _ in range(20):
            file.increment("g", "n")
        os._exit(0)
    for _ in range(20):
        file.increment("g", "n")
    assert os.waitpid(child, 0)[1] == 0
    assert file.get("g", "n") == 40


def test_threads_count_exactly_and_get_different_sums(path):
    shared, sums = JsonFile(path, durable=False), []

    def count(file):
        sums.extend(file.increment("g", "n") for _ in range(50))

    threads = [
        threading.Thread(target=count, args=(file,))
        for file in [shared] * 4 + [JsonFile(path, durable=False) for _ in range(4)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sums) == list(range(1, 401))


def test_a_thread_that_waits_too_long_for_another_is_told(path):
    file = JsonFile(path, timeout=0.05)
    inside, go = threading.Event(), threading.Event()

    def change(document):
        inside.set()
        go.wait(120)

    thread = threading.Thread(target=lambda: file.change(change))
    thread.start()
    inside.wait(120)
    with pytest.raises(LockHeld, match="another thread of this process"):
        file.set("g", "a", value=1)
    assert file.read() == {}
    go.set()
    thread.join()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), VALUES, max_size=4)


@given(OBJECTS)
def test_what_is_rendered_is_read_back_type_by_type(document):
    found = parse_object(render_object(document), "x")
    assert repr(found) == repr(document)
    assert list(found) == list(document)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_object_or_a_located_error(content):
    try:
        found = parse_object(content, "x")
    except JsonFileBroken as error:
        found, place = {}, (error.offset, error.line)
    else:
        place = (0, 1)
    assert isinstance(found, dict)
    assert 0 <= place[0] <= len(content)
    assert place[1] >= 1


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "add", "hand", "reopen"]),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
        st.sampled_from([0, 1, -5, "x", True, None, [1], {"a": 1}, 2**63 - 1]),
    ),
    max_size=15,
)


@settings(max_examples=60)
@given(edits=EDITS)
def test_any_course_of_changes_leaves_what_a_plain_dict_would_hold(edits, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "p.json"
    file, other, model = JsonFile(path, durable=False), JsonFile(path, durable=False), {}
    for kind, keys, value in edits:
        if kind == "hand":
            path.write_text(json.dumps(model))
        elif kind == "reopen":
            file.close()
        else:
            follow(model, file, kind, keys, value)
        assert file.read() == other.read() == model
        file, other = other, file


def follow(model, file, kind, keys, value):
    before = json.loads(json.dumps(model))
    try:
        expected = naive(model, kind, keys, value)
    except (TypeError, OverflowError):
        model.clear()
        model.update(before)
        with pytest.raises(ValueRefused):
            ask(file, kind, keys, value)
    else:
        assert ask(file, kind, keys, value) == expected


def ask(file, kind, keys, value):
    return file.set(*keys, value=value) if kind == "set" else file.increment(*keys, by=3)


def naive(model, kind, keys, value):
    for key in keys[:-1]:
        model = model.setdefault(key, {})
        if type(model) is not dict:
            raise TypeError
    if kind == "set":
        model[keys[-1]] = json.loads(json.dumps(value))
        return None
    now = model.get(keys[-1], 0)
    if type(now) is not int:
        raise TypeError
    if now + 3 > 2**63 - 1:
        raise OverflowError
    model[keys[-1]] = now + 3
    return now + 3


def test_a_file_that_is_no_longer_used_holds_nothing_open(path):
    def opened():
        return {os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}

    file = JsonFile(path)
    file.set("g", "a", value=1)
    assert file.get("g", "a") == 1
    assert {str(path), str(file.lock_path)} <= opened()
    del file
    assert not {str(path), f"{path}.lock"} & opened()


def test_an_edit_by_hand_is_seen_also_when_the_file_had_long_been_still(path, monkeypatch):
    file = JsonFile(path)
    file.set("g", "a", value=1)
    there = path.stat()
    # A second later by the clock, so that its times are trusted, without waiting for it.
    monkeypatch.setattr("time.time_ns", lambda: there.st_ctime_ns + 10**9)
    parsed, real = [], os.pread
    monkeypatch.setattr("os.pread", lambda *words: parsed.append(words) or real(*words))
    assert [file.get("g", "a") for _ in range(9)] == [1] * 9
    assert len(parsed) == 1
    with path.open("r+") as handle:
        handle.write(path.read_text().replace("1", "2"))
    # The kernel's clock for such times goes in steps: as if the edit had come a step later.
    while path.stat().st_ctime_ns == there.st_ctime_ns:
        os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))
    assert path.stat().st_size == there.st_size
    assert file.get("g", "a") == 2
