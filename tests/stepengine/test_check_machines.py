"""``check_machine``: the courses of a machine and its arrows, each mistake with the way that shows it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import JsonFileBroken, UsageError, WorkspaceError
from framework0.stepengine import check_machine, read_machine
from tests.stepengine.libraries import FILE, node_text, write_instance, write_library

COUNTS = 'self.params["rounds"] = 1'


def check(folder, **choices):
    return check_machine(read_machine(str(folder), **choices))


def found(folder, **choices):
    """The codes of what is found, each with its severity."""
    return [(problem.code, problem.severity) for problem in check(folder, **choices).problems]


def only(folder, code, **choices):
    """The one problem there is, which has this code."""
    [problem] = check(folder, **choices).problems
    assert problem.code == code, problem
    return problem


def test_a_machine_that_is_right_has_no_problems(tmp_path):
    write_library(
        tmp_path,
        node_text("a", {"on": "b"}, first_node_step_bool=1),
        node_text(
            "b",
            {"back": "a", "done": "c"},
            advance='return "done" if x else "back"',
            execute=COUNTS,
        ),
        node_text("c"),
    )
    checked = check(tmp_path)
    assert checked.problems == ()
    assert (list(checked.nodes), checked.first) == (["a", "b", "c"], ("a",))


def test_an_arrow_to_nothing_is_shown_at_the_name_with_the_near_one(tmp_path):
    write_library(
        tmp_path, node_text("lift", {"on": "lowr"}, first_node_step_bool=1), node_text("lower")
    )
    problems = check(tmp_path).problems
    assert [problem.code for problem in problems] == ["arrow-to-nothing", "node-unreachable"]
    assert problems[0].hint == "did you mean 'lower'?"
    line = (tmp_path / "step_node_lift.py").read_text().splitlines()[problems[0].place.line - 1]
    assert line[problems[0].place.column - 1 :].startswith("'lowr'")


def test_an_arrow_may_lead_to_a_node_in_a_file_that_could_not_be_read(tmp_path):
    write_library(tmp_path, node_text("a", {"on": "b"}), step_node_b="class step_node_b(:\n")
    assert found(tmp_path) == [("arrow-to-nothing", "note"), ("node-import", "error")]


def test_an_arrow_to_an_inactive_node_is_wrong_unless_it_is_closed(tmp_path):
    b = node_text("b", active_node_step_bool=0)
    write_library(tmp_path, node_text("a", {"on": "b"}, first_node_step_bool=1), b)
    problem = only(tmp_path, "arrow-to-inactive")
    assert problem.related[0][1].file.endswith("step_node_b.py")
    write_library(
        tmp_path,
        node_text(
            "a", {"on": "b"}, closed={"on"}, first_node_step_bool=1, advance='return "COMPLETE"'
        ),
    )
    assert found(tmp_path) == []


def test_two_arrows_to_one_node_mean_the_same(tmp_path):
    a = node_text("a", {"one": "b", "other": "b"}, advance="return 'one'", first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"))
    assert only(tmp_path, "arrows-overlap").severity == "warning"


def test_a_closed_arrow_does_not_overlap(tmp_path):
    a = node_text("a", {"one": "b", "other": "b"}, closed={"other"}, first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"))
    assert found(tmp_path) == []


@pytest.mark.parametrize("key", ["step_arrow_graph_list_key_a", "COMPLETE"])
def test_the_name_of_an_arrow_must_not_have_another_meaning_already(tmp_path, key):
    a = node_text("a", {key: "b"}, first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"))
    assert only(tmp_path, "arrows-overlap").severity == "error"


@pytest.mark.parametrize(
    ("advance", "codes"),
    [
        (None, ["arrow-not-chosen"]),
        ("return None", ["arrow-not-chosen"]),
        ("if x:\n    return 'b'", ["arrow-not-chosen", "arrow-unknown"]),
        ("return 'to_d'", ["arrow-unknown", "node-unreachable", "node-unreachable"]),
        ("return self.choose()", []),
        ("return 'to_b' if x else 'to_c'", []),
        ("way = 'to_b'\nif x:\n    way = 'to_c'\nreturn way", []),
        ("return self.advance_to('b' if x else 'c')", []),
        ("if x:\n    return self.advance_to('b')\nreturn self.advance_to('c')", []),
        ("if x:\n    return 'to_b'\nelse:\n    raise ValueError", ["node-unreachable"]),
        ("while True:\n    return 'to_b' if x else 'to_c'", []),
        ("with x:\n    return 'to_b' if x else 'to_c'", []),
        ("try:\n    return 'to_b'\nexcept OSError:\n    return 'to_c'", []),
        ("match x:\n    case 1:\n        return 'to_b'\n    case _:\n        return 'to_c'", []),
        ("match x:\n    case 1:\n        return 'to_b'", ["arrow-not-chosen"]),
        ("return 'step_arrow_graph_list_key_c' if x else 'to_b'", []),
        ("return 'step_arrow_graph_list_key_x' if x else 'to_b'", ["arrow-to-nothing", "node-unreachable"]),
    ],
)  # fmt: skip
def test_what_step_advance_returns_is_compared_with_the_arrows(tmp_path, advance, codes):
    a = node_text("a", {"to_b": "b", "to_c": "c"}, advance=advance, first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"), node_text("c"))
    assert [problem.code for problem in check(tmp_path).problems] == codes


def test_choosing_a_closed_arrow_is_shown_where_it_is_returned(tmp_path):
    a = node_text("a", {"on": "b"}, closed={"on"}, advance="return 'on'", first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"))
    problems = check(tmp_path).problems
    assert [problem.code for problem in problems] == ["arrow-closed", "node-unreachable"]
    assert (
        "return 'on'"
        in (tmp_path / "step_node_a.py").read_text().splitlines()[problems[0].place.line - 1]
    )


def test_a_node_that_none_comes_to_is_shown_with_the_arrows_that_would_lead_there(tmp_path):
    a = node_text("a", {"on": "b", "off": "c"}, closed={"off"}, first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"), node_text("c"))
    problem = only(tmp_path, "node-unreachable")
    assert (problem.severity, problem.message) == ("warning", "no way leads from 'a' to node 'c'")
    assert [words for words, _ in problem.related] == [
        "the arrow 'off' of 'a', which is never taken"
    ]


def test_whether_a_node_is_reached_is_unknown_when_a_way_is_computed(tmp_path):
    a = node_text("a", {"on": "b"}, advance="return self.somewhere", first_node_step_bool=1)
    write_library(tmp_path, a, node_text("b"), node_text("c"))
    problem = only(tmp_path, "node-unreachable")
    assert problem.severity == "note"
    assert "self.somewhere is computed" in problem.message


def test_a_node_whose_arrows_are_all_closed_is_a_dead_end(tmp_path):
    write_library(
        tmp_path,
        node_text("a", {"on": "b"}, first_node_step_bool=1),
        node_text("b", {"on": "c"}),
        node_text("c", {"on": "a"}, closed={"on"}),
    )
    problem = only(tmp_path, "no-way-out")
    assert "(a → b → c)" in problem.message
    assert [words for words, _ in problem.related] == [
        "a → b by 'on'",
        "b → c by 'on'",
        "closed: 'on'",
    ]


def test_a_loop_without_a_way_out_is_shown_by_the_shortest_way_into_it_and_round(tmp_path):
    write_library(
        tmp_path,
        node_text(
            "a", {"x": "b", "y": "z"}, advance="return 'x' if q else 'y'", first_node_step_bool=1
        ),
        node_text("b", {"on": "c"}, execute=COUNTS),
        node_text("c", {"on": "b"}),
        node_text("z"),
    )
    problem = only(tmp_path, "no-way-out")
    assert problem.message.endswith("a → b → c → b")
    assert len(problem.related) == 3


def test_a_machine_in_which_every_node_leads_round_is_told_once(tmp_path):
    write_library(tmp_path, *[node_text(f"n{i}", {"on": f"n{(i + 1) % 40}"}) for i in range(40)])
    problems = [problem for problem in check(tmp_path).problems if problem.code == "no-way-out"]
    assert len(problems) == 1
    assert "(29 more)" in problems[0].message
    assert len(problems[0].related) == 8


LOOP = {"again": "b", "done": "c"}


def loop(
    tmp_path, execute="return 0", advance="return 'done' if self.params['x'] else 'again'", **more
):
    write_library(
        tmp_path,
        node_text("a", {"on": "b"}, first_node_step_bool=1),
        node_text("b", LOOP, execute=execute, advance=advance, **more),
        node_text("c"),
    )
    return [(p.code, p.severity, *(w for w, _ in p.related)) for p in check(tmp_path).problems]


def test_a_loop_in_which_nothing_changes_is_shown_with_its_round(tmp_path):
    assert loop(tmp_path) == [
        ("loop-unchanging", "warning", "a → b by 'on'", "b → b by 'again'"),
    ]


@pytest.mark.parametrize(
    "execute",
    [
        "self.p.update_json_dict(d, f, l, 'group', 'x', 1)",
        "self.p.increment_json_dict(d, f, l, main_key='g', sub_key='x', increment_bool=True)",
        "self.params['x'] = 1",
        "self.params['x'] += 1",
        "self.shared.increment('x')",
        "self.results['x']['y'].append(1)",
        "del self.params['x']",
        "helper(self)\n\ndef unused(): pass",
    ],
)
def test_a_loop_that_changes_a_parameter_is_well(tmp_path, execute):
    if execute.startswith("helper"):
        text = node_text(
            "b", LOOP, execute="return self.count()", advance="return 'done' if x else 'again'"
        )
        text += "\n    def count(self):\n        return count(self)\n\n\ndef count(node):\n"
        text += "    node.params['x'] = 1\n"
        loop(tmp_path)
        write_library(tmp_path, text)
        assert check(tmp_path).problems == ()
    else:
        assert loop(tmp_path, execute) == []


def test_what_belongs_to_the_engine_is_no_change(tmp_path):
    mine = "self.p.update_json_dict(d, f, l, 'global_parameters', 'current_step_state', 'EXIT')"
    assert [code for code, *_ in loop(tmp_path, mine)] == ["loop-unchanging"]


@pytest.mark.parametrize(
    ("execute", "advance", "reason"),
    [
        ("work.do()", "return 'done' if x else 'again'", "work.do() was not followed"),
        ("self.do_work()", "return 'done' if x else 'again'", "self.do_work() was not followed"),
        ("open('file').read()", "return 'done' if x else 'again'", "open('file').read() was not followed"),
        ("(lambda: 0)()", "return 'done' if x else 'again'", "it calls what it has computed"),
        ("yield", "return 'done' if x else 'again'", "it does more than reading can follow"),
        ("return 0", "import random\nreturn 'done' if random.random() else 'again'", "it decides by random.random()"),
        ("return 0", "from time import time\nreturn 'done' if time() else 'again'", "it decides by time()"),
        ("self.x = 1", "return 'done' if self.x else 'again'", "it decides by self.x, which a method sets"),
        ("return 0", "return 'done' if self.visit > 3 else 'again'", "it decides by self.visit"),
    ],
)  # fmt: skip
def test_whether_a_loop_changes_something_is_unknown_where_the_code_cannot_be_seen_through(
    tmp_path, execute, advance, reason
):
    assert loop(tmp_path, execute, advance) == [("loop-unchanging", "note", reason)]


def test_calls_that_change_no_file_do_not_make_a_loop_unknown(tmp_path):
    execute = """
        import json
        print(len(str(self.params.get("x", 0))), json.dumps({}))
        d = self.p.read_json_dict(a, b, c)
        return int(d["x"])
    """
    assert [severity for _, severity, *_ in loop(tmp_path, execute)] == ["warning"]


def test_a_loop_that_waits_for_a_person_at_a_breakpoint_is_well(tmp_path):
    assert loop(tmp_path, node_exit_breakpoint=1) == []


def test_of_two_first_nodes_the_instance_may_name_one(tmp_path):
    write_library(
        tmp_path / "library",
        node_text("a", {"on": "b"}, first_node_step_bool=1),
        node_text("b", first_node_step_bool=1),
    )
    problem = only(tmp_path / "library", "first-node-twice")
    assert (problem.severity, len(problem.related)) == ("error", 2)
    write_instance(tmp_path / "machine", "../library", first_step_node="a")
    problem = only(tmp_path / "machine", "first-node-twice")
    assert problem.severity == "warning"
    assert problem.hint.endswith("this instance begins at 'a', which its parameters name")


def test_where_a_machine_begins_is_asked_of_instances_only(tmp_path):
    write_library(tmp_path / "library", node_text("a"), node_text("b"))
    assert found(tmp_path / "library") == [("first-node-missing", "note")]
    write_instance(tmp_path / "machine", tmp_path / "library", first_step_node="")
    problem = only(tmp_path / "machine", "first-node-missing")
    assert (problem.severity, problem.place.line) == ("error", 4)


@pytest.mark.parametrize(("name", "line"), [("first_step_node", 4), ("current_step_node", 4)])
def test_a_node_that_the_instance_names_is_in_its_library(tmp_path, name, line):
    write_library(tmp_path / "library", node_text("lift"))
    write_instance(tmp_path / "machine", tmp_path / "library", **{name: "lit"})
    problem = only(tmp_path / "machine", f"{name.partition('_')[0]}-node-unknown")
    assert (problem.hint, problem.place.line) == ("did you mean 'lift'?", line)
    assert problem.place.file.endswith(FILE)


def test_another_library_can_be_named(tmp_path):
    write_library(tmp_path / "library", node_text("a"))
    write_instance(tmp_path / "machine", "nowhere")
    assert found(tmp_path / "machine", library=str(tmp_path / "library")) == []
    (tmp_path / "fresh").mkdir()
    assert found(tmp_path / "fresh", library=str(tmp_path / "library")) == []
    with pytest.raises(UsageError, match="nowhere is no folder: name one with --library"):
        check(tmp_path / "machine")


def test_a_folder_that_is_no_machine_is_refused(tmp_path):
    with pytest.raises(UsageError, match="neither an instance nor a library"):
        check(tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        check(tmp_path / "nowhere")


def test_a_broken_parameter_file_is_told_with_its_place_and_left_alone(tmp_path):
    write_library(tmp_path, node_text("a"))
    (tmp_path / FILE).write_text('{"global_parameters": {', encoding="utf-8")
    with pytest.raises(JsonFileBroken, match="ends too early"):
        check(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, "step_node_a.py"]


def test_a_parameter_file_that_is_a_folder_is_told(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(WorkspaceError, match="cannot be read"):
        check(tmp_path)


def test_groups_that_are_none_count_for_nothing(tmp_path):
    write_library(tmp_path, node_text("a"))
    (tmp_path / FILE).write_text('{"global_parameters": 7}', encoding="utf-8")
    assert found(tmp_path) == []


def test_checking_leaves_nothing_behind_and_imports_nothing(tmp_path):
    write_library(
        tmp_path,
        step_node_a="raise SystemExit('imported')\nclass a:\n    def step_execute(self): ...\n",
    )
    before = set(sys.modules)
    check(tmp_path)
    assert not any(name.startswith("step_node_") for name in set(sys.modules) - before)
    assert [path.name for path in tmp_path.iterdir()] == ["step_node_a.py"]


NAMES = [f"n{number}" for number in range(6)]


@st.composite
def machines(draw):
    """Arrows of six nodes, some of them closed; the first node is n0."""
    arrows = draw(
        st.lists(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.booleans()), max_size=14
        )
    )
    return [(one, other, is_open) for one, other, is_open in arrows]


@settings(deadline=None, max_examples=60)
@given(arrows=machines())
def test_reached_nodes_and_places_without_a_way_out_are_those_a_naive_search_finds(
    arrows, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("library")
    texts = []
    ways = {name: set() for name in NAMES}
    ends = set()
    for name in NAMES:
        own = [
            (f"k{at}", to, is_open) for at, (one, to, is_open) in enumerate(arrows) if one == name
        ]
        ways[name] = {to for _, to, is_open in own if is_open}
        keys = [key for key, _, is_open in own if is_open]
        if not own:
            ends.add(name)
        choose = None if len(keys) < 2 else "return " + " if x else ".join(map(repr, keys))
        texts.append(
            node_text(
                name, {key: to for key, to, _ in own}, closed={k for k, _, o in own if not o},
                advance=choose, execute=COUNTS, first_node_step_bool=int(name == "n0"),
            )
        )  # fmt: skip
    write_library(folder, *texts)
    problems = check(folder).problems
    reached = closure({"n0"}, ways)
    told = {
        p.message.rpartition("'")[0].rpartition("'")[2]
        for p in problems
        if p.code == "node-unreachable"
    }
    assert told == set(NAMES) - reached
    hopeless = any(not closure({name}, ways) & ends for name in reached)
    assert any(problem.code == "no-way-out" for problem in problems) == hopeless


def closure(names, ways):
    found, waiting = set(names), list(names)
    while waiting:
        for to in ways[waiting.pop()] - found:
            found.add(to)
            waiting.append(to)
    return found
