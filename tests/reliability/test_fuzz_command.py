"""R22 through the command: 200 changed recipes, no traceback, no signal, every mistake at its place.

The 10,000 in process are in ``tests/recipe/test_fuzz_recipes.py``; the changes are made the same way.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from tests.recipe.test_fuzz_recipes import changed, seeds

PROCESSES = 4
FILES = 50
MOST_MEMORY = 200 * 1024
"""Kilobytes: ``ru_maxrss`` counts in them on Linux."""

# In a small process of its own: a child's ru_maxrss begins with the memory of whoever forked it.
MEASURED = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([used.ru_utime + used.ru_stime, used.ru_maxrss], file)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", range(PROCESSES))
def test_200_changed_recipes_get_located_answers_from_the_command(seed, tmp_path):
    chance = random.Random(f"command {seed}")
    names = [f"{number:02}.yaml" for number in range(FILES)]
    starts = seeds()
    for name in names:
        (tmp_path / name).write_bytes(changed(chance.choice(starts), chance))
    command = [sys.executable, "-m", "framework0", "validate", "--format", "json", *names]
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "used", *command],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    seconds, memory = json.loads((tmp_path / "used").read_text())
    story = f"seed {seed}, the recipes are in {tmp_path}"
    assert ended.stderr == b"", story
    assert ended.returncode == 3, story
    problems = json.loads(ended.stdout)["problems"]
    told = {problem["file"] for problem in problems}
    assert told <= set(names), story
    for problem in problems:
        assert problem["line"] >= 1, (problem, story)
        assert problem["column"] >= 1, (problem, story)
    wrong = {problem["file"] for problem in problems if problem["severity"] == "error"}
    assert len(wrong) > FILES / 4, f"too few were broken to prove anything; {story}"
    assert seconds < FILES * 1.0, story
    assert memory <= MOST_MEMORY, story
