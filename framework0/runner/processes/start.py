"""From a forked process to the step itself: session, signals, descriptors, folder, environment, code."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from framework0.runner.processes.kernel import die_with_parent
from framework0.runner.processes.line import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

SHELL: Final = "/bin/sh"

_READ_AT_START: Final = ("PYTHON", "LC_", "LD_", "MALLOC_", "GLIBC_")
"""Variables by prefix, and :data:`_LANGUAGE`, that only a newly started interpreter takes note of."""

_LANGUAGE: Final = frozenset({"LANG", "LANGUAGE"})

_RESET: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGXFSZ")


def become_the_step(
    request: Mapping[str, Any], parent: int, line: int, log: int, stdout: int | None
) -> NoReturn:
    """Turn this process into the step; what keeps it from starting is told on ``line``."""
    status = 70
    try:
        if sys.getfilesystemencoding() != "utf-8":
            request = _spelled(request)
        die_with_parent(parent, signal.SIGKILL)
        # Its own session: the terminal's signals pass it by, and its group can be signaled as one.
        os.setsid()
        if request.get("sandbox"):
            _be_confined(request, line, log, stdout)
        _reset_signals(for_command=request["command"] is not None)
        if request.get("memory") or request.get("cores"):
            from framework0.runner.processes.memory import confine

            confine(request.get("memory"), request.get("cores"))
        _connect(log if stdout is None else stdout, log)
        os.chdir(request["cwd"])
        if request["command"] is not None:
            _execute(request["command"], request["env"])
        _run_python(request, line)
        status = 0
    except OSError as error:
        Line(socket.socket(fileno=os.dup(line))).send(["refused", *_why_not(request, error)])
    # Nothing above this frame could show it, and it must not run the supervisor's code in two processes.
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _be_confined(request: Mapping[str, Any], line: int, log: int, stdout: int | None) -> NoReturn:
    from framework0.runner.sandbox.entering import enter

    plan = request["sandbox"]
    # Asked for before the walls narrow it.
    highest = os.sysconf("SC_OPEN_MAX")

    def become() -> None:
        _reset_signals(for_command=request["command"] is not None)
        _connect(log if stdout is None else stdout, log)
        os.chdir(plan["folder"])
        environment = {**plan["env"], **{name: request["env"][name] for name in request["own_env"]}}
        for low, high in ((3, line), (line + 1, highest)):
            os.closerange(low, high)
        # From here on a failed start can be told on the line, and nowhere else.
        try:
            if request["command"] is not None:
                _execute(request["command"], environment)
            os.set_inheritable(line, True)
            words = [*request["python"], bootstrap("executors.child", request["path"], line)]
            # This interpreter itself, with our own program: a forked one would hold the keeper's memory.
            os.execve(words[0], words, environment)  # noqa: S606
        except OSError as error:
            Line(socket.socket(fileno=line)).send(["refused", *_why_not(request, error)])
            os._exit(70)

    if request.get("cores"):
        os.sched_setaffinity(0, request["cores"])
    enter(plan, become)


def _spelled(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request as the system can be told, for it came as text of any letters."""
    from framework0.workspace import for_system

    command = request["command"]
    if command is not None:
        one = isinstance(command, str)
        command = for_system(command) if one else [for_system(word) for word in command]
    env = {for_system(name): for_system(value) for name, value in request["env"].items()}
    own = [for_system(name) for name in request["own_env"]]
    return {
        **request,
        "command": command,
        "env": env,
        "own_env": own,
        "cwd": for_system(request["cwd"]),
    }


def _reset_signals(for_command: bool) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if for_command:
        # A command expects the system's defaults; Python ignores these two for itself.
        for name in _RESET:
            signal.signal(signal.Signals[name], signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _connect(stdout: int, stderr: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in {nothing, stdout, stderr}:
        os.close(descriptor)


def _execute(command: str | list[str], environment: Mapping[str, str]) -> NoReturn:
    words = [SHELL, "-c", command] if isinstance(command, str) else command
    # The user's own command, word by word: no shell unless they asked for one.
    os.execvpe(words[0], words, environment)  # noqa: S606


def _run_python(request: Mapping[str, Any], line: int) -> None:
    environment = request["env"]
    if any(needs_fresh_interpreter(name) for name in request["own_env"]):
        os.set_inheritable(line, True)
        words = [*request["python"], bootstrap("executors.child", request["path"], line)]
        # This interpreter itself, with our own program.
        os.execve(words[0], words, environment)  # noqa: S606
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)
    if request.get("pool"):
        from framework0.runner.pool.worker import main as work

        work(line, request["deadlines"])
    if request.get("machine"):
        from framework0.runner.machines.child import main as serve

        serve(line, request["deadlines"])
    from framework0.runner.executors.child import main

    main(line)


def needs_fresh_interpreter(name: str) -> bool:
    """Say whether a variable counts only for an interpreter that starts with it."""
    return name.startswith(_READ_AT_START) or name in _LANGUAGE


def bootstrap(module: str, path: list[str], descriptor: int) -> str:
    """Return a ``-c`` program that calls ``main(descriptor)`` of a module of ``runner``.

    The import path is handed over whole: with ``-m`` the current folder would come first, and a
    user's ``json.py`` there would replace the standard library's.
    """
    return (
        f"import sys; sys.path[:] = {path!r}\n"
        f"from framework0.runner.{module} import main; main({descriptor})"
    )


def interpreter() -> list[str]:
    """Return how to start this interpreter again with the options it was started with, up to ``-c``."""
    # Loaded here because only the keeper's start needs it, and it is slow.
    import subprocess

    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags, "-c"]


def _why_not(request: Mapping[str, Any], error: OSError) -> tuple[str, str]:
    kind, reason = type(error).__name__, error.strerror or str(error)
    if error.filename == request["cwd"]:
        return kind, f"the step's folder {request['cwd']!r} cannot be entered: {reason}"
    command = request["command"]
    if command is None:
        return kind, f"the step's process cannot be started: {reason}"
    word = SHELL if isinstance(command, str) else command[0]
    if isinstance(error, FileNotFoundError):
        return (
            kind,
            f"there is no command {json.dumps(word)} (looked for it in PATH): install it or give its path",
        )
    return kind, f"the command {json.dumps(word)} cannot be started: {reason}"
