"""Messages between processes: JSON, arrays and bytes, never a pickle, and nothing waits for ever."""

from __future__ import annotations

import errno
import gc
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0 import segments
from framework0.context.bus import Receiver, Shared, channel, channels, share
from framework0.errors import BusClosed, BusError, ContextError, ValueRefused, WaitTimeout


@pytest.fixture
def ends():
    sender, receiver = channel()
    with sender, receiver:
        yield sender, receiver


@pytest.fixture
def raw():
    """A receiver whose other side says whatever the test wants."""
    out, into = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with out, Receiver(into) as receiver:
        yield out, receiver


def started(work, *args):
    thread = threading.Thread(target=work, args=args, daemon=True)
    thread.start()
    return thread


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
@settings(deadline=None, max_examples=100)
def test_json_comes_out_as_it_went_in(value):
    sender, receiver = channel()
    with sender, receiver:
        sender.send("a.b", value)
        assert receiver.receive(120) == ("a.b", value)


def test_arrays_and_bytes_may_stand_anywhere_in_a_message(ends):
    sender, receiver = ends
    shared = Shared.filled((3,), "i4", lambda array: array.fill(7))
    value = {"frames": [np.arange(5), {"raw": b"abc"}], "more": shared, "n": 1, "$": {"shared": 0}}
    sender.send("camera", value)
    topic, came = receiver.receive(120)
    assert topic == "camera"
    assert came["frames"][0].tolist() == [0, 1, 2, 3, 4]
    assert bytes(came["frames"][1]["raw"]) == b"abc"
    assert came["more"].tolist() == [7, 7, 7]
    assert (came["n"], came["$"]) == (1, {"shared": 0})


def test_an_array_that_is_passed_on_is_passed_on_as_it_is(ends):
    sender, receiver = ends
    sender.send("a", np.arange(100_000))
    first = receiver.receive(120).value
    sender.send("b", first)
    sender.send("c", first[10:20])
    whole, part = receiver.receive(120).value, receiver.receive(120).value
    inodes = {os.fstat(share(array).segment.fileno()).st_ino for array in (first, whole, part)}
    assert len(inodes) == 1
    assert part.tolist() == list(range(10, 20))


def test_a_long_text_goes_as_memory(ends):
    sender, receiver = ends
    value = ["x" * 100] * 5_000
    sender.send("long", value)
    sender.send("both", [value, np.arange(3)])
    assert receiver.receive(120).value == value
    came = receiver.receive(120).value
    assert (came[0], came[1].tolist()) == (value, [0, 1, 2])


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        1j,
        float("nan"),
        {(1, 2): 3},
        [[np.float32(1)]],
        np.array([None]),
        {"$shared": 0, "a": b"x"},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_travel_is_refused_and_the_channel_goes_on(ends, value):
    sender, receiver = ends
    with pytest.raises(ValueRefused):
        sender.send("a", value)
    sender.send("a", 1)
    assert receiver.receive(120).value == 1


def test_deep_and_circular_values_are_refused(ends):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    circle = []
    circle.append(circle)
    for value in (deep, circle):
        with pytest.raises(ValueRefused, match="is not JSON"):
            ends[0].send("a", value)


def test_too_long_a_text_and_too_many_arrays_are_refused(ends, monkeypatch):
    monkeypatch.setattr("framework0.context.bus.frames.TEXT_BYTES", 50_000)
    with pytest.raises(ValueRefused, match="more than 50,000"):
        ends[0].send("a", "x" * 60_000)
    with pytest.raises(ValueRefused, match="more than 63 arrays"):
        ends[0].send("a", [b"x"] * 70)
    with pytest.raises(ContextError):
        ends[0].send("", 1)


def test_receive_says_when_nothing_came(ends):
    with pytest.raises(WaitTimeout, match="nothing came"):
        ends[1].receive(0.01)


def test_a_reader_who_does_not_read_holds_back_a_window_of_memory_and_no_more(ends):
    sender, receiver = ends
    sender.window = 640_000
    for _ in range(10):
        sender.send("a", bytes(64_000))
    for _ in range(2):
        with pytest.raises(WaitTimeout, match="did not read"):
            sender.send("a", bytes(64_000), timeout=0.01)
    assert [len(receiver.receive(120).value) for _ in range(10)] == [64_000] * 10
    # Whatever is larger than the window goes when it is alone.
    sender.send("a", bytes(1_000_000), timeout=120)
    assert len(receiver.receive(120).value) == 1_000_000


def test_a_reader_who_does_not_read_holds_back_so_many_messages(ends, monkeypatch):
    monkeypatch.setattr(channels, "UNRECEIVED", 3)
    sender, receiver = ends
    for _ in range(3):
        sender.send("a", b"x")
    with pytest.raises(WaitTimeout):
        sender.send("a", b"x", timeout=0.01)
    receiver.receive(120)
    sender.send("a", b"x", timeout=120)


