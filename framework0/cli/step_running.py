"""What running a machine and going on with one share: the warden, the signals, and the last word."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import EXIT_WORKSPACE

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.assembly import MachineOptions, MachineSession
    from framework0.cli.step_watching import Watcher
    from framework0.stepengine import Ended
    from framework0.workspace import Workspace


LONGEST_WORD: Final = 500
"""Characters shown of what a node says about its own failure; the parameter file has all of it."""


def add_machine_options(parser: ArgumentParser) -> None:
    """Add the arguments that say which machine, and how it is run."""
    from framework0.cli.choosing import add_workspace
    from framework0.cli.running import seconds

    parser.add_argument(
        "instance",
        nargs="?",
        default=".",
        metavar="INSTANCE",
        help="the folder of the machine (default: the current one)",
    )
    how = parser.add_argument_group("how to run")
    how.add_argument("--library", metavar="DIR", help="the folder of its nodes, kept from now on")
    how.add_argument(
        "--break",
        dest="breaks",
        action="append",
        default=[],
        metavar="NODE",
        help="pause before this node is entered, or after it with NODE:exit (repeatable)",
    )
    how.add_argument("--single-step", action="store_true", help="pause after each transition")
    how.add_argument(
        "--max-steps",
        type=_count,
        default=0,
        metavar="N",
        help="how many nodes it may pass in its life (default: limits.machine_visits, else 10,000)",
    )
    how.add_argument(
        "--context",
        metavar="NAME|URL",
        help="keep what is in shared_data in this context too, below the name of the instance",
    )
    how.add_argument(
        "--grace",
        type=seconds,
        metavar="SECONDS",
        help="time it may take to stop after a signal (default: 5)",
    )
    add_workspace(parser)
    shown = parser.add_argument_group("what to show")
    shown.add_argument("--verbose-nodes", action="store_true", help="have the nodes say more")
    shown.add_argument("-q", "--quiet", action="store_true", help="only say what failed")
    form = shown.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="how it stands at the end, as JSON")
    form.add_argument("--events", action="store_true", help="one JSON event a line on stdout")


def _count(text: str) -> int:
    from argparse import ArgumentTypeError

    if not (text.isascii() and text.isdecimal()) or not int(text[:10]):
        raise ArgumentTypeError(f"a whole number from 1 on is needed, not {text!r}")
    return int(text[:10])


def run_instance(arguments: Namespace, *, resume: bool, first: str | None = None) -> int:
    """Run the machine, or go on with it, under the warden; return the exit code."""
    from framework0.cli.troubles import reported
    from framework0.runner import GRACE, guarded
    from framework0.stepengine import read_breakpoint
    from framework0.workspace import find_workspace

    breakpoints = [read_breakpoint(text) for text in arguments.breaks]
    space = find_workspace(explicit=arguments.workspace)
    grace = space.settings.grace if arguments.grace is None else arguments.grace

    def main() -> int:
        from framework0.assembly import MachineOptions

        options = MachineOptions(
            resume=resume,
            library=arguments.library,
            first=first,
            breakpoints=breakpoints,
            single_step=arguments.single_step,
            max_visits=arguments.max_steps,
            verbose=arguments.verbose_nodes,
        )
        return _run(arguments, options, space)

    return guarded(lambda: reported(main), grace or GRACE)


def _run(arguments: Namespace, options: MachineOptions, space: Workspace) -> int:
    from contextlib import ExitStack

    from framework0.assembly import MachineSession, shared_context
    from framework0.cli.step_watching import watcher_for
    from framework0.runner import Signals
    from framework0.workspace import for_file

    watcher = options.observer = watcher_for(arguments, space)
    options.notice = watcher.notice
    if not (arguments.json or arguments.events or arguments.quiet):
        options.terminal = sys.stdout
    with ExitStack() as stack:
        if arguments.context is not None:
            name = for_file(Path(os.path.abspath(arguments.instance)).name)
            context = shared_context(arguments.context, space, who=f"machine {name}")
            stack.callback(context.close)
            options.mirror = context
        session = MachineSession(arguments.instance, options, space)
        shown = None if arguments.json or arguments.events or arguments.quiet else sys.stderr
        signals = Signals(lambda _: _told_to_stop(session, shown), session.stop)
        with signals:
            ended = _explained(session, arguments)
    _last_word(arguments, session, ended, watcher)
    return _exit_code(session, ended, signals.received)


def _told_to_stop(session: MachineSession, stream: Any) -> None:
    """Stop the machine; a person at the terminal is told at once, and how not to wait."""
    from framework0.cli.streams import is_terminal

    session.stop()
    if stream is not None and is_terminal(stream):
        # A handler of signals may interrupt anything, a print to the same stream included.
        with suppress(OSError):
            os.write(stream.fileno(), b" stopping; Ctrl-C again ends it at once\n")


def _explained(session: MachineSession, arguments: Namespace) -> Ended:
    """Run it; when the file fails, or somebody else runs it, tell what can be done about that."""
    from framework0.errors import LockHeld, WorkspaceError
    from framework0.stepengine import in_shell

    instance = in_shell(arguments.instance)
    try:
        return session.run()
    except WorkspaceError as error:
        if session.record.run:
            # It has begun, so that it stands somewhere.
            resume = f"`framework0 step resume {instance}`"
            error.args = (f"{error}; once that is mended, {resume} goes on",)
        elif isinstance(error, LockHeld):
            raise LockHeld(
                f"{arguments.instance} is run by {error.holder}: watch it with "
                f"`framework0 step status {instance}`, or end it with `{_cancel(session)}`",
                holder=error.holder,
            ) from None
        raise


def _cancel(session: MachineSession) -> str:
    """Return the command that ends the engine that runs the instance now."""
    from framework0.errors import Framework0Error
    from framework0.stepengine import standing_of

    try:
        return f"framework0 cancel {standing_of(session.instance).run}".rstrip()
    except Framework0Error:
        # Its file cannot be read just now, and who runs it is told all the same.
        return "framework0 cancel"


def _exit_code(session: MachineSession, ended: Ended, received: str | None) -> int:
    if received is not None and ended.state == "CANCELLED":
        from framework0.runner import exit_code_for

        return exit_code_for(received)
    if session.record.trouble is not None and not ended.exit_code:
        return EXIT_WORKSPACE
    return ended.exit_code


def _last_word(
    arguments: Namespace, session: MachineSession, ended: Ended, watcher: Watcher
) -> None:
    """Say how the machine stands, what failed, and how to go on."""
    from framework0.cli.troubles import say

    if arguments.json:
        import json

        sys.stdout.write(json.dumps(ended_facts(session, ended), indent=2) + "\n")
    elif not arguments.events and not (arguments.quiet and ended.state == "COMPLETE_SUCCESS"):
        from framework0.logs import plain_lines

        text = plain_lines("\n".join(_ending(arguments, ended, watcher.seconds)))
        print(text, file=sys.stderr, flush=True)
    if session.record.trouble is not None:
        say(f"its run is not whole in the journal: {session.record.trouble}")
    mirror = session.mirror
    if mirror is not None and mirror.trouble is not None:
        say(f"shared_data was not kept in the context to the end: {mirror.trouble}")


def _ending(arguments: Namespace, ended: Ended, seconds: float) -> list[str]:
    from framework0.stepengine import in_shell

    name = Path(os.path.abspath(arguments.instance)).name
    visits = f"{ended.visit:,} visit{'' if ended.visit == 1 else 's'}"
    instance = in_shell(arguments.instance)
    resume = f"`framework0 step resume {instance}`"
    lines = [f"machine {name} {ended.state}: {visits} so far, {seconds:.3g} s"]
    if ended.state == "PAUSED":
        lines.append(f"paused {paused_at(ended.paused_at, ended.node, ended.step_state)}")
        if ended.paused_at == "step":
            lines.append(
                f"to make the next step:  `framework0 step resume {instance} --single-step`"
            )
        lines.append(f"to go on with it:       {resume}")
    elif ended.state == "CANCELLED":
        lines.append(f"it stands at {ended.node} in {ended.step_state}")
        lines.append(f"to go on from there:    {resume}")
    elif ended.error is not None:
        lines.append(
            f"  {ended.node} in {ended.step_state}: {ended.error.kind}: {ended.error.message}"
        )
        if ended.error.kind == "return" and (word := own_error(arguments.instance, ended.node)):
            lines.append(f"    it says: {word}")
        if ended.error.where:
            lines.append(f"    at {ended.error.where}")
        lines.append(f"what its nodes printed: `framework0 logs {ended.run}`")
        lines.append(f"once it is mended:      {resume}")
        lines.append(f"to begin anew:          `framework0 step reset {instance}`")
    return lines


def own_error(instance: str, node: str) -> str:
    """Return what a node has kept as ``last_error`` in its group, as one line; empty if nothing."""
    from framework0.errors import Framework0Error
    from framework0.logs import one_line
    from framework0.stepengine import read_machine

    try:
        found = read_machine(instance).group(node).get("last_error")
    except Framework0Error:
        return ""
    return one_line(found)[:LONGEST_WORD] if isinstance(found, str) else ""


def paused_at(at: str, node: str, state: str) -> str:
    """Return where a machine is paused, in words."""
    told = {"entry": f"before {node}", "exit": f"after {node}"}
    return told.get(at, f"at {node}, before {state}")


def ended_facts(session: MachineSession, ended: Ended) -> dict[str, Any]:
    """Return how a machine stands, for programs."""
    return {
        "instance": str(session.instance),
        "library": str(session.library),
        "run": ended.run,
        "state": ended.state,
        "node": ended.node,
        "step_state": ended.step_state,
        "visit": ended.visit,
        "paused_at": ended.paused_at,
        "error": None if ended.error is None else ended.error._asdict(),
        "notices": list(ended.notices),
    }
