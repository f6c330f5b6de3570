"""From the supervisor's child to the step behind the walls.

Three processes: the outer one waits and ends as the step did; the first of the PID namespace makes the
root, starts the step and reaps; the third becomes the step. When the first ends, the kernel ends all
that is left inside.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Final, NoReturn

from framework0.runner.processes.kernel import die_with_parent
from framework0.runner.sandbox import landlock, limits, namespaces, root
from framework0.runner.sandbox.calls import LayerMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORK: Final = root.SCRATCH
"""The step's folder."""


def enter(plan: Mapping[str, Any], become: Callable[[], Any]) -> NoReturn:
    """Run ``become`` in a new process behind the walls of ``plan``, and end as that process ends.

    ``plan["missing"]`` names the walls that the person does without. Raises :class:`LayerMissing`
    for any other that cannot be put up; it may be raised in any of the three processes, as may OSError.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    separated = namespaces.LAYER not in plan["missing"]
    if separated:
        namespaces.separate()
    reading, writing = os.pipe()
    outer = os.getpid()
    first = os.fork()
    if first == 0:
        os.close(reading)
        # Seen from inside, the parent has no number.
        die_with_parent(0 if separated else outer, signal.SIGKILL)
        limits.hide()
        if separated and root.LAYER not in plan["missing"]:
            root.change_root(plan)
        _be_first(plan, become, writing)
    os.close(writing)
    text = os.read(reading, 16)
    os.waitpid(first, 0)
    _end_as(int(text) if text else -signal.SIGKILL)


def _be_first(plan: Mapping[str, Any], become: Callable[[], Any], status: int) -> NoReturn:
    me = os.getpid()
    step = os.fork()
    if step == 0:
        os.close(status)
        die_with_parent(me, signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _wall_in(plan)
        become()
        os._exit(0)
    while True:
        pid, ended = os.wait()
        if pid == step:
            os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
            os._exit(0)


def _wall_in(plan: Mapping[str, Any]) -> None:
    limits.limit(plan)
    limits.give_up_powers()
    if landlock.LAYER not in plan["missing"]:
        own = root.LAYER not in plan["missing"] and namespaces.LAYER not in plan["missing"]
        landlock.confine((root.SCRATCH, root.SHARED) if own else (plan["env"]["TMPDIR"],))


def _end_as(code: int) -> NoReturn:
    if code < 0:
        (
            signal.signal(-code, signal.SIG_DFL)
            if -code not in (signal.SIGKILL, signal.SIGSTOP)
            else None
        )
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


__all__ = ["WORK", "LayerMissing", "enter"]
