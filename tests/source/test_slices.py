"""The hash of a function's code changes with what the function rests on, and with nothing else."""

from __future__ import annotations

import pytest

MODULE = """
import json
from base import Base

LIMIT = 3
TABLE = {"plain": 1}


def used(x=1):
    return LIMIT


def step(rows):
    return used()


def other():
    return 1


class Scriptlet(Base):
    name = "s"

    def run(self, context, params):
        return helper()


class Second(Base):
    def run(self, context, params):
        return 2


def helper():
    return 0
"""

BASE = "class Base:\n    pass\n"


def digests(tree, text, base=BASE):
    tree.write(work=text, base=base)
    return {
        name: tree.sources.digest("work", name)
        for name in ("step", "other", "Scriptlet", "Second.run")
    }


def changed(tree, old, new, text=MODULE):
    assert old in text
    before = digests(tree, text)
    after = digests(tree, text.replace(old, new, 1))
    return {name for name in before if before[name] != after[name]}


ALL = {"step", "other", "Scriptlet", "Second.run"}


@pytest.mark.parametrize(
    ("old", "new", "whose"),
    [
        ("return used()", "return used() + 1", {"step"}),
        ("return LIMIT", "return LIMIT + 1", {"step"}),
        ("return 1\n", "return 11\n", {"other"}),
        ("return helper()", "return helper() + 1", {"Scriptlet"}),
        ("return 0", "return 10", {"Scriptlet"}),
        ("return 2", "return 3", {"Second.run"}),
        ('name = "s"', 'name = "t"', {"Scriptlet"}),
        ("LIMIT = 3", "LIMIT = 4", ALL),
        ("import json", "import json, math", ALL),
        # A default is computed when the module is imported.
        ("def used(x=1)", "def used(x=LIMIT)", ALL),
        # Nothing rests on the space between two definitions.
        ("\n\nclass Second", "\n\n# a remark\n\n\nclass Second", set()),
    ],
)
def test_only_what_rests_on_a_change_changes(tree, old, new, whose):
    assert changed(tree, old, new) == whose


@pytest.mark.parametrize(
    "way",
    [
        "FOUND = globals()",
        "def find(name):\n    return eval(name)",
        "import sys\nME = sys.modules[__name__]",
        "def everything():\n    return Base.__subclasses__()",
    ],
)
def test_where_names_are_found_in_other_ways_the_whole_module_counts(tree, way):
    assert changed(tree, "return 1\n", "return 11\n", MODULE + way + "\n") == ALL


def test_a_base_class_that_keeps_a_register_makes_the_whole_module_count(tree):
    base = "class Base:\n    def __init_subclass__(cls):\n        ...\n"
    before = digests(tree, MODULE, base)
    after = digests(tree, MODULE.replace("return 2", "return 3"), base)
    assert not set(before.values()) & set(after.values())


def test_modules_that_import_each_other_count_as_a_whole(tree):
    base = "import work\n" + BASE
    before = digests(tree, MODULE, base)
    after = digests(tree, MODULE.replace("return 2", "return 3"), base)
    assert not set(before.values()) & set(after.values())


@pytest.mark.parametrize(
    "definition",
    [
        "@register\ndef more():\n    return 5\n",
        "class More(Base):\n    kept = make(5)\n",
        "class More(Base, flag=5):\n    pass\n",
        "class More(Base):\n    for x in range(5):\n        pass\n",
        "def more(x=5): return x\n",
    ],
)
def test_definitions_that_do_something_when_made_belong_to_every_part(tree, definition):
    assert changed(tree, "5", "6", MODULE + definition) == ALL


def test_a_name_in_a_text_counts_as_used(tree):
    text = MODULE.replace("return used()", 'return getattr(self, "other")')
    assert changed(tree, "return 1\n", "return 11\n", text) == {"step", "other"}


def test_typed_and_wrapped_members_do_nothing(tree):
    more = (
        "class More:\n    x: int = 5\n    y: int\n    pass\n\n    @staticmethod\n"
        "    def f():\n        return 7\n\n    async def g(self) -> int:\n        return 8\n"
    )
    for old in ("return 7", "return 8", "x: int = 5"):
        assert changed(tree, old, old + "0", MODULE + more) == set()


def test_the_files_behind_a_step_are_named_with_their_hashes(tree):
    tree.write(work=MODULE, base=BASE)
    files = tree.sources.code_files("work")
    assert {path.rpartition("/")[2] for path in files} == {"work.py", "base.py"}
    assert all(len(digest) == 64 for digest in files.values())
    assert tree.sources.code_files("json") == {}
