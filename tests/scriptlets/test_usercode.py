"""The user's modules: found first, told about well, and gone afterwards."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from framework0.errors import ScriptletError
from framework0.scriptlets import UserCode, registered

SCRIPTLET = """
from scriptlets.framework import BaseScriptlet, register_scriptlet

@register_scriptlet
class LoaderScriptlet(BaseScriptlet):
    WHERE = {where!r}

    def run(self, context, params):
        return {{"where": self.WHERE}}
"""


@pytest.fixture(autouse=True)
def process_state():
    """Whatever a test does, the process's import state is the same before and after."""
    before = list(sys.path), list(sys.meta_path)
    yield
    assert (list(sys.path), list(sys.meta_path)) == before


def test_a_function_and_a_class_and_a_method_are_found(workspace):
    root = workspace(
        {"jobs.py": "def go(): return 1\nclass Job:\n    @staticmethod\n    def run(): return 2\n"}
    )
    with UserCode([root]) as code:
        assert code.target("jobs", "go")() == 1
        assert code.target("jobs", "Job").__name__ == "Job"
        assert code.target("jobs", "Job.run")() == 2
        assert code.target("jobs", "go") is code.target("jobs", "go")


def test_installed_modules_can_be_named_as_well(workspace):
    with UserCode([workspace({})]) as code:
        assert code.target("json", "dumps") is json.dumps
        assert code.target("os.path", "join") is os.path.join


def test_packages_with_and_without_init_are_found(workspace):
    root = workspace(
        {
            "pack/__init__.py": "",
            "pack/inner.py": "def go(): return 'regular'",
            "loose/deep/inner.py": "def go(): return 'namespace'",
            "scriptlets/data/loader.py": "def go(): return 'documented'",
        }
    )
    with UserCode([root]) as code:
        assert code.target("pack.inner", "go")() == "regular"
        assert code.target("loose.deep.inner", "go")() == "namespace"
        assert code.target("scriptlets.data.loader", "go")() == "documented"


def test_the_first_root_wins(workspace):
    first = workspace({"same.py": "def go(): return 1"}, "first")
    second = workspace({"same.py": "def go(): return 2", "only.py": "def go(): return 3"}, "second")
    with UserCode([first, second, first]) as code:
        assert code.roots == (str(first), str(second))
        assert code.target("same", "go")() == 1
        assert code.target("only", "go")() == 3


def test_relative_roots_hold_when_a_step_changes_the_folder(workspace, monkeypatch, tmp_path):
    root = workspace({"later.py": "def go(): return 1"})
    monkeypatch.chdir(root)
    with UserCode(["."]) as code:
        os.chdir(tmp_path)
        assert code.target("later", "go")() == 1


def test_the_workspace_comes_before_installed_packages(workspace):
    root = workspace({"hypothesis/__init__.py": "def go(): return 'mine'"})
    installed = sys.modules["hypothesis"]
    with UserCode([root]) as code:
        assert code.target("hypothesis", "go")() == "mine"
    assert sys.modules["hypothesis"] is installed
    assert importlib.import_module("hypothesis.strategies") is not None


def test_a_plain_folder_hides_no_installed_package(workspace):
    root = workspace({"hypothesis/data.py": "x = 1"})
    with UserCode([root]) as code:
        assert code.target("hypothesis", "given") is not None


def test_a_file_named_like_the_standard_library_does_not_replace_it(workspace):
    root = workspace({"colorsys.py": "raise AssertionError('never imported')", "jobs.py": "import colorsys\n"
                      "def go(): return colorsys.rgb_to_hls(0, 0, 0)"})  # fmt: skip
    sys.modules.pop("colorsys", None)
    with UserCode([root]) as code:
        assert code.target("jobs", "go")() == (0.0, 0.0, 0.0)


def test_the_path_is_put_back_even_if_a_step_changed_it(workspace):
    root = workspace({"jobs.py": "import sys\nsys.path.insert(0, '/nowhere')\ndef go(): ..."})
    before = list(sys.path)
    with UserCode([root]) as code:
        code.target("jobs", "go")
        assert str(root) in sys.path
        assert "/nowhere" in sys.path
    assert sys.path == before


def test_a_root_that_was_on_the_path_stays_there(workspace):
    root = workspace({"jobs.py": "def go(): ..."})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        with UserCode([root]) as code:
            code.target("jobs", "go")
        assert str(root) in sys.path


