"""The dependency graph: who waits for whom, in which order things can start, and where it loops.

Nodes are the integers 0 … n - 1 and edges are lists of integers, which makes a graph of 100,000
nodes cheap: one list of predecessors and one of successors per node, and a count of what each node
still waits for (Kahn, "Topological sorting of large networks", CACM 5, 1962). Components that loop
are found by two walks, one along the edges and one against them (Sharir, "A strong-connectivity
algorithm", Computers & Mathematics 7, 1981), without recursion so that a chain of any length fits.

Nothing here knows what a node means, reads, waits or keeps time.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from framework0.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Graph", "ReadySet"]

ASKED_AT_ONCE: Final = 2_048
"""Nodes that one walk answers for: 256 bytes per node of the graph, 64 MB for the largest."""


class Graph:
    """Which nodes each node depends on. Treat as immutable.

    ``predecessors[n]`` are the nodes that ``n`` waits for; ``successors[n]`` those that wait for
    ``n``, in rising order. An edge given twice counts as one constraint and changes nothing.
    """

    __slots__ = ("predecessors", "successors")

    def __init__(self, predecessors: Sequence[Sequence[int]]) -> None:
        """Build from one sequence of node numbers per node; a number outside the graph raises IndexError."""
        successors: list[list[int]] = [[] for _ in predecessors]
        for node, before in enumerate(predecessors):
            for other in before:
                successors[other].append(node)
        self.predecessors = predecessors
        self.successors = successors

    def __len__(self) -> int:
        return len(self.predecessors)

    def order(self, rank: Sequence[int] | None = None) -> list[int]:
        """Return every node after all it depends on.

        Of the nodes that could come next, the one that has been ready longest does; with ``rank``
        (one number per node) the one of the lowest rank, then of the lowest number. Raises
        UsageError when there is a cycle, naming it.
        """
        order = self._by_waiting() if rank is None else self._by_rank(rank)
        if len(order) < len(self.predecessors):
            path = " → ".join(str(node) for node in self.cycles()[0])
            raise UsageError(f"a graph with a cycle has no order: {path}; take one edge away")
        return order

    def levels(self) -> list[list[int]]:
        """Return the nodes in layers: each depends on something in the layer just before its own.

        Raises UsageError when there is a cycle.
        """
        depth = [0] * len(self.predecessors)
        layers: list[list[int]] = []
        for node in self.order():
            own = depth[node]
            if own == len(layers):
                layers.append([])
            layers[own].append(node)
            for after in self.successors[node]:
                if depth[after] <= own:
                    depth[after] = own + 1
        return [sorted(layer) for layer in layers]

    def cycles(self) -> list[list[int]]:
        """Return one cycle for each set of nodes that depend on each other, empty when there is none.

        A cycle is a path in which each node depends on the next and whose last node is its first:
        ``[1, 4, 2, 1]``, or ``[3, 3]`` for a node that depends on itself. It starts at the lowest
        node of its set and is the shortest through it.
        """
        found = []
        for members in self._loops():
            start = min(members)
            found.append(self._shortest_cycle(start, members))
        return sorted(found)

    def upstream(self, nodes: Iterable[int]) -> set[int]:
        """Return all that the given nodes wait for, directly or not (themselves only in a cycle)."""
        return _reached(self.predecessors, nodes)

    def downstream(self, nodes: Iterable[int]) -> set[int]:
        """Return all that wait for the given nodes, directly or not (themselves only in a cycle)."""
        return _reached(self.successors, nodes)

    def precedes(self, pairs: Sequence[tuple[int, int]]) -> list[bool]:
        """Say for each pair (one, other) whether ``other`` waits for ``one``, directly or not.

        Answered together, since one walk over the graph serves many pairs: each node carries a bit
        for each of the nodes asked about. Raises UsageError when there is a cycle.
        """
        answers = [one in self.predecessors[other] for one, other in pairs]
        asked = [at for at, known in enumerate(answers) if not known]
        ones = list(dict.fromkeys(pairs[at][0] for at in asked))
        order = self.order() if ones else []
        for start in range(0, len(ones), ASKED_AT_ONCE):
            bit = {one: 1 << at for at, one in enumerate(ones[start : start + ASKED_AT_ONCE])}
            carried = [0] * len(self.predecessors)
            for node in order:
                bits = bit.get(node, 0)
                for before in self.predecessors[node]:
                    bits |= carried[before]
                carried[node] = bits
            for at in asked:
                one, other = pairs[at]
                if one != other and carried[other] & bit.get(one, 0):
                    answers[at] = True
        return answers

    def critical_path(self, lengths: Sequence[float]) -> tuple[float, list[int]]:
        """Return the longest path by the sum of its nodes' ``lengths``, and that sum.

        With a length per node in seconds this is the shortest time in which all can be done, and
        the nodes that decide it. Of paths of equal sum, one is returned. Raises UsageError when
        there is a cycle.
        """
        total = [0.0] * len(self.predecessors)
        came_from = [-1] * len(self.predecessors)
        for node in self.order():
            longest = 0.0
            for before in self.predecessors[node]:
                if came_from[node] < 0 or total[before] > longest:
                    longest = total[before]
                    came_from[node] = before
            total[node] = longest + lengths[node]
        if not total:
            return 0.0, []
        node = max(range(len(total)), key=total.__getitem__)
        length = total[node]
        path = []
        while node >= 0:
            path.append(node)
            node = came_from[node]
        path.reverse()
        return length, path

    def _by_waiting(self) -> list[int]:
        waiting = [len(before) for before in self.predecessors]
        successors = self.successors
        order = [node for node, count in enumerate(waiting) if not count]
        # The list grows while it is read: it is its own queue.
        for node in order:
            for after in successors[node]:
                left = waiting[after] - 1
                waiting[after] = left
                if not left:
                    order.append(after)
        return order

    def _by_rank(self, rank: Sequence[int]) -> list[int]:
        waiting = [len(before) for before in self.predecessors]
        ready = [(rank[node], node) for node, count in enumerate(waiting) if not count]
        heapify(ready)
        order = []
        while ready:
            node = heappop(ready)[1]
            order.append(node)
            for after in self.successors[node]:
                waiting[after] -= 1
                if not waiting[after]:
                    heappush(ready, (rank[after], after))
        return order

    def _loops(self) -> list[set[int]]:
        """Return the sets of nodes that all depend on each other."""
        assigned = set(self._by_waiting())
        loops = []
        for root in reversed(self._by_finish(assigned)):
            if root in assigned:
                continue
            assigned.add(root)
            work = [root]
            members = set()
            while work:
                node = work.pop()
                members.add(node)
                fresh = [after for after in self.successors[node] if after not in assigned]
                assigned.update(fresh)
                work.extend(fresh)
            if len(members) > 1 or root in self.predecessors[root]:
                loops.append(members)
        return loops

    def _by_finish(self, skipped: set[int]) -> list[int]:
        """Return the nodes not ``skipped`` in the order a depth-first walk upstream leaves them."""
        seen = set(skipped)
        finished = []
        for root in range(len(self.predecessors)):
            if root in seen:
                continue
            seen.add(root)
            work = [(root, iter(self.predecessors[root]))]
            while work:
                node, edges = work[-1]
                for before in edges:
                    if before not in seen:
                        seen.add(before)
                        work.append((before, iter(self.predecessors[before])))
                        break
                else:
                    finished.append(node)
                    work.pop()
        return finished

    def _shortest_cycle(self, start: int, members: set[int]) -> list[int]:
        """Return the shortest cycle through ``start`` inside the loop ``members`` (breadth first)."""
        came_from: dict[int, int] = {}
        queue = [start]
        for node in queue:
            for before in self.predecessors[node]:
                if before == start:
                    path = [node]
                    while path[-1] != start:
                        path.append(came_from[path[-1]])
                    path.reverse()
                    return [*path, start]
                if before in members and before not in came_from:
                    came_from[before] = node
                    queue.append(before)
        raise AssertionError(f"node {start} is not in a loop")


class ReadySet:
    """What can start now, as work ends: a count per node of what it still waits for.

    ``first`` holds the nodes that wait for nothing, in rising order.
    """

    __slots__ = ("_successors", "_waiting", "first")

    def __init__(self, graph: Graph) -> None:
        self._successors = graph.successors
        self._waiting = [len(before) for before in graph.predecessors]
        self.first = [node for node, count in enumerate(self._waiting) if not count]

    def finish(self, node: int) -> list[int]:
        """Note that ``node`` is done (once each); return those that can start because of it."""
        waiting = self._waiting
        ready = []
        for after in self._successors[node]:
            left = waiting[after] - 1
            waiting[after] = left
            if not left:
                ready.append(after)
        return ready


def _reached(edges: Sequence[Sequence[int]], nodes: Iterable[int]) -> set[int]:
    reached: set[int] = set()
    work = list(nodes)
    while work:
        for other in edges[work.pop()]:
            if other not in reached:
                reached.add(other)
                work.append(other)
    return reached
