"""Registered once, checked whole, refused with every fault and both places."""

from __future__ import annotations

import abc
import functools

import pytest

from framework0.errors import DuplicateScriptlet, ScriptletError
from framework0.scriptlets import (
    BaseScriptlet,
    Parameter,
    get_scriptlet,
    register_scriptlet,
    registered,
    unregister,
)

HERE = __file__


def load(source, file="/somewhere/mine.py", module="mine"):
    """Run source text as if it stood in ``file``."""
    names = {
        "__name__": module,
        "BaseScriptlet": BaseScriptlet,
        "register_scriptlet": register_scriptlet,
    }
    exec(compile(source, file, "exec"), names)
    return names


PLAIN = """@register_scriptlet
class LoaderScriptlet(BaseScriptlet):
    def run(self, context, params): return {}
"""


def test_bare_it_takes_the_name_from_the_class_and_returns_the_class():
    @register_scriptlet
    class CustomProcessorScriptlet(BaseScriptlet):
        def run(self, context, params):
            return {}

    assert get_scriptlet("custom_processor") is CustomProcessorScriptlet
    entry = registered()["custom_processor"]
    assert entry.cls is CustomProcessorScriptlet
    assert entry.version == "0"
    assert entry.place.startswith(f"{HERE}:")


def test_with_arguments_they_count():
    @register_scriptlet(name="csv", version="2.0")
    class Anything(BaseScriptlet):
        def run(self, context, params):
            return {}

    assert get_scriptlet("csv") is Anything
    assert registered()["csv"].version == "2.0"


def test_empty_brackets_are_the_same_as_none():
    @register_scriptlet()
    class Bracketed(BaseScriptlet):
        def run(self, context, params):
            return {}

    assert get_scriptlet("bracketed") is Bracketed


def test_name_and_version_of_the_class_body_count():
    @register_scriptlet
    class Anything(BaseScriptlet):
        name = "from_body"
        version = "1.2"

        def run(self, context, params):
            return {}

    assert registered()["from_body"].version == "1.2"


def test_the_place_is_that_of_the_registration():
    load(PLAIN)
    assert registered()["loader"].place == "/somewhere/mine.py:1"


def test_every_fault_is_told_at_once_with_class_and_place():
    source = """
@register_scriptlet(name="shell", version=2)
class Broken(BaseScriptlet):
    parameters = ["source"]
    def __init__(self, path): pass
    def setup(self): pass
    async def validate(self, context, params): pass
    def teardown(self, context, params): yield
    def run(self, context): return {}
"""
    with pytest.raises(ScriptletError) as error:
        load(source)
    text = str(error.value)
    assert text.startswith("/somewhere/mine.py:2: Broken is no scriptlet: ")
    assert text.split(": ", 2)[2].split("; ") == [
        "its name 'shell' is a step type of recipes: choose another",
        "its version is 2, not a text: put it in quotes",
        "its parameters are not a mapping of names to Parameter(...) or defaults",
        "its __init__ needs arguments, but a recipe can give none: use params in run instead",
        "run(self, context) cannot be called as run(context, params)",
        "setup(self) cannot be called as setup(context, params)",
        "validate is async but run is not: make both async, or neither",
        "teardown is a generator: it would never be started",
    ]
    assert registered() == {}


def fault_of(members, bases=(BaseScriptlet,), **options):
    cls = type("Faulty", bases, members)
    with pytest.raises(ScriptletError) as error:
        register_scriptlet(**options)(cls)
    assert str(error.value).startswith(f"{HERE}:")
    return str(error.value).split("Faulty is no scriptlet: ")[1]


def good_run(self, context, params):
    return {}


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({}, "it has no run(self, context, params)"),
        ({"run": 5}, "run is int, not a method"),
        ({"run": lambda self: 0}, "run(self) cannot be called as run(context, params)"),
        ({"run": lambda self, a, b, c: 0}, "run(self, a, b, c) cannot be called as"),
        ({"run": lambda self, a, b, *, key: 0}, "run(self, a, b, *, key) cannot be called"),
        ({"run": lambda self, *rest, key: 0}, "run(self, *rest, key) cannot be called"),
        ({"run": lambda self, **rest: 0}, "run(self, **rest) cannot be called"),
        ({"run": staticmethod(lambda a: 0)}, "run(a) cannot be called"),
        ({"run": classmethod(lambda cls, a: 0)}, "run(cls, a) cannot be called"),
        ({"run": good_run, "name": 7}, "its name is 7, not a text"),
        ({"run": good_run, "name": "  "}, "its name is '  ', not a text"),
        ({"run": good_run, "name": "a\nb"}, "must be printable and at most 200"),
        ({"run": good_run, "name": "x" * 201}, "must be printable and at most 200"),
        ({"run": good_run, "parameters": {1: 2}}, "names that are no text: 1"),
        ({"run": good_run, "parameters": {"a": {1, 2}}}, "its parameters cannot be used: "),
    ],
)
def test_each_fault_is_found(members, fault):
    assert fault in fault_of(members)


