"""Drawings of machines: what they show, and that nothing a node says of itself can break them."""

from __future__ import annotations

import re
from itertools import pairwise
from textwrap import dedent
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import UsageError
from framework0.stepengine import NodeFacts, read_dot
from framework0.visualization import (
    Marks,
    draw_machine_dot,
    draw_machine_mermaid,
    draw_machine_svg,
    draw_machine_text,
    label_lines,
    picture_of,
)
from framework0.visualization.layers import Layered
from framework0.visualization.placing import place_across
from framework0.visualization.svg_shapes import color_of

SVG = "{http://www.w3.org/2000/svg}"


def node(name, arrows=(), *, closed=(), look=None, edge_look=None, **attributes):
    """The facts about a node; ``arrows`` maps keys to nodes."""
    ways = {
        key: {
            "arrow_step_name_string": to,
            "active_arrow_step_bool": int(key not in closed),
            "dg_edge_attr_dict": edge_look or {},
        }
        for key, to in dict(arrows).items()
    }
    own = {"dg_node_attr_dict": look or {}, **attributes}
    return NodeFacts(name, f"step_node_{name}", name, "", 0, own, ways, {}, {}, ())


PRESS = [
    node("fill", {"full": "press"}, first_node_step_bool=1, look={"shape": "ellipse"}),
    node(
        "press",
        {"again": "press", "well": "done", "off": "lost"},
        closed={"off"},
        node_exit_breakpoint=1,
    ),
    node("done", active_node_step_bool=0),
]
MARKS = Marks(
    "RUNNING", "press", "EXECUTE",
    {"fill": 1, "press": 3}, {"fill>full>press": 1, "press>again>press": 2},
)  # fmt: skip


def pressed(marks=MARKS):
    return picture_of("press", PRESS, {"press": [("COMPLETE", "")]}, marks)


def test_text_shows_each_node_with_its_arrows_from_the_first_on():
    assert draw_machine_text(pressed()) == dedent("""\
        press: 3 nodes, RUNNING
        ✓ fill  (first; 1 visit)
          └ full → press  (once)
        ▶ press  (pauses at exit; EXECUTE; 3 visits)
          ├ again → press  (2 times)
          ├ well → done
          ├ off → lost  (closed; no such node)
          └ → (the end)
        · done  (not active)
        """)


def test_a_terminal_without_signs_gets_ascii_and_one_with_colors_gets_them():
    plain = draw_machine_text(pressed(), signs=False)
    assert plain.isascii()
    assert "> press  (pauses" in plain
    colored = draw_machine_text(pressed(), color=True)
    assert "\x1b[34m▶ press\x1b[0m" in colored
    assert "\x1b[2m  ├ off → lost  (closed; no such node)\x1b[0m" in colored


def test_nodes_that_none_comes_to_are_listed_too():
    nodes = [
        node("c", {"x": "d"}),
        node("d"),
        node("b"),
        node("a", {"x": "b"}, first_node_step_bool=1),
    ]
    text = draw_machine_text(picture_of("m", nodes))
    assert [line.split()[1] for line in text.splitlines() if line.startswith("·")] == [
        "a",
        "b",
        "c",
        "d",
    ]


def test_the_instance_may_name_another_first_node():
    spots = picture_of("m", PRESS, first=["press"]).spots
    assert [spot.name for spot in spots if spot.first] == ["press"]


def test_dot_keeps_the_nodes_own_attributes_and_marks_the_rest_as_added():
    graph = read_dot(draw_machine_dot(pressed(Marks())), "press.dot")
    assert graph.nodes["fill"].attributes == {"shape": "ellipse", "octo_first": "1"}
    done = graph.nodes["done"].attributes
    assert done["octo_look"].split() == [name for name in done if not name.startswith("octo_")]
    keys = [(edge.start, edge.to, edge.attributes.get("octo_key")) for edge in graph.edges]
    assert keys == [
        ("start", "fill", None),
        ("fill", "press", "full"),
        ("press", "press", "again"),
        ("press", "done", "well"),
        ("press", "lost", "off"),
        ("press", "end", "COMPLETE"),
    ]


