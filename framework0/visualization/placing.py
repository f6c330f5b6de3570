"""Where the boxes and points of a layered drawing lie: its second half.

Each layer in turn is moved as near as it can to the mean of its neighbors without any two coming too
close and without a change of their order. For one layer that is a least-squares fit of a rising
sequence, which pooling adjacent violators solves exactly (Ayer and others, "An empirical distribution
function for sampling with incomplete information", Ann. Math. Statist. 26, 1955).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.visualization.layers import Layered

ROUNDS: Final = 16
STRAIGHT: Final = 8.0
"""How much more the straightness of a long edge counts than the place of a box."""


def place_across(
    layered: Layered, left: Sequence[float], right: Sequence[float], gap: float
) -> list[float]:
    """Return the x of each item; it reaches ``left`` to the left of it and ``right`` to the right.

    Two items of one layer are at least ``gap`` apart, and the leftmost reaches to 0.
    """
    above, below = layered.neighbors()
    at = [0.0] * len(layered.layer_of)
    for layer in layered.layers:
        edge = 0.0
        for item in layer:
            at[item] = edge + left[item]
            edge = at[item] + right[item] + gap
    weights = [1.0 if item < layered.boxes else STRAIGHT for item in range(len(at))]
    for step in range(ROUNDS):
        downward = step % 2 == 0
        for layer in layered.layers if downward else reversed(layered.layers):
            wanted = [
                (
                    _mean(item, above[item] if downward else below[item], at, weights)
                    if step < ROUNDS - 2
                    else _mean(item, [*above[item], *below[item]], at, weights)
                )
                for item in layer
            ]
            _settle(layer, wanted, [weights[item] for item in layer], left, right, gap, at)
    shift = min((at[item] - left[item] for item in range(len(at))), default=0.0)
    return [x - shift for x in at]


def _mean(item: int, others: Sequence[int], at: Sequence[float], weights: Sequence[float]) -> float:
    if not others:
        return at[item]
    total = sum(weights[other] for other in others)
    return sum(weights[other] * at[other] for other in others) / total


def _settle(
    layer: Sequence[int],
    wanted: Sequence[float],
    weights: Sequence[float],
    left: Sequence[float],
    right: Sequence[float],
    gap: float,
    at: list[float],
) -> None:
    """Move the items of a layer as near to ``wanted`` as their order and their sizes let them."""
    offsets = [0.0]
    for one, other in pairwise(layer):
        offsets.append(offsets[-1] + right[one] + gap + left[other])
    # Without its offset each item wants a place, and the places must only rise.
    pools: list[tuple[float, float, int]] = []
    for place, offset, weight in zip(wanted, offsets, weights, strict=True):
        mean, total, count = place - offset, weight, 1
        while pools and pools[-1][0] > mean:
            before, mass, size = pools.pop()
            mean = (mean * total + before * mass) / (total + mass)
            total += mass
            count += size
        pools.append((mean, total, count))
    index = 0
    for mean, _, count in pools:
        for item in layer[index : index + count]:
            at[item] = mean + offsets[index]
            index += 1


def place_down(
    layers: Sequence[Sequence[int]], heights: Sequence[float], gap: float
) -> list[tuple[float, float]]:
    """Return for each layer its top and its bottom; ``heights`` are those of the items."""
    found = []
    top = 0.0
    for layer in layers:
        bottom = top + max((heights[item] for item in layer), default=0.0)
        found.append((top, bottom))
        top = bottom + gap
    return found
