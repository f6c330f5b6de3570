"""``check_machine``: what is wrong within one node or file, and what reading alone cannot know."""

from __future__ import annotations

import os

import pytest

from framework0.stepengine import check_machine, read_library, read_machine
from tests.stepengine.libraries import node_text, write_library


def problems_of(folder):
    return check_machine(read_machine(str(folder))).problems


def told(folder):
    """Each problem as code, severity, and what stands at its place."""
    answers = []
    for problem in problems_of(folder):
        with open(problem.place.file, encoding="utf-8") as file:
            line = file.read().splitlines()[problem.place.line - 1]
        answers.append(
            (problem.code, problem.severity, line[problem.place.column - 1 :].split()[0])
        )
    return answers


def alone(tmp_path, text):
    """The problems of a library of one file, ``step_node_a.py``."""
    return told(write_library(tmp_path, step_node_a=text))


@pytest.mark.parametrize(
    ("attributes", "code", "at"),
    [
        ({"module_name_string": "step_node_b"}, "node-name", "'step_node_b',"),
        ({"node_step_name_string": "b"}, "node-name", "'b'},"),
        ({"module_name_string": 3}, "node-name", "3,"),
        ({"first_node_step_bool": "yes"}, "node-flag", "'yes'},"),
        ({"active_node_step_bool": 2}, "node-flag", "2},"),
        ({"node_entry_breakpoint": None}, "node-flag", "None},"),
        ({"dg_node_attr_dict": ["shape"]}, "node-attributes", "['shape']},"),
        ({"dg_node_attr_dict": {"shape": None}}, "node-attributes", "{'shape':"),
        ({"dg_node_attr_dict": {3: "box"}}, "node-attributes", "{3:"),
        ({"timeout": "soon"}, "node-policy", "'soon'},"),
        ({"retry": {"attempts": 0}}, "node-policy", "{'attempts':"),
        ({"max_visits": 0}, "node-policy", "0},"),
        ({"skip_step_node_excute_bool": 1}, "node-word", "'skip_step_node_excute_bool':"),
    ],
)
def test_a_wrong_attribute_is_shown_at_its_value(tmp_path, attributes, code, at):
    write_library(tmp_path, node_text("a", **attributes))
    assert told(tmp_path) == [(code, "error", at)]


def test_attributes_of_ones_own_are_ones_own_business(tmp_path):
    write_library(tmp_path, node_text("a", cost_center="B-17", retry=3, timeout="2m", max_visits=9))
    assert told(tmp_path) == []


@pytest.mark.parametrize(
    ("arrow", "code", "at"),
    [
        ("'b'", "node-attributes", "'b'}"),
        ("{}", "node-arrow", "'on':"),
        ("{'arrow_step_name_string': 3}", "node-arrow", "3}}"),
        ("{'arrow_step_name_string': 'a', 'active_arow_step_bool': 0}", "node-word", "'active_arow_step_bool':"),
        ("{'arrow_step_name_string': 'a', 'active_arrow_step_bool': 'no'}", "node-flag", "'no'}}"),
        ("{'arrow_step_name_string': 'a', 'dg_edge_attr_dict': 3}", "node-attributes", "3}}"),
        ("{'arrow_step_name_string': 'a', 'module_name_string': 'step_node_b'}", "node-name", "'step_node_b'}}"),
    ],
)  # fmt: skip
def test_a_wrong_arrow_is_shown_at_its_value(tmp_path, arrow, code, at):
    found = alone(
        tmp_path,
        f"""
        class a:
            step_arrow_graph_dict = {{'on': {arrow}}}
            def step_execute(self): return 0
            def step_advance(self): return "COMPLETE"
        """,
    )
    assert found == [(code, "error", at)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("step_node_graph_dict = []", ("node-attributes", "error", "[]")),
        ("step_node_graph_dict = {'a': 3}", ("node-attributes", "error", "'a':")),
        ("step_node_graph_dict = {'a': {}, 'b': {}}", ("node-name", "warning", "'b':")),
        ("step_node_graph_dict = {'a': {}, 3: {}}", ("node-attributes", "error", "{'a':")),
        ("step_node_graph_dict = {'a': {}, 'a': {}}", ("duplicate-key", "error", "'a':")),
        ("step_arrow_graph_dct = {}", ("node-word", "error", "{}")),
        ("def step_advanc(self): ...", ("node-word", "error", "def")),
        ("step_node_params_dict_init = {'a': 3}", ("node-params", "error", "3}")),
        ("step_node_params_dict_init = 3", ("node-params", "error", "3")),
        ("step_node_params_dict_init = {'a': {'x': {1: 2}}}", ("node-params", "error", "{1:")),
        ("step_node_results_dict_init = {'a': {'x': b'no'}}", ("node-params", "error", "b'no'}}")),
        ("step_node_results_dict_init = {'a': {'x': [1, 1e999]}}", ("node-params", "error", "[1,")),
    ],
)
def test_what_is_wrong_in_a_class_is_shown_where_it_stands(tmp_path, body, expected):
    text = f"class a:\n    {body}\n    def step_execute(self): return 0\n"
    assert alone(tmp_path, text) == [expected]


