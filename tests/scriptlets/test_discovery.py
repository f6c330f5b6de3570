"""Plugins of the workspace and of installed packages, each fault told, none hiding the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from framework0.errors import ScriptletError
from framework0.scriptlets import UserCode, discover, get_scriptlet, register_scriptlet

PLUGIN = """
from scriptlets.framework import BaseScriptlet, register_scriptlet

@register_scriptlet
class {name}Scriptlet(BaseScriptlet):
    def run(self, context, params):
        return {{"name": {name!r}}}
"""


@pytest.fixture(autouse=True)
def modules_of_before():
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a package with entry points: real files, real metadata."""

    def install(entries, files, name="acme-scriptlets"):
        site = tmp_path / "site"
        info = site / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [f"{key} = {value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text(
            "\n".join(["[framework0.scriptlets]", *lines]) + "\n"
        )
        for path, text in files.items():
            (site / path).write_text(text)
        monkeypatch.syspath_prepend(str(site))

    return install


def test_every_file_in_the_plugins_folder_is_found(workspace):
    root = workspace(
        {
            "scriptlets/plugins/__init__.py": "",
            "scriptlets/plugins/one.py": PLUGIN.format(name="One"),
            "scriptlets/plugins/two.py": PLUGIN.format(name="Two"),
            "scriptlets/plugins/_private.py": "raise AssertionError('never imported')",
            "scriptlets/plugins/not-a-module.py": "raise AssertionError('never imported')",
            "scriptlets/plugins/notes.txt": "",
            "scriptlets/other.py": "raise AssertionError('never imported')",
        }
    )
    assert list(discover([root], entry_points=False)) == ["one", "two"]
    assert get_scriptlet("one")().run(None, {}) == {"name": "One"}


def test_finding_twice_finds_the_same(workspace):
    root = workspace({"scriptlets/plugins/one.py": PLUGIN.format(name="One")})
    assert discover([root], entry_points=False) == discover([root], entry_points=False)


def test_the_first_root_wins_where_two_have_one_file(workspace):
    first = workspace({"scriptlets/plugins/one.py": PLUGIN.format(name="One")}, "first")
    second = workspace({"scriptlets/plugins/one.py": PLUGIN.format(name="Other")}, "second")
    assert list(discover([first, second], entry_points=False)) == ["one"]


def test_without_a_plugins_folder_there_is_nothing(workspace):
    assert discover([workspace({})], entry_points=False) == {}


def test_an_installed_class_is_found_under_its_entry_points_name(workspace, installed):
    source = PLUGIN.format(name="Csv").replace("@register_scriptlet\n", "")
    installed({"csv_loader": "acme_loaders:CsvScriptlet"}, {"acme_loaders.py": source})
    found = discover([workspace({})])
    assert found["csv_loader"].cls.__name__ == "CsvScriptlet"
    assert "acme_loaders.py:5" in found["csv_loader"].place


def test_an_installed_module_registers_its_classes_itself(workspace, installed):
    installed({"anything": "acme_module"}, {"acme_module.py": PLUGIN.format(name="Registered")})
    assert "registered" in discover([workspace({})])


def test_an_installed_class_that_registered_itself_keeps_its_own_name(workspace, installed):
    installed({"other": "acme_both:BothScriptlet"}, {"acme_both.py": PLUGIN.format(name="Both")})
    found = discover([workspace({})])
    assert "both" in found
    assert "other" not in found


def test_broken_plugins_are_told_together_and_hide_no_other(workspace, installed):
    root = workspace(
        {
            "scriptlets/plugins/bad.py": "1/0",
            "scriptlets/plugins/good.py": PLUGIN.format(name="Good"),
        }
    )
    installed(
        {
            "gone": "acme_gone:Nothing",
            "raises": "acme_raises",
            "refused": "acme_refused",
            "wrong": "acme_wrong:Wrong",
        },
        {
            "acme_raises.py": "raise ValueError('boom')",
            "acme_refused.py": PLUGIN.format(name="Refused").replace("context, params", "context"),
            "acme_wrong.py": "class Wrong: pass",
        },
    )
    with pytest.raises(ScriptletError) as error:
        discover([root])
    lines = str(error.value).splitlines()
    assert lines[0].startswith("module 'scriptlets.plugins.bad' cannot be imported: ")
    assert lines[0].endswith("bad.py:1: ZeroDivisionError: division by zero")
    assert lines[1] == (
        "entry point gone = 'acme_gone:Nothing' of acme-scriptlets 1.2 cannot be loaded: "
        "ModuleNotFoundError: No module named 'acme_gone'"
    )
    assert lines[2].endswith("cannot be loaded: ValueError: boom")
    assert lines[3].endswith("run(self, context) cannot be called as run(context, params)")
    assert lines[4].endswith("Wrong is no scriptlet: it does not inherit from BaseScriptlet")
    assert get_scriptlet("good")


def test_a_caller_who_goes_on_is_handed_each_problem(workspace):
    root = workspace(
        {"scriptlets/plugins/bad.py": "1/0", "scriptlets/plugins/worse.py": "import nope_x"}
    )
    problems = []
    assert discover([root], entry_points=False, on_problem=problems.append) == {}
    assert [type(problem) for problem in problems] == [ScriptletError, ScriptletError]


def test_during_a_run_a_plugin_is_found_by_its_name_alone(workspace, installed):
    root = workspace({"scriptlets/plugins/one.py": PLUGIN.format(name="One")})
    installed({"anything": "acme_late"}, {"acme_late.py": PLUGIN.format(name="Late")})
    with UserCode([root]):
        assert get_scriptlet("one")().run(None, {}) == {"name": "One"}
        assert get_scriptlet("late")
        with pytest.raises(ScriptletError, match=r"did you mean one\?"):
            get_scriptlet("onne")
    with pytest.raises(ScriptletError, match="no scriptlet is registered as 'one'"):
        get_scriptlet("one")


def test_during_a_run_a_broken_plugin_is_told_only_if_it_may_be_the_one_meant(workspace):
    root = workspace(
        {
            "scriptlets/plugins/bad.py": "1/0",
            "scriptlets/plugins/good.py": PLUGIN.format(name="Good"),
        }
    )
    with UserCode([root]):
        assert get_scriptlet("good")
        with pytest.raises(ScriptletError, match=r"'bad', and not all could be loaded:\n.*ZeroDiv"):
            get_scriptlet("bad")


def test_a_plugin_that_takes_a_taken_name_is_refused_with_both_places(workspace):
    root = workspace(
        {
            "scriptlets/plugins/a.py": PLUGIN.format(name="Same"),
            "scriptlets/plugins/b.py": PLUGIN.format(name="Same"),
        }
    )
    with pytest.raises(ScriptletError, match=r"named 'same': .*a\.py:4 and .*b\.py:4"):
        discover([root], entry_points=False)


@pytest.mark.slow
def test_importing_the_discovery_reads_no_metadata():
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import framework0.scriptlets.discovery\n"
        "assert 'importlib.metadata' not in set(sys.modules) - before\n"
        "framework0.scriptlets.discovery.discover(['.'])\n"
        "assert 'importlib.metadata' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_door_names_what_it_has():
    from framework0 import scriptlets

    for name in scriptlets.__all__:
        assert getattr(scriptlets, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        scriptlets.nothing  # noqa: B018
    assert scriptlets.register_scriptlet is register_scriptlet
