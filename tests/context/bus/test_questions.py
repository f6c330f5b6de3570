"""Requests: one answer, in time, or a clear word about why there is none."""

from __future__ import annotations

import asyncio
import threading

import pytest

from framework0.context import MemoryBus
from framework0.errors import BusClosed, BusError, NoResponder, RequestFailed, WaitTimeout


@pytest.fixture
def bus():
    with MemoryBus() as bus:
        yield bus


def started(work, *args):
    thread = threading.Thread(target=work, args=args, daemon=True)
    thread.start()
    return thread


def caught(call):
    """Call in a thread; return the thread and the list its error will be in."""
    errors = []

    def run():
        try:
            call()
        # Which error it is, is what the tests are about.
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    return started(run), errors


def test_a_request_has_the_answer_of_whoever_responds(bus):
    threads = []

    def double(topic, value):
        threads.append(threading.current_thread())
        return topic, value * 2

    bus.respond("math.*", double)
    assert bus.request("math.double", 21, timeout=120) == ("math.double", 42)
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon
    assert threads[0].name == "framework0-bus math.*"


def test_a_request_nobody_answers_fails_at_once(bus):
    bus.subscribe("**", print)
    with pytest.raises(NoResponder, match="nobody answers requests on 'a'"):
        bus.request("a", timeout=None)


def test_a_responder_that_has_ended_is_none(bus):
    end = bus.respond("a", lambda *_: 1)
    assert bus.request("a", timeout=120) == 1
    end()
    end()
    with pytest.raises(NoResponder):
        bus.request("a", timeout=None)


def test_what_the_responder_raises_is_the_cause_where_it_was_asked(bus):
    def broken(topic, value):
        raise SystemExit("no")

    bus.respond("a", broken)
    for _ in range(2):
        with pytest.raises(RequestFailed, match="'a' failed: SystemExit: no") as failed:
            bus.request("a", timeout=120)
        assert isinstance(failed.value.__cause__, SystemExit)


def test_a_late_answer_is_not_waited_for_and_does_no_harm(bus):
    go_on = threading.Event()
    seen = []

    def slow(topic, value):
        seen.append(value)
        assert go_on.wait(120)
        return value

    bus.respond("a", slow)
    asked = 0
    # Until one is being answered: whoever gave up before is not waited for either.
    while not seen:
        asked += 1
        with pytest.raises(WaitTimeout, match=r"not answered within 0\.01 s"):
            bus.request("a", asked, timeout=0.01)
    begun = list(seen)
    with pytest.raises(WaitTimeout):
        bus.request("a", "late", timeout=0.01)
    go_on.set()
    assert bus.request("a", "last", timeout=120) == "last"
    # Nobody waited for the late one any more when its turn came.
    assert seen == [*begun, "last"]


def test_questions_can_be_answered_by_threads_and_tasks_of_ones_own(bus):
    questions = bus.questions("a.*")
    asked, errors = caught(lambda: bus.request("a.b", 1, timeout=None))
    question = questions.get(120)
    assert (question.topic, question.value, question.abandoned) == ("a.b", 1, False)
    assert "open" in repr(question)
    question.fail(LookupError("unknown"))
    # Only the first answer counts.
    question.reply(2)
    asked.join(120)
    assert str(errors[0]) == "the request on 'a.b' failed: LookupError: unknown"
    assert "abandoned" in repr(question)

    async def serve():
        async for question in questions:
            question.reply(question.value + 1)
            assert "abandoned" in repr(question) or "answered" in repr(question)
            questions.close()

    server = started(lambda: asyncio.run(serve()))
    assert bus.request("a.c", 41, timeout=120) == 42
    server.join(120)


def test_a_task_may_ask(bus):
    bus.respond("a", lambda _, value: value + 1)
    bus.respond("broken", lambda *_: 1 / 0)
    silent = bus.questions("silent")

    async def ask():
        assert await bus.arequest("a", 1, timeout=120) == 2
        with pytest.raises(RequestFailed, match="ZeroDivisionError"):
            await bus.arequest("broken", timeout=120)
        with pytest.raises(NoResponder):
            await bus.arequest("nobody", timeout=120)
        with pytest.raises(WaitTimeout):
            await bus.arequest("silent", timeout=0.01)
        assert silent.get(0).abandoned
        return await asyncio.gather(*[bus.arequest("a", n, timeout=120) for n in range(100)])

    assert asyncio.run(ask()) == list(range(1, 101))


def test_of_several_responders_the_first_with_room_is_asked(bus):
    first = bus.questions("a", limit=1)
    second = bus.questions("*", limit=1)
    threads = [caught(lambda: bus.request("a", timeout=None)) for _ in range(2)]
    while len(first) + len(second) < 2:
        threading.Event().wait(0.001)
    with pytest.raises(BusError, match=r"as many requests waiting as he may \(1, 1\)"):
        bus.request("a")
    for inbox in (first, second):
        inbox.get(0).reply()
    for thread, errors in threads:
        thread.join(120)
        assert errors == []


def test_who_waits_is_told_when_the_responder_stops_before_the_question(bus):
    questions = bus.questions("a")
    asked, errors = caught(lambda: bus.request("a", timeout=None))
    while not len(questions):
        threading.Event().wait(0.001)
    questions.close()
    asked.join(120)
    assert type(errors[0]) is NoResponder
    assert "stopped before this one" in str(errors[0])


def test_closing_the_bus_wakes_who_asks_even_while_the_answer_is_made(bus):
    begun, go_on = threading.Event(), threading.Event()

    def slow(topic, value):
        begun.set()
        assert go_on.wait(120)

    bus.respond("a", slow)
    asked, errors = caught(lambda: bus.request("a", timeout=None))
    assert begun.wait(120)
    bus.close()
    asked.join(120)
    go_on.set()
    assert type(errors[0]) is BusClosed


def test_requests_and_publications_do_not_meet(bus):
    seen = []
    bus.subscribe("a", lambda _, value: seen.append(value))
    bus.respond("a", lambda _, value: value)
    assert bus.request("a", 1, timeout=120) == 1
    assert bus.publish("a", 2) == 1
    assert seen == [2]


@pytest.mark.slow
def test_each_of_many_requests_has_its_own_answer(bus):
    questions = bus.questions("square", limit=10_000)

    def serve():
        for question in questions:
            question.reply(question.value**2)

    servers = [started(serve) for _ in range(3)]
    answers = [{} for _ in range(4)]

    def ask(mine, numbers):
        for number in numbers:
            mine[number] = bus.request("square", number, timeout=120)

    threads = [started(ask, mine, range(first, 1_000, 4)) for first, mine in enumerate(answers)]
    for thread in threads:
        thread.join(120)
    questions.close()
    for server in servers:
        server.join(120)
    assert {n: square for mine in answers for n, square in mine.items()} == {
        n: n * n for n in range(1_000)
    }


def test_a_responder_or_a_bus_that_ends_while_it_is_asked_is_told(bus):
    questions = bus.questions("a")
    # As if it had been found by who asks just before it was closed.
    questions._at_end = ()
    questions.close()
    with pytest.raises(NoResponder, match="stopped before this one"):
        bus.request("a", timeout=None)
    bus.questions("b")
    bus._questions._closed = True
    with pytest.raises(BusClosed):
        bus.request("b", timeout=None)
