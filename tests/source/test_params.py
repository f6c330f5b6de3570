from __future__ import annotations

import pytest

from framework0.scriptlets import Parameter as Declared
from framework0.scriptlets.parameters import declared
from framework0.source import Signature, Unknown
from framework0.source.facts import KEYWORD, SCRIPTLET

HEAD = "from scriptlets.framework import BaseScriptlet, Parameter\n"


def scriptlet(tree, body, *, base="BaseScriptlet"):
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    tree.write(steps=f"{HEAD}class S({base}):\n{lines}\n")
    return tree.signature("steps", "S")


def read(signature):
    assert isinstance(signature, Signature), signature
    return {p.name: (p.required, p.default) for p in signature.parameters}


DECLARATION = """{
    "source": Parameter(str, description="the file to read"),
    "limit": Parameter(int, default=100),
    "mode": Parameter(str, default="fast", choices=("fast", "exact")),
    "note": Parameter(str, required=False),
    "any": Parameter(),
    "thing": Parameter(object, default=None),
    "rate": Parameter(type=float, required=True),
    "strict": True,
    "names": ["a"],
    "free": None,
}"""


def test_declared_params_are_read_as_the_class_itself_declares_them(tree):
    signature = scriptlet(tree, f"parameters = {DECLARATION}\ndef run(self, context, params): ...")
    space = {"Parameter": Declared}
    real = declared(type("S", (), {"parameters": eval(DECLARATION, space)}))
    words = {str: "string", int: "integer", bool: "boolean", list: "list", float: "number"}
    assert [p.name for p in signature.parameters] == list(real)
    for parameter in signature.parameters:
        wanted = real[parameter.name]
        assert parameter.kind == KEYWORD
        assert parameter.required == wanted.required
        assert parameter.default == wanted.default
        assert parameter.choices == wanted.choices
        assert parameter.description == wanted.description
        types = [words[wanted.type]] if wanted.type in words else []
        if types and not wanted.required and wanted.default is None:
            types.append("null")
        assert list(parameter.types) == types
    assert signature.declared
    assert not signature.open
    assert signature.kind == SCRIPTLET


def test_a_subclass_may_add_to_what_its_base_declares(tree):
    tree.write(
        base=HEAD
        + "class Base(BaseScriptlet):\n    parameters = {'a': 1}\n    def run(self, context, params): ...\n",
        steps="import base\nfrom base import Base\n"
        "class Plain(Base): ...\n"
        "class More(Base):\n    parameters = {**Base.parameters, 'b': Parameter(str)}\n"
        "class Long(base.Base):\n    parameters = {**base.Base.parameters, 'c': 2}\n"
        "class Other(Base):\n    parameters = {**something(), 'c': 2}\n"
        "class None_(Base):\n    parameters = {**Plain.parameters}\n",
    )
    assert read(tree.signature("steps", "Plain")) == {"a": (False, 1)}
    assert read(tree.signature("steps", "More")) == {"a": (False, 1), "b": (True, None)}
    assert read(tree.signature("steps", "Long")) == {"a": (False, 1), "c": (False, 2)}
    assert read(tree.signature("steps", "None_")) == {"a": (False, 1)}
    assert tree.signature("steps", "Other").open


@pytest.mark.parametrize(
    "value",
    [
        "make()",
        "{name: 1}",
        "{'a': compute()}",
        "{'a': Parameter(str, **more)}",
        "{'a': Parameter(str, int)}",
        "{'a': Parameter(Path)}",
        "{'a': 1 + 2 * x}",
        "{**other}",
        "{**thing.parameters}",
    ],
)
def test_a_declaration_made_at_run_time_leaves_the_params_open(value, tree):
    signature = scriptlet(tree, f"parameters = {value}\ndef run(self, context, params): ...")
    assert signature.open
    assert not signature.declared


def test_undeclared_params_are_gathered_from_where_they_are_read(tree):
    signature = scriptlet(
        tree,
        """
def setup(self, context, params):
    self.file = params["file"]
def run(self, context, p):
    a = p["a"]
    b = p.get("b", 5)
    c = p.get("c")
    d = p.pop("d")
    e = p.pop("e", 1)
    p.setdefault("f", [])
    if "g" in p:
        g = p["g"]
    for x in p["h"]:
        p["i"]
    while p["j"]:
        break
    with open(p["k"]) as f:
        p["l"]
    try:
        p["m"]
    except KeyError:
        p["n"]
    finally:
        p["o"]
    q = p["q1"] and p["q2"]
    r = p["r1"] if p["r2"] else p["r3"]
    s = [p["s2"] for _ in p["s1"]]
    t = lambda: p["t"]
    def inner():
        return p["u"]
    p["stored"] = 1
    self.helper(p, 1)
    module_helper(p)
    if a:
        return {}
    p["late"]
def helper(self, given, n):
    given["from_helper"]
def teardown(self, context, params):
    params.get("file")
""",
    )
    (tree.root / "steps.py").write_text(
        (tree.root / "steps.py").read_text() + "\ndef module_helper(x):\n    x['from_module']\n"
    )
    signature = tree.signature("steps", "S")
    required = {name for name, (needed, _) in read(signature).items() if needed}
    optional = set(read(signature)) - required
    assert required == {
        *("file", "a", "d", "h", "j", "k", "l", "o", "q1", "r2", "s1", "from_helper", "from_module")
    }
    assert optional >= {
        "b",
        "c",
        "e",
        "f",
        "g",
        "i",
        "m",
        "n",
        "q2",
        "r1",
        "r3",
        "s2",
        "t",
        "u",
        "late",
    }
    assert read(signature)["b"] == (False, 5)
    assert "stored" not in read(signature)
    assert not signature.open
    assert not signature.declared


