"""Stop a run that is running: gracefully, or at once.

examples:
  framework0 cancel
  framework0 cancel nightly --timeout 1m
  framework0 cancel 20261124-0427 --now
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

from framework0.cli.choosing import add_run, add_workspace, chosen_run, opened
from framework0.cli.running import seconds
from framework0.errors import EXIT_OK, EXIT_RUN_FAILED

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.runner import Journal, RunSummary
    from framework0.workspace import Holder, Workspace

LOOK_EVERY: Final = 0.05
"""Seconds between two looks whether the run has ended."""

PATIENCE: Final = 10.0
"""Seconds on top of the workspace's grace time that the end of a run is waited for."""

SECOND_SIGNAL_AFTER: Final = 0.3
"""Seconds between the two signals of ``--now``; what comes within 0.2 s counts as one."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``cancel``."""
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="end its steps at once, without grace")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="wait at most so long for its end (default: the grace time and 10 s)",
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Signal the run's process, wait for the run's end, and say how it ended."""
    with opened(arguments) as (space, journal):
        run_id = chosen_run(journal, arguments.run, _is_running)
        state = _state_of(journal, run_id)
        if state != "running":
            print(f"run {run_id} is not running: it is {state}")
            return EXIT_OK
        if not _signal(space, run_id, now=arguments.now):
            print(f"run {run_id} ended by itself: {_state_of(journal, run_id)}")
            return EXIT_OK
        patience = arguments.timeout
        if patience is None:
            patience = space.settings.grace + PATIENCE
        state = _waited_for(journal, run_id, patience)
    if state == "running":
        print(
            f"run {run_id} was told to stop and is still running after {patience:g} s: "
            f"`framework0 cancel --now {run_id}` ends it at once"
        )
        return EXIT_RUN_FAILED
    print(f"run {run_id} {state}: `framework0 resume {run_id}` goes on from there")
    return EXIT_OK


def _is_running(run: RunSummary) -> bool:
    return run.state == "running" and "." not in run.run_id


def _state_of(journal: Journal, run_id: str) -> str:
    return journal.read(run_id).summary.state


def _waited_for(journal: Journal, run_id: str, patience: float) -> str:
    """Return the run's state once it is over, or after ``patience`` seconds."""
    until = time.monotonic() + patience
    while True:
        state = _state_of(journal, run_id)
        if state != "running" or time.monotonic() >= until:
            return state
        time.sleep(LOOK_EVERY)


def _signal(space: Workspace, run_id: str, *, now: bool) -> bool:
    """Tell the run to stop; False when nobody works on it any more.

    Raises :class:`~framework0.errors.RefusedError` when its process cannot be told from another.
    """
    from framework0.cli.responsible import process_to_signal
    from framework0.workspace import holder

    folder = space.run_folder(run_id)
    found = holder(folder / "lock")
    if found is None:
        return False
    _refuse_strangers(found, run_id)
    pid, started = process_to_signal(folder, found)
    told = _sent(pid, started)
    if told and now:
        time.sleep(SECOND_SIGNAL_AFTER)
        _sent(pid, started)
    return told


def _refuse_strangers(found: Holder, run_id: str) -> None:
    from framework0.errors import RefusedError
    from framework0.workspace import Identity, is_alive, this_process

    if not found.pid:
        raise RefusedError(f"run {run_id} is held by {found}: try again in a moment")
    here = this_process()
    if found.host != here.host:
        raise RefusedError(f"run {run_id} is at work on {found.host}: cancel it there")
    if not is_alive(Identity(found.pid, found.started, found.host, found.boot)):
        raise RefusedError(
            f"run {run_id} is held, but process {found.pid} is not the one that wrote its lock (it is "
            "in another container, say): cancel it where it was started"
        )


def _sent(pid: int, started: float) -> bool:
    """Send SIGTERM to the process that has this id and start; False when it is gone.

    Through a descriptor of the process where the system has those: between looking and signaling
    the id cannot pass to another process then.
    """
    from framework0.errors import RefusedError
    from framework0.workspace import started_at

    opened_process = None
    try:
        if hasattr(os, "pidfd_open"):
            opened_process = os.pidfd_open(pid)
        if started_at(pid) != started:
            return False
        if opened_process is not None:
            signal.pidfd_send_signal(opened_process, signal.SIGTERM)
        else:
            os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise RefusedError(
            f"process {pid} belongs to another user: ask them, or cancel the run as that user"
        ) from error
    finally:
        if opened_process is not None:
            os.close(opened_process)
    return True
