"""What run, resume and rerun share: the warden, the signals, the progress, and the last word."""

from __future__ import annotations

import os
import sys

from framework0.errors import EXIT_OK, EXIT_PAUSED, EXIT_RUN_FAILED, Framework0Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from typing import Any, Final

    from framework0.assembly import Options, RunResult
    from framework0.runner import Run, Signals
    from framework0.workspace import Workspace

MOST_AT_ONCE: Final = 10_000
"""Each running step may cost a thread with its stack; more is a typing mistake (as in the settings)."""


def add_run_options(parser: ArgumentParser) -> None:
    """Add the options that say how, not what, to run."""
    from framework0.cli.choosing import add_workspace

    how = parser.add_argument_group("how to run")
    how.add_argument(
        "-j", "--concurrency", type=whole, default=0, metavar="N", help="steps at once"
    )
    how.add_argument(
        "--executor",
        choices=("thread", "process", "serial"),
        help="where steps run unless they say otherwise (default: thread)",
    )
    how.add_argument(
        "--durability",
        choices=("full", "normal"),
        help="full: what is acknowledged survives a power cut (default); normal: it survives any kill",
    )
    how.add_argument(
        "--grace",
        type=seconds,
        metavar="SECONDS",
        help="time a run may take to stop after a signal (default: 5)",
    )
    _add_limits(how)
    how.add_argument(
        "--break",
        dest="breaks",
        action="append",
        metavar="STEP",
        help="pause before this step, or after it with STEP:after (repeatable)",
    )
    how.add_argument(
        "--no-breaks", action="store_true", help="stop at no breakpoint, the recipe's included"
    )
    how.add_argument(
        "--no-cache",
        action="store_true",
        help="run every step; what a step with `cache` gives takes the place of what was cached",
    )
    _add_walls(how)
    add_workspace(parser)
    outside = parser.add_argument_group("what to tell others")
    outside.add_argument(
        "--metrics-file",
        metavar="FILE",
        help="keep this file up to date for Prometheus' node_exporter (its name ends in .prom)",
    )
    outside.add_argument(
        "--log-format",
        choices=("human", "json"),
        help="json: what steps print and what is said of them, one JSON object a line",
    )
    shown = parser.add_argument_group("what to show")
    shown.add_argument("-s", "--show-output", action="store_true", help="show what the steps print")
    shown.add_argument(
        "--debug", action="store_true", help="show output, debug logs and tracebacks"
    )
    shown.add_argument("-q", "--quiet", action="store_true", help="only say what failed")
    shown.add_argument("--json", action="store_true", help="one JSON event a line on stdout")


def _add_walls(how: Any) -> None:
    how.add_argument(
        "--untrusted",
        action="store_true",
        help="run each step in a sandbox: no network, no home folder, nothing written outside",
    )
    how.add_argument(
        "--missing-walls",
        choices=("refuse", "allow"),
        help="where this machine cannot put up a wall of the sandbox: refuse with exit code 5 (default), "
        "or do without it and say so",
    )


def _add_limits(how: Any) -> None:
    how.add_argument(
        "--fail-fast",
        action="store_true",
        help="after the first failed step start no others and stop those that run",
    )
    how.add_argument(
        "--deadline",
        type=time_limit,
        metavar="TIME",
        help="how long the run's steps may take together, as in 90s or 2h",
    )