@pytest.mark.parametrize(
    "line",
    [
        "unknown(params)",
        "x = params",
        "print(**params)",
        "self.store = params",
        "for name in params: ...",
        "params[name]",
        "params.get(name)",
        "params.items()",
        "params.update(a=1)",
        "json.dumps(params)",
        "self.missing(params)",
        "print(*args, params)",
        "helper(params, *rest)",
        "helper(**{'a': params})",
        "return {'a': params}",
        "params = {}",
    ],
)
def test_params_that_go_elsewhere_leave_the_list_open(line, tree):
    signature = scriptlet(tree, f'def run(self, context, params):\n    params["a"]\n    {line}')
    assert signature.open
    assert "a" in read(signature)


def test_inherited_and_super_methods_are_followed(tree):
    tree.write(steps=HEAD + """
class Base(BaseScriptlet):
    def run(self, context, params):
        params["base"]
        self.part(params)
    def part(self, p):
        p["part"]
class S(Base):
    def setup(self, context, params):
        super().setup(context, params)
    def run(self, context, params):
        params["own"]
        return super().run(context, params)
    def part(self, p):
        p["own_part"]
""")
    signature = tree.signature("steps", "S")
    assert set(read(signature)) == {"own", "base", "own_part"}
    assert not signature.open


def test_recursion_and_long_chains_end(tree):
    signature = scriptlet(
        tree,
        """
def run(self, context, params):
    self.again(params)
def again(self, p):
    p["x"]
    self.again(p)
""",
    )
    assert set(read(signature)) == {"x"}
    chain = "\n".join(f"def m{n}(self, p):\n    self.m{n + 1}(p)" for n in range(8))
    signature = scriptlet(
        tree, f"def run(self, context, params):\n    self.m0(params)\n{chain}\ndef m8(self, p): ..."
    )
    assert signature.open


def test_a_class_that_is_no_scriptlet_or_cannot_be_followed(tree):
    tree.write(steps=HEAD + """
class NoRun(BaseScriptlet): ...
class Lazy(BaseScriptlet):
    run = other
class Wrapped(BaseScriptlet):
    @timed
    def run(self, context, params): ...
class Mixed(BaseScriptlet, somewhere.Mixin):
    def run(self, context, params): params["a"]
@register_scriptlet
class Good(BaseScriptlet, ABC):
    async def run(self, context, params): ...
class Typed(BaseScriptlet, Generic[T]):
    def run(self, context, params): ...
class Short(BaseScriptlet):
    def run(self): ...
""")
    for name in ("NoRun", "Lazy", "Wrapped"):
        assert isinstance(tree.signature("steps", name), Unknown), name
    assert tree.signature("steps", "Mixed").open
    assert tree.signature("steps", "Good").is_async
    assert not tree.signature("steps", "Typed").open
    assert read(tree.signature("steps", "Short")) == {}


def test_the_base_class_is_found_under_every_documented_name(tree):
    for line in (
        "from scriptlets.framework import BaseScriptlet as B",
        "from framework0 import BaseScriptlet as B",
        "from framework0.scriptlets import BaseScriptlet as B",
        "import framework0\nB = framework0.BaseScriptlet",
        "import scriptlets.framework as s\nB = s.BaseScriptlet",
        "from scriptlets.framework import *\nB = BaseScriptlet",
    ):
        tree.write(steps=f"{line}\nclass S(B):\n    def run(self, context, params): params['a']\n")
        assert read(tree.signature("steps", "S")) == {"a": (True, None)}, line
    tree.write(
        scriptlets__framework="from framework0.scriptlets import BaseScriptlet as BaseScriptlet\n"
    )
    tree.write(
        steps=f"{HEAD}class S(BaseScriptlet):\n    def run(self, context, params): params['a']\n"
    )
    assert read(tree.signature("steps", "S")) == {"a": (True, None)}
