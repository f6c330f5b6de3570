"""Stop a run that is running: gracefully, at once, or by force. End one that is paused.

A running run is told by a signal, as Ctrl-C in its own terminal would tell it, and this waits for its
end. A paused run has to be named; of its steps only those of `finally` run.

examples:
  framework0 cancel
  framework0 cancel nightly --grace 1m
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
    from collections.abc import Sequence
    from pathlib import Path

    from framework0.runner import Journal, Run, RunSummary, Signals
    from framework0.workspace import Holder, Workspace

LOCK: Final = "lock"
"""The file in a run's folder that its process holds for the life of the run."""

LOOK_EVERY: Final = 0.02
"""Seconds between two looks whether the run has ended: the kernel tells nobody when a lock is freed."""

MARGIN: Final = 2.0
"""Seconds on top of the grace in which a run ends its process trees and closes its journal."""

LAST_BREATH: Final = 30.0
"""Seconds within which a killed process is gone: at once, but a busy machine must first come to it."""

SECOND_SIGNAL_AFTER: Final = 0.3
"""Seconds between the two signals of ``--now``; what comes within 0.2 s counts as one."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``cancel``."""
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="end its steps at once, without grace")
    parser.add_argument(
        "--grace",
        type=seconds,
        metavar="SECONDS",
        help="wait so long, and 2 s more, for its end (default: the grace time of the workspace)",
    )
    parser.add_argument(
        "--force", action="store_true", help="kill the run if it has not ended by then"
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """End the run, wait for its end, and say how it ended."""
    with opened(arguments) as (space, journal):
        run_id = chosen_run(journal, arguments.run, _is_running)
        paused = _paused(journal, run_id)
        if not paused:
            return _stop(run_id, arguments, space, journal)
    return _call_off(paused, arguments, space)


def _stop(run_id: str, arguments: Namespace, space: Workspace, journal: Journal) -> int:
    """Signal the run's process and wait for the run's end."""
    state = _state_of(journal, run_id)
    if state != "running":
        print(f"run {run_id} is not running: it is {state}")
        return EXIT_OK
    grace = space.settings.grace if arguments.grace is None else arguments.grace
    if not _ended(space.run_folder(run_id), run_id, grace + MARGIN, arguments):
        print(
            f"run {run_id} was told to stop and is still running after {grace + MARGIN:g} s: "
            f"`framework0 cancel --force {run_id}` kills it"
        )
        return EXIT_RUN_FAILED
    print(f"run {run_id} {_ending(_state_of(journal, run_id), run_id, journal)}")
    return EXIT_OK


def _paused(journal: Journal, run_id: str) -> list[str]:
    """Return the run and the paused ones inside it, innermost first; nothing when it is not paused."""
    found = [
        run.run_id
        for run in journal.runs()
        if run.state == "paused" and (run.run_id == run_id or run.run_id.startswith(f"{run_id}."))
    ]
    return sorted(found, key=len, reverse=True) if run_id in found else []


def _call_off(run_ids: Sequence[str], arguments: Namespace, space: Workspace) -> int:
    """End paused runs, under the warden, since steps of ``finally`` may run."""
    from framework0.cli.troubles import reported
    from framework0.runner import guarded

    grace = space.settings.grace if arguments.grace is None else arguments.grace
    return guarded(lambda: reported(lambda: _called_off(run_ids, grace, space)), grace)


def _called_off(run_ids: Sequence[str], grace: float, space: Workspace) -> int:
    from framework0.assembly import Options, call_off
    from framework0.cli.resume import explained_lock
    from framework0.cli.running import attach
    from framework0.cli.watching import Quiet
    from framework0.workspace import user_name

    for run_id in run_ids:
        signals: list[Signals] = []

        def begun(run: Run, kept: list[Signals] = signals) -> None:
            kept.append(attach(run, space, Quiet()))

        try:
            with explained_lock(run_id):
                options = Options(grace=grace, on_run=begun)
                result = call_off(run_id, user_name(), workspace=space, options=options)
        finally:
            for handler in signals:
                handler.__exit__()
        print(f"run {run_id} {_ending(result.state, run_id)}")
    return EXIT_OK


def _is_running(run: RunSummary) -> bool:
    return run.state == "running"


def _state_of(journal: Journal, run_id: str) -> str:
    return next(run.state for run in journal.runs() if run.run_id == run_id)


def _ending(state: str, run_id: str, journal: Journal | None = None) -> str:
    """Return how a run ended that had been told to stop; ``journal`` knows whether it is of a machine."""
    if state == "succeeded":
        return "succeeded before it could be stopped"
    how = "was killed and is interrupted" if state == "interrupted" else state
    machine = None if journal is None else journal.read(run_id).header.options.get("machine")
    if machine is None:
        return f"{how}: `framework0 resume {run_id}` goes on from there"
    from framework0.stepengine import from_here

    return f"{how}: `framework0 step resume {from_here(machine['instance'])}` goes on from there"


def _ended(folder: Path, run_id: str, patience: float, arguments: Namespace) -> bool:
    """Tell the run to stop; return whether it has ended after ``patience`` seconds, or by force."""
    if not tell_to_stop(folder, run_id, now=arguments.now) or _is_over(folder, patience):
        return True
    return bool(arguments.force) and _kill(folder, run_id) and _is_over(folder, LAST_BREATH)


def _is_over(folder: Path, patience: float) -> bool:
    """Return True as soon as nobody works on the run, False if somebody does all the time."""
    from framework0.workspace import holder

    until = time.monotonic() + patience
    while holder(folder / LOCK) is not None:
        if time.monotonic() >= until:
            return False
        time.sleep(LOOK_EVERY)
    return True


def _kill(folder: Path, run_id: str) -> bool:
    """Kill the process that works on the run; its warden ends what it leaves behind."""
    from framework0.workspace import holder

    found = holder(folder / LOCK)
    if found is not None:
        _refuse_strangers(found, run_id)
        _sent(found.pid, found.started, signal.SIGKILL)
    return True


def tell_to_stop(folder: Path, run_id: str, *, now: bool = False) -> bool:
    """Tell the run to stop; False when nobody works on it any more.

    Raises :class:`~framework0.errors.RefusedError` when its process cannot be told from another.
    """
    from framework0.cli.responsible import process_to_signal
    from framework0.workspace import holder

    found = holder(folder / LOCK)
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


def _sent(pid: int, started: float, number: int = signal.SIGTERM) -> bool:
    """Send a signal to the process that has this id and start; False when it is gone.

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
            signal.pidfd_send_signal(opened_process, number)
        else:
            os.kill(pid, number)
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
