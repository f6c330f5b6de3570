"""R22 through the command: 200 changed recipes, no traceback, no signal, every mistake at its place.

The 10,000 in process are in ``tests/recipe/test_fuzz_recipes.py``; the changes are made the same way.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from tests.recipe.test_fuzz_recipes import changed, seeds

PROCESSES = 4
FILES = 50
MOST_MEMORY = 200 * 1024
"""Kilobytes: ``ru_maxrss`` counts in them on Linux."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(PROCESSES))
def test_200_changed_recipes_get_located_answers_from_the_command(seed, tmp_path):
    chance = random.Random(f"command {seed}")
    names = [f"{number:02}.yaml" for number in range(FILES)]
    starts = seeds()
    for name in names:
        (tmp_path / name).write_bytes(changed(chance.choice(starts), chance))
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "framework0", "validate", "--format", "json", *names],
            cwd=tmp_path,
            stdout=stdout,
            stderr=stderr,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    story = f"seed {seed}, the recipes are in {tmp_path}"
    assert err.read_bytes() == b"", story
    assert process.returncode == 3, story
    problems = json.loads(out.read_bytes())["problems"]
    told = {problem["file"] for problem in problems}
    assert told <= set(names), story
    for problem in problems:
        assert problem["line"] >= 1, (problem, story)
        assert problem["column"] >= 1, (problem, story)
    wrong = {problem["file"] for problem in problems if problem["severity"] == "error"}
    assert len(wrong) > FILES / 4, f"too few were broken to prove anything; {story}"
    assert used.ru_utime + used.ru_stime < FILES * 1.0, story
    assert used.ru_maxrss <= MOST_MEMORY, story
