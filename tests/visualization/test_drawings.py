"""Drawings of plans: what they show, and that no name can break their syntax."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.recipe import check_document, parse_text
from framework0.runner import STATES, Plan
from framework0.visualization import PALETTE, draw_dot, draw_mermaid, draw_text, flow_of

DIAMOND = """
metadata: {name: diamond}
steps:
  - {name: load, module: m, function: f, depends_on: []}
  - {name: left, module: m, function: f, depends_on: [load], when: "inputs.x"}
  - {name: right, module: m, function: f, depends_on: [load], retry: 3, timeout: 5}
  - {name: join, type: shell, command: [echo], depends_on: [left, right]}
  - {name: each, module: m, function: f, depends_on: [join], foreach: [1, 2]}
on_failure:
  - {name: tell, module: m, function: f}
finally:
  - {name: sweep, module: m, function: f}
inputs: {x: true}
"""


def plan_of(text, **choices):
    checked = check_document(parse_text(dedent(text)))
    assert checked.recipe is not None, checked.problems
    return Plan(checked.recipe, **choices)


def named(*names):
    """A plan of unordered steps with these names, which a checker might refuse."""
    plan = plan_of(
        "steps:\n"
        + "".join(
            f"  - {{name: s{number}, module: m, function: f, depends_on: []}}\n"
            for number, _ in enumerate(names)
        )
    )
    for step, name in zip(plan.steps, names, strict=True):
        step.name = name
    return plan


def test_text_shows_level_by_level_who_waits_for_whom():
    assert draw_text(flow_of(plan_of(DIAMOND))) == dedent("""\
        diamond: 7 steps
        1 │ load
        2 │ left  ← load  (when inputs.x)
          │ right  ← load  (up to 3 attempts; timeout 5 s)
        3 │ join  ← left, right  (shell)
        4 │ each  ← join  (for each of 2 items)
        when something failed:
        1 │ tell
        always, at the end:
        1 │ sweep
        """)


def test_text_without_signs_is_ascii():
    drawn = draw_text(flow_of(plan_of(DIAMOND), {0: "succeeded"}), signs=False)
    assert drawn.isascii()
    assert "left  <- load" in drawn
    assert "load  (succeeded)" in drawn


def test_text_names_some_parents_and_counts_the_rest():
    steps = "".join(f"  - {{name: p{n}, module: m, function: f}}\n" for n in range(20))
    names = ", ".join(f"p{n}" for n in range(20))
    drawn = draw_text(
        flow_of(
            plan_of(
                f"steps:\n{steps}  - {{name: all, module: m, function: f, depends_on: [{names}]}}\n"
            )
        )
    )
    assert "all  ← p0, p1, p2, p3, p4, p5, p6, p7 and 12 more" in drawn


def test_left_out_steps_say_why():
    drawn = draw_text(flow_of(plan_of(DIAMOND, skip=["join"])))
    assert "left out by --skip" in drawn


def test_every_state_of_the_state_table_has_a_look():
    assert {state for state in STATES if state != "ready"} <= set(PALETTE)


@pytest.mark.parametrize("state", sorted(PALETTE))
def test_a_run_colors_the_steps_and_says_their_state_in_words(state):
    flow = flow_of(plan_of(DIAMOND), {0: state})
    look = PALETTE[state]
    words = state.replace("_", " ")
    assert f"\x1b[{look.ansi}m{look.sign} load\x1b[0m  ({words})" in draw_text(flow, color=True)
    assert "\x1b" not in draw_text(flow)
    assert f'load["load<br/>{words}"]:::{state}' in draw_mermaid(flow)
    assert f"classDef {state} fill:{look.fill}" in draw_mermaid(flow)
    assert f'n0 [label="load\\n{words}", fillcolor="{look.fill}"' in draw_dot(flow)


def test_mermaid_draws_steps_arrows_and_phases():
    drawn = draw_mermaid(flow_of(plan_of(DIAMOND)))
    lines = [line.strip() for line in drawn.splitlines()]
    assert lines[0] == "flowchart TD"
    assert "load --> left" in lines
    assert "left --> join" in lines
    assert 'subgraph on_failure_phase["when something failed"]' in lines
    assert lines.count("end") == 2
    assert "classDef" not in drawn


def test_mermaid_numbers_the_steps_whose_names_mean_something_to_it():
    drawn = draw_mermaid(flow_of(named("end", "step1", "Graph", "two words", "ok", "на")))
    ids = [line.strip().split("[")[0] for line in drawn.splitlines()[1:]]
    assert ids == ["step1", "step2", "step3", "step4", "ok", "step6"]


def test_dot_draws_phases_as_clusters_and_arrows_by_number():
    drawn = draw_dot(flow_of(plan_of(DIAMOND)))
    assert 'subgraph cluster_finally { label="always, at the end";' in drawn
    assert "n0 -> n1;" in drawn
    assert drawn.count("{") == drawn.count("}")


NASTY = [
    'quote " here', "back\\slash", "new\nline", "esc\x1b[31m", "\u202ereversed", 'a"] --> b["', "<script>",
    "#quot;", "`code`", "%%", "}", "{", "]", "; drop", "\u200b", "🚀", "\\", '\\"', "end",
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_no_name_breaks_a_drawing(name):
    flow = flow_of(named(name, "plain"))
    for drawn in (draw_text(flow), draw_mermaid(flow), draw_dot(flow)):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]", drawn)
    assert len(draw_text(flow).splitlines()) == 3
    [line, _] = draw_mermaid(flow).splitlines()[1:]
    assert re.fullmatch(r'    \w+\["[^"<>`%{};\\\n]*(#\d+;[^"<>`%{};\\\n]*)*"\]', line)
    assert len(draw_dot(flow).splitlines()) == 5


@given(st.text(min_size=1, max_size=20))
def test_a_dot_label_ends_where_it_should_whatever_the_name(name):
    line = draw_dot(flow_of(named(name))).splitlines()[2]
    assert re.fullmatch(r'    n0 \[label="([^"\\\n]|\\.)*"\];', line)


def test_a_chain_of_ten_thousand_steps_is_drawn():
    steps = "".join(f"  - {{name: s{n}, module: m, function: f}}\n" for n in range(10_000))
    flow = flow_of(plan_of(f"steps:\n{steps}"))
    assert len(draw_text(flow).splitlines()) == 10_001
    assert draw_mermaid(flow).count("-->") == 9_999
    assert draw_dot(flow).count("->") == 9_999


def test_the_door_opens_to_its_names_only():
    import framework0.visualization as door

    assert sorted(door.__all__, key=str.lower) == sorted(vars(door)["_HOMES"], key=str.lower)
    assert [name for name in door.__all__ if getattr(door, name) is None] == []
    with pytest.raises(AttributeError, match="draw_svg"):
        _ = door.draw_svg