def test_child_processes_given_the_path_find_the_modules(workspace):
    root = workspace({"jobs.py": "def go(): return 'child'"})
    with UserCode([root]):
        path = os.pathsep.join(filter(None, sys.path))
    found = subprocess.run(
        [sys.executable, "-c", "import jobs; print(jobs.go())"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "child\n"


def test_two_workspaces_with_equal_names_never_get_each_others_modules(workspace):
    roots = [
        workspace(
            {"scriptlets/loader.py": SCRIPTLET.format(where=name), "helper_x.py": f"N = {name!r}"},
            name,
        )
        for name in ("first", "second", "third")
    ]
    seen = []
    for root in roots:
        with UserCode([root]) as code:
            cls = code.target("scriptlets.loader", "LoaderScriptlet")
            seen.append((cls.WHERE, importlib.import_module("helper_x").N))
            assert list(registered()) == ["loader"]
    assert seen == [("first", "first"), ("second", "second"), ("third", "third")]
    assert registered() == {}
    assert "helper_x" not in sys.modules


def test_each_run_sees_the_files_as_they_are_then(workspace):
    root = workspace({"jobs.py": "def go(): return 'old'"})
    with UserCode([root]) as code:
        assert code.target("jobs", "go")() == "old"
    (root / "jobs.py").write_text("def go(): return 'newer'")
    with UserCode([root]) as code:
        assert code.target("jobs", "go")() == "newer"


def test_modules_loaded_before_the_run_stay_the_same_objects(workspace):
    root = workspace({"earlier_x.py": "def go(): ..."})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        earlier = importlib.import_module("earlier_x")
        with UserCode([root]) as code:
            assert code.target("earlier_x", "go") is earlier.go
    assert sys.modules.pop("earlier_x") is earlier


def test_kept_modules_stay(workspace):
    root = workspace({"kept_x.py": "def go(): ..."})
    with UserCode([root], keep=True) as code:
        go = code.target("kept_x", "go")
    assert sys.modules.pop("kept_x").go is go


def test_a_virtual_environment_in_the_workspace_is_not_user_code(workspace):
    root = workspace({".venv/lib/site-packages/installed_x.py": "VALUE = 1"})
    with UserCode([root]):
        sys.path.append(str(root / ".venv/lib/site-packages"))
        installed = importlib.import_module("installed_x")
    assert sys.modules.pop("installed_x") is installed


def test_equal_roots_entered_twice_share_their_modules_until_the_last_leaves(workspace):
    root = workspace({"jobs.py": "def go(): ..."})
    outer, inner = UserCode([root]), UserCode([root])
    with outer:
        first = outer.target("jobs", "go")
        with inner:
            assert inner.target("jobs", "go") is first
        assert sys.modules["jobs"].go is first
    assert "jobs" not in sys.modules


def test_overlapping_runs_may_end_in_another_order(workspace):
    one = workspace({"one_x.py": "def go(): return 1"}, "one")
    two = workspace({"two_x.py": "def go(): return 2"}, "two")
    first, second = UserCode([one]), UserCode([one, two])
    first.__enter__()
    second.__enter__()
    first.target("one_x", "go")
    first.__exit__(None, None, None)
    assert str(one) in sys.path
    assert second.target("two_x", "go")() == 2
    assert second.target("one_x", "go")() == 1
    second.__exit__(None, None, None)
    assert not {"one_x", "two_x"} & set(sys.modules)


def test_one_object_may_be_entered_again(workspace):
    root = workspace({"jobs.py": "def go(): return 1"})
    code = UserCode([root])
    for _ in range(2):
        with code:
            assert code.target("jobs", "go")() == 1
    assert repr(code) == f"UserCode([{str(root)!r}])"


def test_threads_that_ask_for_one_module_at_once_get_the_same(workspace):
    root = workspace({"slow_x.py": "import threading\ndef go(): ...\n"})
    found = []
    with UserCode([root]) as code:
        threads = [
            threading.Thread(target=lambda: found.append(code.target("slow_x", "go")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def message_of(root, module, function="go"):
    with UserCode([root]) as code, pytest.raises(ScriptletError) as error:
        code.target(module, function)
    return str(error.value)


def test_an_unknown_module_is_answered_with_the_near_file(workspace):
    root = workspace({"scriptlets/data/loader.py": "", "other.py": ""})
    assert message_of(root, "scriptlets.data.loder") == (
        "there is no module 'scriptlets.data.loder'; did you mean scriptlets.data.loader?"
    )
    assert message_of(root, "scriptlets.dat.loader") == (
        "there is no module 'scriptlets.dat.loader' (no 'scriptlets.dat'); "
        "did you mean scriptlets.data.loader?"
    )


def test_an_unknown_module_without_a_near_one_says_where_was_looked(workspace):
    root = workspace({})
    assert message_of(root, "zzz") == f"there is no module 'zzz'; looked in {root}"


def test_a_module_that_is_no_package_has_nothing_inside(workspace):
    root = workspace({"jobs.py": ""})
    assert message_of(root, "jobs.inner").startswith("there is no module 'jobs.inner'")


def test_a_module_that_fails_shows_its_own_error_at_the_users_line(workspace):
    root = workspace(
        {
            "outer.py": "import inner\n",
            "inner.py": "\n\nimport json\nX = json.loads('{')\n",
            "missing.py": "import os\nimport not_installed_x\n",
            "syntax.py": "def broken(:\n    pass\n",
            "exits.py": "import sys\nsys.exit(3)\n",
            "named.py": "from os import nothing_here\n",
        }
    )
    assert message_of(root, "outer").startswith(
        f"module 'outer' cannot be imported: {root}/inner.py:4: JSONDecodeError: "
    )
    assert message_of(root, "missing") == (
        f"module 'missing' cannot be imported: {root}/missing.py:2: "
        "ModuleNotFoundError: No module named 'not_installed_x'"
    )
    assert message_of(root, "syntax").startswith(
        f"module 'syntax' cannot be imported: {root}/syntax.py:1: SyntaxError: "
    )
    assert (
        message_of(root, "exits")
        == f"module 'exits' cannot be imported: {root}/exits.py:2: SystemExit: 3"
    )
    assert f"{root}/named.py:1: ImportError: cannot import name 'nothing_here'" in message_of(
        root, "named"
    )


def test_a_scriptlet_that_is_refused_at_registration_says_so_itself(workspace):
    root = workspace({"bad.py": """
            from scriptlets.framework import BaseScriptlet, register_scriptlet

            @register_scriptlet
            class Bad(BaseScriptlet):
                name = "bad"
            """})
    assert (
        message_of(root, "bad")
        == f"{root}/bad.py:4: Bad is no scriptlet: it has no run(self, context, params)"
    )


def test_a_failed_import_can_be_repaired_and_tried_again(workspace):
    root = workspace({"jobs.py": "1/0"})
    with UserCode([root]) as code:
        with pytest.raises(ScriptletError, match="ZeroDivisionError"):
            code.target("jobs", "go")
        (root / "jobs.py").write_text("def go(): return 'repaired'")
        importlib.invalidate_caches()
        assert code.target("jobs", "go")() == "repaired"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("laod", "module 'jobs': there is no 'laod' in {file}; did you mean load?"),
        ("zzz", "module 'jobs': there is no 'zzz' in {file}; it has Job, load"),
        ("Job.rum", "module 'jobs': there is no 'rum' in Job in {file}; did you mean run?"),
        (
            "LIMIT",
            "LIMIT in {file} is of type int, not something to call: name a scriptlet class or a function",
        ),
        (
            "os",
            "os in {file} is a module, not something to call: name a scriptlet class or a function",
        ),
        ("", "module 'jobs': there is no '' in {file}; it has Job, load"),
    ],
)
def test_a_function_that_is_not_there_is_answered_with_the_near_name(workspace, function, message):
    root = workspace(
        {"jobs.py": "import os\nLIMIT = 5\ndef load(): ...\nclass Job:\n    def run(self): ...\n"}
    )
    assert message_of(root, "jobs", function) == message.format(file=root / "jobs.py")


def test_a_module_with_nothing_or_much_to_call_says_so(workspace):
    many = "\n".join(f"def job{letter}(): ..." for letter in "abcdefghij")
    root = workspace({"empty_x.py": "", "many_x.py": many})
    assert message_of(root, "empty_x").endswith("it has nothing to call")
    assert message_of(root, "many_x", "zzz").endswith("jobg, jobh and 2 more")


@pytest.mark.parametrize("module", ["", "a b", "../etc", "a..b", ".a", "a/b", "1a"])
def test_what_is_no_module_name_is_refused(workspace, module):
    assert message_of(workspace({}), module).endswith("write it as in an import, package.module")


def test_a_huge_workspace_is_not_searched_for_ever(workspace, monkeypatch):
    monkeypatch.setattr("framework0.scriptlets.targets.LISTED_MODULES", 3)
    root = workspace({f"m{number}.py": "" for number in range(10)})
    assert message_of(root, "zzz").startswith("there is no module 'zzz'")


@pytest.mark.parametrize("name", ["edited", "parcel.edited"])
def test_code_that_was_edited_within_a_second_is_not_run_as_it_was_before(
    tmp_path, monkeypatch, name
):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / (name.replace(".", "/") + ".py")
    file.parent.mkdir(exist_ok=True)
    for package in {file.parent} - {tmp_path}:
        (package / "__init__.py").touch()
    # Ahead of the clock, so that it has just been written however slow this machine is.
    just_now = time.time() + 3600
    for value in (1, 2):
        file.write_text(f"def give():\n    return {value}\n")
        os.utime(file, (just_now, just_now))
        with UserCode([tmp_path]) as code:
            assert code.target(name, "give")() == value


def test_code_that_has_been_there_for_long_is_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "settled.py"
    file.write_text("def give():\n    return 1\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    with UserCode([tmp_path]) as code:
        assert code.target("settled", "give")() == 1
    assert list(tmp_path.glob("__pycache__/settled.*.pyc"))
