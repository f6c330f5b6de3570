"""Tell which walls this machine refuses, by putting them up in a process that does nothing behind them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.runner.processes.start import bootstrap, interpreter
from framework0.runner.sandbox.calls import LayerMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT: Final = 30
"""Seconds for the trial; it takes a tenth of one."""

_DEPENDENT: Final = {"namespaces": ("own root", "process limit")}


def missing_layers(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return why each wall that cannot be put up here cannot, by its name."""
    if sys.platform != "linux":
        return {"Linux": "the walls are those of its kernel"}
    missing: dict[str, str] = {}
    while True:
        met = _trial({**plan, "missing": list(missing)})
        if met is None:
            return missing
        layer, why = met
        if layer in missing or not layer:
            return {**missing, layer or "sandbox": why}
        missing[layer] = why
        for other in _DEPENDENT.get(layer, ()):
            missing[other] = f"needs the {layer}"


def _trial(plan: Mapping[str, Any]) -> tuple[str, str] | None:
    reading, writing = os.pipe()
    words = [*interpreter(), bootstrap("sandbox.probing", sys.path, writing)]
    with open(reading, "rb") as answer:
        # Our own interpreter and program.
        done = subprocess.run(  # noqa: S603
            words, input=json.dumps(plan).encode(), pass_fds=[writing], timeout=LIMIT, check=False
        )
        os.close(writing)
        text = answer.read()
    if text:
        layer, why = json.loads(text)
        return layer, why
    return None if done.returncode == 0 else ("", f"the trial ended with {done.returncode}")


def main(descriptor: int) -> None:
    """Be the trial: enter, and say on ``descriptor`` what was refused."""
    # Loaded here because only the trial itself enters.
    from framework0.runner.sandbox.entering import enter

    plan = json.loads(sys.stdin.buffer.read())
    try:
        enter(plan, lambda: None)
    except LayerMissing as refused:
        os.write(descriptor, json.dumps([refused.layer, refused.why]).encode())
    except OSError as error:
        os.write(descriptor, json.dumps(["", str(error)]).encode())
    os._exit(1)
