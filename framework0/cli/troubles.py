"""What a person sees when something goes wrong: a message and an exit code, never a traceback.

Our own errors carry their exit code. Anything else that arrives here is a bug of ours: it is written
to a report file, and the message says where that is.
"""

from __future__ import annotations

import os
import sys

from framework0.cli.streams import ready_streams
from framework0.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_WORKSPACE,
    Framework0Error,
    RecipeError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from framework0.errors import Problem

EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program that wrote to a pipe nobody reads (128 + SIGPIPE)."""

SHORTAGE = (
    "this machine gives no more memory or threads: end other programs or raise the limits (ulimit -v, "
    "ulimit -u), then `framework0 resume`"
)

QUOTED_BYTES = 64 * 1024 * 1024
"""No larger file is read again for the lines that a message quotes: no recipe is larger either."""


# One line per kind of ending reads better than any way to have fewer of them.
def reported(command: Callable[[], int]) -> int:  # noqa: PLR0911
    """Run ``command`` and return its exit code, or that of what it raised."""
    try:
        ready_streams()
        code = _code_of(command)
        sys.stdout.flush()
    except RecipeError as error:
        show_problems(error)
        return error.exit_code
    except Framework0Error as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`).
        drop_what_is_buffered()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        drop_what_is_buffered()
        say(f"{error.filename or 'input/output'}: {error.strerror or error} (errno {error.errno})")
        return EXIT_WORKSPACE
    # The last stop: a person gets a sentence and a file to send, not a traceback.
    except Exception as error:  # noqa: BLE001
        if _is_shortage(error):
            say(f"{SHORTAGE} ({str(error) or 'no memory'})")
            return EXIT_WORKSPACE
        say(_bug(error))
        return EXIT_BUG
    return code


def _code_of(command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))


def drop_what_is_buffered() -> None:
    """Have output that cannot be written not be tried again, with a complaint, when Python exits."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(message: str) -> None:
    """Write a message for people to stderr; foreign text in it cannot move the cursor."""
    from framework0.logs import plain_lines

    try:
        print(f"framework0: {plain_lines(message)}", file=sys.stderr, flush=True)
    except OSError:
        # Nobody listens there: the exit code still tells.
        return


def show_problems(error: RecipeError) -> None:
    """Show every problem of a recipe the way ``validate`` does, with the lines they are about."""
    from framework0.cli.streams import wants_color
    from framework0.recipe import render_report

    texts = texts_of(error.problems)
    shown = render_report(error.problems, texts, color=wants_color(sys.stderr))
    try:
        print(shown, end="", file=sys.stderr, flush=True)
    except OSError:
        return


def texts_of(problems: Iterable[Problem]) -> dict[str, str]:
    """Return the texts of the files that the problems are in, as far as they can be read again."""
    texts = {}
    for file in {problem.place.file for problem in problems if problem.place is not None}:
        try:
            # Only a plain file: a pipe would never end, and a device may not either.
            if os.path.isfile(file) and os.path.getsize(file) <= QUOTED_BYTES:
                with open(file, encoding="utf-8", errors="replace", newline="") as content:
                    texts[file] = content.read().removeprefix("\ufeff")
        except (OSError, ValueError):
            continue
    return texts


def _is_shortage(error: Exception) -> bool:
    """Say whether the machine is at its end, which is no bug of ours."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, RuntimeError) and "can't start new thread" in said)
        # The loader of shared libraries, when there is no room for one.
        or (
            isinstance(error, ImportError)
            and ("failed to map" in said or "cannot allocate" in said)
        )
    )


def _bug(error: Exception) -> str:
    import tempfile
    import traceback

    from framework0 import __version__

    text = "".join(traceback.format_exception(error))
    command = " ".join(sys.argv)
    report = f"framework0 {__version__}\npython {sys.version}\n{sys.platform}\n{command}\n\n{text}"
    told = f"this is a bug of framework0, not yours: {type(error).__name__}: {error}\n"
    try:
        descriptor, path = tempfile.mkstemp(prefix="framework0-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(report)
    except OSError as trouble:
        return f"{told}no report file could be written ({trouble}); this is what it would say:\n{report}"
    return f"{told}a report to send is in {path}"
