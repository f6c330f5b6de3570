"""``framework0 step draw`` and ``step scaffold``: machines drawn, and made from drawings."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tests.stepengine.libraries import FILE, node_text, write_instance, write_library

pytestmark = [pytest.mark.slow, pytest.mark.measured]


@pytest.fixture
def press(workspace):
    write_library(
        workspace / "nodes",
        node_text(
            "fill",
            {"full": "press"},
            first_node_step_bool=1,
            dg_node_attr_dict={"shape": "ellipse"},
        ),
        node_text(
            "press", {"again": "press", "well": "store"}, advance="return 'well' if x else 'again'"
        ),
        node_text("store"),
    )
    folder = write_instance(
        workspace / "machine", "../nodes", step_engine_state="RUNNING", current_step_node="press",
        current_step_state="EXECUTE",
    )  # fmt: skip
    content = json.loads((folder / FILE).read_text())
    content["step_engine"] = {"visits": {"fill": 1, "press": 2}, "arrows": {"press>again>press": 1}}
    (folder / FILE).write_text(json.dumps(content))
    return folder


def test_an_instance_is_drawn_with_where_it_is_and_has_been(framework0, press):
    said = framework0("step", "draw", "machine")
    assert (said.code, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "machine: 3 nodes, RUNNING",
        "✓ fill  (first; 1 visit)",
        "  └ full → press",
        "▶ press  (EXECUTE; 2 visits)",
        "  ├ again → press  (once)",
        "  └ well → store",
        "· store",
    ]
    before = sorted(path.name for path in press.iterdir())
    assert before == [FILE]


def test_a_library_is_drawn_without_marks(framework0, press):
    assert framework0("step", "draw", "nodes").stdout.startswith(
        "nodes: 3 nodes\n· fill  (first)\n"
    )


def test_other_programs_and_browsers_get_their_formats(framework0, press):
    assert framework0("step", "draw", "machine", "--format", "mermaid").stdout.startswith(
        "flowchart TD\n"
    )
    assert 'shape="ellipse"' in framework0("step", "draw", "machine", "--format", "dot").stdout
    root = ET.fromstring(framework0("step", "draw", "machine", "--format", "svg").stdout)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_what_cannot_be_read_is_named_and_the_rest_is_drawn(framework0, press):
    write_library(press.parent / "nodes", step_node_bad="class (:\n")
    said = framework0("step", "draw", "machine")
    assert said.code == 0
    assert "not drawn: step_node_bad.py; `framework0 step check machine` says why" in said.stderr
    for path in (press.parent / "nodes").glob("step_node_[fps]*.py"):
        path.unlink()
    said = framework0("step", "draw", "machine")
    assert (said.code, said.stdout) == (3, "")
    assert "step_node_bad.py is no Python" in said.stderr


def test_a_drawing_becomes_node_files_that_pass_the_check(framework0, workspace):
    (workspace / "plan.dot").write_text("digraph { fill -> press -> store; press -> fill }")
    said = framework0("step", "scaffold", "plan.dot", "--into", "made")
    assert (said.code, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    assert lines[0] == "made/step_node_fill.py"
    assert lines[3] == "made: 3 node files"
    assert framework0("step", "check", "made", "--strict").code == 0
    again = framework0("step", "scaffold", "plan.dot", "--into", "made")
    assert (again.code, again.stdout) == (5, "")
    assert "nothing is overwritten" in again.stderr
    answer = json.loads(
        framework0("step", "scaffold", "plan.dot", "--into", "other", "--json").stdout
    )
    assert answer == {
        "library": "other",
        "files": ["step_node_fill.py", "step_node_press.py", "step_node_store.py"],
    }


def test_a_mistake_in_the_drawing_is_shown_at_its_place(framework0, workspace):
    (workspace / "plan.dot").write_text("digraph {\n  fill -- press\n}\n")
    said = framework0("step", "scaffold", "plan.dot", "--into", "made")
    assert said.code == 3
    assert "plan.dot:2:8: error: -- has no direction" in said.stderr
    assert "  fill -- press" in said.stderr
    assert not (workspace / "made").exists()


@pytest.mark.parametrize(
    ("content", "words"), [(b"\xff", "is not UTF-8"), (None, "cannot be read")]
)
def test_a_file_that_is_no_text_is_refused(framework0, workspace, content, words):
    if content is not None:
        (workspace / "plan.dot").write_bytes(content)
    said = framework0("step", "scaffold", "plan.dot", "--into", "made")
    assert said.code == 2
    assert words in said.stderr
