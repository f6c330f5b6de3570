from __future__ import annotations

import importlib.machinery
import os
import subprocess
import sys
import time

import pytest

from framework0.scriptlets import documented
from framework0.scriptlets.naming import default_name as name_of_class
from framework0.source import Broken, Missing, Signature, Sources, Unknown, near_names
from framework0.source.finding import (
    DOCUMENTED_FOLDERS,
    DOCUMENTED_MODULES,
    Finder,
    Namespace,
    Native,
    Ours,
    SourceFile,
)
from framework0.source.naming import default_name
from framework0.source.parsing import MAX_FILE


@pytest.fixture
def find(tree):
    return lambda name: Finder([str(tree.root)]).find(name)


def test_modules_packages_and_folders_are_told_apart(tree, find):
    tree.write(one="", pkg____init__="", pkg__two="", space__three="")
    tree.file("space/inner/four.py", "")
    assert find("one") == SourceFile("one", str(tree.root / "one.py"), True)
    assert find("pkg").folders == (str(tree.root / "pkg"),)
    assert find("pkg.two").path.endswith("two.py")
    assert isinstance(find("space"), Namespace)
    assert find("space.three").local
    assert find("space.inner.four").local
    for name in ("two", "pkg.three", "one.x", "space.nope", "no-name", "", "a..b", "1a"):
        assert find(name) is None, name


def test_a_package_wins_over_a_module_of_the_same_name(tree, find):
    tree.write(both="", both____init__="")
    assert find("both").folders


def test_the_standard_library_is_never_taken_over(tree, find):
    tree.write(json="def mine(): ...\n", math="")
    assert not find("json").local
    assert find("math") == find("math")
    assert not getattr(find("math"), "local", False)
    assert find("sys") == Native("sys", trusted=True)
    assert find("os.path").path.endswith(f"{os.path.__name__}.py")
    assert find("json.decoder").path.endswith("decoder.py")


def test_the_first_root_wins(tree):
    tree.file("a/mod.py", "x = 1")
    tree.file("b/mod.py", "x = 2")
    found = Finder([str(tree.root / "b"), str(tree.root / "a")]).find("mod")
    assert found.path == str(tree.root / "b" / "mod.py")


def test_an_installed_package_wins_over_a_folder_unless_it_is_documented(tree, find, monkeypatch):
    tree.file("site/thing/__init__.py", "")
    tree.file("site/scriptlets/__init__.py", "")
    tree.file("thing/x.py", "")
    tree.file("scriptlets/y.py", "")
    monkeypatch.setattr(sys, "path", [str(tree.root / "site"), *sys.path])
    assert not find("thing").local
    assert find("thing.x") is None
    assert find("scriptlets.y").local


def test_compiled_modules_are_native(tree, find):
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    tree.file(f"fast{suffix}", b"")
    tree.file(f"pkg/__init__{suffix}", b"")
    assert find("fast") == Native("fast", trusted=False)
    assert find("fast.inner") == Native("fast.inner", trusted=False)


def test_documented_names_lead_to_the_product_where_there_is_no_file(tree, find):
    assert find("scriptlets.framework") == Ours("scriptlets.framework")
    assert find("framework0.context.anything") == Ours("framework0.context.anything")
    tree.write(scriptlets__framework="", scriptlets__mine="")
    assert isinstance(find("scriptlets.framework"), SourceFile)
    assert isinstance(find("scriptlets.mine"), SourceFile)
    assert isinstance(find("orchestrator.context"), Ours)


def test_the_tables_agree_with_the_room_that_imports():
    assert documented.FOLDERS == DOCUMENTED_FOLDERS
    assert set(documented.ALIASES) == DOCUMENTED_MODULES


@pytest.mark.parametrize(
    "name",
    [
        "CustomProcessorScriptlet",
        "HTTPGet",
        "Scriptlet",
        "_Private",
        "A",
        "CsvReaderV2",
        "ABC",
        "a_b",
        "X1Y",
    ],
)
def test_default_names_agree_with_the_room_that_registers(name):
    assert default_name(name) == name_of_class(type(name, (), {}))


def test_modules_installed_for_editing_are_found_by_their_table(tree, find, monkeypatch):
    tree.file("elsewhere/edited/__init__.py", "def f(a): ...\n")
    folder = str(tree.root / "elsewhere" / "edited")

    class Table:
        __module__ = "__editable___edited_finder"

        @staticmethod
        def find_spec(name, _path=None):
            if name != "edited":
                return None
            return importlib.machinery.ModuleSpec(
                name, None, origin=f"{folder}/__init__.py", is_package=True
            )

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Table])
    assert find("edited").path == f"{folder}/__init__.py"
    assert find("other_name") is None


def test_submodules_of_a_package_that_looks_itself_are_unknown(tree):
    tree.write(pkg____init__="__path__.append('x')\n", ours____init__="")
    assert isinstance(tree.signature("pkg.somewhere", "f"), Unknown)
    assert isinstance(tree.signature("ours.somewhere", "f"), Missing)


def test_a_module_in_the_place_of_a_function_is_said_to_be_one(tree):
    tree.write(pkg____init__="", pkg__mod="", space__mod="")
    assert "is a module" in tree.signature("pkg", "mod").reason
    assert "is a module" in tree.signature("space", "mod").reason
    assert tree.signature("space", "f") == Missing("function")