def test_the_beginning_and_the_end_take_no_name_that_a_node_has():
    nodes = [node("start", {"x": "end"}, first_node_step_bool=1), node("end")]
    graph = read_dot(draw_machine_dot(picture_of("m", nodes, {"end": [("COMPLETE", "")]})), "m.dot")
    assert set(graph.nodes) == {"start", "end", "start_", "end_"}


def test_marks_show_where_the_machine_is_and_what_it_has_taken():
    attributes = read_dot(draw_machine_dot(pressed()), "press.dot").nodes["press"].attributes
    assert attributes["xlabel"] == "EXECUTE; 3 visits"
    assert attributes["penwidth"] == "3"


def test_mermaid_shows_nodes_arrows_and_marks():
    lines = draw_machine_mermaid(pressed()).splitlines()
    assert lines[:2] == ["flowchart TD", '    begin((" "))']
    assert '    finish(((" ")))' in lines
    assert '    n1(["fill<br/>1 visit"])' in lines
    assert '    n1 -->|"full \N{MULTIPLICATION SIGN}1"| n2' in lines
    assert '    n2 -.->|"off (closed)"| n4' in lines
    assert lines[-1].startswith("    linkStyle 1,2 stroke:")
    assert any(line.startswith("    style n2 fill:#cfe6f7") for line in lines)


def shapes_of(document):
    root = ET.fromstring(document)
    return root, {element.tag.removeprefix(SVG) for element in root.iter()}


def test_svg_shows_nodes_in_their_shapes_and_where_the_machine_is():
    root, kinds = shapes_of(draw_machine_svg(pressed()))
    assert kinds == {"svg", "title", "rect", "text", "g", "path", "ellipse"}
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert {
        "fill",
        "press",
        "pauses at exit; EXECUTE; 3 visits",
        "again \N{MULTIPLICATION SIGN}2",
        "COMPLETE",
        "press (RUNNING)",
    } <= set(words)
    bold = [element for element in root.iter(f"{SVG}rect") if element.get("stroke-width") == "3.5"]
    assert len(bold) == 1


@pytest.mark.parametrize(
    ("shape", "tag"),
    [
        *((shape, "polygon") for shape in ("diamond", "hexagon", "house", "octagon", "triangle", "parallelogram")),
        *((shape, "ellipse") for shape in ("circle", "doublecircle", "ellipse", "oval", "point")),
        *((shape, "rect") for shape in ("box", "plaintext", "no such shape")),
    ],
)  # fmt: skip
def test_svg_knows_the_common_shapes(shape, tag):
    alone = node(
        "a", {"x": "a", "y": "a"}, look={"shape": shape, "style": "filled,bold", "fillcolor": "red"}
    )
    root, _ = shapes_of(draw_machine_svg(picture_of("m", [alone])))
    drawn = root.find(f"{SVG}g/{SVG}g/{SVG}{tag}")
    assert drawn is not None
    assert drawn.get("fill") == ("none" if shape == "plaintext" else "red")


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("red", "red"), ("RED3", "red"), ("#abc", "#abc"), ("#aabbccdd", "#aabbccdd"), ("gray50", "#808080"),
        ("transparent", "none"), ("0.0 1.0 1.0", "#ff0000"), ("red:blue", "red"), (". . .", "?"),
        ("nosuch", "?"), ("url(http://x)", "?"), ('red" onload="x', "?"), ("", "?"),
    ],
)  # fmt: skip
def test_colors_are_read_and_never_copied(written, drawn):
    assert color_of(written, "?") == drawn


def test_labels_are_laid_out_as_graphviz_does():
    assert label_lines(r"one\ntwo\lthree\r\N \\ \x", "me") == [
        ("one", "c"),
        ("two", "l"),
        ("three", "r"),
        (r"me \ x", "r"),
    ]
    assert label_lines("") == [("", "c")]
    assert label_lines("end\\") == [("end\\", "c")]


def test_a_picture_too_large_to_be_looked_at_is_refused():
    nodes = [node(f"n{number}") for number in range(1_001)]
    with pytest.raises(UsageError, match=r"1,001 nodes and 0 arrows is too large"):
        draw_machine_svg(picture_of("m", nodes))


