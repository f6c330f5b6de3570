"""Show one run: how it went, its steps, their states and times, and what to do next.

examples:
  framework0 show
  framework0 show 20261124-0427
  framework0 show nightly --context 'weather.*'
  framework0 show nightly --lineage report
  framework0 show nightly --lineage --dot | dot -Tsvg > lineage.svg
  framework0 show --json | jq '.steps[] | select(.state == "failed")'
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.choosing import add_run, add_workspace, chosen_run, opened
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from framework0.cli.story import RunStory, StepStory
    from framework0.runner import Journal

SHOWN_STEPS: Final = 200
"""Of a run with more steps, those that went well are left out, and so is what is beyond this."""

SHOWN_FAILURES: Final = 10
"""Failures told in full below the table."""

RUNNERS: Final = frozenset({"recipe", "step_engine"})
"""Kinds of steps whose work is a run of its own in the journal."""

LONGEST_VALUE: Final = 2_000
"""Characters shown of one value of the context; ``--json`` has them all."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``show``."""
    add_run(parser)
    parser.add_argument(
        "--context",
        nargs="?",
        const="**",
        metavar="PATTERN",
        help="show what the run left in the context instead: all of it, or the keys that match",
    )
    parser.add_argument(
        "--lineage",
        nargs="?",
        const="",
        metavar="WHAT",
        help="show where values come from instead: all, or a step, a context key, an artifact",
    )
    parser.add_argument("--all", action="store_true", help="list every step of a large run")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON object with all that is known")
    form.add_argument("--dot", action="store_true", help="with --lineage: a drawing for Graphviz")
    form.add_argument("--mermaid", action="store_true", help="with --lineage: a Mermaid flowchart")
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Show the run."""
    from framework0.cli.story import RunStory
    from framework0.cli.waiting import note_waits
    from framework0.errors import UsageError

    if (arguments.dot or arguments.mermaid) and arguments.lineage is None:
        raise UsageError(
            "--dot and --mermaid draw a lineage: add --lineage, or use `framework0 graph`"
        )
    with opened(arguments) as (space, journal):
        story = RunStory(journal.read(chosen_run(journal, arguments.run)))
        if arguments.lineage is not None:
            from framework0.cli.lineage import show_lineage

            sys.stdout.write(show_lineage(arguments, story, space, journal))
            return EXIT_OK
        _note_inner(story, journal)
    note_waits(story, space)
    context = None if arguments.context is None else context_of(story, arguments.context)
    if arguments.json:
        import json

        facts = story_facts(story)
        if context is not None:
            facts["context"] = context
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    elif context is not None:
        _show_context(context, arguments.context)
    else:
        sys.stdout.write(_shown(story, everything=arguments.all))
    return EXIT_OK


def _note_inner(story: RunStory, journal: Journal) -> None:
    """Have the story know the latest run that each step with a run of its own has begun."""
    if story.recipe is None or all(step.kind not in RUNNERS for step in story.recipe.steps):
        return
    above = story.header.run_id
    for run in journal.runs():
        if run.is_inner and run.parent == above:
            node = run.run_id[len(above) + 1 :].partition("-")[0]
            if node.isdecimal():
                # The newest come first.
                story.inner.setdefault(int(node), run.run_id)


def context_of(story: RunStory, pattern: str) -> dict[str, Any]:
    """Return what the context holds after the last acknowledged step, by key, sorted."""
    from framework0.context import Context

    context = Context.private()
    context.load(story.history.changes)
    return {key: context.kept(key) for key in context.keys(pattern)}


def _show_context(context: Mapping[str, Any], pattern: str) -> None:
    import json

    from framework0.cli.troubles import say
    from framework0.logs import one_line

    if not context:
        say("the context is empty" if pattern == "**" else f"no key matches {pattern!r}")
    for key, value in context.items():
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > LONGEST_VALUE:
            text = f"{text[:LONGEST_VALUE]}… ({len(text):,} characters; --json shows all)"
        print(one_line(f"{key} = {text}"))


def _shown(story: RunStory, *, everything: bool) -> str:
    from framework0.logs import plain_lines

    summary = "\n".join(_summary(story))
    rest = "\n".join([*_failures(story), *_next_steps(story)])
    table = _steps_table(story, everything=everything)
    text = f"{plain_lines(summary)}\n\n{table}"
    return f"{text}\n{plain_lines(rest)}\n" if rest else text


def _summary(story: RunStory) -> Iterator[str]:
    import json

    header = story.header
    counts = ", ".join(
        f"{count} {state.replace('_', ' ')}" for state, count in story.counts().items()
    )
    yield f"run {header.run_id} {story.state}: {counts}"
    if story.machine is None:
        yield f"  recipe   {header.recipe_name} ({header.recipe_file or 'no file'})"
    else:
        yield f"  {header.recipe_name} ({header.recipe_file})"
        yield f"  library  {story.machine['library']}"
    if header.name:
        yield f"  name     {header.name}"
    yield f"  began    {_times(story)}"
    process = story.history.summary
    if process.schedule is not None:
        yield f"  schedule {process.schedule['name']}, due {process.schedule['due_text']}"
    if story.state == "running":
        yield f"  process  {process.pid} on {process.host}"
    elif story.state == "interrupted":
        yield f"  process  {process.pid} on {process.host} is gone and recorded no end"
    if header.parent:
        verb = "part of" if process.is_inner else "repeats"
        yield f"  {verb}  run {header.parent}"
    halted = story.history.decisions.get((-1, "halted"))
    if halted and story.state == "failed":
        yield f"  stopped  {halted}"
    if header.inputs:
        given = (f"{name}={json.dumps(value)}" for name, value in header.inputs.items())
        yield f"  inputs   {' '.join(given)}"
    if story.recipe is None and story.machine is None:
        yield "  its recipe can no longer be read: only steps with a record are listed"


def _times(story: RunStory) -> str:
    from framework0.cli.runs import run_seconds
    from framework0.cli.times import clock_text, seconds_text

    summary = story.history.summary
    text = clock_text(summary.created_at)
    seconds = run_seconds(summary)
    if seconds is not None:
        verb = "took" if summary.finished_at is not None else "for"
        text += f", {verb} {seconds_text(seconds)}"
    resumed = story.history.sessions[1:]
    if resumed:
        times = "once" if len(resumed) == 1 else f"{len(resumed)} times"
        text += f", resumed {times}, last {clock_text(resumed[-1].at)}"
    return text


def _steps_table(story: RunStory, *, everything: bool) -> str:
    from framework0.cli.columns import state_colors, table
    from framework0.cli.streams import columns_of

    steps: Sequence[StepStory] = story.steps
    if len(steps) > SHOWN_STEPS and not everything:
        remarkable = [
            step for step in steps if step.state not in ("succeeded", "cached", "pending")
        ]
        steps = remarkable[:SHOWN_STEPS]
    what, tries = ("STEP", "TRIES") if story.machine is None else ("NODE", "VISITS")
    one = "attempt" if story.machine is None else "visit"
    shown = table(
        [what, "STATE", tries, "TIME", "WHY"],
        [_row(step, story, one) for step in steps],
        columns=columns_of(sys.stdout),
        right=f"{tries} TIME",
        colors=state_colors(sys.stdout),
    )
    left_out = len(story.steps) - len(steps)
    if left_out:
        shown += f"… and {left_out:,} more: --all lists them\n"
    return shown


def _row(step: StepStory, story: RunStory, one: str) -> list[str]:
    from framework0.cli.times import seconds_text

    last = step.last
    timed = last is not None and (last.attempt or last.outcome.seconds)
    why = in_flight(step, one) or story.waits.get(step.node, "") or step.why
    inner = story.inner.get(step.node)
    if inner is not None:
        why = f"run {inner}: {why}" if why else f"run {inner}"
    return [
        ("  " if step.owner is not None else "") + step.name,
        step.state.replace("_", " "),
        str(step.begun) if step.begun else "",
        seconds_text(last.outcome.seconds) if last is not None and timed else "",
        why,
    ]


def in_flight(step: StepStory, one: str = "attempt") -> str:
    """Return which attempt is going on, or was when the process died; empty if none."""
    flying = step.flying
    if not flying:
        return ""
    over = step.overdue.get(flying)
    if step.state == "running":
        from framework0.cli.watching import overdue_text

        doing = "is going on" if over is None else overdue_text(over["timeout"])
        return f"{one} {flying} {doing}"
    late = "" if over is None else f"timed out after {over['timeout']:g} s, and "
    if step.state == "interrupted":
        return f"{one} {flying} {late}was in flight when the process ended"
    return f"{one} {flying} {late}was left behind"


def _failures(story: RunStory) -> Iterator[str]:
    failed = [step for step in story.steps if step.last and step.last.outcome.failure is not None]
    for step in failed[:SHOWN_FAILURES]:
        failure = step.last.outcome.failure if step.last is not None else None
        if failure is not None:
            yield f"{step.name}: {failure.kind}: {failure.message}"
            if failure.where:
                yield f"    at {failure.where}"
    if len(failed) > SHOWN_FAILURES:
        yield f"… and {len(failed) - SHOWN_FAILURES} more failed: --json has them all"


def _next_steps(story: RunStory) -> Iterator[str]:
    from framework0.cli.story import RESUMABLE

    run_id = story.header.run_id
    if story.machine is not None:
        from framework0.cli.visits import next_lines

        yield from next_lines(story)
        return
    if story.state == "running":
        yield f"to watch it:            `framework0 logs -f {run_id}`"
        yield f"to stop it:             `framework0 cancel {run_id}`"
    if story.state == "paused":
        from framework0.cli.pauses import pause_lines

        yield from pause_lines(story.plan, story.history)
    if story.state in RESUMABLE:
        yield f"why it went like this:  `framework0 why {run_id}`"
        yield f"what the steps printed: `framework0 logs {run_id}`"
        yield f"to go on with it:       `framework0 resume {run_id}`"


def story_facts(story: RunStory) -> dict[str, Any]:
    """Return all that the journal knows of a run; times are epoch seconds, lengths seconds."""
    from framework0.cli.runs import run_facts

    header = story.header
    return {
        **run_facts(story.history.summary),
        "counts": story.counts(),
        "inputs": dict(header.inputs),
        "options": dict(header.options),
        **_pause_facts(story),
        "sessions": [session._asdict() for session in story.history.sessions],
        "steps": [
            {**step_facts(step), "waits": story.waits.get(step.node, "")} for step in story.steps
        ],
    }


def _pause_facts(story: RunStory) -> dict[str, Any]:
    if story.state != "paused":
        return {}
    if story.machine is not None:
        from framework0.cli.visits import pause_facts

        return {"stops": pause_facts(story)}
    from framework0.cli.pauses import stops

    return {"stops": stops(story.plan, story.history)}


def step_facts(step: StepStory) -> dict[str, Any]:
    """Return what is known of one step."""
    from framework0.artifacts import plain

    return {
        "name": step.name,
        "node": step.node,
        "state": step.state,
        "begun": step.begun,
        "in_flight": in_flight(step),
        "overdue": _overdue_now(step),
        "attempts": [
            {
                "attempt": record.attempt,
                "state": record.state,
                "final": record.final,
                "at": record.at,
                "reason": record.reason,
                "failure": (
                    None if record.outcome.failure is None else record.outcome.failure._asdict()
                ),
                "result": plain(record.outcome.result),
                "overdue_at": step.overdue.get(record.attempt, {}).get("at"),
                "seconds": record.outcome.seconds,
                "cpu_seconds": record.outcome.cpu_seconds,
                "peak_memory": record.outcome.peak_memory,
                "read_bytes": record.outcome.read_bytes,
                "written_bytes": record.outcome.written_bytes,
            }
            for record in step.attempts
        ],
    }


def _overdue_now(step: StepStory) -> dict[str, Any] | None:
    """Return since when the attempt in flight is overdue, and its timeout; None if it is not."""
    over = step.overdue.get(step.flying)
    return None if over is None else {"attempt": step.flying, **over}
