from __future__ import annotations

import importlib.machinery
import inspect
import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.source import Broken, Missing, Parameter, Signature, Sources, Unknown
from framework0.source.facts import (
    CLASS,
    FUNCTION,
    KEYWORD,
    ORDINARY,
    POSITIONAL,
    VAR_KEYWORD,
    VAR_POSITIONAL,
)


def shown(signature):
    assert isinstance(signature, Signature), signature
    return [(p.name, p.kind, p.required) for p in signature.parameters]


def test_every_kind_of_parameter_is_told_apart(tree):
    tree.write(
        steps="def f(a, /, b, c=1, *rest, d, e=2, **more):\n    '''Does it.\n\n    At length.'''\n"
    )
    signature = tree.signature("steps", "f")
    assert shown(signature) == [
        ("a", POSITIONAL, True),
        ("b", ORDINARY, True),
        ("c", ORDINARY, False),
        ("rest", VAR_POSITIONAL, False),
        ("d", KEYWORD, True),
        ("e", KEYWORD, False),
        ("more", VAR_KEYWORD, False),
    ]
    assert signature.kind == FUNCTION
    assert signature.open
    assert signature.summary == "Does it."
    assert str(signature.place) == f"{tree.root / 'steps.py'}:1:1"


@pytest.mark.parametrize(
    ("annotation", "types", "choices"),
    [
        ("int", ("integer",), ()),
        ("float", ("number",), ()),
        ("str", ("string",), ()),
        ("bool", ("boolean",), ()),
        ("None", ("null",), ()),
        ("list", ("list",), ()),
        ("list[int]", ("list",), ()),
        ("typing.List[str]", ("list",), ()),
        ("dict[str, int]", ("mapping",), ()),
        ("Mapping[str, Any]", ("mapping",), ()),
        ("'int'", ("integer",), ()),
        ("'int | None'", ("integer", "null"), ()),
        ("int | str", ("integer", "string"), ()),
        ("Optional[float]", ("number", "null"), ()),
        ("Union[int, str, None]", ("integer", "string", "null"), ()),
        ("Annotated[int, 'metres']", ("integer",), ()),
        ("Literal['a', 'b']", ("string",), ("a", "b")),
        ("Literal[1, 'b']", ("integer", "string"), (1, "b")),
        ("Literal[X]", (), ()),
        ("Any", (), ()),
        ("Path", (), ()),
        ("int | Path", (), ()),
        ("Optional[Path]", (), ()),
        ("'not ('", (), ()),
        ("f()", (), ()),
        ("3", (), ()),
    ],
)
def test_simple_annotations_become_the_words_of_recipes(annotation, types, choices, tree):
    tree.write(steps=f"def f(a: {annotation}): ...\n")
    (parameter,) = tree.signature("steps", "f").parameters
    assert (parameter.types, parameter.choices) == (types, choices)


def test_defaults_are_known_when_they_are_literals(tree):
    tree.write(steps="X = 1\ndef f(a: str = None, b=[1, {'k': 2}], c=X, d: int = 4): ...\n")
    found = tree.signature("steps", "f").parameters
    assert [p.default for p in found] == [None, [1, {"k": 2}], None, 4]
    assert found[0].types == ("string", "null")


def test_a_parameter_named_context_is_taken_out(tree):
    tree.write(steps="async def f(a, context, b=1): ...\ndef g(*context): ...\n")
    signature = tree.signature("steps", "f")
    assert shown(signature) == [("a", ORDINARY, True), ("b", ORDINARY, False)]
    assert signature.takes_context
    assert signature.is_async
    assert not tree.signature("steps", "g").takes_context


def test_names_are_followed_through_imports_and_renamings(tree):
    tree.write(
        pkg____init__="",
        pkg__real="def f(a): ...\nclass K:\n    @staticmethod\n    def s(x): ...\n",
        pkg__door="from .real import f as g\nfrom . import real\nfrom pkg.real import *\nh = g\nk = real.f\n"
        "lam = lambda x, y=1: x\nimport pkg.real\nlong = pkg.real.f\nst = real.K.s\nimport json as j\nd = j.dumps\nown = print\n",
    )
    (tree.root / "pkg/__init__.py").write_text("from .door import h as exported\n")
    for name in ("g", "h", "k", "f", "long"):
        assert shown(tree.signature("pkg.door", name)) == [("a", ORDINARY, True)]
    assert shown(tree.signature("pkg", "exported")) == [("a", ORDINARY, True)]
    assert shown(tree.signature("pkg.door", "lam")) == [
        ("x", ORDINARY, True),
        ("y", ORDINARY, False),
    ]
    assert shown(tree.signature("pkg.door", "st")) == [("x", ORDINARY, True)]
    assert shown(tree.signature("pkg.door", "d"))[0] == ("obj", ORDINARY, True)
    assert tree.signature("pkg.door", "own").place is None