def test_plain_messages_wait_for_room_in_the_socket(ends):
    sender, receiver = ends
    sent = 0
    try:
        while sent < 1_000:
            sender.send("a", "x" * 10_000, timeout=0.01)
            sent += 1
    except WaitTimeout:
        assert sent
    assert sent < 1_000
    waiting = started(sender.send, "a", "last")
    values = [receiver.receive(120).value for _ in range(sent + 1)]
    waiting.join(120)
    assert values[-1] == "last"


def test_the_end_of_the_other_side_is_told_at_once(ends):
    sender, receiver = ends
    sender.send("a", 1)
    sender.close()
    assert [message.value for message in receiver] == [1]
    with pytest.raises(BusClosed, match="the other process has closed"):
        receiver.receive()
    sender, receiver = channel()
    sender.send("a", b"x")
    receiver.close()
    for value in (1, b"x"):
        with pytest.raises(BusClosed):
            sender.send("a", value)


def test_closing_wakes_whoever_waits_at_this_end(ends):
    _, silent = ends
    full, unread = channel(window=1)
    full.send("a", b"x")
    errors = []

    def wait(call, *args):
        try:
            call(*args)
        except BusClosed as error:
            errors.append(str(error))

    threads = [started(wait, full.send, "a", b"y"), started(wait, silent.receive)]
    while full._alarm is None or silent._alarm is None:
        threading.Event().wait(0.001)
    for end in (full, silent, unread):
        end.close()
        end.close()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert errors == ["this end of the channel is closed"] * 2
    for call in (lambda: full.send("a", 1), silent.receive):
        with pytest.raises(BusClosed, match="this end"):
            call()
    assert "closed" in repr(full)


def test_a_thread_does_not_wait_longer_than_it_wants_behind_another_one(ends):
    sender, receiver = ends
    sender.window = 1
    sender.send("a", b"x")
    threads = [started(sender.send, "a", b"y")]
    while sender._alarm is None:
        threading.Event().wait(0.001)
    with pytest.raises(WaitTimeout, match="did not read"):
        sender.send("b", 1, timeout=0.01)
    assert [receiver.receive(120).topic for _ in range(2)] == ["a", "a"]
    threads.append(started(receiver.receive))
    while receiver._alarm is None:
        threading.Event().wait(0.001)
    with pytest.raises(WaitTimeout, match="nothing came"):
        receiver.receive(timeout=0.01)
    sender.send("c", 2)
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_nothing_is_left_open(ends):
    before = descriptors()
    sender, receiver = channel()
    assert f"descriptor {sender.fileno()}" in repr(sender)
    for _ in range(20):
        sender.send("a", np.zeros(1_000))
    receiver.receive(120)
    quiet, waiting = channel()
    with pytest.raises(WaitTimeout):
        waiting.receive(0.001)
    # The rest is never read, and nobody says goodbye.
    del sender, receiver, quiet, waiting
    assert descriptors() == before


def test_of_several_readers_each_gets_other_messages(ends):
    sender, receiver = ends
    read = [[] for _ in range(3)]
    readers = [
        started(lambda mine=mine: mine.extend(message.value[0] for message in receiver))
        for mine in read
    ]
    writers = [
        started(lambda first=first: [sender.send("a", [first + n, b"x"]) for n in range(100)])
        for first in (0, 100)
    ]
    for writer in writers:
        writer.join(120)
    sender.close()
    for reader in readers:
        reader.join(120)
    assert sorted(n for mine in read for n in mine) == list(range(200))


BAD = [
    b"x",
    b"s",
    b"sno json\n1",
    b's["a",[]]',
    b's["a",[]]\n{',
    b's["a",[]]\nNaN',
    b's["a",[]]\n"a" 5',
    b's["",[]]\n1',
    b's["a\\n",[]]\n1',
    b"s[5,[]]\n1",
    b's["a"]\n1',
    b's["a",5]\n1',
    b's["a",[[0,1,null]]]\n{"$shared":0}',
    b's["a",[]]\n' + b"[" * 30_000,
    b"s" + b"\xff" * 10,
    b"l5",
    b"lfive",
    b's{"a":1,"b":2}\n1',
]


@pytest.mark.parametrize("data", BAD, ids=repr)
def test_what_is_no_message_is_an_error_and_the_next_one_is_received(raw, data):
    out, receiver = raw
    out.send(data)
    out.send(b's["a",[]]\n1')
    with pytest.raises(BusError, match="is no message"):
        receiver.receive(120)
    assert receiver.receive(120) == ("a", 1)


@given(st.binary(min_size=1, max_size=200), st.booleans())
@settings(deadline=None, max_examples=200)
def test_no_bytes_do_more_than_an_error(data, beside):
    out, into = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with out, Receiver(into) as receiver:
        segments.send(out, data, [share(b"0123456789").segment] if beside else [])
        try:
            message = receiver.receive(120)
        except BusError as error:
            message = error
    assert not isinstance(message, BusClosed)


