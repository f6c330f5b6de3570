"""What a person sees when something goes wrong: a message and an exit code, never a traceback.

Our own errors carry their exit code. Anything else that arrives here is a bug of ours: it is written
to a report file, and the message says where that is.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from framework0.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_WORKSPACE,
    Framework0Error,
    RecipeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program that wrote to a pipe nobody reads (128 + SIGPIPE)."""


def reported(command: Callable[[], int]) -> int:
    """Run ``command`` and return its exit code, or that of what it raised."""
    try:
        code = command()
        sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except RecipeError as error:
        show_problems(error)
        return error.exit_code
    except Framework0Error as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`): what is still buffered must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as error:
        say(f"{error.filename or 'input/output'}: {error.strerror or error}")
        return EXIT_WORKSPACE
    # The last stop: a person gets a sentence and a file to send, not a traceback.
    except Exception as error:  # noqa: BLE001
        say(_bug(error))
        return EXIT_BUG
    return code


def say(message: str) -> None:
    """Write a message for people to stderr; foreign text in it cannot move the cursor."""
    from framework0.logs import plain_lines

    print(f"framework0: {plain_lines(message)}", file=sys.stderr)


def show_problems(error: RecipeError) -> None:
    """Show every problem of a recipe the way ``validate`` does."""
    from framework0.recipe import render_report

    print(render_report(error.problems), file=sys.stderr)


def _bug(error: Exception) -> str:
    import tempfile
    import traceback

    from framework0 import __version__

    text = "".join(traceback.format_exception(error))
    command = " ".join(sys.argv)
    report = f"framework0 {__version__}\npython {sys.version}\n{sys.platform}\n{command}\n\n{text}"
    descriptor, path = tempfile.mkstemp(prefix="framework0-bug-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(report)
    return (
        f"this is a bug of framework0, not yours: {type(error).__name__}: {error}\n"
        f"a report to send is in {path}"
    )
