"""DOT files read and made into step-node files: mistakes at their places, and the same graph back."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import LibraryError, RefusedError
from framework0.stepengine import (
    NodeFacts,
    check_machine,
    read_dot,
    read_library,
    read_machine,
    scaffold,
    write_scaffold,
)
from framework0.visualization import draw_machine_dot, picture_of

PLAN = """
// A plan.
digraph plan {
    rankdir = LR; node [shape=box]
    fill -> press [label="full", color=red];
    press -> press [label="again"]
    press -> {store scrap} /* both */
    subgraph cluster_end { label = "end"; store [label="in the " + "store"] }
    # The last one.
    scrap -> fill
}
"""


def test_a_digraph_is_read_with_chains_subgraphs_and_texts_that_are_joined():
    graph = read_dot(PLAN, "plan.dot")
    assert (graph.name, list(graph.nodes)) == ("plan", ["fill", "press", "store", "scrap"])
    assert graph.nodes["store"].attributes == {"label": "in the store"}
    assert [(edge.start, edge.to) for edge in graph.edges] == [
        ("fill", "press"),
        ("press", "press"),
        ("press", "store"),
        ("press", "scrap"),
        ("scrap", "fill"),
    ]
    assert graph.edges[0].attributes == {"label": "full", "color": "red"}
    assert (graph.edges[0].place.line, graph.edges[0].place.column) == (5, 13)


def test_names_may_be_numbers_and_texts_with_escapes():
    graph = read_dot(
        'strict digraph { -1.5 -> "a \\"b\\"\\n\\\\" -> ä; "con\\\ntinued"; }', "x.dot"
    )
    assert list(graph.nodes) == ["-1.5", 'a "b"\\n\\\\', "ä", "continued"]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "begins with digraph, not with nothing"),
        ("graph { a -- b }", 1, 1, "have no direction"),
        ("digraph { a -- b }", 1, 13, "-- has no direction"),
        ("digraph {\n  a -> b", 2, 9, "'}' is missing"),
        ("digraph {\n  a -> ;\n}", 2, 8, "a name is missing before ';'"),
        ("digraph { a [color] }", 1, 19, "'=' is missing before ']'"),
        ("digraph { a [color=", 1, 20, "a name is missing before nothing"),
        ("digraph { a:n -> b }", 1, 12, "no ports"),
        ("digraph { a [label=<b>] }", 1, 20, "like HTML"),
        ('digraph {\n\n  "a -> b\n}', 3, 3, "no closing quote"),
        ("digraph { /* a }", 1, 11, "does not end"),
        ("digraph { a & b }", 1, 13, "'&' has no meaning"),
        ("digraph { a # b }", 1, 18, "'}' is missing"),
        ("digraph { edge -> b }", 1, 16, "a name is missing before '->'"),
        ("digraph { a -> node }", 1, 16, "'node' is a word of the language"),
        ("digraph { a } digraph { b }", 1, 15, "after the graph"),
        ('digraph { "a" + b }', 1, 17, "after + there is no text"),
        ("digraph " + "{" * 200, 1, 110, "more than 100 deep"),
        ("digraph a b {}", 1, 11, "'{' is missing before 'b'"),
        ("digraph { {" + " ".join(f"a{i}" for i in range(400)) + "} -> {" + " ".join(f"b{i}" for i in range(400)) + "} }", 1, 1906, "more than 100,000 edges"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_dot_file_has_its_place(text, line, column, words):
    with pytest.raises(LibraryError) as caught:
        read_dot(text, "x.dot")
    [problem] = caught.value.problems
    assert words in problem.message
    assert (problem.place.line, problem.place.column) == (line, column)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('"###"', "gives no name of a file"),
        ('"a b" -> "a-b"', "would both be step_node_a_b.py"),
        ("A; a", "would both be step_node_a.py"),
        ('a -> b [octo_key="x"]; a -> c [octo_key="x"]', "two arrows with the key 'x'"),
        ('a -> b [label="COMPLETE"]', "stands for the end"),
        ('a -> b [label="step_arrow_graph_list_key_c"]', "is the name of the way to another node"),
        ('e [octo_role="end"]; a -> e; e -> a', "no arrow leads on from the end"),
        ("", "draws no node"),
    ],
)
def test_a_node_that_cannot_become_a_file_is_told(body, words):
    with pytest.raises(LibraryError) as caught:
        scaffold(f"digraph {{ {body} }}", "x.dot")
    assert words in caught.value.problems[0].message


def made(tmp_path, text):
    library = tmp_path / "library"
    write_scaffold(scaffold(dedent(text), "x.dot"), str(library))
    return library


def test_what_is_made_passes_the_check_and_keeps_the_drawing(tmp_path):
    library = made(tmp_path, PLAN)
    checked = check_machine(read_machine(str(library)))
    assert (checked.problems, checked.first) == ((), ("fill",))
    arrows = {
        key: way["arrow_step_name_string"]
        for key, way in checked.nodes["press"].facts.arrows.items()
    }
    assert arrows == {"again": "press", "to_store": "store", "to_scrap": "scrap"}
    assert checked.nodes["fill"].facts.arrows["full"]["dg_edge_attr_dict"] == {
        "color": "red",
        "label": "full",
    }


@pytest.mark.parametrize(
    "body",
    [
        "a -> b -> a",
        "a -> a",
        "a -> b; b -> c; c -> b; a -> d; d -> d",
        "a -> b [octo_active=0]",
        "a [octo_active=1]; a -> b; a -> b; b -> a",
        'a -> b [label="x"]; a -> c [label="x"]',
    ],
)
def test_where_a_drawing_has_no_way_out_the_code_can_end(tmp_path, body):
    library = made(tmp_path, f"digraph {{ {body} }}")
    problems = check_machine(read_machine(str(library))).problems
    assert [one for one in problems if one.severity == "error"] == []


def test_what_is_made_runs_at_once(tmp_path):
    library = made(tmp_path, PLAN)
    drive = """
