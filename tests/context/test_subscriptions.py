from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import time

import pytest

from framework0.context import Context
from framework0.errors import ContextError


def versions(changes):
    return [change.version for change in changes]


def test_subscribers_see_matching_changes_in_order(context):
    seen, everything = [], []
    context.subscribe("a.*", callback=seen.append)
    context.subscribe("**", everything.append)
    for number in range(500):
        context.set(f"{'ab'[number % 2]}.x", number)
    context.delete("a.x")
    assert context.flush(120)
    assert [change.value for change in seen] == [*range(0, 500, 2), None]
    assert versions(everything) == list(range(1, 502))


def test_callbacks_run_off_the_writer_s_thread(context):
    threads = []
    context.subscribe("**", lambda _: threads.append(threading.current_thread()))
    context.set("a", 1)
    assert context.flush(120)
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


def test_no_thread_is_started_before_the_first_subscription():
    before = threading.active_count()
    context = Context()
    context.set("a", 1)
    assert threading.active_count() == before
    assert context.flush()


def test_subscribe_returns_what_undoes_it(context):
    seen = []
    undo = context.subscribe("**", seen.append)
    context.set("a", 1)
    assert context.flush(120)
    assert "active" in repr(undo)
    undo()
    undo()
    context.set("b", 2)
    assert context.flush(120)
    assert versions(seen) == [1]
    assert "ended" in repr(undo)


def test_an_ended_subscription_gets_nothing_of_what_was_waiting(context):
    seen, begun, go_on = [], threading.Event(), threading.Event()

    def slow(change):
        seen.append(change)
        begun.set()
        assert go_on.wait(120)

    undo = context.subscribe("**", slow)
    for number in range(5):
        context.set("a", number)
    assert begun.wait(120)
    undo()
    go_on.set()
    assert context.flush(120)
    context.close()
    assert versions(seen) == [1]


def test_a_failing_callback_is_logged_and_hurts_nobody(context, caplog):
    seen = []

    def broken(change):
        raise SystemExit(f"no {change.key}")

    context.subscribe("**", broken)
    context.subscribe("**", seen.append)
    with caplog.at_level(logging.ERROR, "framework0.context"):
        context.set("a", 1)
        context.set("b", 2)
        assert context.flush(120)
    assert versions(seen) == [1, 2]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "'a' at version 1" in caplog.text
    assert "SystemExit: no a" in caplog.text


def test_what_a_callback_gets_is_its_own_copy(context):
    seen = []

    def spoil(change):
        change.value.append("spoilt")

    context.subscribe("a", spoil)
    context.subscribe("a", seen.append)
    context.set("a", [1])
    assert context.flush(120)
    assert seen[0].value == [1] == context.get("a")


def test_a_callback_may_write_and_subscribe(context):
    later = []

    def react(change):
        context.set("b", change.value + 1)
        context.subscribe("c", later.append)

    context.subscribe("a", react)
    context.set("a", 1)
    assert context.wait_for("b", 120) == 2
    assert context.flush(120)
    context.set("c", 3)
    assert context.flush(120)
    assert [change.value for change in later] == [3]


def test_a_watch_is_taken_up_again_without_a_gap(context):
    context.set("a", 1)
    context.set("b", 2)
    context.set("a", 3)
    seen = []
    context.subscribe("a", seen.append, since=1)
    context.set("a", 4)
    assert context.flush(120)
    assert [change.value for change in seen] == [3, 4]


def stuck(context, **options):
    """Subscribe a callback that waits in its first call; return what it saw, and how to let it go."""
    seen, begun, go_on = [], threading.Event(), threading.Event()

    def slow(change):
        seen.append(change)
        begun.set()
        assert go_on.wait(120)

    subscription = context.subscribe("**", slow, **options)
    context.set("first", 0)
    assert begun.wait(120)
    return subscription, seen, go_on


def test_a_slow_subscriber_gets_the_latest_of_each_key(context, caplog):
    subscription, seen, go_on = stuck(context, limit=3)
    for number in range(10):
        context.set(f"k{number % 2}", number)
    go_on.set()
    assert context.flush(120)
    assert [(change.key, change.value) for change in seen] == [("first", 0), ("k0", 8), ("k1", 9)]
    assert subscription.missed == 8
    assert caplog.text.count("slower than the writers") == 1


