"""Boxes in layers with as few crossings as a few sweeps find: the first half of a layered drawing.

The method is that of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system
structures", IEEE Trans. SMC 11, 1981): edges that close a circle are turned round, each box gets
the layer below all that lead to it, an edge over several layers gets a point in each between, and the
order within the layers is swept by the mean of the neighbors (barycenters). Between two layers of boxes
lies one of points only, where the words of the edges stand, so that none lies on a box.

Pure: what comes in is numbers, and so is what comes out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SWEEPS: Final = 12
"""Times that all layers are sorted; after so many the crossings hardly change."""

MOST_COUNTED: Final = 4_000
"""Pieces of edges up to which crossings are counted after each sweep; beyond, the last order stays."""


class Layered:
    """Boxes and points in layers.

    ``layers`` holds item numbers, left to right; items below ``boxes`` are boxes, the others points of
    edges. ``chains[e]`` is the items that edge ``e`` passes from top to bottom, and ``turned[e]`` says that
    the edge runs upward along it. ``label_item[e]`` is the point at which its words stand.
    """

    def __init__(self, boxes: int, edges: Sequence[tuple[int, int]], starts: Sequence[int]) -> None:
        self.boxes = boxes
        self.layers: list[list[int]] = []
        self.layer_of: list[int] = []
        self.chains: list[list[int]] = []
        self.turned: list[bool] = []
        self.label_item: list[int] = []
        self._down: list[tuple[int, int]] = []
        self._turn(boxes, edges, starts)
        self._assign()
        self._chain()
        self._order()

    def neighbors(self) -> tuple[list[list[int]], list[list[int]]]:
        """Return the items above, and those below each item."""
        above: list[list[int]] = [[] for _ in self.layer_of]
        below: list[list[int]] = [[] for _ in self.layer_of]
        for chain in self.chains:
            for upper, lower in pairwise(chain):
                below[upper].append(lower)
                above[lower].append(upper)
        return above, below

    def _turn(self, boxes: int, edges: Sequence[tuple[int, int]], starts: Sequence[int]) -> None:
        """Turn round the edges that lead back to a box on the way of a walk that began above."""
        after: list[list[int]] = [[] for _ in range(boxes)]
        for number, (one, _) in enumerate(edges):
            after[one].append(number)
        self.turned = [False] * len(edges)
        state = [0] * boxes
        for root in (*starts, *range(boxes)):
            if state[root]:
                continue
            state[root] = 1
            walk = [(root, iter(after[root]))]
            while walk:
                box, rest = walk[-1]
                number = next(rest, -1)
                if number < 0:
                    state[box] = 2
                    walk.pop()
                    continue
                other = edges[number][1]
                if state[other] == 1:
                    self.turned[number] = True
                elif not state[other]:
                    state[other] = 1
                    walk.append((other, iter(after[other])))
        self._down = [
            (other, one) if back else (one, other)
            for (one, other), back in zip(edges, self.turned, strict=True)
        ]

    def _assign(self) -> None:
        """Give each box the layer below the lowest that leads to it; boxes have the even ones."""
        waiting = [0] * self.boxes
        below: list[list[int]] = [[] for _ in range(self.boxes)]
        for upper, lower in self._down:
            waiting[lower] += 1
            below[upper].append(lower)
        depth = [0] * self.boxes
        order = [box for box in range(self.boxes) if not waiting[box]]
        for box in order:
            for other in below[box]:
                depth[other] = max(depth[other], depth[box] + 2)
                waiting[other] -= 1
                if not waiting[other]:
                    order.append(other)
        self.layer_of = depth
        self.layers = [[] for _ in range(max(depth, default=0) + 1)]
        for box in order:
            self.layers[depth[box]].append(box)

    def _chain(self) -> None:
        """Put a point into each layer that an edge crosses; its words stand in the middle one."""
        for upper, lower in self._down:
            chain = [upper]
            for layer in range(self.layer_of[upper] + 1, self.layer_of[lower]):
                chain.append(len(self.layer_of))
                self.layer_of.append(layer)
                self.layers[layer].append(chain[-1])
            chain.append(lower)
            self.chains.append(chain)
            # An odd layer, in which there are no boxes.
            self.label_item.append(chain[1 + (len(chain) - 3) // 4 * 2])

    def _order(self) -> None:
        above, below = self.neighbors()
        counted = sum(map(len, below)) <= MOST_COUNTED
        best = [list(layer) for layer in self.layers]
        fewest = _crossings(best, below) if counted else 0
        for sweep in range(SWEEPS):
            downward = sweep % 2 == 0
            self._sweep(above if downward else below, downward=downward)
            if counted:
                crossings = _crossings(self.layers, below)
                if crossings < fewest:
                    fewest, best = crossings, [list(layer) for layer in self.layers]
                if not fewest:
                    break
        if counted:
            self.layers = best

    def _sweep(self, towards: Sequence[Sequence[int]], *, downward: bool) -> None:
        at = [0.0] * len(self.layer_of)
        for layer in self.layers:
            for position, item in enumerate(layer):
                at[item] = float(position)
        for layer in self.layers if downward else reversed(self.layers):
            mean = {
                item: sum(at[other] for other in towards[item]) / len(towards[item])
                for item in layer
                if towards[item]
            }
            layer.sort(key=lambda item: mean.get(item, at[item]))
            for position, item in enumerate(layer):
                at[item] = float(position)


def _crossings(layers: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """Count the crossings between all layers: pairs of pieces whose ends are in opposite order."""
    position = {item: at for layer in layers for at, item in enumerate(layer)}
    count = 0
    for layer in layers:
        ends = [end for item in layer for end in sorted(position[other] for other in below[item])]
        count += _inversions(ends)
    return count


def _inversions(numbers: list[int]) -> int:
    if len(numbers) < 2:  # noqa: PLR2004
        return 0
    half = len(numbers) // 2
    left, right = numbers[:half], numbers[half:]
    count = _inversions(left) + _inversions(right)
    at = 0
    merged = []
    for number in left:
        while at < len(right) and right[at] < number:
            merged.append(right[at])
            at += 1
        count += at
        merged.append(number)
    numbers[:] = [*merged, *right[at:]]
    return count