def whole(text: str) -> int:
    """Return a whole number from 1 on, for argparse."""
    from argparse import ArgumentTypeError

    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:10]) <= MOST_AT_ONCE:
        raise ArgumentTypeError(f"a whole number from 1 to {MOST_AT_ONCE} is needed, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Return a length of time in seconds, for argparse: ``5``, ``2.5``, ``1m30s``."""
    from argparse import ArgumentTypeError

    from framework0.durations import parse_duration

    try:
        return parse_duration(text, zero=True)
    except ValueError as error:
        raise ArgumentTypeError(f"it {error}") from None


def time_limit(text: str) -> float:
    """Return a length of time that is not zero, in seconds, for argparse."""
    from argparse import ArgumentTypeError

    length = seconds(text)
    if not length:
        raise ArgumentTypeError("it must be longer than zero")
    return length


def see_through(arguments: Namespace, start: Callable[[Options], RunResult]) -> int:
    """Run what ``start`` starts, under the warden, and return the exit code.

    What is loaded before the fork is paid for by both processes: the child finds the workspace.
    """
    import gc

    from framework0.runner import guarded

    # Loading modules makes no garbage; looking for some meanwhile is a tenth of a short run's start.
    gc.disable()
    return guarded(lambda: _reported_run(arguments, start), lambda: _grace(arguments))


def _grace(arguments: Namespace) -> float:
    """Return the seconds that the run may take to stop, for the warden to ask when it must."""
    from framework0.runner import GRACE
    from framework0.workspace import find_workspace

    told: float | None = arguments.grace
    if told is not None:
        return told
    try:
        return find_workspace(explicit=arguments.workspace).settings.grace
    except Framework0Error:
        # The run has met the same trouble, and says so.
        return GRACE


def _reported_run(arguments: Namespace, start: Callable[[Options], RunResult]) -> int:
    from framework0.cli.troubles import reported

    return reported(lambda: _run(arguments, start))


def _run(arguments: Namespace, start: Callable[[Options], RunResult]) -> int:
    import gc

    from framework0.assembly import Options
    from framework0.workspace import find_workspace

    # From here on it is the workspace itself, so that nobody looks for it again.
    space = arguments.workspace = find_workspace(explicit=arguments.workspace)
    if arguments.debug:
        _debug()
    signals: list[Signals] = []
    options = Options(
        executor=arguments.executor,
        concurrency=arguments.concurrency,
        durability=arguments.durability,
        grace=arguments.grace,
        only=getattr(arguments, "only", ()) or (),
        skip=getattr(arguments, "skip", ()) or (),
        fail_fast=arguments.fail_fast,
        deadline=arguments.deadline,
        breaks=arguments.breaks or (),
        no_breaks=arguments.no_breaks,
        no_cache=arguments.no_cache,
        untrusted=walls(arguments),
        echo=arguments.debug or arguments.show_output,
    )
    options.on_missing = _say_missing
    if arguments.metrics_file or arguments.log_format:
        from framework0.assembly import Watch

        options.watch = Watch(
            metrics_file=arguments.metrics_file or "", log_format=arguments.log_format or ""
        )
    options.observer = watcher_for(arguments, echo=options.echo)

    def begun(run: Run) -> None:
        gc.enable()
        signals.append(attach(run, space, options.observer))

    options.on_run = begun
    try:
        result = start(options)
    finally:
        gc.enable()
        for handler in signals:
            handler.__exit__()
        close_watcher(options)
    received = next((handler.received for handler in signals if handler.received), None)
    _say_the_last(arguments, result, options.observer, received)
    if result.ok:
        return EXIT_OK
    if result.state == "paused":
        return EXIT_PAUSED
    if received is None:
        return EXIT_RUN_FAILED
    from framework0.runner import exit_code_for

    return exit_code_for(received)


def _say_the_last(
    arguments: Namespace, result: RunResult, observer: Any, received: str | None
) -> None:
    try:
        _last_word(arguments, result, observer)
    except OSError:
        if received is None:
            raise
        # The terminal was closed, and the hang-up ended the run: its exit code is that of the signal.
        from framework0.cli.troubles import drop_what_is_buffered

        drop_what_is_buffered()


def walls(arguments: Namespace) -> str | None:
    """Return the mode of an untrusted run that the arguments ask for, None for any other run."""
    if arguments.missing_walls and not arguments.untrusted:
        from framework0.errors import UsageError

        raise UsageError("--missing-walls goes with --untrusted")
    if not arguments.untrusted:
        return None
    return "best-effort" if arguments.missing_walls == "allow" else "strict"


def _say_missing(text: str) -> None:
    from framework0.cli.troubles import say

    say(text)


def _debug() -> None:
    """Show debug logs here, and in the processes that steps start."""
    from framework0.logs import configure

    os.environ["DEBUG"] = "1"
    configure(debug=True)


def attach(run: Run, space: Workspace, watcher: Any) -> Signals:
    """Have signals end the run, tell others whom to signal, and let the watcher know the plan."""
    from framework0.cli.responsible import note_responsible
    from framework0.runner import Signals

    note_responsible(space.run_folder(run.workshop.run["id"]))

    def cancel(name: str) -> None:
        watcher.stopping = name
        run.cancel(f"stopped by {name}")

    watcher.joins(run, space)
    handler = Signals(cancel, run.abandon)
    handler.__enter__()
    return handler


def close_watcher(options: Options) -> None:
    """End what watches the run, however the run ended."""
    watcher: Any = options.observer
    watcher.close()


def show_what_it_prints(arguments: Namespace, options: Options) -> None:
    """Let what the steps print reach the terminal; nothing else is drawn there then."""
    if not arguments.json:
        options.echo = True
        options.observer = watcher_for(arguments, echo=True)


def watcher_for(arguments: Namespace, *, echo: bool) -> Any:
    """Return who watches the run for whoever asked for it; nothing is drawn where steps ``echo``."""
    from framework0.cli.watching import JsonEvents, PlainLines, Quiet

    if arguments.json:
        return JsonEvents(sys.stdout)
    if arguments.quiet:
        return Quiet()
    if _may_want_json_lines(arguments):
        from framework0.cli.jsonlines import JsonLines, wants_json_lines

        if wants_json_lines(arguments, arguments.workspace):
            return JsonLines(sys.stderr)
    from framework0.cli.streams import is_terminal

    if is_terminal(sys.stderr) and not echo:
        from framework0.cli.progress import LiveProgress

        return LiveProgress(sys.stderr)
    return PlainLines(sys.stderr)


def _may_want_json_lines(arguments: Namespace) -> bool:
    """Say whether it is worth a look: the arguments, the environment or the workspace say something."""
    settings = arguments.workspace.settings
    return bool(arguments.log_format or settings.log_format or "FRAMEWORK0_LOG" in os.environ)


def _last_word(arguments: Namespace, result: RunResult, watcher: Any) -> None:
    """Say how the run ended, what failed and why, and what to do next."""
    if arguments.json:
        return
    from framework0.cli.endings import ending

    pauses = _pauses(arguments, result) if result.state == "paused" else ()
    text = ending(result, debug=arguments.debug, pauses=pauses)
    if text and hasattr(watcher, "say"):
        watcher.say(text, "info" if result.ok or result.state == "paused" else "error")
    elif text and not (arguments.quiet and result.ok):
        print(text, file=sys.stdout if result.ok else sys.stderr)


def _pauses(arguments: Namespace, result: RunResult) -> list[str]:
    """Return where the run stands and how to go on with it."""
    from framework0.cli.pauses import pause_lines
    from framework0.cli.story import RunStory
    from framework0.runner import Journal

    journal = Journal(arguments.workspace.journal)
    try:
        story = RunStory(journal.read(result.id))
    finally:
        journal.close()
    return list(pause_lines(story.plan, story.history))