def test_methods_can_be_named_with_their_class(tree):
    tree.write(steps="""
        class K:
            @staticmethod
            def s(a): ...
            @classmethod
            def c(cls, b): ...
            def m(self, d): ...
            value = 1
        class D(K): ...
        """)
    assert shown(tree.signature("steps", "K.s")) == [("a", ORDINARY, True)]
    assert shown(tree.signature("steps", "K.c")) == [("b", ORDINARY, True)]
    assert shown(tree.signature("steps", "K.m"))[0][0] == "self"
    assert tree.signature("steps", "K.valeu") == Missing("function", ("value",))
    assert isinstance(tree.signature("steps", "K.nope"), Missing)
    assert isinstance(tree.signature("steps", "K.value"), Unknown)
    assert isinstance(tree.signature("steps", "D.s"), Unknown)
    assert isinstance(tree.signature("steps", "Q.s"), Missing)


def test_a_class_takes_what_its_init_takes(tree):
    tree.write(steps="""
        class Plain: 'Nothing.'
        class Base:
            def __init__(self, a, *, b=1): ...
        class Derived(Base): ...
        class New:
            def __new__(cls, a): ...
        class Made:
            __init__ = other
        class Wrapped:
            @strange
            def __init__(self): ...
        class Meta(metaclass=abc.ABCMeta): ...
        class Foreign(somewhere.Else): ...
        @strange
        class Decorated: ...
        @functools.total_ordering
        class Ordered: ...
        """)
    assert tree.signature("steps", "Plain").kind == CLASS
    assert tree.signature("steps", "Plain").summary == "Nothing."
    assert shown(tree.signature("steps", "Derived")) == [
        ("a", ORDINARY, True),
        ("b", KEYWORD, False),
    ]
    assert shown(tree.signature("steps", "Ordered")) == []
    for name in ("New", "Made", "Wrapped", "Meta", "Foreign", "Decorated"):
        assert isinstance(tree.signature("steps", name), Unknown), name


@pytest.mark.parametrize(
    "decorator",
    ["lru_cache", "functools.lru_cache(maxsize=1)", "final", "contextlib.contextmanager"],
)
def test_decorators_known_to_keep_the_arguments_are_looked_through(decorator, tree):
    tree.write(steps=f"@{decorator}\ndef f(a): ...\n")
    assert shown(tree.signature("steps", "f")) == [("a", ORDINARY, True)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@retry\ndef f(a): ...", "@retry may change"),
        ("@x[0]\ndef f(a): ...", "may change"),
        ("f = partial(print, 1)", "made by an expression"),
        ("f, g = pair()", "several names unpacked"),
        ("for f in range(3): ...", "set or deleted"),
        ("with open('x') as f: ...", "set or deleted"),
        ("def f(): ...\ndel f", "more than one way"),
        (
            "try:\n    from fast import f\nexcept ImportError:\n    def f(a): ...",
            "more than one way",
        ),
        ("if x:\n    def f(a): ...\nelse:\n    def f(b): ...", "more than one way"),
        ("import json as f", "is the module json"),
        ("from json import f", "not found"),
        ("from nowhere import *", "may come from nowhere"),
        ("def __getattr__(name): ...", "__getattr__"),
        ("globals()['f'] = 1", "globals()"),
        ("globals().update(f=1)", "globals()"),
        ("setattr(sys.modules[__name__], 'f', 1)", "setattr()"),
        ("exec('f = 1')", "exec()"),
        ("def g():\n    global f\n    f = 1", "when it is called"),
        ("from steps import f", "more than 20"),
        ("f = f", "more than 20"),
        ("f = g\ng = f", "more than 20"),
        ("from . import f", "not found"),
    ],
)
def test_what_reading_cannot_tell_is_unknown_with_the_reason(text, reason, tree):
    tree.write(steps=text + "\n")
    answer = tree.signature("steps", "f")
    assert isinstance(answer, Unknown), answer
    assert reason in answer.reason


