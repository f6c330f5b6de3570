"""R10: a run whose step is stuck ends with the right code and a true journal, and can go on.

That it ends in time, which is no more than two seconds after its grace, is measured by
``python -m benchmarks.chaos.stuck``: here other programs may be at work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from framework0.runner.warden import MARGIN
from tests.reliability.stuck import PATIENCE, SHAPES, Shape, Trial, tried

pytestmark = pytest.mark.usefixtures("unmeasured")

GRACE = 0.5
"""Seconds until what is stuck is ended."""

NO_GRACE_IS_WAITED_FOR = 600.0

LONG_MARGIN = 60.0
"""Seconds between the grace and the warden's kill for a run that ends by itself, however busy the machine is."""

AT_ONCE = 6


def margin_of(shape):
    """How long the warden waits after the grace: no longer than it must where its kill is waited for."""
    if shape.name == "a process pool":
        # The run has told its end by then, but Python's own exit function waits for the pool.
        return 10 * MARGIN
    return LONG_MARGIN if shape.ends == "cancelled" else MARGIN


@pytest.mark.slow
def test_fifteen_stuck_steps_end_by_either_signal_and_the_run_goes_on(tmp_path):
    cases = [
        (
            f"{shape.name}, {number.name}",
            (tmp_path / f"{place}-{number.name}", shape, number, GRACE, margin_of(shape)),
        )
        for place, shape in enumerate(SHAPES)
        for number in (signal.SIGINT, signal.SIGTERM)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = list(pool.map(lambda case: tried(*case[1])[1], cases))
    assert len(cases) == 30
    assert {case[0]: each for case, each in zip(cases, wrong, strict=True) if each} == {}


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[5]], ids=lambda shape: shape.name)
def test_a_second_signal_does_not_wait_for_the_grace(shape, tmp_path):
    trial = Trial(tmp_path / "workspace", shape, NO_GRACE_IS_WAITED_FOR)
    process = trial.start("run", "recipe.yaml")
    assert os.read(trial.alive, 5) == b"stuck"
    begun = monotonic()
    process.send_signal(signal.SIGINT)
    # Until a fifth of a second has passed they count as one; then the next is the second.
    while process.poll() is None:
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    trial.all_gone()
    assert process.returncode == 130
    assert monotonic() - begun < PATIENCE
    assert trial.history().summary.state == shape.ends


def test_a_step_that_hears_is_given_its_time_and_json_tells_the_end(tmp_path):
    trial = Trial(tmp_path / "workspace", Shape("", "lock()", "cancelled"), NO_GRACE_IS_WAITED_FOR)
    (trial.folder / "recipe.yaml").write_text(
        "steps:\n  - {name: polite, module: polite, function: Polite}\n"
    )
    (trial.folder / "polite.py").write_text(
        "import os\n"
        "from scriptlets.framework import BaseScriptlet\n"
        "class Polite(BaseScriptlet):\n"
        "    def run(self, context, params):\n"
        "        os.write(int(os.environ['PIPE']), b'stuck')\n"
        "        while not self.cancelled: pass\n"
        "        context.set('last words', 'bye')\n"
        "        return 0\n"
    )
    process = trial.start("run", "recipe.yaml", "--json")
    assert os.read(trial.alive, 5) == b"stuck"
    begun = monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 143
    trial.all_gone()
    assert monotonic() - begun < PATIENCE
    events = [json.loads(line) for line in trial.said().splitlines()]
    assert events[-1]["event"] == "run_finished"
    # It had finished its work before the grace was over: that is what is told.
    assert [event["state"] for event in events if event["event"] == "step_finished"] == [
        "succeeded"
    ]
    assert [change.value for change in trial.history().changes] == ["bye"]
