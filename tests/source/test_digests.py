from __future__ import annotations

import sys

import pytest

WORLD = {
    "steps": "import near\nfrom pkg import inner\nimport json\ndef f(): ...\n",
    "near": "def g():\n    from pkg.sub import deep\n",
    "pkg____init__": "",
    "pkg__inner": "from . import sibling\nfrom ..pkg import other\n",
    "pkg__sibling": "",
    "pkg__other": "",
    "pkg__sub____init__": "",
    "pkg__sub__deep": "import importlib\nimportlib.import_module('by_name')\n__import__('by_builtin')\n"
    "importlib.import_module('.relative', 'pkg.sub')\nimportlib.import_module(computed)\n",
    "pkg__sub__relative": "",
    "by_name": "try:\n    pass\nexcept E:\n    import in_handler\n",
    "by_builtin": "match x:\n    case 1:\n        import in_case\n",
    "in_handler": "if x:\n    pass\nelse:\n    import in_else\n",
    "in_case": "",
    "in_else": "",
    "unrelated": "",
}


@pytest.fixture
def world(tree):
    return tree.write(**WORLD)


def digest(tree, module="steps", function="f"):
    return tree.sources.digest(module, function)


def test_the_same_code_has_the_same_hash_wherever_it_is(world, tmp_path_factory):
    first = digest(world)
    assert len(first) == 64
    assert digest(world) == first
    copy = type(world)(tmp_path_factory.mktemp("copy")).write(**WORLD)
    assert digest(copy) == first


@pytest.mark.parametrize("changed", sorted(set(WORLD) - {"unrelated"}))
def test_a_change_anywhere_in_what_is_imported_changes_the_hash(changed, world):
    before = digest(world)
    world.write(**{changed: WORLD[changed] + "# a comment\n"})
    assert digest(world) != before


def test_what_is_not_imported_does_not_matter(world):
    before = digest(world)
    world.write(unrelated="x = 1\n", fresh="")
    assert digest(world) == before


def test_the_function_is_part_of_it(world):
    assert digest(world) != digest(world, function="g")


def test_installed_code_counts_by_name(world, monkeypatch):
    world.file("site/lib.py", "a = 1")
    world.write(steps="import lib\n")
    missing = digest(world)
    monkeypatch.setattr(sys, "path", [str(world.root / "site"), *sys.path])
    there = digest(world)
    assert there != missing
    world.file("site/lib.py", "a = 2")
    assert digest(world) == there


def test_a_module_that_comes_to_be_changes_the_hash(world):
    world.write(steps="import later\n")
    before = digest(world)
    world.write(later="")
    assert digest(world) != before


def test_circles_end(world):
    world.write(steps="import near\n", near="import steps\n")
    before = digest(world)
    assert digest(world, "near") != before
    world.write(near="import steps \n")
    assert digest(world) != before


def test_broken_and_missing_modules_have_hashes_too(world):
    world.write(broken="def (\n")
    before = digest(world, "broken")
    world.write(broken="def ((\n")
    assert digest(world, "broken") != before
    assert digest(world, "nowhere") != digest(world, "nowhere.else")
    assert len(digest(world, "builtins", "print")) == 64


def test_folders_without_init_count(world):
    world.file("space/mod.py", "")
    before = digest(world, "space.mod")
    world.file("space/__init__.py", "")
    assert digest(world, "space.mod") != before


def test_a_shared_part_is_read_once(world):
    sources = world.sources
    first = sources.digest("steps", "f")
    world.write(near="changed = 1\n")
    assert sources.digest("steps", "f") == first
    assert sources.digest("near", "g") == sources.digest("near", "g")