def test_values_nested_too_deeply_to_be_read_are_unknown(tmp_path):
    deep = "[" * 150 + "]" * 150
    text = f"class a:\n    step_node_params_dict_init = {{'a': {{'x': {deep}}}}}\n    def step_execute(self): ...\n"
    assert alone(tmp_path, text) == []
    [node] = read_library(tmp_path).nodes
    assert node.facts.unknown == ("params",)


def test_two_nodes_of_one_name_are_shown_with_both_places(tmp_path):
    text = "class {0}:\n    name = 'lift'\n    def step_execute(self): ...\n"
    write_library(tmp_path, step_node_a=text.format("a"), step_node_b=text.format("b"))
    [problem] = problems_of(tmp_path)
    assert (problem.code, problem.place.line) == ("node-twice", 1)
    files = [os.path.basename(place.file) for place in (problem.place, problem.related[0][1])]
    assert files == ["step_node_b.py", "step_node_a.py"]


def test_the_name_of_a_node_is_its_key_else_its_name_else_that_of_the_class(tmp_path):
    write_library(
        tmp_path,
        step_node_a="""
        class one:
            name = "named"
            step_node_graph_dict = {"keyed": {}}
            def step_execute(self): ...
        class two:
            name = "named"
            def step_execute(self): ...
        class three:
            def step_execute(self): ...
        """,
    )
    assert [node.name for node in read_library(tmp_path).nodes] == ["keyed", "named", "three"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class a(:\n", ("node-import", "error")),
        ("step_node_class_list = ['b']\nclass a:\n    pass\n", ("node-class", "error")),
        ("step_node_class_list = list(x)\n", ("node-unknown", "note")),
        ("step_node_class_list = [make()]\n", ("node-unknown", "note")),
        ("from other import b\nstep_node_class_list = [b]\n", ("node-unknown", "note")),
    ],
)
def test_what_keeps_a_file_from_being_read_is_told(tmp_path, text, expected):
    [(code, severity, _)] = alone(tmp_path, text)
    assert (code, severity) == expected


def test_a_list_of_classes_says_which_are_nodes(tmp_path):
    text = "class a:\n    pass\nclass b:\n    def step_execute(self): ...\nstep_node_class_list = [a]\n"
    [node] = read_library(write_library(tmp_path, step_node_a=text)).nodes
    assert (node.name, node.facts.methods) == ("a", ())


def test_files_that_cannot_be_modules_and_files_that_are_none_are_told(tmp_path):
    (tmp_path / "step_node_a-b.py").write_text("", encoding="utf-8")
    os.mkfifo(tmp_path / "step_node_pipe.py")
    (tmp_path / "step_node_folder.py").mkdir()
    codes = [
        (problem.code, os.path.basename(problem.place.file)) for problem in problems_of(tmp_path)
    ]
    assert codes == [("node-file", "step_node_a-b.py"), ("node-file", "step_node_pipe.py")]


def test_an_empty_library_is_told(tmp_path):
    library = read_library(tmp_path)
    assert [problem.code for problem in library.problems] == ["library-empty"]


@pytest.mark.parametrize(
    "body",
    [
        "step_arrow_graph_dict = make()",
        "step_arrow_graph_dict = {**make()}",
        "step_arrow_graph_dict = {key(): {}}",
        "step_arrow_graph_dict = {}\n    step_arrow_graph_dict['on'] = {}",
        "step_arrow_graph_dict = {}\n    def f(self):\n        self.step_arrow_graph_dict = {}",
        "step_arrow_graph_dict = {}\n    def f(self):\n        self.step_arrow_graph_dict.update(x)",
        "if X:\n        step_arrow_graph_dict = {}\n    else:\n        step_arrow_graph_dict = {'a': {}}",
        "def step_arrow_graph_dict(self): ...",
        "step_arrow_graph_dict = FROM_ELSEWHERE",
        "step_arrow_graph_dict = A = B\n",
    ],
)
def test_arrows_that_are_computed_are_said_to_be_unknown(tmp_path, body):
    text = f"from nowhere import FROM_ELSEWHERE\nA = B\nB = A\nclass a:\n    {body}\n    def step_execute(self): ...\n"
    write_library(tmp_path, step_node_a=text)
    assert [(code, severity) for code, severity, _ in told(tmp_path)] == [("node-unknown", "note")]
    [node] = read_library(tmp_path).nodes
    assert node.facts.unknown == ("arrows",)


