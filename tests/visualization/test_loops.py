"""An arrow from a node to itself keeps away from the node's shape."""

from __future__ import annotations

import re

import pytest

from framework0.stepengine import NodeFacts
from framework0.visualization import draw_machine_svg, picture_of
from framework0.visualization.machine_svg import LOOP
from framework0.visualization.svg_shapes import side_of

LOOPED = re.compile(r'<path d="M([\d.]+),([\d.]+)C([\d.]+),[\d.]+ \3,[\d.]+ [\d.]+,([\d.]+)"')


def drawn(shape, loops):
    way = {"arrow_step_name_string": "a_node_of_some_width", "active_arrow_step_bool": 1}
    own = {"dg_node_attr_dict": {"shape": shape}}
    ways = {f"again{number}": way for number in range(loops)}
    facts = NodeFacts("a_node_of_some_width", "m", "c", "", 0, own, ways, {}, {}, ())
    return draw_machine_svg(picture_of("loops", [facts], {}))


@pytest.mark.parametrize("shape", ["box", "diamond", "ellipse", "hexagon", "triangle"])
@pytest.mark.parametrize("loops", [1, 3])
def test_a_loop_is_as_far_from_the_tip_of_a_shape_as_from_the_side_of_a_box(shape, loops):
    svg = drawn(shape, loops)
    found = [tuple(map(float, loop)) for loop in LOOPED.findall(svg)]
    assert len(found) == loops
    for x, top, bend, bottom in found:
        # A curve comes three quarters as far as the points that bend it.
        reach = x + (bend - x) * 3 / 4
        assert reach >= tip_of(svg, shape, (top + bottom) / 2) + LOOP * 3 / 4 - 0.3


def tip_of(svg, shape, y):
    """How far right the drawn shape comes at the height ``y``."""
    if shape == "ellipse":
        middle, level, wide, high = map(
            float,
            re.search(r'cx="([\d.]+)" cy="([\d.]+)" rx="([\d.]+)" ry="([\d.]+)"', svg).groups(),
        )
    else:
        xs, ys = corners(svg)
        middle, level = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        wide, high = (max(xs) - min(xs)) / 2, (max(ys) - min(ys)) / 2
    return middle + side_of(shape, wide * 2, high * 2, y - level)


def corners(svg):
    polygon = re.search(r'<polygon points="([^"]*)"', svg)
    if polygon is not None:
        pairs = [tuple(map(float, pair.split(","))) for pair in polygon[1].split()]
        return [x for x, _ in pairs], [y for _, y in pairs]
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    x, y, wide, high = map(float, boxes[-1])
    return [x, x + wide], [y, y + high]
