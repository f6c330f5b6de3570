"""The page of the step engine's states: tables and pictures come from the machine's own tables.

``docs/write_references.py`` writes it with the other reference pages.
"""

from __future__ import annotations

from html import escape

PAGE = """\
# States of the step engine

Two states stand in `global_parameters` of the [parameter file](parameters.md): the engine's, `step_engine_state`, and that of the
current step, `current_step_state`. This page is written from the two tables that the engine itself moves by
(`framework0/stepengine/machine.py`).

## A step

{step_picture}

| In | the engine calls | then comes |
| --- | --- | --- |
{step_rows}

Each move is one change of the file, made before the method of the new state is called. Whoever reads `EXECUTE` there knows that
`step_execute` is being called, or is about to be; what was killed is called again, with the next attempt. A step that fails moves no
more: the state in which it failed stays, for people to see and for `framework0 step resume` to go on from.

## The engine

{engine_picture}

| In | then comes |
| --- | --- |
{engine_rows}

`framework0 step reset` makes it `INACTIVE` from every state but that (left out of the picture). A machine that pauses at a breakpoint stays `RUNNING`, and so does one
whose process was killed: in both cases `framework0 step resume` goes on.

## What the events mean

| Event | What has happened |
| --- | --- |
{meanings}
"""

STEP_ORDER = ("INACTIVE", "ENTER", "EXECUTE", "EXIT", "ADVANCE", "JUMP")
ENGINE_ORDER = ("INACTIVE", "STARTUP", "RUNNING", "COMPLETE_SUCCESS", "COMPLETE_ERROR")

LETTER = 8
GAP = 92
HEIGHT = 30
TOP = 60
ARC = 26


def states_page():
    """Return the page."""
    from framework0.stepengine.machine import ENGINE_MOVES, MEANINGS, METHODS, STEP_MOVES

    calls = {state: f"`{method}`" for state, method in METHODS.items()}
    return PAGE.format(
        step_picture=picture("The states of a step", STEP_ORDER, STEP_MOVES),
        engine_picture=picture(
            "The states of the engine", ENGINE_ORDER, without_reset(ENGINE_MOVES)
        ),
        step_rows=rows(
            (state, calls.get(state, "nothing"), following(STEP_MOVES[state]))
            for state in STEP_ORDER
        ),
        engine_rows=rows((state, following(ENGINE_MOVES[state])) for state in ENGINE_ORDER),
        meanings=rows(MEANINGS.items(), first="{}"),
    )


def without_reset(moves):
    """Return a table of moves without the one that every state has."""
    return {
        state: {event: after for event, after in events.items() if event != "reset"}
        for state, events in moves.items()
    }


def rows(entries, first="`{}`"):
    """Return the lines of a table."""
    return "\n".join(f"| {' | '.join([first.format(head), *rest])} |" for head, *rest in entries)


def following(moves):
    """Return the states that come after one, with the events that lead there."""
    return ", ".join(f"`{state}` ({event})" for event, state in moves.items())


def picture(title, order, moves):
    """Return a drawing of a table of moves: the states in a row, ways back and over others below it."""
    left, middles, boxes = 10, {}, []
    for state in order:
        width = LETTER * len(state) + 20
        boxes.append(
            f'<rect x="{left}" y="{TOP}" width="{width}" height="{HEIGHT}" rx="6" fill="none"/>'
            f'<text x="{left + width / 2:g}" y="{TOP + 20}" stroke="none">{state}</text>'
        )
        middles[state] = (left, left + width / 2, left + width)
        left += width + GAP
    arrows, depth = [], 0
    for state in order:
        for event, after in moves[state].items():
            drawn, low = arrow(order, middles, state, after, event, depth)
            depth = max(depth, low)
            arrows.append(drawn)
    size = f'viewBox="0 0 {left - GAP + 10} {TOP + HEIGHT + ARC * (depth + 1)}"'
    # One line for each part, and no empty one: Markdown then leaves it as it is.
    return "\n".join(
        [
            (
                f'<svg {size} role="img" aria-label="{escape(title)}" style="max-width: 100%" '
                'stroke="currentColor" fill="currentColor" text-anchor="middle" font-size="13">'
            ),
            (
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
                'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" stroke="none"/></marker></defs>'
            ),
            *boxes,
            *arrows,
            "</svg>",
        ]
    )


def arrow(order, middles, state, after, event, depth):
    """Return one arrow with its word, and how many rows below the states are taken then."""
    start, end = middles[state], middles[after]
    step = order.index(after) - order.index(state)
    low = depth
    if step == 1:
        path = f"M{start[2]} {TOP + HEIGHT / 2:g}H{end[0]}"
        word = ((start[2] + end[0]) / 2, TOP + 9)
    elif step == 0:
        path = f"M{start[1] - 14:g} {TOP}v-22h28v22"
        word = (start[1], TOP - 28)
    else:
        low = depth + 1
        floor = TOP + HEIGHT + ARC * low
        side = 10 if step > 0 else -10
        path = f"M{start[1] + side:g} {TOP + HEIGHT}V{floor}H{end[1] - side:g}V{TOP + HEIGHT}"
        word = ((start[1] + end[1]) / 2, floor - 5)
    return (
        f'<path d="{path}" fill="none" marker-end="url(#tip)"/>'
        f'<text x="{word[0]:g}" y="{word[1]:g}" stroke="none">{event}</text>'
    ), low