def test_a_later_definition_replaces_an_earlier_one(tree):
    tree.write(steps="if x:\n    def f(a): ...\ndef f(b): ...\n")
    assert shown(tree.signature("steps", "f")) == [("b", ORDINARY, True)]


def test_definitions_in_blocks_are_seen(tree):
    tree.write(steps="""
        with x:
            def f(a): ...
        match y:
            case 1:
                def g(b): ...
        try:
            pass
        finally:
            def h(c): ...
        while False:
            def i(d): ...
        if TYPE_CHECKING:
            from nowhere import j
        if typing.TYPE_CHECKING:
            def k(): ...
        m: Callable = lambda e: e
        n: int
        """)
    for name, parameter in [("f", "a"), ("g", "b"), ("h", "c"), ("i", "d"), ("m", "e")]:
        assert shown(tree.signature("steps", name)) == [(parameter, ORDINARY, True)]
    assert isinstance(tree.signature("steps", "j"), Missing)
    assert isinstance(tree.signature("steps", "k"), Missing)
    assert isinstance(tree.signature("steps", "n"), Missing)


def test_missing_names_come_with_near_ones(tree):
    tree.write(steps="def load_data(): ...\ndef clean(): ...\n", tools____init__="", tools__csv="")
    assert tree.signature("steps", "load_dta") == Missing("function", ("load_data",))
    assert tree.signature("step", "load_data") == Missing("module", ("steps",))
    assert tree.signature("tools.cvs", "f").near[0] == "tools.csv"
    assert tree.signature("deep.in.steps", "f").near == ("steps",)
    assert "json" in tree.signature("jsonn", "f").near
    assert tree.signature("not a name", "f").what == "module"


def test_a_syntax_error_is_broken_at_its_own_place(tree):
    tree.write(steps="x = 1\ndef f(:\n    pass\n")
    broken = tree.signature("steps", "f")
    assert isinstance(broken, Broken)
    assert "invalid syntax" in broken.message
    assert str(broken.place) == f"{tree.root / 'steps.py'}:2:7"
    assert tree.facts("steps", "f").reads_unknown


def test_a_name_imported_from_a_broken_module_is_broken(tree):
    tree.write(steps="from bad import f\n", bad="def (")
    assert isinstance(tree.signature("steps", "f"), Broken)


