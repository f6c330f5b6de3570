"""Whatever goes wrong, a person gets a message and an exit code, never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

import pytest

from framework0 import errors
from framework0.cli.streams import FALLBACK_COLUMNS, columns_of, is_terminal
from framework0.cli.troubles import EXIT_BROKEN_PIPE, reported, say, show_problems, texts_of
from framework0.errors import Place, Problem, RecipeError
from framework0.runner import Journal


def ending_with(error):
    def command():
        raise error

    return reported(command)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("said"), 2),
        (errors.RecipeError("said"), 3),
        (errors.ScriptletError("said"), 3),
        (errors.WorkspaceError("said"), 4),
        (errors.JournalCorrupt("said"), 4),
        (errors.RunNotFound("said"), 4),
        (errors.LockHeld("said"), 4),
        (errors.RefusedError("said"), 5),
        (errors.ValueRefused("said"), 1),
        (errors.RunFailed("said"), 1),
        (PermissionError(13, "said", "file"), 4),
    ],
)
def test_each_family_of_errors_has_its_exit_code(capsys, error, code):
    assert ending_with(error) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "said" in err
    assert "Traceback" not in err


def test_the_command_decides_its_own_exit_code():
    assert reported(lambda: 17) == 17
    assert ending_with(SystemExit(3)) == 3
    assert ending_with(SystemExit()) == 0
    assert ending_with(SystemExit("words")) == 1
    assert ending_with(KeyboardInterrupt()) == 130


BUG = "from framework0.cli.troubles import reported; raise SystemExit(reported(lambda: 1 // 0))"


def test_a_bug_of_ours_is_written_to_a_report(run_python, tmp_path):
    ended = run_python("-c", BUG, env={"TMPDIR": str(tmp_path)})
    assert ended.returncode == 70
    assert "Traceback" not in ended.stderr
    assert "this is a bug of framework0, not yours: ZeroDivisionError" in ended.stderr
    path = re.search(r"a report to send is in (\S+)", ended.stderr).group(1)
    with open(path, encoding="utf-8") as report:
        text = report.read()
    assert text.startswith("framework0 2")
    assert "Traceback" in text
    assert "ZeroDivisionError" in text
    assert os.stat(path).st_mode & 0o077 == 0


def test_a_report_that_cannot_be_written_is_shown(capsys, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    assert ending_with(ZeroDivisionError("by zero")) == 70
    err = capsys.readouterr().err
    assert "no report file could be written" in err
    assert "ZeroDivisionError: by zero" in err


def test_a_mistake_in_a_recipe_is_shown_with_its_line(capsys, tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text("steps:\n  - nmae: x\n", encoding="utf-8")
    place = Place(str(file), 2, 5)
    problem = Problem("unknown-key", "there is no key 'nmae'", place, hint="did you mean 'name'?")
    show_problems(RecipeError((problem,)))
    err = capsys.readouterr().err
    assert f"{file}:2:5: error: there is no key 'nmae'" in err
    assert "- nmae: x" in err
    assert "^^^^" in err
    assert "did you mean 'name'?" in err


def test_only_plain_files_are_read_again_for_their_lines(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    places = [str(pipe), str(tmp_path), "/dev/zero", "nowhere", "<text>", "a\0b"]
    problems = [Problem("x", "x", Place(file, 1, 1)) for file in places]
    assert texts_of([*problems, Problem("x", "no place")]) == {}


@pytest.mark.measured
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_a_reader_that_is_gone_is_no_error_to_talk_about(started, words):
    reader, writer = os.pipe()
    os.close(reader)
    process = started(*words, stdout=writer)
    os.close(writer)
    _, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (EXIT_BROKEN_PIPE, "")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "one.yaml"]])
def test_a_full_disk_under_the_output_is_said(started, words):
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = started(*words, stdout=full)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 4
    assert "No space left on device" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(workspace, environment, closed):
    command = f'exec "$0" -m framework0 run one.yaml {closed}'
    ended = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=workspace,
        env=environment,
        timeout=120,
        check=False,
        capture_output=True,
    )
    assert ended.returncode == 0
    journal = Journal(workspace / ".framework0" / "journal.db")
    assert [run.state for run in journal.runs()] == ["succeeded"]
    journal.close()


def test_output_that_cannot_be_encoded_is_escaped(framework0):
    said = framework0("run", "one.yaml", "-i", "who=Zoë", env={"PYTHONIOENCODING": "ascii"})
    assert said.code == 0
    assert "hello Zo\\xeb" in said.stdout


def test_foreign_text_in_a_message_cannot_move_the_cursor(framework0):
    for words in (["run", "a\x1b[2Jb.yaml"], ["show\x1b[2J"], ["resume", "x\x1b[2J"]):
        said = framework0(*words)
        assert said.code in (2, 3, 4)
        assert "\x1b" not in said.stderr


def test_an_unknown_verb_is_told_the_near_one(framework0):
    said = framework0("rnu", "recipe.yaml")
    assert said.code == 2
    assert "did you mean `framework0 run`?" in said.stderr
    assert "`framework0 --help` lists the verbs" in framework0("xyzzy").stderr


def test_no_verb_at_all_shows_the_help_as_wrong_use(framework0):
    said = framework0()
    assert (said.code, said.stdout) == (2, "")
    assert said.stderr.startswith("usage: framework0 VERB")


@pytest.mark.parametrize("words", [["help", "run"], ["run", "--help"], ["run", "-h"]])
def test_help_of_a_verb_has_an_example(framework0, words):
    said = framework0(*words)
    assert said.code == 0
    assert "framework0 run recipe.yaml" in said.stdout


CONSOLE = """
import atexit, sys
from framework0.cli.main import entry
atexit.register(print, "exit functions are called")
sys.argv = ["framework0", *sys.argv[1:]]
entry()
"""


@pytest.mark.parametrize(("word", "code"), [("--version", 0), ("nonsense", 2)])
def test_the_console_script_ends_with_the_exit_code(word, code):
    said = subprocess.run(
        [sys.executable, "-c", CONSOLE, word], capture_output=True, text=True, check=False
    )
    assert said.returncode == code
    assert said.stdout.endswith("exit functions are called\n")


@pytest.mark.measured
def test_the_console_script_says_so_when_nobody_reads_its_last_words():
    closed = "import os; os.close(1)\n" + CONSOLE
    said = subprocess.run(
        [sys.executable, "-c", closed, "nonsense"], capture_output=True, text=True, check=False
    )
    assert said.returncode != 0


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_lists_every_verb(framework0, word):
    from framework0.cli.verbs import VERBS

    said = framework0(word)
    assert said.code == 0
    assert all(f"  {name} " in said.stdout for name in VERBS)


def test_a_closed_stream_is_no_terminal(monkeypatch, tmp_path):
    monkeypatch.setenv("TERM", "xterm")
    stream = (tmp_path / "file").open("w", encoding="utf-8")
    assert not is_terminal(stream)
    stream.close()
    assert not is_terminal(stream)
    assert columns_of(stream) == FALLBACK_COLUMNS


@pytest.mark.parametrize(("told", "columns"), [("5", 20), ("70", 70), ("0", 100), ("wide", 100)])
def test_the_width_told_by_the_environment_holds(monkeypatch, tmp_path, told, columns):
    monkeypatch.setenv("COLUMNS", told)
    with (tmp_path / "file").open("w", encoding="utf-8") as stream:
        assert columns_of(stream) == columns


def test_a_message_nobody_can_read_is_not_one_more_trouble(monkeypatch):
    with open("/dev/full", "w", encoding="utf-8", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        say("words")
        show_problems(RecipeError("words"))
        monkeypatch.undo()
        # What could not be written would be tried again when the file is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
