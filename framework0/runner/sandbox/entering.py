"""From the supervisor's child to the step behind the walls.

Three processes: the outer one waits and ends as the step did; the first of the PID namespace makes the
root, starts the step and reaps; the third becomes the step. When the first ends, the kernel ends all
that is left inside.
"""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING, Any, NoReturn

from framework0.runner.processes.kernel import die_with_parent
from framework0.runner.sandbox import filtering, landlock, limits, namespaces, root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def enter(plan: Mapping[str, Any], become: Callable[[], Any]) -> NoReturn:
    """Run ``become`` in a new process behind the walls of ``plan``, and end as that process ends.

    ``plan["missing"]`` names the walls that the person does without. For any other that cannot be put up
    ``LayerMissing`` is raised, in any of the three processes, as may be OSError.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    separated = namespaces.LAYER not in plan["missing"]
    if separated:
        if limits.LAYER not in plan["missing"]:
            limits.check_process_limit(os.uname().release, os.geteuid())
        namespaces.separate()
    reading, writing = os.pipe()
    outer = os.getpid()
    first = os.fork()
    if first == 0:
        os.close(reading)
        # Seen from inside, the parent has no number, even when it is gone already.
        _be_first(plan, become, 0 if separated else outer, writing)
    os.close(writing)
    _wait_for(first, reading)


def _wait_for(first: int, status: int) -> NoReturn:
    text = os.read(status, 16)
    os.waitpid(first, 0)
    _end_as(int(text) if text else -signal.SIGKILL)


def _be_first(
    plan: Mapping[str, Any], become: Callable[[], Any], outer: int, status: int
) -> NoReturn:
    die_with_parent(outer, signal.SIGKILL)
    if _has_no_reader(status):
        os._exit(0)
    limits.hide()
    if _has_own_root(plan):
        root.change_root(plan)
    me = os.getpid()
    step = os.fork()
    if step == 0:
        os.close(status)
        _be_the_step(plan, become, me)
    _reap(step, status)


def _be_the_step(plan: Mapping[str, Any], become: Callable[[], Any], first: int) -> NoReturn:
    die_with_parent(first, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _wall_in(plan)
    become()
    os._exit(0)


def _reap(step: int, status: int) -> NoReturn:
    while True:
        pid, ended = os.wait()
        if pid == step:
            os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
            os._exit(0)


def _has_own_root(plan: Mapping[str, Any]) -> bool:
    return not {namespaces.LAYER, root.LAYER} & set(plan["missing"])


def _wall_in(plan: Mapping[str, Any]) -> None:
    limits.limit(plan)
    limits.give_up_powers()
    if landlock.LAYER not in plan["missing"]:
        own = (root.SCRATCH, root.SHARED) if _has_own_root(plan) else (plan["home"],)
        landlock.confine(own)
    if filtering.LAYER not in plan["missing"]:
        filtering.refuse_calls()


def _has_no_reader(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


def _end_as(code: int) -> NoReturn:
    if code < 0:
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        # A signal that is blocked here would only be noted.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)
