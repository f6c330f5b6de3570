"""R21: jumps of the time of day change nothing but time stamps: waits, timeouts, durations and order hold.

Every process of the command gets a ``time.time`` that is off by what stands in a file; a step writes
a new jump into that file while others wait. Nothing is asked of the clock that does not jump.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from time import monotonic

import pytest

SHIM = """
import os, time
_true = time.time
def _off():
    try:
        with open(os.environ["CLOCK_OFF"]) as file:
            return float(file.read() or 0)
    except (OSError, ValueError):
        return 0.0
time.time = lambda: _true() + _off()
time.time_ns = lambda: int(time.time() * 1e9)
"""

STEPS = """
import os, time

def jump(seconds):
    # Not before the first nap has begun, whose stamp is compared.
    while not os.path.exists("napping"):
        time.sleep(0.01)
    with open(os.environ["CLOCK_OFF"], "w") as file:
        file.write(str(seconds))

def nap():
    open("napping", "w").close()
    time.sleep(0.5)

def sleeps_for_ever():
    while True:
        time.sleep(60)

def fails_twice(marks):
    with open(marks, "a") as file:
        file.write("x")
    if os.path.getsize(marks) < 3:
        raise ValueError("not yet")
"""

RECIPE = """
order: graph
steps:
  - {{name: nap, module: steps, function: nap, executor: process}}
  - {{name: overdue, module: steps, function: sleeps_for_ever, timeout: 1s, continue_on_error: true}}
  - name: again
    module: steps
    function: fails_twice
    args: {{marks: marks}}
    retry: {{attempts: 3, delay: 0.4s}}
  - {{name: jump, module: steps, function: jump, args: {{seconds: {seconds}}}}}
  - {{name: after, module: steps, function: nap, depends_on: [nap, again, jump]}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [-3600, 3600, 30 * 86_400])
def test_a_jump_of_the_clock_changes_no_duration_no_order_and_no_decision(
    seconds, tmp_path, unmeasured
):
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(SHIM)
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(seconds=seconds))
    env = {
        **os.environ,
        "CLOCK_OFF": str(tmp_path / "off"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "shim"), os.environ["PYTHONPATH"]]),
    }

    def command(*words):
        ended = subprocess.run(
            [sys.executable, "-m", "framework0", *words],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert "Traceback" not in ended.stderr
        return ended

    begun = monotonic()
    ended = command("run", "recipe.yaml", "--json")
    took = monotonic() - begun
    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert events[-1]["event"] == "run_finished"
    assert 0.9 < events[-1]["seconds"] <= took

    shown = json.loads(command("show", "--json").stdout)
    steps = {step["name"]: step for step in shown["steps"]}
    assert steps["overdue"]["state"] == "timed_out"
    assert 0.9 < steps["overdue"]["attempts"][0]["seconds"] < took
    assert [attempt["state"] for attempt in steps["again"]["attempts"]] == [
        "failed",
        "failed",
        "succeeded",
    ]
    for name in ("nap", "after"):
        assert 0.5 <= steps[name]["attempts"][0]["seconds"] < took
    # The stamps did jump, or this has shown nothing.
    apart = steps["after"]["attempts"][0]["at"] - steps["nap"]["attempts"][0]["at"]
    assert abs(apart - seconds) < took + 1
    listed = json.loads(command("runs", "--json").stdout)
    assert [run["state"] for run in listed] == ["succeeded"]
    assert command("why").returncode == 0