import sys
sys.path.insert(0, sys.argv[1])
from step_node_press import step_node_press
node = step_node_press("press")
assert node.step_execute() == 0 and node.results["runs"] == 1
print(node.step_advance())
node.params["way"] = "to_scrap"
print(node.step_advance())
"""
    ended = subprocess.run(
        [sys.executable, "-c", drive, str(library)],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (ended.stdout.split(), ended.stderr) == (["to_store", "to_scrap"], "")


def test_no_file_is_ever_overwritten(tmp_path):
    library = made(tmp_path, "digraph { a -> b }")
    (library / "step_node_b.py").unlink()
    before = (library / "step_node_a.py").read_text()
    with pytest.raises(RefusedError, match=r"step_node_a.py already: nothing is overwritten"):
        write_scaffold(scaffold("digraph { b -> a }", "x.dot"), str(library))
    assert [path.name for path in library.iterdir()] == ["step_node_a.py"]
    assert (library / "step_node_a.py").read_text() == before


def test_a_dangling_link_is_not_written_through(tmp_path):
    (tmp_path / "step_node_a.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(RefusedError):
        write_scaffold(scaffold("digraph { a }", "x.dot"), str(tmp_path))
    assert not (tmp_path / "elsewhere.py").exists()


def drawn(nodes, implied=None):
    return draw_machine_dot(picture_of("machine", nodes, implied))


def drawn_from(library):
    nodes = {node.name: node for node in read_library(library).nodes}
    order = sorted(nodes)
    return drawn(
        [nodes[name].facts for name in order], {name: nodes[name].implied() for name in order}
    )


# A drawing shows nothing that cannot be seen.
SEEN = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
WORDS = st.text(SEEN, min_size=1, max_size=8)
LOOKS = st.dictionaries(st.sampled_from(["label", "shape", "color", "style", "fillcolor"]), WORDS | st.integers(0, 9), max_size=3)  # fmt: skip


@st.composite
def machines(draw):
    """Nodes with arrows, some closed, some inactive; exactly one is the first, and all are named as files may be."""
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), min_size=1, max_size=6, unique=True))  # fmt: skip
    first = draw(st.sampled_from(names))
    nodes = []
    for name in sorted(names):
        keys = draw(st.lists(WORDS.filter(lambda key: key != "COMPLETE"), max_size=4, unique=True))
        arrows = {
            key: {
                "arrow_step_name_string": draw(st.sampled_from(names)),
                "active_arrow_step_bool": draw(st.integers(0, 1)),
                "dg_edge_attr_dict": draw(LOOKS),
            }
            for key in keys
        }
        own = {
            "dg_node_attr_dict": draw(LOOKS),
            "first_node_step_bool": int(name == first),
            "active_node_step_bool": 1 if name == first else draw(st.integers(0, 1)),
            "node_entry_breakpoint": draw(st.integers(0, 1)),
        }
        nodes.append(NodeFacts(name, "", "", "", 0, own, arrows, {}, {}, ()))
    return nodes


@settings(deadline=None, max_examples=40)
@given(machines())
def test_a_machine_drawn_scaffolded_and_drawn_again_is_the_same_graph(tmp_path_factory, nodes):
    library = tmp_path_factory.mktemp("library")
    text = drawn(nodes)
    write_scaffold(scaffold(text, "m.dot"), str(library))
    again = drawn_from(library)
    # Where the machine could not end, the code can now, which the second drawing shows.
    ended = [line for line in again.splitlines() if '"end"' in line]
    assert [line for line in again.splitlines() if line not in ended] == text.splitlines()
    other = tmp_path_factory.mktemp("other")
    write_scaffold(scaffold(again, "m.dot"), str(other))
    assert drawn_from(other) == again
    errors = {
        problem.code
        for problem in check_machine(read_machine(str(library))).problems
        if problem.severity == "error"
    }
    assert errors <= {"arrow-to-inactive"}