def test_generators_are_no_run():
    def generator(self, context, params):
        yield

    async def async_generator(self, context, params):
        yield

    for run in (generator, async_generator):
        assert "run is a generator" in fault_of({"run": run})


def test_what_is_not_written_yet_keeps_a_class_out():
    class Abstract(BaseScriptlet, abc.ABC):
        @abc.abstractmethod
        def connect(self): ...

        def run(self, context, params):
            return {}

    assert fault_of({}, (Abstract,)) == "it is abstract: connect must be written"


def test_a_class_of_another_kind_is_refused():
    assert fault_of({"run": good_run}, (object,)) == "it does not inherit from BaseScriptlet"


@pytest.mark.parametrize(
    ("thing", "described"),
    [(good_run, "the function good_run"), (BaseScriptlet(), "a BaseScriptlet")],
)
def test_what_is_no_class_is_refused(thing, described):
    with pytest.raises(ScriptletError, match=f"belongs on a class, not on {described}"):
        register_scriptlet(name="x")(thing)


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


async def async_run(self, context, params):
    return {}


@pytest.mark.parametrize(
    "members",
    [
        {"run": good_run},
        {"run": async_run, "setup": async_run},
        {"run": async_run, "setup": good_run},
        {"run": wrapped(good_run)},
        {"run": lambda self, *args: 0},
        {"run": lambda self, context, params, extra=1: 0},
        {"run": staticmethod(lambda context, params: 0)},
        {"run": classmethod(lambda cls, context, params: 0)},
        {"run": functools.partialmethod(good_run)},
        {"run": good_run, "setup": print},
        {"run": good_run, "parameters": {"source": Parameter(str), "limit": 5}},
        {"run": good_run, "__init__": lambda self, factor=2, *, offset=0: None},
    ],
)
def test_every_right_shape_is_accepted(members):
    cls = type("Good", (BaseScriptlet,), members)
    assert register_scriptlet(cls) is cls


def test_a_second_class_of_that_name_is_refused_naming_both_places():
    load(PLAIN)
    with pytest.raises(DuplicateScriptlet) as error:
        load("\n\n" + PLAIN, file="/elsewhere/other.py")
    assert str(error.value) == (
        "two scriptlets are named 'loader': LoaderScriptlet at /somewhere/mine.py:1 and "
        "LoaderScriptlet at /elsewhere/other.py:3; rename one, or register the second with replace=True"
    )


def test_two_classes_of_one_file_may_not_share_a_name():
    second = PLAIN.replace("@register_scriptlet", '@register_scriptlet(name="loader")')
    with pytest.raises(DuplicateScriptlet, match=r"mine.py:1 .*mine.py:4"):
        load(PLAIN + second.replace("LoaderScriptlet", "Other"))


def test_replace_takes_the_name_over():
    load(PLAIN)
    names = load(
        PLAIN.replace("@register_scriptlet", "@register_scriptlet(replace=True)"), file="/other.py"
    )
    assert get_scriptlet("loader") is names["LoaderScriptlet"]


def test_a_module_imported_anew_is_no_duplicate_even_if_lines_moved():
    load(PLAIN)
    names = load("# a new first line\n" + PLAIN)
    assert get_scriptlet("loader") is names["LoaderScriptlet"]
    assert registered()["loader"].place == "/somewhere/mine.py:2"


def test_a_notebook_cell_run_again_is_no_duplicate():
    load(PLAIN, "/tmp/cell/1.py", "__main__")
    names = load(PLAIN, "/tmp/cell/2.py", "__main__")
    assert get_scriptlet("loader") is names["LoaderScriptlet"]


def test_one_class_may_be_registered_twice():
    class Same(BaseScriptlet):
        run = good_run

    register_scriptlet(Same)
    register_scriptlet(name="also")(Same)
    assert get_scriptlet("same") is get_scriptlet("also") is register_scriptlet(Same)


def test_an_unknown_name_is_answered_with_the_near_one():
    load(PLAIN)
    with pytest.raises(ScriptletError, match=r"'loder' \(did you mean loader\?\)"):
        get_scriptlet("loder")
    with pytest.raises(ScriptletError, match=r"'quite_other' \(known are .*http, loader.*\)"):
        get_scriptlet("quite_other")
    assert unregister("loader")
    assert not unregister("loader")
    with pytest.raises(ScriptletError, match=r"\(known are .*read"):
        get_scriptlet("loader")


def test_the_list_is_in_name_order():
    load(PLAIN.replace("Loader", "Zebra"))
    load(PLAIN.replace("Loader", "Ant"))
    assert list(registered()) == ["ant", "zebra"]
