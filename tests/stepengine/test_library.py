"""A library is found, imported and described; what is wrong with it is told with its place, all at once."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from textwrap import dedent

import pytest

from framework0.errors import LibraryError
from framework0.stepengine.documented import DOCUMENTED, DocumentedModules
from framework0.stepengine.library import Library, node_files
from framework0.stepengine.lines import lines_of
from tests.conftest import REPOSITORY

NODE = "class {name}:\n    def step_execute(self):\n        return 0\n"


@pytest.fixture
def library(tmp_path):
    """Write files into a library folder, and return it."""
    opened = []

    def make(**files):
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.write_text(dedent(text), encoding="utf-8")
        opened.append(Library(tmp_path))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def problems_of(library):
    with pytest.raises(LibraryError) as refused:
        library.load()
    return refused.value.problems


def test_every_class_with_step_execute_is_a_node_and_others_are_not(library):
    made = library(
        step_node_a="""
        from fractions import Fraction
        class Plain:
            pass
        class a:
            "Does a."
            def step_entry(self): ...
            def step_execute(self): ...
        class B:
            name = "b"
            description = "does b"
            def step_execute(self): ...
        """,
        other="raise SystemExit('no node file')",
    )
    facts = made.load()
    assert [(one.name, one.class_name, one.line) for one in facts] == [("a", "a", 5), ("b", "B", 9)]
    assert [one.description for one in facts] == ["Does a.", "does b"]
    assert facts[0].methods == ("step_entry", "step_execute")
    assert facts[0].file == str(made.folder / "step_node_a.py")
    assert set(made.classes) == {"a", "b"}


def test_a_class_that_was_only_imported_is_no_node_of_the_importing_file(library):
    made = library(
        step_node_a=NODE.format(name="a"),
        step_node_b="from step_node_a import a\n" + NODE.format(name="b"),
    )
    assert [one.name for one in made.load()] == ["a", "b"]


def test_a_list_of_classes_names_the_nodes(library):
    made = library(step_node_a="""
        class a:
            def step_entry(self): ...
        class helper:
            def step_execute(self): ...
        class c:
            def step_execute(self): ...
        step_node_class_list = [a, "c"]
        """)
    assert [one.name for one in made.load()] == ["a", "c"]


@pytest.mark.parametrize(
    ("text", "code", "told", "line"),
    [
        ("import nothing_of_that_name", "node-import", "No module named", 1),
        ("\n\n1 / 0", "node-import", "ZeroDivisionError: division by zero", 3),
        ("class a:\n    def step_execute(self)\n", "node-import", "SyntaxError", 2),
        ("raise SystemExit(3)", "node-import", "called sys.exit(3)", 1),
        ("step_node_class_list = 7", "node-class", "must be a list of classes, not 7", 1),
        ("class press: ...\nstep_node_class_list = ['pres']", "node-class", "mean press?", 2),
        ("step_node_class_list = [7]", "node-class", "names 7, which is no class", 1),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_at_its_line(library, text, code, told, line):
    made = library(step_node_a=text, step_node_b=NODE.format(name="b"))
    [problem] = problems_of(made)
    assert problem.code == code
    assert told in str(problem)
    assert (problem.place.file, problem.place.line) == (str(made.folder / "step_node_a.py"), line)


def test_an_error_in_another_module_of_the_library_is_told_at_its_line(library):
    made = library(step_node_a="import tools", tools="\n\nraise ValueError('broken tool')")
    [problem] = problems_of(made)
    assert (problem.place.file, problem.place.line) == (str(made.folder / "tools.py"), 3)


def test_problems_of_all_files_are_told_at_once_with_the_lines_of_their_keys(library):
    made = library(
        step_node_a="""
        class a:
            step_node_graph_dict = {
                "a": {
                    "timeout": "soon",
                },
            }
            def step_execute(self): ...
        """,
        step_node_b="""
        class b:
            step_arrow_graph_dict: dict = {
                "next": {},
            }
            def step_execute(self): ...
        """,
        step_node_c="import nothing_of_that_name",
    )
    found = [(one.code, one.place.line) for one in problems_of(made)]
    assert found == [("node-policy", 5), ("node-arrow", 4), ("node-import", 1)]


def test_two_nodes_of_one_name_are_refused_naming_both_files(library):
    made = library(
        step_node_a=NODE.format(name="a") + "    name = 'same'\n",
        step_node_b=NODE.format(name="b") + "    name = 'same'\n",
    )
    [problem] = problems_of(made)
    assert problem.code == "node-twice"
    assert "step_node_a.py:1" in str(problem)
    assert problem.place.file.endswith("step_node_b.py")


@pytest.mark.parametrize("name", ["step_node_a-b.py", "step_node_1 2.py"])
def test_a_file_that_python_could_not_name_is_refused(tmp_path, name):
    (tmp_path / name).write_text("", encoding="utf-8")
    with pytest.raises(LibraryError, match="is no name of a Python module"):
        node_files(tmp_path)


def test_a_library_without_node_files_or_none_at_all_is_refused(tmp_path):
    (tmp_path / "step_node_folder.py").mkdir()
    with pytest.raises(LibraryError, match="there is no node file"):
        node_files(tmp_path)
    with pytest.raises(LibraryError, match="cannot be read: No such file"):
        node_files(tmp_path / "nowhere")


def test_two_libraries_with_files_of_one_name_do_not_meet(tmp_path):
    made = []
    before = (dict(sys.modules).keys(), list(sys.path))
    for word in ("one", "two"):
        (tmp_path / word).mkdir()
        (tmp_path / word / "step_node_a.py").write_text(
            f"class a:\n    said = {word!r}\n    def step_execute(self): ...\n", encoding="utf-8"
        )
        made.append(Library(tmp_path / word))
        made[-1].load()
    assert [one.classes["a"].said for one in made] == ["one", "two"]
    made[1].close()
    assert sys.modules["step_node_a"].a.said == "one"
    made[0].close()
    assert "step_node_a" not in sys.modules
    assert sys.path == before[1]


def test_the_documented_modules_are_there_where_only_the_package_is(tmp_path):
    text = """
    from octo_step_engine_parameters import octo_step_engine_parameters
    from octolockjson import octolockjson
    from octo_lock_json import octo_lock_json
    import octo_step_lib

    class a(octo_step_lib.StepNode):
        def step_execute(self):
            octo_step_engine_parameters().get_default_param_dict()
    """
    (tmp_path / "step_node_a.py").write_text(dedent(text), encoding="utf-8")
    code = (
        "from pathlib import Path\n"
        "from framework0.stepengine.library import Library\n"
        "from framework0.jsonfile import JsonFile\n"
        "print([one.name for one in Library(Path('.')).load()])\n"
        "import octolockjson, octo_lock_json\n"
        "print(octolockjson.octolockjson is octo_lock_json.octo_lock_json is JsonFile)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("['a']\nTrue\n", "")


def test_lines_of_a_text_that_is_no_python_are_none():
    assert lines_of("class a(:", "a") == {}
    assert lines_of("class b: ...", "a") == {}
    assert lines_of("class a:\n    x: int\n    name = 'a'\n    f()\n", "a") == {"": 1, "name": 3}


@pytest.mark.slow
def test_a_library_of_four_thousand_nodes_is_described(library):
    classes = "\n".join(NODE.format(name=f"n{number}") for number in range(4_000))
    assert len(library(step_node_many=classes).load()) == 4_000


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_module_has_what_the_thin_file_at_its_path_has(name, monkeypatch):
    path = REPOSITORY / "octo/modules" / f"{name}.py"
    spec = spec_from_file_location(f"thin_{name}", path)
    thin = module_from_spec(spec)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec.loader.exec_module(thin)
    ours = module_from_spec(DocumentedModules().find_spec(name))
    DocumentedModules().exec_module(ours)
    assert ours.__all__
    assert all(getattr(thin, word) is getattr(ours, word) for word in ours.__all__)
    assert set(ours.__all__) >= set(thin.__all__) - {"documented_main"}
