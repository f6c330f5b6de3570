"""D7 of the reliability bar: nothing in the package can turn data into code. The allow-list is empty.

Read from the syntax tree, so a name in a comment is no hit and an alias is no hiding place. The same
rules are first shown to find one example each.
"""

from __future__ import annotations

import ast

import pytest

MODULES = frozenset({"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"})
BUILTINS = frozenset({"eval", "exec", "compile"})
YAML_READERS = frozenset(
    {"load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}
)
SHELLS = frozenset({("os", "system"), ("os", "popen"), ("subprocess", "getoutput")})
SHELLS |= {("subprocess", "getstatusoutput"), ("pty", "spawn"), ("code", "interact")}


def dangers(text, name="<text>"):
    """Return every dangerous use in a Python text, as ``name:line: what``."""
    tree = ast.parse(text, name)
    finder = _Finder(tree)
    finder.visit(tree)
    return [f"{name}:{line}: {what}" for line, what in finder.found]


class _Finder(ast.NodeVisitor):
    """Collects (line, what). ``constants`` are the module's own texts, which are no data."""

    def __init__(self, tree):
        self.found = []
        self.aliases = {}
        self.constants = set()
        for statement in tree.body:
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                targets = getattr(statement, "targets", None) or [
                    getattr(statement, "target", None)
                ]
                self.constants |= {node.id for node in targets if isinstance(node, ast.Name)}

    def note(self, node, what):
        self.found.append((node.lineno, what))

    def visit_Import(self, node):
        for alias in node.names:
            self.aliases[alias.asname or alias.name.partition(".")[0]] = alias.name
            if alias.name.partition(".")[0] in MODULES:
                self.note(node, f"imports {alias.name}")

    def visit_ImportFrom(self, node):
        module = node.module or ""
        if module.partition(".")[0] in MODULES:
            self.note(node, f"imports from {module}")
        for alias in node.names:
            taken = (module, alias.name)
            if taken in SHELLS or (module == "yaml" and alias.name in YAML_READERS):
                self.note(node, f"imports {module}.{alias.name}")
            if module == "builtins" and alias.name in BUILTINS:
                self.note(node, f"imports {alias.name}")

    def visit_Name(self, node):
        # Also as a value: `map(eval, texts)`.
        if node.id in BUILTINS and isinstance(node.ctx, ast.Load):
            self.note(node, node.id)

    def visit_Attribute(self, node):
        owner = node.value.id if isinstance(node.value, ast.Name) else None
        module = self.aliases.get(owner, owner)
        if (module, node.attr) in SHELLS:
            self.note(node, f"{module}.{node.attr}")
        if module == "yaml" and node.attr in YAML_READERS:
            self.note(node, f"yaml.{node.attr}")
        if module == "builtins" and node.attr in BUILTINS:
            self.note(node, f"builtins.{node.attr}")
        self.generic_visit(node)

    def visit_Call(self, node):
        for keyword in node.keywords:
            safe = isinstance(keyword.value, ast.Constant) and not keyword.value.value
            if keyword.arg == "shell" and not safe:
                self.note(node, "shell=True")
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"format", "format_map"}:
            self._format(node, node.func.value)
        self.generic_visit(node)

    def _format(self, node, text):
        literal = isinstance(text, ast.Constant) and isinstance(text.value, str)
        own = isinstance(text, ast.Name) and text.id in self.constants
        # A logging formatter asks itself: that is its own method, no text's.
        itself = isinstance(text, ast.Name) and text.id == "self"
        if not (literal or own or itself):
            self.note(node, "formats a text that may be data")


def test_the_package_has_none_of_it(repository):
    sources = sorted((repository / "framework0").rglob("*.py"))
    assert len(sources) > 150
    found = []
    for path in sources:
        name = path.relative_to(repository).as_posix()
        found += dangers(path.read_text(encoding="utf-8"), name)
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import pickle as p",
        "from pickle import loads",
        "import marshal",
        "import shelve",
        "from cloudpickle import dumps",
        "eval(text)",
        "exec(text)",
        "compile(text, '', 'eval')",
        "list(map(eval, texts))",
        "import builtins\nbuiltins.eval(text)",
        "from builtins import exec as run",
        "import yaml\nyaml.load(text, yaml.SafeLoader)",
        "import yaml as y\ny.unsafe_load(text)",
        "from yaml import full_load",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "run(text, shell=wanted)",
        "import os\nos.system(text)",
        "import os as o\no.popen(text)",
        "from os import system",
        "text.format(value)",
        "make().format(value)",
        "text.format_map(values)",
    ],
)
def test_each_rule_finds_its_example(text):
    assert dangers(text)


@pytest.mark.parametrize(
    "text",
    [
        "import re\nre.compile(text)",
        "import ast\nast.literal_eval(text)",
        "import yaml\nyaml.parse(text, Loader=yaml.CSafeLoader)",
        "import subprocess\nsubprocess.run(['/bin/sh', '-c', text])",
        "subprocess.run(words, shell=False)",
        "'{} of {}'.format(1, 2)",
        "TEXT = '{}'\nTEXT.format(1)",
        "format(number, ',')",
        "evaluate(text)",
    ],
)
def test_what_is_harmless_is_no_hit(text):
    assert dangers(text) == []


def test_a_pickle_in_place_of_the_journal_is_refused_and_never_loaded(tmp_path, run_python):
    marker = tmp_path / "marker"
    # Protocol 0 by hand, so that this test needs no pickle either: calls os.system on loading.
    bomb = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    state = tmp_path / "state"
    state.mkdir()
    (state / "journal.db").write_bytes(bomb * 50)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("steps:\n  - {name: a, type: shell, command: [echo]}\n")
    ended = run_python("-m", "framework0", "run", recipe)
    assert ended.returncode == 4, ended.stderr
    assert "journal.db" in ended.stderr
    assert not marker.exists()
