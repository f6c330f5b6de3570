"""Kill a run again and again, and look from outside whether a promise was broken.

    python -m benchmarks.chaos --kills 200 --steps 10000 --seed 1
    python -m benchmarks.chaos --kills 40 --steps 2000 --ack-early      must find a broken promise

The long form of tests/chaos, whose driver it starts. Kills are SIGKILL of a real process, at seeded
places: after so many acknowledgements, or so many milliseconds after the start, which also hits the
reading of the recipe, the taking over of the journal, and the end. What happened is recorded outside:
acknowledgements by this process, through a pipe; effects by each step itself, in a ledger on another
file system where the machine has one.
"""

from __future__ import annotations

import argparse
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.chaos.trial import WIDTH, Trial
from benchmarks.table import Row, render, verdict
from benchmarks.timing import REPOSITORY

MEMORY = Path("/dev/shm")
OFTEN = 0.25
"""How many kills come by the clock, where steps are plenty."""
FEW = 24
"""Steps between two kills that are few: some are always acknowledged with the first of them."""
MOST_SESSIONS = 3
"""Sessions for each kill wanted: a run that has ended cannot be killed, so it must not end too soon."""


def main():
    arguments = parsed()
    chance = random.Random(arguments.seed)
    with (
        tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch,
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as ledger,
    ):
        words = ["--ack-early"] if arguments.ack_early else []
        trial = Trial(
            Path(scratch), Path(ledger) / "ledger", arguments.steps, words, arguments.width
        )
        started = time.perf_counter()
        broken = tormented(trial, arguments.kills, chance)
        report(arguments, trial, broken, time.perf_counter() - started)
    enough = trial.kills >= arguments.kills
    raise SystemExit(not enough or bool(broken) is not arguments.ack_early)


def tormented(trial, kills, chance):
    """Kill the run ``kills`` times, let it end, and return every promise that was broken."""
    broken = []
    while trial.kills < kills and not trial.finished and trial.session < MOST_SESSIONS * kills:
        # Acknowledgements between two kills: what is left of both is spread over the rest of the run.
        pace = max(1, (trial.steps - len(trial.done)) // (kills - trial.kills + 1))
        # By the clock only up to the first acknowledgements, for the sake of the steps that are left.
        if trial.start and chance.random() < max(OFTEN, 1 - pace / FEW):
            seconds = chance.uniform(0.0, 1.02 * trial.start)
            # Whatever a start takes next time: not so far that too little is left to kill.
            trial.one_session(acknowledged=pace, seconds=seconds)
        else:
            trial.one_session(acknowledged=chance.randint(1, pace * 3 // 2))
        broken += trial.broken_promises()
        if trial.session % 20 == 0:
            print(trial.progress(), file=sys.stderr, flush=True)
    if not trial.finished:
        trial.one_session()
        broken += trial.broken_promises()
    if not trial.finished:
        broken.append("the run did not succeed when it was left alone")
    return list(dict.fromkeys(broken))


def report(arguments, trial, broken, seconds):
    words = " ".join(sys.argv[1:])
    print(f"python -m benchmarks.chaos {words}".rstrip())
    print(f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit()}")
    print(f"Python {platform.python_version()} · {platform.system()} {platform.machine()}\n")
    lost = sum("is lost" in sentence for sentence in broken)
    repeated = sum("ran in session" in sentence for sentence in broken)
    others = len(broken) - lost - repeated
    enough = trial.kills >= arguments.kills
    figures = [
        (
            "kills (SIGKILL)",
            f"{trial.kills:,} ({trial.described()})",
            f"≥ {arguments.kills:,}",
            enough,
        ),
        ("steps acknowledged and lost", f"{lost}", "0", not lost),
        ("steps acknowledged and run again", f"{repeated}", "0", not repeated),
        ("other broken promises", f"{others}", "0", not others),
        (
            "steps completed",
            f"{len(trial.done):,}",
            f"{trial.steps:,}",
            len(trial.done) == trial.steps,
        ),
    ]
    rows = [
        Row(work, found, "–", "–", reach, verdict(good)) for work, found, reach, good in figures
    ]
    again = trial.attempts - trial.steps
    rows.append(Row("attempts in flight at a kill, run again", f"{again:,}", "–"))
    rows.append(Row("seconds, with the looks after each kill", f"{seconds:,.0f}", "–"))
    print(render(rows))
    for sentence in broken[:20]:
        print(sentence)
    if arguments.ack_early:
        print("\nSabotaged: acknowledged before it was durable. The promises have to be broken.")


def commit():
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument(
        "--width", type=int, default=WIDTH, help="steps at once: fewer leave more of them to kill"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same places")
    parser.add_argument(
        "--ack-early", action="store_true", help="sabotage the runner: this must find lost steps"
    )
    parser.add_argument("--scratch", default=str(REPOSITORY / ".bench"), help="the disk to use")
    arguments = parser.parse_args()
    Path(arguments.scratch).mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()