def test_the_largest_picture_is_drawn_in_time():
    nodes = [node(f"n{at}", {"on": f"n{at + 1}", "back": f"n{at // 2}"}) for at in range(199)]
    assert draw_machine_svg(picture_of("m", [*nodes, node("n199")])).count("<path") == 2 * 398


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["label", "shape", "style", "color", "fillcolor", "fontcolor", "penwidth", "tooltip", "fontsize", "width", "x y"]),
    TEXT | st.integers() | st.booleans() | st.sampled_from(["dashed", "diamond", "2.5", "\\", '\\"', 'a\\"b', "]; x -> y ["]),
    max_size=4,
)  # fmt: skip


@st.composite
def pictures(draw):
    names = draw(st.lists(TEXT, min_size=1, max_size=5, unique=True))
    nodes = [
        node(
            name,
            draw(st.dictionaries(TEXT, st.sampled_from([*names, "elsewhere"]), max_size=3)),
            look=draw(ATTRIBUTES),
            edge_look=draw(ATTRIBUTES),
            first_node_step_bool=draw(st.integers(0, 1)),
            active_node_step_bool=draw(st.integers(0, 1)),
        )
        for name in names
    ]
    marks = Marks("RUNNING", names[0], "ENTER", {names[-1]: 2}) if draw(st.booleans()) else Marks()
    return picture_of(draw(TEXT), nodes, {names[0]: [("COMPLETE", "")]}, marks)


@settings(deadline=None, max_examples=60)
@given(pictures())
def test_nothing_that_a_node_says_breaks_a_drawing(picture):
    root, kinds = shapes_of(draw_machine_svg(picture))
    assert kinds <= {"svg", "title", "rect", "text", "g", "path", "ellipse", "polygon"}
    for element in root.iter():
        assert not any(name.startswith("on") or "href" in name for name in element.attrib)
    mermaid = draw_machine_mermaid(picture).splitlines()
    assert all(
        re.match(r"flowchart TD|    (n\d+|begin|finish|style|linkStyle)", line) for line in mermaid
    )
    lines = draw_machine_text(picture).splitlines()
    known = [spot for spot in picture.spots if not spot.missing]
    assert len(lines) == 1 + len(known) + len(picture.lines)
    graph = read_dot(draw_machine_dot(picture), "m.dot")
    starts = sum(spot.first for spot in picture.spots)
    assert len(graph.edges) == len(picture.lines) + starts
    assert len(graph.nodes) == len(picture.spots) + (starts > 0) + picture.ends


@st.composite
def edges(draw):
    count = draw(st.integers(1, 12))
    box = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(box, box), max_size=20))
    return count, [(one, other) for one, other in pairs if one != other]


@settings(deadline=None, max_examples=100)
@given(edges(), st.floats(1, 200), st.floats(1, 200))
def test_no_two_boxes_of_a_layer_touch_and_every_edge_runs_from_layer_to_layer(graph, left, right):
    count, pairs = graph
    layered = Layered(count, pairs, [0])
    items = range(len(layered.layer_of))
    at = place_across(layered, [left] * len(items), [right] * len(items), 10.0)
    for layer in layered.layers:
        for one, other in pairwise(layer):
            assert at[other] - at[one] >= left + right + 10 - 1e-6
    for (one, other), chain, turned in zip(pairs, layered.chains, layered.turned, strict=True):
        assert (chain[0], chain[-1]) == ((other, one) if turned else (one, other))
        assert [layered.layer_of[item] for item in chain] == list(
            range(layered.layer_of[chain[0]], layered.layer_of[chain[-1]] + 1)
        )
    assert all(layered.layer_of[item] % 2 for item in layered.label_item)
    assert sorted(item for layer in layered.layers for item in layer) == list(items)


def test_two_edges_that_need_not_cross_do_not():
    layered = Layered(4, [(0, 3), (1, 2)], [0, 1])
    order = {item: place for layer in layered.layers for place, item in enumerate(layer)}
    assert (order[0] < order[1]) == (order[3] < order[2])
