"""What there is to see of schedules: all of them, when one is due, and what became of its due times."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from framework0.cli.troubles import say
from framework0.errors import EXIT_OK
from framework0.schedules import moment_text, serving, store_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from framework0.schedules import Firing, Kept, Store, Timing
    from framework0.workspace import Workspace


@contextmanager
def opened_store(arguments: Namespace) -> Iterator[tuple[Workspace, Store]]:
    """Yield the workspace that the arguments mean, and its schedules."""
    from framework0.workspace import find_workspace

    space = find_workspace(explicit=arguments.workspace)
    store = store_of(space)
    try:
        yield space, store
    finally:
        store.close()


def say_if_nobody_serves(space: Workspace) -> None:
    """Tell a person who waits for a due time that nothing will happen then."""
    if serving(space) is None:
        say("no server is running here: `framework0 serve-schedules` starts one")


def time_lines(timing: Timing, after: float, count: int) -> list[str]:
    """Return the coming due times, each in its time zone, and in UTC if that is another one."""
    lines = []
    for due in islice(timing.after(after), count):
        text = f"  {moment_text(due, timing.tz)}"
        if timing.tz != "UTC":
            text += f"  ({moment_text(due, 'UTC')})"
        lines.append(text)
    return lines


def show_next(arguments: Namespace) -> int:
    """Show when a schedule is due next."""
    from time import time

    with opened_store(arguments) as (_, store):
        kept = store.get(arguments.name)
    timing = kept.schedule.timing
    if arguments.json:
        due = list(islice(timing.after(time()), arguments.count))
        facts = [{"due": moment, "due_text": moment_text(moment, timing.tz)} for moment in due]
        _write({"name": kept.schedule.name, "paused": kept.paused, "next": facts})
        return EXIT_OK
    print("\n".join(time_lines(timing, time(), arguments.count)))
    if kept.paused:
        say(f"it is paused: `framework0 schedule resume {kept.schedule.name}` lets it go on")
    return EXIT_OK


def show_all(arguments: Namespace) -> int:
    """List the schedules."""
    with opened_store(arguments) as (space, store):
        found = store.all()
        facts = [_facts(kept, store.firings.latest(kept.schedule.name, 1)) for kept in found]
    states = run_states(space) if any(one["last"] for one in facts) else {}
    for one in facts:
        if one["last"]:
            one["last"]["run_state"] = states.get(one["last"]["run"])
    if arguments.json:
        _write(facts)
    elif facts:
        sys.stdout.write(_table_of_schedules(facts))
        say_if_nobody_serves(space)
    else:
        say("there is no schedule yet: `framework0 schedule add` makes one")
    return EXIT_OK


def _facts(kept: Kept, last: Sequence[Firing]) -> dict[str, Any]:
    from time import time

    from framework0.errors import UsageError

    schedule, trouble, due = kept.schedule, None, None
    try:
        due = None if kept.paused else schedule.timing.next_after(max(kept.seen, time()))
    except UsageError as error:
        trouble = str(error)
    return {
        "name": schedule.name,
        "recipe": schedule.recipe,
        "when": str(schedule.timing),
        "timing": schedule.timing._asdict(),
        "paused": kept.paused,
        "next": due,
        "next_text": None if due is None else moment_text(due, schedule.timing.tz),
        "trouble": trouble,
        "inputs": dict(schedule.inputs),
        "overlap": schedule.overlap,
        "catch_up": schedule.catch_up,
        "catch_up_limit": schedule.catch_up_limit,
        "deadline": schedule.deadline or None,
        "untrusted": schedule.untrusted,
        "last": firing_facts(last[0], schedule.timing.tz) if last else None,
    }


def _table_of_schedules(facts: Sequence[dict[str, Any]]) -> str:
    rows = []
    for one in facts:
        last = one["last"] or {"due_text": "", "decision": "", "run": "", "run_state": ""}
        due = "paused" if one["paused"] else one["next_text"] or one["trouble"] or "never again"
        rows.append(
            [
                one["name"],
                due,
                last["due_text"],
                last["decision"],
                last["run_state"] or "",
                one["when"],
                last["run"] or "",
                one["recipe"],
            ]
        )
    return _table(["NAME", "NEXT", "LAST DUE", "DECISION", "STATE", "WHEN", "RUN", "RECIPE"], rows)


def show_history(arguments: Namespace) -> int:
    """Show what became of each due time of a schedule, the newest first."""
    with opened_store(arguments) as (space, store):
        firings = store.firings.latest(arguments.name, arguments.limit)
        known = {kept.schedule.name: kept.schedule for kept in store.all()}
        if not firings and arguments.name not in known:
            raise store.unknown(arguments.name)
    schedule = known.get(arguments.name)
    # Of a schedule that was removed the time zone is not known any more.
    tz = "UTC" if schedule is None else schedule.timing.tz
    states = run_states(space) if firings else {}
    facts = [
        {**firing_facts(firing, tz), "run_state": states.get(firing.run or "")}
        for firing in firings
    ]
    if arguments.json:
        _write(facts)
    elif facts:
        rows = [
            [
                one["due_text"],
                one["decision"],
                one["run_state"] or "",
                one["run"] or "",
                one["note"].partition("\n")[0],
            ]
            for one in facts
        ]
        sys.stdout.write(_table(["DUE", "DECISION", "STATE", "RUN", "WHY"], rows))
    else:
        say(f"{arguments.name} has not been due yet")
    return EXIT_OK


def firing_facts(firing: Firing, tz: str) -> dict[str, Any]:
    """Return what is known of a due time; moments are epoch seconds."""
    return {
        "schedule": firing.schedule,
        "due": firing.due,
        "due_text": moment_text(firing.due, tz),
        "until": firing.until,
        "decision": firing.decision,
        "decided_at": firing.decided,
        "run": firing.run,
        "caught_up": firing.caught_up,
        "ended_at": firing.ended,
        "note": firing.note,
    }


def run_states(space: Workspace) -> dict[str, str]:
    """Return the state of every run by its id."""
    from framework0.runner import Journal

    journal = Journal(space.journal)
    try:
        return {run.run_id: run.state for run in journal.runs()}
    finally:
        journal.close()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from framework0.cli.columns import state_colors, table
    from framework0.cli.streams import columns_of

    return table(header, rows, columns=columns_of(sys.stdout), colors=state_colors(sys.stdout))


def _write(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