def test_a_slow_subscriber_may_ask_for_the_newest_only(context):
    subscription, seen, go_on = stuck(context, limit=3, overflow="drop_oldest")
    for number in range(10):
        context.set("k", number)
    go_on.set()
    assert context.flush(120)
    assert [change.value for change in seen] == [0, 7, 8, 9]
    assert subscription.missed == 7


def test_a_slow_subscriber_may_make_writers_wait(context):
    subscription, seen, go_on = stuck(context, limit=2, overflow="block")
    written = []

    def write():
        for number in range(6):
            context.set("k", number)
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    context.wait_for(lambda now: now.get("k") == 2, 120)
    writer.join(0.02)
    assert written == [0, 1]
    go_on.set()
    writer.join(120)
    assert context.flush(120)
    assert [change.value for change in seen] == [0, 0, 1, 2, 3, 4, 5]
    assert subscription.missed == 0
    subscription()
    context.set("k", 7)


def test_a_callback_that_writes_never_waits_for_itself(context):
    def echo(change):
        if change.value < 50:
            context.set("a", change.value + 1)
            context.set("a.also", 99)

    context.subscribe("a*", echo, overflow="block", limit=1)
    context.set("a", 0)
    assert context.wait_for(lambda now: now.get("a") == 50, 120)


def test_ending_a_blocking_subscription_lets_writers_go(context):
    subscription, _, go_on = stuck(context, limit=1, overflow="block")
    writer = threading.Thread(target=lambda: [context.set("k", n) for n in range(5)])
    writer.start()
    context.wait_for(lambda now: now.get("k") == 1, 120)
    subscription()
    writer.join(120)
    assert not writer.is_alive()
    go_on.set()


def test_flush_says_when_time_ran_out(context):
    _, _, go_on = stuck(context)
    assert context.flush(0.01) is False
    go_on.set()
    assert context.flush(120) is True


def test_flush_inside_a_callback_is_refused(context, caplog):
    context.subscribe("a", lambda _: context.flush(1))
    context.set("a", 1)
    assert context.flush(120)
    assert "cannot wait for its own delivery" in caplog.text


def test_close_delivers_what_was_written_before_it(make_store):
    context = Context(make_store())
    seen = []
    context.subscribe("**", seen.append)
    for number in range(1000):
        context.set("a", number)
    context.close(120)
    assert len(seen) == 1000
    with pytest.raises(ContextError, match="closed"):
        context.subscribe("**", seen.append)


def test_close_does_not_wait_for_ever_for_a_stuck_callback(context):
    _, seen, go_on = stuck(context)
    context.set("a", 1)
    context.close(0.01)
    go_on.set()
    assert versions(seen) == [1]


def test_close_may_be_called_by_a_callback(context):
    context.subscribe("a", lambda _: context.close())
    context.set("a", 1)
    with pytest.raises(ContextError, match="closed"):
        context.wait_for("never", 120)


def test_a_refused_pattern_policy_or_since_leaves_no_subscription(context):
    for arguments in ({"pattern": ""}, {"overflow": "lose"}, {"limit": 0}, {"since": -1}):
        with pytest.raises(ContextError):
            context.subscribe(**{"pattern": "*", "callback": print, **arguments})
    context.set("a", 1)
    assert context.flush(120)


def test_a_forgotten_context_ends_its_thread(make_store):
    context = Context(make_store())
    threads = []
    context.subscribe("**", lambda _: threads.append(threading.current_thread()))
    context.set("a", 1)
    assert context.flush(120)
    del context
    end = time.monotonic() + 120
    # Between two deliveries it has the context in its hand for a moment.
    while threads[0].is_alive():
        assert time.monotonic() < end
        gc.collect()
        threads[0].join(0.01)


def test_many_keys_do_not_make_a_pattern_remember_them_all(context, monkeypatch):
    monkeypatch.setattr("framework0.context.subscriptions._REMEMBERED_KEYS", 5)
    seen = []
    subscription = context.subscribe("*1", seen.append)
    for number in range(40):
        context.set(f"k{number}", number)
    assert context.flush(120)
    assert [change.value for change in seen] == [1, 11, 21, 31]
    assert len(subscription._wanted) <= 5


PROGRAM = """
import sys, threading
from framework0.context import Context
context = Context()
context.subscribe("**", lambda change: print("told", change.value, flush=True))
context.set("a", 1)
if sys.argv[1] == "stuck":
    context.subscribe("**", lambda change: threading.Event().wait())
    context.set("a", 2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["quick", "stuck"])
def test_a_subscription_is_served_at_the_end_but_keeps_no_process_alive(how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith("told 1\n")
    assert done.stderr == ""