def test_modules_without_source_or_in_archives_are_not_called_missing(tree, monkeypatch):
    tree.file("bare.pyc", b"")
    assert "no source" in tree.signature("bare", "f").reason
    archive = tree.file("lib.zip", b"PK")
    monkeypatch.setattr(sys, "path", [str(archive), *sys.path])
    assert "lib.zip" in tree.signature("nowhere", "f").reason


def test_listing_for_near_names_has_an_end(tree, monkeypatch):
    monkeypatch.setattr("framework0.source.finding.MAX_LISTED", 20)
    for number in range(30):
        tree.file(f"m{number}.py", "")
    assert len(list(Finder([str(tree.root)]).listed())) == 20


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("laod", ["load", "save"], "load"),
        ("load-data", ["load_data"], "load_data"),
        ("LOAD", ["load"], "load"),
        ("load", ["load"], None),
        ("xyz", ["load"], None),
        ("x" * 200, ["x" * 199], None),
    ],
)
def test_near_names(name, known, near):
    assert near_names(name, known) == ((near,) if near else ())


def test_near_names_look_at_a_bounded_number():
    assert near_names("target", [*(f"n{i}" for i in range(3000)), "targett"]) == ()


HOSTILE = {
    "brackets": b"x = " + b"(" * 100_000,
    "nested": b"x = " + b"[" * 150 + b"]" * 150,
    "minus": b"x = " + b"-" * 50_000 + b"1",
    "sum": b"x = 1" + b"+1" * 20_000,
    "attributes": b"x = a" + b".b" * 20_000,
    "calls": b"x = f" + b"()" * 20_000,
    "indent": b"".join(b" " * n + b"if 1:\n" for n in range(120)),
    "nul": b"x = 1\x00",
    "latin": b"x = '\xe9'",
    "coding": b"# coding: nonsense\nx = 1",
    "utf16": "x = 1".encode("utf-16"),
    "digits": b"x = " + b"9" * 10_000,
    "escape": rb"x = '\q \d'",
    "tabs": b"if 1:\n\tx\n        y\n",
    "late": b"from __future__ import nonsense\n",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_files_are_answered(name, tree):
    tree.file("steps.py", HOSTILE[name])
    sources = tree.sources
    began = time.thread_time()
    assert isinstance(sources.signature("steps", "f"), Broken | Unknown | Missing)
    assert sources.facts("steps", "f").reads_unknown
    assert len(sources.digest("steps", "f")) == 64
    assert time.thread_time() - began < 60


def test_functions_too_deep_to_follow_are_unknown(tree):
    deep = "x" + ".a" * 900
    tree.write(steps=f"def f(context):\n    {deep}\n    context.get('k')\n")
    assert isinstance(tree.signature("steps", "f"), Signature | Unknown)
    found = tree.facts("steps", "f")
    assert found.reads_unknown or list(found.reads) == ["k"]


def test_what_is_no_regular_file_or_too_large_is_not_read(tree):
    os.mkfifo(tree.root / "pipe.py")
    (tree.root / "folder.py").mkdir()
    (tree.root / "dead.py").symlink_to("nowhere")
    tree.file("big.py", b"#" * (MAX_FILE + 1))
    (tree.root / "device.py").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "dead", "device"):
        assert isinstance(tree.signature(name, "f"), Missing), name
    assert "larger than 4 MiB" in tree.signature("big", "f").reason
    assert len(tree.sources.digest("big", "f")) == 64


def test_a_file_that_vanishes_or_may_not_be_read_is_unknown(tree, monkeypatch):
    tree.write(steps="def f(): ...\n")
    sources = tree.sources
    found = sources._library.finder.find("steps")
    (tree.root / "steps.py").unlink()
    assert "cannot be read" in sources._library.module(found).reason
    os.mkfifo(tree.root / "steps.py")
    assert "no regular file" in Sources([tree.root])._library.module(found).reason


def test_a_thousand_questions_cost_next_to_nothing(tree):
    tree.write(**{f"m{n}": f"def f{n}(a): ...\n" for n in range(5)})
    sources = tree.sources
    for n in range(5):
        sources.signature(f"m{n}", f"f{n}")
        sources.facts(f"m{n}", f"f{n}")
        sources.digest(f"m{n}", f"f{n}")
    began = time.thread_time()
    for number in range(10_000):
        name = (f"m{number % 5}", f"f{number % 5}")
        sources.signature(*name)
        sources.facts(*name)
        sources.digest(*name)
    # Three answers from memory; reading the files anew each time would take minutes.
    assert time.thread_time() - began < 60


def test_the_door_offers_its_names_and_no_others():
    import framework0.source as door

    assert door.__all__ == sorted(door.__all__)
    for name in door.__all__:
        assert getattr(door, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        door.nothing  # noqa: B018


def test_asking_for_digests_loads_no_more_than_they_need():
    code = (
        "import sys; from framework0.source import Sources\n"
        "Sources(['.']).digest('steps', 'f')\n"
        "print([m for m in ('signing', 'touching', 'plugins') if f'framework0.source.{m}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
