"""``framework0 WORDS``, killed at a transition of its machine: ``machine_driver.py POINT WHEN WORDS…``.

The engine kills itself (SIGKILL) with its POINT-th change of the parameter file: right ``after`` it is
on the disk, or right ``before`` it is made. With ``forget`` no change but the first is made at all: the
sabotage that the test must notice. POINT 0 kills nobody.
"""

from __future__ import annotations

import os
import signal
import sys

from framework0.cli.main import main
from framework0.stepengine.record import Record


def arm(point, when):
    """Have the next ``point``-th change be the last thing that this process does."""
    write = Record.write
    left = point

    def write_until_then(record, *words, **more):
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if when != "forget" or left == point - 1:
            write(record, *words, **more)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Record.write = write_until_then


if __name__ == "__main__":
    arm(int(sys.argv[1]), sys.argv[2])
    sys.argv[0] = "framework0"
    sys.exit(main(sys.argv[3:]))
