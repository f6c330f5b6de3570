"""D7 of the reliability bar: nothing in the package can turn data that came from elsewhere into code.

Read from the syntax tree, so a name in a comment is no hit and an alias is no hiding place. The same
rules are first shown to find one example each. Then a pickle is planted in every store.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import sqlite3
from functools import cache

import pytest

from framework0.artifacts import Artifact, Artifacts
from framework0.errors import ArtifactError, Framework0Error
from framework0.runner.stepcache.age import Moment
from framework0.runner.stepcache.store import CacheStore, Entry
from framework0.schedules import Schedule, Store, Timing

OUR_OWN = {
    # Values travel between a runner and the workers it started, over sockets nobody else holds.
    "framework0/runner/pool/parcel.py": ["imports pickle"],
    # The frames around them; marshal makes plain data and calls nothing.
    "framework0/runner/pool/wire.py": ["imports marshal"],
    # The constructor of a class of ours with very many fields: a text of numbered names, no data.
    "framework0/tuples.py": ["eval"],
}
"""The only places with a reason. None of them reads a file."""

MODULES = frozenset({"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"})
BUILTINS = frozenset({"eval", "exec", "compile"})
YAML_READERS = frozenset(
    {"load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}
)
SHELLS = frozenset({("os", "system"), ("os", "popen"), ("subprocess", "getoutput")})
SHELLS |= {("subprocess", "getstatusoutput"), ("pty", "spawn"), ("code", "interact")}


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def dangers(text, name="<text>"):
    """Return every dangerous use in a Python text, as ``name:line: what``."""
    return dangers_of(ast.parse(text, name), name)


def dangers_of(tree, name):
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
    found = {}
    for path in sources:
        for danger in dangers_of(parsed(path), str(path)):
            name = path.relative_to(repository).as_posix()
            found.setdefault(name, []).append(danger.partition(": ")[2])
    assert found == OUR_OWN


ROOMS_WITH_FILES = ("artifacts", "schedules", "workspace", "logs", "source", "recipe", "context")


def test_no_room_that_reads_files_knows_the_room_where_values_are_pickled(repository):
    for room in (*ROOMS_WITH_FILES, "runner/journal", "runner/stepcache", "secrets", "telemetry"):
        files = sorted((repository / "framework0" / room).rglob("*.py"))
        assert files, room
        for path in files:
            imported = {name for node in ast.walk(parsed(path)) for name in _imported(node)}
            assert not any(name.startswith("framework0.runner.pool") for name in imported), path


def _imported(node):
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


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


@pytest.fixture
def marker(tmp_path):
    """A file that only a pickle, once loaded, would make."""
    marker = tmp_path / "marker"
    yield marker
    assert not marker.exists()


def bomb(marker, *, protocol=0):
    """Return a pickle that calls os.system on loading, written by hand: this test needs no pickle."""
    call = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    return call if protocol == 0 else b"\x80\x04" + call


def test_the_bomb_is_one(tmp_path, run_python):
    marker = tmp_path / "control"
    program = "import pickle, sys; pickle.loads(bytes.fromhex(sys.argv[1]))"
    for protocol in (0, 4):
        run_python("-c", program, bomb(marker, protocol=protocol).hex())
        assert marker.exists()
        marker.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [0, 4])
@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("journal.db", ["run", "recipe.yaml"]),
        ("journal.db", ["runs"]),
        ("schedules.db", ["schedule", "list"]),
    ],
)
def test_a_pickle_in_place_of_a_database_is_refused(
    store, words, protocol, marker, tmp_path, run_python
):
    state = tmp_path / "state"
    state.mkdir()
    planted = bomb(marker, protocol=protocol) * 50
    (state / store).write_bytes(planted)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("steps:\n  - {name: a, type: shell, command: [echo]}\n")
    ended = run_python("-m", "framework0", *words)
    assert ended.returncode == 4, ended.stderr
    assert store in ended.stderr
    assert (state / store).read_bytes() == planted


@pytest.mark.parametrize("protocol", [0, 4])
def test_a_pickle_in_place_of_the_cache_is_no_entry(protocol, marker, tmp_path):
    store = CacheStore(tmp_path / "steps", max_bytes=1_000_000, ttl=0.0)
    (tmp_path / "steps").mkdir()
    with open(store.path, "wb") as file:
        file.write(bomb(marker, protocol=protocol) * 50)
    assert store.find("key") is None
    store.close()


def test_a_pickle_in_a_row_of_the_cache_is_no_entry(marker, tmp_path):
    store = CacheStore(tmp_path / "steps", max_bytes=1_000_000, ttl=0.0)
    made = Moment(1_000_000.0, "boot", 1_000.0)
    store.put(Entry("key", "r", "s", "run", made, '"key"', {"result": 1, "writes": []}))
    assert store.find("key").content["result"] == 1
    store.close()
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE entries SET content = ?", (bomb(marker),))
    database.close()
    assert store.find("key") is None
    store.close()


def test_a_pickle_in_the_text_of_a_schedule_is_refused(marker, tmp_path):
    store = Store(tmp_path / "schedules.db")
    store.add(Schedule("s", "r.yaml", Timing(every=60.0), {}))
    assert [kept.schedule.name for kept in store.all()] == ["s"]
    with sqlite3.connect(tmp_path / "schedules.db") as database:
        database.execute("UPDATE schedules SET text = ?", (bomb(marker).decode(),))
    database.close()
    with pytest.raises(Framework0Error, match="damaged"):
        store.all()
    store.close()


def pickled_array(content):
    """Return an ``.npy`` file of one Python object, whose pickle is ``content``."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    file = io.BytesIO()
    file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)
    return file.getvalue()


def test_the_array_would_be_a_bomb_if_pickles_were_allowed(tmp_path, run_python):
    marker = tmp_path / "control"
    (tmp_path / "array.npy").write_bytes(pickled_array(bomb(marker)))
    run_python("-c", "import numpy; numpy.load('array.npy', allow_pickle=True)")
    assert marker.exists()


@pytest.mark.parametrize("kind", ["json", "npy", "arrow", "tree"])
@pytest.mark.parametrize("protocol", [0, 4])
def test_a_pickle_as_an_artifact_is_refused(kind, protocol, marker, tmp_path):
    # Whoever plants it can name it by its true digest, so that only the format is left to refuse it.
    artifacts = Artifacts(tmp_path / "artifacts")
    content = bomb(marker, protocol=protocol)
    content = pickled_array(content) if kind == "npy" else content
    artifact = Artifact(hashlib.sha256(content).hexdigest(), kind, len(content))
    path = artifacts.path(artifact)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        artifacts.load(artifact)


def test_a_pickle_as_bytes_stays_bytes(marker, tmp_path):
    artifacts = Artifacts(tmp_path / "artifacts")
    assert bytes(artifacts.load(artifacts.put(bomb(marker)))) == bomb(marker)
    assert json.loads(json.dumps(bomb(marker).decode())) == bomb(marker).decode()
