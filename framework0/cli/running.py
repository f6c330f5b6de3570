"""What run, resume and rerun share: the warden, the signals, the progress, and the last word."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from framework0.errors import EXIT_OK, EXIT_RUN_FAILED

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from framework0.assembly import Options, RunResult
    from framework0.runner import Observer, Run, Signals


def add_run_options(parser: ArgumentParser) -> None:
    """Add the options that say how, not what, to run."""
    how = parser.add_argument_group("how to run")
    how.add_argument("-j", "--concurrency", type=int, default=0, metavar="N", help="steps at once")
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
        "--grace", type=float, metavar="SECONDS", help="time to stop after a signal (5)"
    )
    how.add_argument(
        "--workspace", metavar="DIR", help="the workspace (default: found upward from here)"
    )
    shown = parser.add_argument_group("what to show")
    shown.add_argument("-s", "--show-output", action="store_true", help="show what the steps print")
    shown.add_argument(
        "--debug", action="store_true", help="show output, debug logs and tracebacks"
    )
    shown.add_argument("-q", "--quiet", action="store_true", help="only say what failed")
    shown.add_argument("--json", action="store_true", help="one JSON event a line on stdout")


def see_through(arguments: Namespace, start: Callable[[Options], RunResult]) -> int:
    """Run what ``start`` starts, under the warden, and return the exit code."""
    from framework0.runner import guarded

    grace = 5.0 if arguments.grace is None else arguments.grace
    return guarded(lambda: _reported_run(arguments, start), grace)


def _reported_run(arguments: Namespace, start: Callable[[Options], RunResult]) -> int:
    from framework0.cli.troubles import reported

    return reported(lambda: _run(arguments, start))


def _run(arguments: Namespace, start: Callable[[Options], RunResult]) -> int:
    from framework0.assembly import Options
    from framework0.runner import Signals, exit_code_for

    if arguments.debug:
        _debug_logs()
    watcher = _watcher(arguments)
    signals: list[Signals] = []

    def attach(run: Run) -> None:
        handler = Signals(lambda name: run.cancel(f"stopped by {name}"), run.abandon)
        handler.__enter__()
        signals.append(handler)

    options = Options(
        executor=arguments.executor,
        concurrency=arguments.concurrency,
        durability=arguments.durability,
        grace=arguments.grace,
        observer=watcher,
        on_run=attach,
        only=getattr(arguments, "only", ()) or (),
        skip=getattr(arguments, "skip", ()) or (),
        echo=arguments.debug or arguments.show_output,
    )
    try:
        result = start(options)
    finally:
        for handler in signals:
            handler.__exit__()
    last_word(arguments, watcher, result)
    received = next((handler.received for handler in signals if handler.received), None)
    if result.ok:
        return EXIT_OK
    return exit_code_for(received) if received else EXIT_RUN_FAILED


def _debug_logs() -> None:
    from framework0.logs import configure

    configure(debug=True)


def _watcher(arguments: Namespace) -> Any:
    from framework0.cli.watching import JsonEvents, PlainLines, Quiet

    if arguments.json:
        return JsonEvents(sys.stdout)
    if arguments.quiet:
        return Quiet()
    return PlainLines(sys.stderr)


def last_word(arguments: Namespace, watcher: Observer, result: RunResult) -> None:
    """Say how the run ended, what failed and why, and what to do next."""
    if arguments.json:
        return
    from framework0.cli.endings import ending

    text = ending(result, debug=arguments.debug)
    if text and not (arguments.quiet and result.ok):
        print(text, file=sys.stdout if result.ok else sys.stderr)
