"""The reference of the step engine names everything that a node may say, and nothing else."""

from __future__ import annotations

import re

from framework0.stepengine import MAX_VISITS, Group, StepNode, machine, node, nodes
from framework0.stepengine.documented import DOCUMENTED
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/reference/step-nodes.md").read_text(encoding="utf-8")


def rows_under(heading):
    """Return the first cells of the first table under a heading."""
    part = re.split(r"\n##+ ", PAGE.split(heading, 1)[1], maxsplit=1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [line.split("|")[1].strip() for line in lines[2:]]


def test_every_attribute_of_a_node_has_its_row():
    found = [cell.strip("`") for cell in rows_under("### `step_node_graph_dict`")]
    assert found == list(nodes.NODE_ATTRIBUTES)


def test_every_attribute_of_an_arrow_has_its_row():
    found = [cell.strip("`") for cell in rows_under("### `step_arrow_graph_dict`")]
    assert sorted(set(found) & set(nodes.ARROW_ATTRIBUTES)) == sorted(nodes.ARROW_ATTRIBUTES)


def test_every_method_has_its_row_in_the_order_of_the_states():
    found = [cell.strip("`()") for cell in rows_under("### Methods")]
    assert found == list(machine.METHODS.values())


def test_every_name_of_the_base_class_is_explained():
    own = {name for name in vars(StepNode) if not name.startswith(("_", "step_node", "step_arrow"))}
    listed = set(re.findall(r"`(\w+)", "\n".join(rows_under("## `StepNode`"))))
    assert own - {"description"} <= listed
    part = PAGE.split("## `StepNode`", 1)[1]
    assert [name for name in vars(Group) if not name.startswith("_") and name not in part] == []


def test_the_modules_that_can_be_imported_are_those_that_are_listed():
    listed = set(re.findall(r"`(octo\w+)`", " ".join(rows_under("## Library"))))
    assert listed == set(DOCUMENTED)


def test_the_variables_and_limits_are_the_real_ones():
    assert node.ATTEMPT_VARIABLE in PAGE
    assert node.VISIT_VARIABLE in PAGE
    explained = (REPOSITORY / "docs/explanation/step_engine.md").read_text(encoding="utf-8")
    assert f"{MAX_VISITS:,} visits" in explained
