"""The documentation does what it says: its blocks are run, page by page, as a reader would.

The convention, which CONTRIBUTING.md explains to authors:

- a block with ``title="file"`` is written to that file in the page's own folder;
- ``console``: every line that begins with ``$ `` is run, in one shell for the whole page; the lines
  below it are what it prints (in this order, other lines may stand between; ``…`` is any text). A
  command that fails fails the page, unless ``$ echo $?`` follows and shows the exit code;
- a block in an HTML comment is run too and not shown: what a reader does in another terminal;
- ``python`` without a title is run; a ``text`` block right below it is what it prints;
- ``yaml``, ``json`` and ``toml`` without a title must be what they claim to be;
- ``sh`` is for the few commands that cannot be run inside the test suite: they are only allowed in
  the pages named here and must be targets of the Makefile or ways to get the sources.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.usefixtures("unmeasured")

PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
)
UNRUN_PAGES = {
    "README.md",
    "CONTRIBUTING.md",
    "docs/index.md",
    "docs/getting_started.md",
    "docs/troubleshooting.md",
}
UNRUN_COMMANDS = re.compile(
    r"(make|git clone|cd|source|pip install|python3? -m (venv|pip|black|flake8)|pytest) ?"
)
FENCE = re.compile(
    r"^(?P<indent>[ ]*)```[ ]*(?P<language>\w+)(?P<options>[^\n]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
IN_REPOSITORY = "<!-- runs in the repository -->"


@cache
def references():
    """Load the writer of the reference pages, which is a script beside them."""
    spec = importlib.util.spec_from_file_location(
        "references", REPOSITORY / "docs/write_references.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Block(NamedTuple):
    """One fenced block: its language, the file it stands for, its text, and its first line's number."""

    language: str
    title: str | None
    text: str
    line: int


def blocks(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        title = re.search(r'title="([^"]+)"', found["options"])
        body = re.sub(rf"(?m)^{found['indent']}", "", found["text"])
        yield Block(
            found["language"], title and title[1], body, text.count("\n", 0, found.start()) + 1
        )


@pytest.fixture
def reader(tmp_path):
    """A reader's machine: an empty folder, ``python`` and ``framework0`` on the path, no settings."""
    return Reader(tmp_path)


class Reader:
    """Follows a page: keeps its folder, and runs its commands there."""

    def __init__(self, root):
        self.folder = root / "workspace"
        self.folder.mkdir()
        programs = root / "bin"
        programs.mkdir()
        sources = root / "sources"
        sources.mkdir()
        # Only the package itself is put on the path: the reader's folder has scriptlets of its own.
        (sources / "framework0").symlink_to(REPOSITORY / "framework0")
        for name, command in {
            "python": "",
            "python3": "",
            "framework0": "-P -m framework0",
        }.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
            program.chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(sources),
            "HOME": str(root),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    def bring_repository(self):
        for folder in ("orchestrator", "scriptlets", "src", "octo", "tools"):
            shutil.copytree(REPOSITORY / folder, self.folder / folder)
        (self.folder / "framework0").symlink_to(REPOSITORY / "framework0")

    def run(self, *command, text=""):
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.env,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page))])
def test_a_page_does_what_it_says(page, reader):
    if IN_REPOSITORY in (REPOSITORY / page).read_text(encoding="utf-8"):
        reader.bring_repository()
    with Shell(reader) as shell:
        printed = None
        for block in blocks(page):
            printed = follow(block, printed, reader, shell, f"{page}:{block.line}")
        shell.end()


def follow(block, printed, reader, shell, place):
    """Do what one block says; return what it printed if the next block may show that."""
    if block.title:
        file = reader.folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    elif block.language == "console":
        for command, expected in commands(block.text):
            shell.follow(command, expected, place)
    elif block.language == "python":
        ended = reader.run(sys.executable, "-", text=block.text)
        assert ended.returncode == 0, f"{place}: {ended.stdout}"
        return ended.stdout
    elif block.language == "text" and printed is not None:
        assert_printed(block.text, printed, place)
    elif block.language in READINGS:
        READINGS[block.language](block.text)
    return None


READINGS = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}


def commands(text):
    """Yield each command of a console block with the text shown below it."""
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command[:-1]} {more.removeprefix('> ')}"
        yield command, expected


class Shell:
    """One bash for a whole page, so that ``cd`` and ``$?`` mean what they mean to the reader."""

    END = "=== the command has ended:"

    def __init__(self, reader):
        self.failed = None
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=reader.folder,
            env=reader.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=120)

    def follow(self, command, expected, place):
        if self.failed is not None:
            assert (
                command == "echo $?"
            ), f"{place}: the command before {command!r} failed: {self.failed}"
        self.process.stdin.write(
            f'{command}\n{{ code=$?; echo; echo "{self.END} $code"; (exit $code); }}\n'
        )
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.startswith(self.END):
                break
            printed.append(line)
        else:
            pytest.fail(f"{place}: the shell ended in {command!r}")
        output = "".join(printed)
        assert_printed(expected, output, f"{place}: $ {command}")
        self.failed = output if int(line.removeprefix(self.END)) else None

    def end(self):
        assert self.failed is None, f"the last command of the page failed: {self.failed}"


def assert_printed(expected, output, place):
    """Each expected line must be found in the output, one after another."""
    lines = iter([squeezed(line) for line in output.splitlines()])
    for wanted in filter(None, map(squeezed, expected.splitlines())):
        pattern = ".*".join(map(re.escape, wanted.split("…")))
        assert any(
            re.fullmatch(pattern, line) for line in lines
        ), f"{place}\n  the page shows: {wanted}\n  what was printed:\n{output}"


def squeezed(line):
    return " ".join(line.split())


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_not_run_are_only_those_that_cannot_be(page):
    for block in blocks(page):
        if block.language == "sh" and not block.title:
            assert page in UNRUN_PAGES, f"{page}:{block.line}: use console, which is run"
            for line in filter(None, map(str.strip, block.text.splitlines())):
                assert UNRUN_COMMANDS.match(line) or line.startswith(
                    "#"
                ), f"{page}:{block.line}: {line}"


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("docs/")])
def test_the_links_of_a_page_outside_the_site_lead_somewhere(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (REPOSITORY / Path(page).parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("name", sorted(references().PAGES))
def test_the_references_are_what_the_code_says_today(name):
    page = references().PAGES[name]()
    written = (REPOSITORY / "docs/reference" / name).read_text(encoding="utf-8")
    assert written == page, "run: python docs/write_references.py"


def test_every_code_of_a_problem_has_its_meaning_written_down():
    written = {code for part in references().meanings().values() for code in part} - {"_about"}
    assert references().codes_in_the_code() - written == set()
    sources = "".join(
        path.read_text(encoding="utf-8") for path in REPOSITORY.glob("framework0/**/*.py")
    )
    assert [code for code in written if f'"{code}"' not in sources] == []


def test_the_checker_of_the_pages_sees_what_is_wrong():
    with pytest.raises(AssertionError, match="the page shows: two"):
        assert_printed("one\ntwo\n", "one\nthree\n", "page")
    with pytest.raises(AssertionError, match="the page shows: one"):
        assert_printed("two\none\n", "one\ntwo\n", "page")
    assert_printed("a … c\n", "0\na  b c\n", "page")
    assert list(commands("$ one \\\n> two\nshown\n$ three\n")) == [
        ("one  two", "shown\n"),
        ("three", ""),
    ]
