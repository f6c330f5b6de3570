"""``wait`` and ``poll``."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from zoneinfo import ZoneInfo

import pytest

from framework0.assembly import arun_recipe
from framework0.errors import RefusedError, StepCancelled, UsageError
from framework0.scriptlets.builtin import pauses
from framework0.scriptlets.builtin import poll as polling
from framework0.scriptlets.builtin.pauses import pause
from framework0.scriptlets.builtin.wait import moment_of

BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2026, 3, 28, 12, tzinfo=BERLIN)


def test_waiting_takes_as_long_as_it_should(do):
    # The longest is for a busy machine: 50 minutes, or a day, would be longer still.
    assert 0.05 <= do("wait", **{"for": "50ms"})["waited"] < 60
    assert do("wait", **{"for": 0})["waited"] < 60
    assert do("wait", until="2020-01-01T00:00:00Z")["waited"] < 60
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.05)
    do("wait", until=soon.isoformat())
    assert dt.datetime.now(dt.UTC) >= soon


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:30", "2026-03-28T18:30:00+01:00"),
        ("11:00", "2026-03-29T11:00:00+02:00"),
        ("2026-03-28T18:30:00+00:00", "2026-03-28T18:30:00+00:00"),
        ("2026-07-01T08:00", "2026-07-01T08:00:00+02:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
    ],
)
def test_a_time_is_the_next_one_of_its_zone(text, moment):
    assert moment_of(text, "Europe/Berlin", NOON).isoformat() == moment


def test_a_time_without_a_zone_is_the_machines():
    assert moment_of("2026-07-01T08:00", None) == dt.datetime(2026, 7, 1, 8).astimezone()


def test_what_is_no_time_is_told(do):
    for params, words in [
        ({}, "one of for and until"),
        ({"for": 1, "until": "18:30"}, "one of for and until"),
        ({"for": "soon"}, "for must be"),
        ({"until": "noon"}, "until is 'noon'"),
        ({"until": "25:00"}, "until is '25:00'"),
        ({"until": "18:30", "timezone": "Mars/North"}, "Mars/North"),
        ({"until": "18:30", "timezone": "../etc"}, "etc"),
    ]:
        with pytest.raises(UsageError, match=words):
            do("wait", **params)


@pytest.mark.slow
def test_waiting_ends_with_the_step(do):
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StepCancelled):
        do("wait", stop=stop, **{"for": "1h"})


@pytest.mark.slow
def test_many_waits_hold_no_thread_and_end_when_the_run_is_cancelled(space, monkeypatch):
    steps = "\n".join(
        f"  - {{name: w{n}, type: wait, depends_on: [], args: {{for: 1h}}}}" for n in range(100)
    )
    (space / "recipe.yaml").write_text(f"steps:\n{steps}\n")
    waiting = []

    async def wait_and_count(scriptlet, seconds):
        waiting.append(scriptlet)
        await pause(scriptlet, seconds)

    monkeypatch.setattr(pauses, "pause", wait_and_count)

    async def story():
        run = asyncio.create_task(
            arun_recipe(space / "recipe.yaml", workspace=space, concurrency=100)
        )
        while len(waiting) < 100:
            assert not run.done(), run
            await asyncio.sleep(0.01)
        threads = threading.active_count()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        return threads

    before = threading.active_count()
    assert asyncio.run(story()) - before < 20


def test_a_url_is_polled_until_its_answer_is_right(do, web):
    states = iter(["busy", "busy", "done"])

    def answer(_handler):
        return 200, {"Content-Type": "application/json"}, f'{{"state": "{next(states)}"}}'.encode()

    web.answers["/job"] = answer
    found = do("poll", url=f"{web.url}/job", until="item.json.state == 'done'", every="10ms")
    assert (found["looks"], found["item"]["json"]) == (3, {"state": "done"})


def test_a_url_is_polled_until_it_answers_at_all(do, web):
    answers = iter([503, 404, 200])
    web.answers["/up"] = lambda _: (next(answers), {}, b"x")
    assert do("poll", url=f"{web.url}/up", every="10ms", backoff=2)["looks"] == 3
    web.answers["/gone"] = (404, {}, b"")
    assert do("poll", url=f"{web.url}/gone", until="item.status == 404")["looks"] == 1


def test_a_file_and_a_context_key_are_polled(do, space, context, monkeypatch):
    (space / "a.txt").write_text("abc")
    assert do("poll", path="a.txt")["item"]["bytes"] == 3
    assert do("poll", path="b.txt", until="item.exists == false")["looks"] == 1

    async def set_meanwhile(scriptlet, seconds):
        context.set("ready", True)
        await pause(scriptlet, seconds)

    monkeypatch.setattr(pauses, "pause", set_meanwhile)
    assert do("poll", until="context['ready']", every="10ms")["looks"] == 2


def test_giving_up_says_what_was_seen_last(do, web, monkeypatch):
    # On a busy machine an answer may take longer than the polling.
    monkeypatch.setattr(polling, "LAST_LOOK", 60.0)
    web.text("/busy", "no", status=503)
    with pytest.raises(TimeoutError, match=r"gave up after \d+ looks: GET .*/busy answered 503"):
        do("poll", url=f"{web.url}/busy", every="10ms", timeout="100ms")
    with pytest.raises(TimeoutError, match=r"gave up after 1 looks: .*b\.txt does not exist"):
        do("poll", path="b.txt", timeout="50ms")
    with pytest.raises(TimeoutError, match=r"item\.bytes > 3 did not hold, last seen: \{"):
        do("poll", path="b.txt", until="item.bytes > 3", timeout="50ms")


def test_what_cannot_be_polled_is_told_at_once(do, web):
    for params, words in [
        ({}, "nothing to look at"),
        ({"url": "http://x/", "path": "x"}, "url and path"),
        ({"path": "x", "backoff": 0.5}, "backoff"),
        ({"path": "x", "every": "x"}, "every"),
    ]:
        with pytest.raises(UsageError, match=words):
            do("poll", **params)
    with pytest.raises(RefusedError):
        do("poll", path="../outside.txt")
    with pytest.raises(RefusedError):
        do("poll", url="file:///etc/passwd")
    web.answers["/away"] = (302, {"Location": "file:///etc/passwd"}, b"")
    with pytest.raises(RefusedError, match="not followed"):
        do("poll", url=f"{web.url}/away")
    with pytest.raises(Exception, match="expression"):
        do("poll", path="x", until="item.")


@pytest.mark.slow
def test_polling_ends_with_the_step_even_while_a_server_is_silent(do, web):
    web.answers["/silent"] = lambda handler: web.stop.wait() and None
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StepCancelled):
        do("poll", stop=stop, url=f"{web.url}/silent", timeout="1h")