@pytest.mark.parametrize(
    "module", ["builtins", "os", "os.path", "math", "json", "shutil", "statistics"]
)
def test_functions_of_python_agree_with_inspect(module, tree):
    loaded = sys.modules.get(module) or __import__(module, fromlist=["x"])
    sources, agreed = tree.sources, 0
    for name in dir(loaded):
        function = getattr(loaded, name)
        if name.startswith("_") or not inspect.isroutine(function):
            continue
        answer = sources.signature(module, name)
        if isinstance(answer, Unknown):
            continue
        real = inspect.signature(function).parameters.values()
        wanted = [
            (p.name, p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
            for p in real
        ]
        assert [(p.name, p.required) for p in answer.parameters] == wanted, name
        agreed += 1
    assert agreed >= 2


def test_builtins_that_are_not_there_or_do_not_say(tree):
    assert "print" in tree.signature("builtins", "prnt").near
    assert isinstance(tree.signature("builtins", "dict"), Unknown)
    assert isinstance(tree.signature("builtins", "str.join"), Signature)
    assert isinstance(tree.signature("math", "pi"), Unknown)
    assert isinstance(tree.signature("sys", "float_info"), Unknown)


def test_compiled_modules_of_others_are_not_loaded(tree):
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    tree.file(f"fast{suffix}", b"not even a library")
    assert "compiled" in tree.signature("fast", "f").reason
    assert tree.facts("fast", "f").writes_unknown


def test_the_products_own_names_are_unknown_not_missing(tree):
    for module in ("scriptlets.framework", "framework0", "framework0.context", "src.core.logger"):
        assert isinstance(tree.signature(module, "anything"), Unknown)
    assert isinstance(tree.signature("framework0.nothing.here", "x"), Unknown)
    assert isinstance(tree.signature("scriptlets.nothing", "x"), Missing | Unknown)


def test_nothing_of_the_users_is_imported(tree):
    dead = "import os\nos.abort()\ndef f(a, context): context.get('k')\n"
    tree.write(
        steps=dead,
        scriptlets__plugins__one="import os; os.abort()\n",
        pkg____init__=dead,
        pkg__m=dead,
    )
    sources = tree.sources
    before = set(sys.modules)
    assert isinstance(sources.signature("steps", "f"), Signature)
    assert isinstance(sources.signature("pkg.m", "f"), Signature)
    assert isinstance(sources.signature("pkg.m", "g"), Missing)
    assert "k" in sources.facts("pkg", "f").reads
    assert sources.digest("pkg.m", "f")
    assert "one" not in sources.step_kinds()
    assert not {"steps", "pkg", "pkg.m"} & (set(sys.modules) - before)


def test_answers_are_worked_out_once(tree):
    tree.write(steps="def f(a): ...\n")
    sources = tree.sources
    first = sources.signature("steps", "f")
    tree.write(steps="def f(b): ...\n")
    assert sources.signature("steps", "f") is first
    assert shown(tree.signature("steps", "f")) == [("b", ORDINARY, True)]


def test_roots_are_shown_and_may_repeat(tmp_path):
    assert repr(Sources([tmp_path, str(tmp_path)])) == f"Sources({[str(tmp_path)]!r})"


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def headers(draw):
    names = draw(st.lists(NAMES, unique=True, max_size=5))
    parts, defaulted = [], False
    slash = draw(st.integers(0, len(names)))
    star = draw(st.integers(slash, len(names)))
    for index, name in enumerate(names):
        if index == slash and slash:
            parts.append("/")
        if index == star:
            parts.append("*")
            defaulted = False
        defaulted = draw(st.booleans()) or (defaulted and index < star)
        parts.append(f"{name}={draw(st.integers(0, 9))}" if defaulted else name)
    if slash and slash == len(names):
        parts.append("/")
    return ", ".join(parts)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(headers())
def test_any_definition_is_read_as_python_reads_it(tmp_path_factory, header):
    root = tmp_path_factory.mktemp("any")
    text = f"def f({header}): ...\n"
    (root / "steps.py").write_text(text)
    space = {}
    exec(text, space)
    kinds = {
        inspect.Parameter.POSITIONAL_ONLY: POSITIONAL,
        inspect.Parameter.POSITIONAL_OR_KEYWORD: ORDINARY,
        inspect.Parameter.KEYWORD_ONLY: KEYWORD,
    }
    wanted = [
        (p.name, kinds[p.kind], p.default is p.empty)
        for p in inspect.signature(space["f"]).parameters.values()
    ]
    assert shown(Sources([root]).signature("steps", "f")) == wanted


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=80)
    | st.text(alphabet="def f(a):\n \t'\"#[]{}=,*@.", max_size=80).map(str.encode)
)
def test_any_file_gives_an_answer(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("any")
    (root / "steps.py").write_bytes(content)
    sources = Sources([root])
    assert isinstance(sources.signature("steps", "f"), Signature | Missing | Broken | Unknown)
    assert sources.facts("steps", "f") is not None
    assert len(sources.digest("steps", "f")) == 64


def test_parameters_can_be_written_as_json(tree):
    tree.write(steps="def f(a: int = 1): ...\n")
    (parameter,) = tree.signature("steps", "f").parameters
    assert json.loads(json.dumps(parameter._asdict()))["types"] == ["integer"]
    assert parameter == Parameter("a", ORDINARY, False, ("integer",), 1)


def test_python_modules_that_cannot_be_loaded_or_make_names_up(monkeypatch, tree):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", refuse)
    assert "cannot be loaded" in tree.signature("math", "sqrt").reason


def test_a_star_import_from_compiled_modules_is_looked_through(tree):
    tree.write(steps="from math import *\nfrom fast import *\n", other="from math import *\n")
    assert shown(tree.signature("steps", "sqrt")) == [("x", POSITIONAL, True)]
    assert isinstance(tree.signature("other", "sqroot"), Missing)
    tree.file(f"fast{importlib.machinery.EXTENSION_SUFFIXES[0]}", b"")
    assert "compiled" in tree.signature("steps", "anything").reason
