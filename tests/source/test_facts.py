from __future__ import annotations

import pytest

from framework0.source.facts import NO_CONTEXT

HEAD = "from scriptlets.framework import BaseScriptlet\nKEY = 'constant'\nCHANGING = 'a'\nCHANGING = 'b'\n"


def facts(tree, body, extra=""):
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    tree.write(steps=f"{HEAD}{extra}\nclass S(BaseScriptlet):\n{lines}\n")
    return tree.facts("steps", "S")


def test_the_example_of_the_specification(tree):
    found = facts(
        tree,
        """
def __init__(self) -> None:
    super().__init__()
    self.name = "custom_processor"
    self.version = "1.0"
def run(self, context, params):
    input_data = context.get("input_data", [])
    processed_data = self.process_data(input_data)
    context.set("processed_data", processed_data)
    context.set(f"{self.name}.completed", True)
    return {"status": "success", "n": len(processed_data)}
def process_data(self, data):
    return [item * 2 for item in data if item > 0]
""",
    )
    assert list(found.reads) == []
    assert list(found.guarded) == ["input_data"]
    assert list(found.writes) == ["processed_data", "custom_processor.completed"]
    assert not found.reads_unknown
    assert not found.writes_unknown


def test_reads_writes_and_what_is_only_sometimes_read(tree):
    found = facts(
        tree,
        """
def setup(self, context, params):
    context.get("from_setup")
def run(self, ctx, params):
    ctx.get("plain")
    ctx.get(key="named")
    ctx.get("with_default", 0)
    ctx.get("named_default", default=0)
    if params:
        ctx.get("sometimes")
    if "asked" in ctx:
        pass
    ctx["item"]
    ctx["stored"] = 1
    ctx.set("set", 1)
    ctx.delete("deleted")
    ctx.get(KEY)
    ctx.get("both", 1)
    ctx.get("both")
    self.more(ctx)
def more(self, c):
    c.set(key="helped", value=1)
""",
    )
    assert set(found.reads) == {"from_setup", "plain", "named", "item", "constant", "both"}
    assert set(found.guarded) == {"with_default", "named_default", "sometimes", "asked"}
    assert set(found.writes) == {"stored", "set", "deleted", "helped"}
    assert (found.reads_unknown, found.writes_unknown) == (False, False)
    assert found.reads["plain"].line == 10
    assert found.reads["plain"].column == 9


@pytest.mark.parametrize(
    ("line", "reads", "writes"),
    [
        ("context.get(name)", True, False),
        ("context.set(name, 1)", False, True),
        ("context.set(f'{name}.x', 1)", False, True),
        ("context.set(f'{self.name!r}.x', 1)", False, True),
        ("context.set(f'{self.name:>9}.x', 1)", False, True),
        ("context.set(CHANGING, 1)", False, True),
        ("context.get(*names)", True, False),
        ("context.get(**names)", True, False),
        ("context.keys('a*')", True, False),
        ("context.items()", True, False),
        ("context.restore(1)", True, True),
        ("other(context)", True, True),
        ("x = context", True, True),
        ("self.context = context", True, True),
        ("self.name = compute(); context.set(self.name, 1)", False, True),
        ("KEY = params; context.get(KEY)", True, False),
        ("[context.get(name) for name in params]", True, False),
    ],
)
def test_what_is_only_known_at_run_time_is_unknown(line, reads, writes, tree):
    found = facts(tree, f"name = 'n'\ndef run(self, context, params):\n    {line}")
    assert (found.reads_unknown, found.writes_unknown) == (reads, writes)


def test_names_that_an_instance_always_has_are_resolved(tree):
    found = facts(
        tree,
        """
name = "by_class"
PREFIX = "p"
def run(self, context, params):
    context.set(f"{self.name}.{self.PREFIX}.{KEY}", 1)
""",
    )
    assert list(found.writes) == ["by_class.p.constant"]
    tree.write(
        steps=f"{HEAD}class HTTPGetScriptlet(BaseScriptlet):\n"
        "    def run(self, context, params): context.set(f'{self.name}.done', 1)\n"
    )
    assert list(tree.facts("steps", "HTTPGetScriptlet").writes) == ["http_get.done"]


def test_a_name_set_by_a_base_class_holds_for_its_subclass(tree):
    tree.write(steps=HEAD + """
class Base(BaseScriptlet):
    def __init__(self):
        self.name = "base"
    def run(self, context, params):
        context.set(self.name, 1)
class Same(Base): ...
class Own(Base):
    def __init__(self):
        self.name = "own"
class Changed(Base):
    def setup(self, context, params):
        self.name = params["name"]
""")
    assert list(tree.facts("steps", "Same").writes) == ["base"]
    assert list(tree.facts("steps", "Own").writes) == ["own"]
    assert tree.facts("steps", "Changed").writes_unknown


def test_functions_touch_the_context_only_through_a_parameter_of_that_name(tree):
    tree.write(steps="""
        def with_it(a, context):
            context.set("k", a)
            helper(context)
        def helper(c):
            return c.get("h")
        def keyword(*, context): context.get("kw")
        def without(a): a.get("k")
        class Plain:
            def __init__(self, a): ...
        class Strange(unknown.Base): ...
        lam = lambda context: context.get("lam")
        """)
    assert list(tree.facts("steps", "with_it").writes) == ["k"]
    assert list(tree.facts("steps", "with_it").reads) == ["h"]
    assert list(tree.facts("steps", "keyword").reads) == ["kw"]
    assert list(tree.facts("steps", "lam").reads) == ["lam"]
    assert tree.facts("steps", "without") == NO_CONTEXT
    assert tree.facts("steps", "Plain") == NO_CONTEXT
    assert tree.facts("builtins", "print") == NO_CONTEXT
    assert tree.facts("steps", "Strange").reads_unknown
    assert tree.facts("steps", "nothing").writes_unknown
    assert tree.facts("scriptlets.framework", "BaseScriptlet").writes_unknown


def test_an_unknown_base_leaves_the_facts_open(tree):
    tree.write(
        steps=HEAD
        + "class S(BaseScriptlet, far.Away):\n    def run(self, context, params): context.set('k', 1)\n"
        "class NoRun(BaseScriptlet): ...\n"
    )
    found = tree.facts("steps", "S")
    assert list(found.writes) == ["k"]
    assert found.reads_unknown
    assert tree.facts("steps", "NoRun").writes_unknown


def test_columns_count_characters(tree):
    tree.write(steps='def f(context):\n    "ä"; context.get("k")\n')
    assert str(tree.facts("steps", "f").reads["k"]).endswith("steps.py:2:10")
