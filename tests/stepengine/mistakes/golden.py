"""The corpus of mistakes with machines: what each broken library, parameter file or place is answered with.

Each folder here is copied as an instance, with its ``step_node_*.py`` in it and ``parameters.json`` as its
parameter file. What cannot be kept in a repository (pipes, links, a running engine) is put there
by the function in ``AROUND`` of the folder's name. Then the lines of ``commands.txt`` are run, as a
person would, and what they print is compared with ``expected.txt``; what is different on every machine
(processes, times, folders) is left out. After a deliberate change of a message, write the answers
anew and read the difference:

    python tests/stepengine/mistakes/golden.py [CASE …]
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from framework0.cli.main import main as main_of_command

CORPUS = Path(__file__).resolve().parent
REPOSITORY = CORPUS.parents[2]
COMMANDS = "commands.txt"
EXPECTED = "expected.txt"
PARAMETERS = "parameters.json"
FILE = ".octo_step_engine_parameters.json"
LOCK = ".octo_step_engine_parameters.lock"
INSTANCE_LOCK = ".octo_step_engine_instance.lock"

ASKING = {"check", "draw", "params", "reset", "status"}
"""The commands that start nothing."""

DIFFERENT_EVERYWHERE = [
    (r"\b\d{8}-\d{6}-[0-9a-f]{8}\b", "RUN"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?", "WHEN"),
    (r"\b(process|pid) \d+", r"\1 N"),
    (r"\b\d+(\.\d+)? (ms|s|seconds)\b", "SOME SECONDS"),
    (r"\bon \S+ \(step engine\), for [^:]+:", "on HOST (step engine), for SOME SECONDS:"),
]


def cases():
    """Return the folders of the corpus by name."""
    return sorted(path for path in CORPUS.iterdir() if (path / COMMANDS).exists())


def answer(case, folder):
    """Return what a person is shown who runs the commands of ``case`` in the empty ``folder``."""
    instance = folder / "press"
    shutil.copytree(
        case, instance, ignore=shutil.ignore_patterns(COMMANDS, EXPECTED, "__pycache__")
    )
    if (instance / PARAMETERS).exists():
        (instance / PARAMETERS).rename(instance / FILE)
    with AROUND.get(case.name, untouched)(instance):
        commands = (case / COMMANDS).read_text(encoding="utf-8").splitlines()
        return "\n".join(shown(command, folder) for command in commands)


def shown(command, folder):
    """Run one command, and return it with all that it prints and its exit code."""
    words = shlex.split(command.replace("INSTANCE", "press"))
    code, text = (asked if words[2] in ASKING else started)(words, folder)
    text = text.replace(f"{folder}/press", "INSTANCE").replace(f"{folder}/", "")
    text = text.replace(str(folder), "FOLDER")
    for pattern, word in DIFFERENT_EVERYWHERE:
        text = re.sub(pattern, word, text)
    return f"$ {command}\n{text}exit code {code}\n"


def started(words, folder):
    """Run a command as a person does; return its exit code and all that it prints."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", *words],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return ended.returncode, ended.stdout


def asked(words, folder):
    """Run a command that starts nothing in this process, in a tenth of the time; return the same."""
    told, before = io.StringIO(), dict(os.environ)
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
    ):
        os.environ.clear()
        os.environ.update(environment(folder))
        try:
            code = main_of_command(words[1:])
        except SystemExit as ended:
            code = ended.code
        finally:
            os.environ.clear()
            os.environ.update(before)
    return code, told.getvalue()


def environment(folder):
    """Return the environment of the commands: nobody's settings, state kept in ``folder``."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FRAMEWORK0_")}
    return kept | {
        "PYTHONPATH": str(REPOSITORY),
        "FRAMEWORK0_HOME": str(folder / "state"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }


@contextlib.contextmanager
def untouched(instance):
    """Add nothing to the instance."""
    assert instance.is_dir()
    yield


def made_by(change):
    """Return the context manager that has ``change`` put something into the instance."""

    @contextlib.contextmanager
    def around(instance):
        change(instance)
        yield

    return around


def another_encoding(instance):
    """Write the parameter file in Latin-1."""
    text = '{"shared_data": {"town": "Tromsø"}}\n'
    (instance / FILE).write_bytes(text.encode("latin-1"))


def too_large(instance):
    """Make a parameter file of many bytes that takes no room."""
    with (instance / FILE).open("wb") as file:
        file.truncate(65 * 1024 * 1024)


def linked(name):
    """Return what puts a link to another file at ``name``."""

    def change(instance):
        (instance / "elsewhere").write_text("{}\n", encoding="utf-8")
        (instance / name).symlink_to("elsewhere")

    return change


def opened_pipe(path):
    """Make a named pipe and open both its ends, so that nobody waits for somebody who has died."""
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)


@contextlib.contextmanager
def another_engine(instance):
    """Have an engine run the instance, in the middle of its node, until the commands have ended."""
    ready, gate = opened_pipe(instance / "ready"), opened_pipe(instance / "gate")
    engine = subprocess.Popen(
        [sys.executable, "-P", "-m", "framework0", "step", "run", "press"],
        cwd=instance.parent,
        env=environment(instance.parent),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert select.select([ready], [], [], 60)[0], "the engine did not come to its node"
        yield
        os.write(gate, b"end")
        os.close(gate)
        said, _ = engine.communicate(timeout=300)
        assert engine.returncode == 0, said
    finally:
        os.close(ready)
        engine.kill()
        engine.communicate()


AROUND = {
    "another-engine-runs": another_engine,
    "file-in-another-encoding": made_by(another_encoding),
    "file-too-large": made_by(too_large),
    "file-is-a-folder": made_by(lambda instance: (instance / FILE).mkdir()),
    "file-is-a-link": made_by(linked(FILE)),
    "lock-is-a-pipe": made_by(lambda instance: os.mkfifo(instance / LOCK)),
    "lock-is-a-link": made_by(linked(LOCK)),
    "lock-is-a-folder": made_by(lambda instance: (instance / LOCK).mkdir()),
    "instance-lock-is-a-pipe": made_by(lambda instance: os.mkfifo(instance / INSTANCE_LOCK)),
    "instance-lock-is-a-link": made_by(linked(INSTANCE_LOCK)),
}


def main(names):
    """Write the expected answer of the cases named, or of all."""
    for case in cases():
        if not names or case.name in names:
            with tempfile.TemporaryDirectory() as folder:
                text = answer(case, Path(folder).resolve())
            (case / EXPECTED).write_text(text, encoding="utf-8", newline="\n")
            print(case.name)


if __name__ == "__main__":
    main(sys.argv[1:])
