"""Starting is part of the product: nothing is imported that the command does not need."""

from __future__ import annotations

import os
import sys

import pytest

from framework0.cli import run
from framework0.cli.main import parser_of

LIST = """
import sys
from framework0.cli.main import main
before = set(sys.modules)
code = main(sys.argv[1:])
print(*sorted(sys.modules), sep="\\n")
raise SystemExit(code)
"""

HEAVY = {
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "importlib.metadata",
    "inspect",
    "logging",
    "psutil",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "typing_extensions",
    "yaml",
}

NEEDLESS = {
    "argparse",
    "encodings.ascii",
    "framework0.assembly.basis",
    "framework0.context.dispatcher",
    "framework0.context.queues",
    "framework0.context.snapshot",
    "framework0.context.subscriptions",
    "framework0.context.transaction",
    "framework0.recipe.check",
    "framework0.runner.journal.reader",
    "framework0.runner.resume",
    "framework0.source",
    "gettext",
    "locale",
    "yaml12",
}
"""What a run of the plainest form does without: each costs it a two-hundredth or more."""


def modules_after(run_python, *words, cwd=None):
    # -S: installed packages that hook into Python's start would add modules of their own.
    ended = run_python("-S", "-c", LIST, *words, cwd=cwd)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[1:])


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version_imports_nothing_more(run_python, word):
    ours = {name for name in modules_after(run_python, word) if name.startswith("framework0")}
    assert ours == {"framework0", "framework0.cli", "framework0.cli.main", "framework0.cli.verbs"}


def test_version_needs_no_module_of_pythons_own_beyond_what_python_starts_with(run_python):
    bare = run_python("-S", "-c", "import sys; print(*sys.modules, sep='\\n')").stdout.splitlines()
    added = modules_after(run_python, "--version") - set(bare)
    assert {name for name in added if not name.startswith("framework0")} <= {"__future__"}


def test_help_imports_no_room_and_no_argparse(run_python):
    loaded = modules_after(run_python, "--help")
    ours = {name for name in loaded if name.startswith("framework0.")}
    assert {name.split(".")[1] for name in ours} == {"cli", "errors"}
    assert "argparse" not in loaded
    assert not loaded & HEAVY


PLAIN = ["recipe.yaml", "folder/another one.yaml", "x"]


@pytest.mark.parametrize("word", PLAIN)
def test_the_plainest_arguments_of_run_are_read_as_argparse_reads_them(word):
    read = parser_of("run").parse_args([word])
    assert vars(run.plain_arguments([word])) == vars(read)


@pytest.mark.parametrize(
    "words", [[], [""], ["-h"], ["--json"], ["--", "x"], ["-x"], ["x", "--json"], ["x", "y"], ["-"]]
)
def test_all_other_arguments_of_run_are_left_to_argparse(words):
    assert run.plain_arguments(words) is None


def test_a_short_run_imports_nothing_heavy(run_python, workspace, repository):
    (workspace / "listing.py").write_text(
        "import sys\ndef listing():\n    print(*sorted(sys.modules), sep='\\n')\n"
    )
    (workspace / "listing.yaml").write_text(
        "steps:\n  - {name: listing, module: listing, function: listing}\n"
    )
    # Named, because without site nobody reads what an editable installation put there.
    path = os.pathsep.join([str(repository), *filter(None, sys.path)])
    words = ["-S", "-m", "framework0", "run", "listing.yaml"]
    for _ in ("reads and checks the recipe", "remembers it"):
        ended = run_python(*words, cwd=workspace, env={"PYTHONPATH": path})
        assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.splitlines())
    assert "framework0.runner.run" in loaded
    assert sorted(loaded & (HEAVY | NEEDLESS)) == []
