"""A machine in the DOT language of Graphviz. Source: https://graphviz.org/doc/info/lang.html.

The attributes that nodes and arrows give themselves are passed on as they are. What a drawing adds
of its own (the look of a closed arrow, counts, the current node) is listed in ``octo_look``, and what
only the step engine knows has names that begin with ``octo_``, which Graphviz leaves alone: from these
``framework0 step scaffold`` makes the same machine again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from framework0.visualization.machine import END
from framework0.visualization.palette import PALETTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.visualization.machine import Line, Picture, Spot

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = frozenset({"digraph", "edge", "graph", "node", "strict", "subgraph"})

TIMES: Final = "\N{MULTIPLICATION SIGN}"

OWN: Final = "octo_"
"""What the names of attributes begin with that only the step engine understands."""


def draw_machine_dot(picture: Picture) -> str:
    """Return ``picture`` as a directed graph from top to bottom."""
    lines = [
        f"digraph {quoted(picture.title)} {{",
        '    graph [rankdir="TB", fontname="sans-serif"];',
        '    node [shape="box", style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];',
        '    edge [fontname="sans-serif", fontsize="11"];',
    ]
    start, end = _free_names(picture)
    if any(spot.first for spot in picture.spots):
        lines.append(
            f'    {quoted(start)} [shape="point", width="0.15", fillcolor="#222222", octo_role="start"];'
        )
    if picture.ends:
        lines.append(
            f'    {quoted(end)} [shape="doublecircle", label="", width="0.2", octo_role="end"];'
        )
    lines += [f"    {quoted(spot.name)}{_listed(_of_spot(spot))};" for spot in picture.spots]
    lines += [
        f'    {quoted(start)} -> {quoted(spot.name)} [octo_role="start"];'
        for spot in picture.spots
        if spot.first
    ]
    for line in picture.lines:
        to = end if line.to == END else line.to
        lines.append(f"    {quoted(line.start)} -> {quoted(to)}{_listed(_of_line(line))};")
    return "\n".join([*lines, "}"]) + "\n"


def _free_names(picture: Picture) -> tuple[str, str]:
    """Return names for the beginning and the end that no node has."""
    taken = {spot.name for spot in picture.spots}
    start, end = "start", "end"
    while start in taken:
        start += "_"
    while end in taken:
        end += "_"
    return start, end


def _of_spot(spot: Spot) -> dict[str, str]:
    look: dict[str, str] = {}
    if spot.missing:
        look = {"style": "dashed", "color": "#d55e00", "fontcolor": "#d55e00"}
    elif not spot.active:
        look = {"style": "dashed,rounded", "color": "#888888", "fontcolor": "#888888"}
    elif spot.state:
        here = PALETTE[spot.how]
        look = {"style": "rounded,filled", "fillcolor": here.fill, "color": here.line}
        look["penwidth"] = "3"
    elif spot.visits:
        done = PALETTE["succeeded"]
        look = {"style": "rounded,filled", "fillcolor": done.fill, "color": done.line}
    notes = notes_of(spot)
    if notes:
        look["xlabel"] = "; ".join(notes)
    own = {
        **({"octo_role": "missing"} if spot.missing else {}),
        **({"octo_first": "1"} if spot.first else {}),
        **({} if spot.active else {"octo_active": "0"}),
        **({"octo_pauses": spot.pauses} if spot.pauses else {}),
    }
    return _together(spot.attributes, look, own, spot.state != "")


def notes_of(spot: Spot) -> list[str]:
    """Return the words beside a node: what it is doing, and how often it was passed."""
    shown = spot.state if spot.how == "running" else f"{spot.how} in {spot.state}"
    notes = [shown] if spot.state else []
    if spot.visits:
        notes.append(f"{spot.visits:,} visit{'' if spot.visits == 1 else 's'}")
    return notes


def _of_line(line: Line) -> dict[str, str]:
    look = {"label": label_of(line)}
    if line.closed:
        look |= {"style": "dashed", "color": "#888888", "fontcolor": "#888888"}
    elif line.implied:
        look |= {"style": "dotted"}
    if line.taken:
        look |= {"color": PALETTE["running"].line, "penwidth": "2"}
    own = {
        "octo_key": line.key,
        **({"octo_active": "0"} if line.closed else {}),
        **({"octo_implied": "1"} if line.implied else {}),
    }
    return _together(line.attributes, look, own, line.taken > 0)


def label_of(line: Line) -> str:
    """Return the words on an arrow: its label, else its key, and how often it was taken."""
    label = line.attributes.get("label", "COMPLETE" if line.to == END else line.key)
    if line.implied and line.to != END:
        label = "returned by name"
    return f"{label} {TIMES}{line.taken:,}" if line.taken else label


def _together(
    attributes: Mapping[str, str], look: Mapping[str, str], own: Mapping[str, str], marked: bool
) -> dict[str, str]:
    """Put together what a node says of itself and what the drawing adds; marks go before the former."""
    given = {name: value for name, value in sorted(attributes.items()) if not name.startswith(OWN)}
    kept = {name: value for name, value in given.items() if not (marked and name in look)}
    added = {name: value for name, value in look.items() if name not in kept}
    hidden = {f"octo_own_{name}": given[name] for name in given.keys() - kept.keys()}
    if added:
        own = {**own, "octo_look": " ".join(added)}
    return {**kept, **added, **dict(sorted(hidden.items())), **own}


def _listed(attributes: Mapping[str, str]) -> str:
    if not attributes:
        return ""
    words = [f"{_name(name)}={quoted(value)}" for name, value in attributes.items()]
    return f" [{', '.join(words)}]"


def _name(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _WORDS
    return name if plain else quoted(name)


def quoted(text: str) -> str:
    r"""Return ``text`` in quotes, so that nothing in it can end them.

    Graphviz gives backslashes a meaning in labels (``\n``, ``\l``, ``\N``), so they stay; only one that would
    escape the quote itself is doubled.
    """
    parts = ['"']
    position = 0
    while position < len(text):
        letter = text[position]
        following = text[position + 1 : position + 2]
        if letter == "\\":
            if following in ("", '"', "\n", "\r"):
                parts.append("\\\\")
            else:
                parts.append(letter + _harmless(following))
                position += 1
        elif letter == "\n":
            parts.append("\\n")
        elif letter == '"':
            parts.append('\\"')
        else:
            parts.append(_harmless(letter))
        position += 1
    return "".join([*parts, '"'])


def _harmless(letter: str) -> str:
    # Control characters and lone surrogates are nothing that a drawing can show.
    return letter if letter.isprintable() or letter == " " else "�"