@pytest.mark.parametrize(
    "target", ["WHERE", "f'{PRE}b'", "PRE + 'b'", "BOTH['x']", "OTHER", "step_node_x.B"]
)
def test_names_bound_to_literals_are_followed_and_nothing_else(tmp_path, target):
    write_library(
        tmp_path,
        step_node_a=f"""
        from names import OTHER
        WHERE, PRE = "b", ""
        WHERE = "b"
        PRE = ""
        BOTH = {{"x": "b"}}
        class a:
            step_arrow_graph_dict = dict(on=dict(arrow_step_name_string={target}))
            def step_execute(self): ...
        """,
        names='OTHER = INNER = "b"\n',
    )
    [node] = read_library(tmp_path).nodes
    arrow = node.facts.arrows["on"]
    assert arrow == (
        {} if target in {"BOTH['x']", "step_node_x.B"} else {"arrow_step_name_string": "b"}
    )


def test_attributes_and_methods_are_inherited_from_classes_that_can_be_read(tmp_path):
    write_library(
        tmp_path,
        step_node_a="""
        from bases import Base
        class a(Base, Exception):
            def step_execute(self): ...
        """,
        bases="""
        COMMON = {"module_name_string": "step_node_a"}
        class Deep:
            '''What all have.'''
            step_arrow_graph_dict = {"on": {"arrow_step_name_string": "a"}} | {"off": {}}
            description = "from " "below"
        class Base(Deep):
            step_node_graph_dict = {"a": {**COMMON, "max_visits": -1 + 3, "timeout": +5}}
            def step_entry(self): return 0
        """,
    )
    [node] = read_library(tmp_path).nodes
    facts = node.facts
    assert facts.methods == ("step_entry", "step_execute")
    assert facts.attributes == {"module_name_string": "step_node_a", "timeout": 5}
    assert (list(facts.arrows), facts.description) == (["on", "off"], "from below")


@pytest.mark.parametrize(
    "head",
    [
        "from nowhere import Base\nclass a(Base):",
        "class a(metaclass=make):",
        "@changed\nclass a:",
    ],
)
def test_a_class_that_cannot_be_read_whole_leaves_unknown_what_it_does_not_say(tmp_path, head):
    text = f"{head}\n    def step_execute(self): ...\n"
    write_library(tmp_path, step_node_a=text)
    assert {(code, severity) for code, severity, _ in told(tmp_path)} == {("node-unknown", "note")}
    [node] = read_library(tmp_path).nodes
    assert node.facts.unknown == ("attributes", "arrows", "params", "results", "methods")


@pytest.mark.parametrize("home", ["framework0.stepengine", "octo_step_lib"])
def test_the_base_class_of_ours_is_known(tmp_path, home):
    text = f"from {home} import StepNode\nclass a(StepNode):\n    def step_execute(self): ...\n"
    assert alone(tmp_path, text) == []


def test_a_class_that_inherits_from_itself_ends(tmp_path):
    text = "class a(b):\n    def step_execute(self): ...\nclass b(a):\n    pass\n"
    library = read_library(write_library(tmp_path, step_node_a=text))
    assert [node.name for node in library.nodes] == ["a", "b"]


def test_a_file_nested_without_end_does_not_end_the_check(tmp_path):
    deep = "-" * 3000 + "1"
    text = (
        f"class a:\n    step_node_graph_dict = {{'a': {deep}}}\n    def step_execute(self): ...\n"
    )
    assert {code for code, *_ in alone(tmp_path, text)} <= {
        "node-unknown",
        "node-file",
        "node-import",
    }


def test_columns_count_characters(tmp_path):
    write_library(tmp_path, node_text("ä", {"größer": "nö"}, first_node_step_bool=1))
    [problem] = problems_of(tmp_path)
    with open(problem.place.file, encoding="utf-8") as file:
        line = file.read().splitlines()[problem.place.line - 1]
    assert line[problem.place.column - 1 :].startswith("'nö'")


def test_of_very_many_problems_the_first_are_listed_and_the_rest_counted(tmp_path):
    attributes = {f"active_node_step_boo{number}": 1 for number in range(300)}
    write_library(tmp_path, node_text("a", **attributes))
    problems = problems_of(tmp_path)
    assert len(problems) == 201
    assert problems[-1].message == "100 more problems are not listed"
    assert problems[-1].severity == "error"
