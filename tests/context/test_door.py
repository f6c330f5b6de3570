from __future__ import annotations

import json
import subprocess
import sys

import pytest

import framework0.context as door


def test_the_public_names_are_sorted_and_all_there():
    assert list(door.__all__) == sorted(door.__all__)
    for name in door.__all__:
        assert getattr(door, name).__name__ == name
    assert set(door.__all__) <= set(dir(door))
    with pytest.raises(AttributeError, match="Nobody"):
        _ = door.Nobody


PROGRAM = """
import json, sys
before = set(sys.modules)
import framework0.context
opened = sorted(set(sys.modules) - before)
from framework0.context import Context
context = Context()
context.set("a", 1)
print(json.dumps([opened, sorted(set(sys.modules) - before)]))
"""


@pytest.mark.slow
def test_opening_the_door_loads_nothing_and_using_it_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    opened, used = json.loads(done.stdout)
    ours = [name for name in opened if name.startswith("framework0.")]
    assert ours == ["framework0.context", "framework0.doors"]
    heavy = {"asyncio", "inspect", "sqlite3", "logging", "concurrent.futures", "subprocess"}
    assert not heavy & set(used)
