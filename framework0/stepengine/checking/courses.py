"""The courses a machine can take: nodes that none comes to, places it cannot leave, loops without a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.graph import Graph
from framework0.stepengine.checking.ways import Way, path_to, reached, steps, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framework0.errors import Place
    from framework0.stepengine.checking.findings import Findings
    from framework0.stepengine.checking.ways import Ways
    from framework0.stepengine.reading.nodes import ReadNode

MOST_TRIED: Final = 50
"""Nodes of a loop from which its shortest round is looked for."""


class Courses:
    """Checks where a machine goes from its first nodes; without one, from any of its nodes."""

    def __init__(self, ways: Mapping[str, Ways], starts: Sequence[str], findings: Findings) -> None:
        self._all = ways
        self._findings = findings
        self._starts = tuple(starts)
        self._ways: dict[str, list[Way]] = {
            name: [way for way in found.ways if way.to in ways] for name, found in ways.items()
        }
        self._came = reached(starts or ways, self._ways)

    def check(self) -> None:
        """Find all of it."""
        if self._starts:
            self._unreachable()
        stuck = self._no_way_out()
        self._loops(stuck)

    def _unreachable(self) -> None:
        open_ended = [name for name in self._came if self._all[name].unknown]
        for name, found in self._all.items():
            if name in self._came or _is_inactive(found.node):
                continue
            related = [
                (f"the arrow {key!r} of {other!r}, which is never taken", place)
                for other, key, place in self._leading_to(name)
            ]
            start = " or ".join(map(repr, self._starts[:3]))
            if open_ended:
                reason = self._all[open_ended[0]]
                self._findings.note(
                    "node-unreachable",
                    f"no visible way leads from {start} to node {name!r}; whether another does cannot be "
                    f"known: where {open_ended[0]!r} goes is not known by reading ({reason.unknown})",
                    found.node.place,
                    related=related,
                )
            else:
                self._findings.warning(
                    "node-unreachable",
                    f"no way leads from {start} to node {name!r}",
                    found.node.place,
                    hint=f"from there these are reached: {_few(self._came)}",
                    related=related,
                )

    def _leading_to(self, name: str) -> list[tuple[str, str, Place]]:
        """Return the arrows written down that would lead to a node, from nodes that are reached first."""
        found: list[tuple[bool, str, str, Place]] = []
        for other, ways in self._all.items():
            for key, (place, read) in ways.node.arrows().items():
                if (
                    isinstance(read.value, dict)
                    and read.value.get("arrow_step_name_string") == name
                    and other != name
                ):
                    found.append((other not in self._came, other, key, place))
        found.sort(key=lambda each: (each[0], each[1], each[2]))
        return [(other, key, place) for _, other, key, place in found]

    def _no_way_out(self) -> set[str]:
        """Say of each place that the machine cannot leave how it comes there; return those nodes."""
        out = self._leaving()
        caught = {name for name in self._came if name not in out}
        for name in caught:
            if self._all[name].stuck and not self._ways[name]:
                self._dead_end(name)
        for members in self._circles(caught):
            leaves = any(way.to not in members for one in members for way in self._ways[one])
            if not leaves:
                self._caught_in(members)
        return caught

    def _leaving(self) -> set[str]:
        """Return the nodes from which the machine may come to an end, or into the unknown."""
        behind: dict[str, list[str]] = {name: [] for name in self._ways}
        for ways in self._ways.values():
            for way in ways:
                behind[way.to].append(way.start)
        found = [
            name
            for name, ways in self._all.items()
            if ways.ends or ways.unknown
            # What leads to nothing is told elsewhere.
            or len(ways.ways) > len(self._ways[name]) or not (ways.stuck or ways.ways)
        ]
        seen = set(found)
        for name in found:
            for before in behind[name]:
                if before not in seen:
                    seen.add(before)
                    found.append(before)
        return seen

    def _dead_end(self, name: str) -> None:
        path = path_to(name, self._came)
        way_here = f" ({told(path, path[0].start)})" if path else ""
        arrows = self._all[name].node.arrows().items()
        self._findings.error(
            "no-way-out",
            f"the machine cannot go on from node {name!r}: all of its arrows are closed{way_here}",
            self._all[name].node.place,
            hint='open one, or return "COMPLETE" from step_advance to end well',
            related=[*steps(path), *[(f"closed: {key!r}", place) for key, (place, _) in arrows]],
        )

    def _caught_in(self, members: set[str]) -> None:
        round_trip = self._shortest_round(members)
        start = round_trip[0].start
        way_in = path_to(start, self._came)
        path = [*way_in, *round_trip]
        self._findings.error(
            "no-way-out",
            f"the machine can never end once it is in node {start!r}: {told(path, path[0].start)}",
            self._all[start].node.place,
            hint='give one of these nodes an arrow that leads out, or return "COMPLETE" from its step_advance',
            related=steps(path),
        )

    def _loops(self, caught: set[str]) -> None:
        """Find loops in which nothing changes; those without a way out have been told."""
        silent = {
            name
            for name in self._came
            if name not in caught
            and not self._all[name].node.writing.writes
            and not _waits_for_somebody(self._all[name].node)
        }
        certain = {
            name
            for name in silent
            if self._all[name].node.writing.unseen is None
            and self._all[name].node.writing.varying is None
        }
        named = set()
        for members in self._circles(certain):
            named |= members
            self._unchanging(members)
        for members in self._circles(silent):
            if not members <= named:
                self._perhaps_unchanging(members)

    def _unchanging(self, members: set[str]) -> None:
        round_trip = self._shortest_round(members)
        start = round_trip[0].start
        path = [*path_to(start, self._came), *round_trip]
        self._findings.warning(
            "loop-unchanging",
            f"no parameter changes in this loop, so that it goes round until somebody else changes one: "
            f"{told(path, path[0].start)}",
            round_trip[-1].place,
            hint="count the rounds in a parameter and let step_advance look at it, or set max_visits",
            related=steps(path),
        )

    def _perhaps_unchanging(self, members: set[str]) -> None:
        round_trip = self._shortest_round(members)
        start = round_trip[0].start
        for way in round_trip:
            writing = self._all[way.start].node.writing
            unseen = writing.unseen or writing.varying
            if unseen is not None:
                break
        assert unseen is not None
        self._findings.note(
            "loop-unchanging",
            f"whether a parameter changes in this loop cannot be known: {told(round_trip, start)}",
            round_trip[-1].place,
            related=[(unseen.reason, unseen.place)],
        )

    def _circles(self, names: Iterable[str]) -> list[set[str]]:
        """Return the sets of ``names`` that lead to each other by ways among ``names``."""
        order = sorted(names)
        number = {name: at for at, name in enumerate(order)}
        after = [
            sorted({number[way.to] for way in self._ways[name] if way.to in number})
            for name in order
        ]
        return [{order[at] for at in members} for members in _strongly_connected(after)]

    def _shortest_round(self, members: set[str]) -> list[Way]:
        """Return a shortest loop within ``members``, beginning where the machine comes in first."""
        depth = {name: len(path_to(name, self._came)) for name in members}
        best: list[Way] = []
        for name in sorted(members, key=lambda each: (depth[each], each))[:MOST_TRIED]:
            found = self._round_from(name, members)
            if found and (not best or len(found) < len(best)):
                best = found
        return best

    def _round_from(self, name: str, members: set[str]) -> list[Way]:
        inside = {one: [way for way in self._ways[one] if way.to in members] for one in members}
        for way in inside[name]:
            if way.to == name:
                return [way]
        came = reached([way.to for way in inside[name]], inside)
        if name not in came:
            return []
        rest = path_to(name, came)
        first = next(way for way in inside[name] if way.to == rest[0].start)
        return [first, *rest]


def _strongly_connected(after: Sequence[Sequence[int]]) -> list[set[int]]:
    graph = Graph(after)
    found = []
    for cycle in graph.cycles():
        start = cycle[0]
        found.append((graph.upstream([start]) & graph.downstream([start])) | {start})
    return found


def _waits_for_somebody(node: ReadNode) -> bool:
    """Tell whether the machine pauses at the node, so that a person comes in between."""
    value = node.entry[2].value if node.entry is not None else None
    words = ("node_entry_breakpoint", "node_exit_breakpoint")
    return isinstance(value, dict) and any(value.get(word) not in (None, 0) for word in words)


def _is_inactive(node: ReadNode) -> bool:
    entry = node.entry
    return (
        entry is not None
        and isinstance(entry[2].value, dict)
        and entry[2].value.get("active_node_step_bool") in (0, False)
        and "active_node_step_bool" in entry[2].value
    )


def _few(names: Mapping[str, object], count: int = 6) -> str:
    listed = list(names)
    more = len(listed) - count
    return f"{', '.join(listed[:count])}{f' and {more} more' if more > 0 else ''}"