@pytest.mark.parametrize(
    ("described", "value"),
    [
        ([[0, 10, None]], '{"$shared":1}'),
        ([[0, 10, None]], '{"$shared":"0"}'),
        ([[0, 10, None]], '{"$shared":null}'),
        ([[0, 10**6, None]], '{"$shared":0}'),
        ([[0, 10, ["|O", [1], "C"]]], '{"$shared":0}'),
        ([[0, 10, None], [0, 10, None]], '{"$shared":0}'),
        ([], "1"),
    ],
)
def test_memory_that_is_described_wrongly_is_refused(raw, described, value):
    out, receiver = raw
    text = f's{json.dumps(["a", described])}\n{value}'.encode()
    segments.send(out, text, [share(b"0123456789").segment])
    with pytest.raises(BusError):
        receiver.receive(120)


def test_a_text_in_memory_that_is_longer_than_allowed_is_refused(raw, monkeypatch):
    out, receiver = raw
    monkeypatch.setattr("framework0.context.bus.frames.TEXT_BYTES", 5)
    segments.send(out, b"l10", [share(b"0123456789").segment])
    with pytest.raises(BusError, match="10 bytes of text"):
        receiver.receive(120)


def test_memory_that_could_still_be_changed_or_cut_is_not_looked_at(raw, tmp_path):
    out, receiver = raw
    loose = os.memfd_create("loose")
    os.ftruncate(loose, 100)
    (tmp_path / "file").write_bytes(b"x" * 100)
    for descriptor in (
        loose,
        os.open(tmp_path / "file", os.O_RDONLY),
        os.open("/dev/null", os.O_RDWR),
    ):
        segment = segments.Segment(descriptor, 100)
        segments.send(out, b's["a",[[0,10,null]]]\n{"$shared":0}', [segment])
        with pytest.raises(BusError, match="could still be changed"):
            receiver.receive(120)


def test_a_process_that_has_too_many_files_open_says_so(ends):
    import resource

    sender, receiver = ends
    sender.send("a", b"x")
    sender.send("b", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) - 1, hard)
    )
    taken = []
    try:
        with pytest.raises(OSError, match="Too many open files"):
            taken.extend(iter(lambda: os.dup(0), None))
        with pytest.raises(BusError, match="too many files open"):
            receiver.receive(120)
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert receiver.receive(120) == ("b", 1)


def test_a_kernel_with_too_much_on_its_way_is_told_from_a_dead_process(ends, monkeypatch):
    sender, _ = ends
    for number, error, told in (
        (errno.ETOOMANYREFS, BusError, "have the others read"),
        (errno.ENOBUFS, BusError, "cannot send"),
        (errno.EPIPE, BusClosed, "has ended"),
    ):

        def fail(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(channels, "send", fail)
        with pytest.raises(error, match=told):
            sender.send("a", 1)


def test_a_system_without_such_sockets_is_told(monkeypatch):
    monkeypatch.delattr(socket, "SOCK_SEQPACKET")
    with pytest.raises(BusError, match="no sockets that pass memory"):
        channel()


def double(receiver, sender):
    with receiver, sender:
        for message in receiver:
            sender.send(message.topic, message.value * 2)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_end_can_be_given_to_a_process_of_multiprocessing(method):
    context = multiprocessing.get_context(method)
    out, far_in = channel()
    far_out, back = channel()
    process = context.Process(target=double, args=(far_in, far_out))
    process.start()
    far_in.close()
    far_out.close()
    with out, back:
        out.send("a", np.arange(100_000))
        assert back.receive(120).value.sum() == 2 * np.arange(100_000).sum()
    if method == "fork":
        # It inherited our ends too, so it cannot see that we closed them.
        process.terminate()
    process.join(120)
    assert process.exitcode == (-signal.SIGTERM if method == "fork" else 0)


def test_an_end_cannot_be_pickled_otherwise(ends):
    import pickle

    for end in ends:
        with pytest.raises(TypeError, match="socket"):
            pickle.dumps(end)


CHILD = """
import sys
from framework0.context.bus import Receiver, Sender
with Receiver.from_descriptor(int(sys.argv[1])) as receiver, Sender.from_descriptor(int(sys.argv[2])) as sender:
    for topic, value in receiver:
        sender.send(topic, {"sum": int(value.sum()), "same": value})
"""


def test_any_program_can_be_started_with_an_end():
    out, far_in = channel()
    far_out, back = channel()
    descriptors = [far_in.fileno(), far_out.fileno()]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, descriptors)], pass_fds=descriptors
    )
    far_in.close()
    far_out.close()
    with out, back:
        shared = share(np.arange(1_000_000))
        out.send("a", shared)
        came = back.receive(120).value
        assert came["sum"] == np.arange(1_000_000).sum()
        # It has been in two processes, and is still the one memory.
        inodes = {os.fstat(each.segment.fileno()).st_ino for each in (shared, share(came["same"]))}
        assert len(inodes) == 1
    assert child.wait(120) == 0
    with pytest.raises(BusClosed):
        back.receive()
