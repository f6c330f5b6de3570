"""The rules of the house: what import-linter, mypy and ruff cannot say about the package."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "framework0"
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(folder.name for folder in PACKAGE.iterdir() if list(folder.glob("*.py")))

# More than 400 lines usually hold two ideas; here the build fails.
LONGEST_FILE = 450
MEDIAN_FILE = 200
LONGEST_FUNCTION = 60
MEDIAN_FUNCTION = 12
TRAILING_COMMENTS_PER_1000 = 4

# Words that say how proud the author was, or nothing at all, instead of what a thing is.
EMPTY_WORDS = {
    "advanced", "common", "comprehensive", "enhanced", "helper", "helpers", "manager", "misc",
    "smart", "unified", "util", "utils", "v2",
}  # fmt: skip
DOCUMENTED_ROOTS = {"orchestrator", "scriptlets", "src", "server", "tools", "octo", "tests"}


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path):
    return path.relative_to(REPOSITORY).as_posix()


def project():
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def functions():
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


def words(name):
    if name.startswith("__"):
        return set()
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return {word.lower() for word in split.split("_") if word}


def imports(path):
    """Yield (line, module) of every import of the file, wherever it stands."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
            if node.module == "framework0":
                for alias in node.names:
                    yield node.lineno, f"framework0.{alias.name}"


def test_no_file_holds_two_ideas():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: count for name, count in lengths.items() if count > LONGEST_FILE} == {}
    assert statistics.median(lengths.values()) <= MEDIAN_FILE


def test_no_function_is_longer_than_a_screen():
    lengths = [
        (node.end_lineno - node.lineno + 1, name_of(path), node.name) for path, node in functions()
    ]
    assert [entry for entry in lengths if entry[0] > LONGEST_FUNCTION] == []
    assert statistics.median(entry[0] for entry in lengths) <= MEDIAN_FUNCTION


def test_names_say_what_things_are():
    named = [(name_of(path), path.stem) for path in FILES]
    named += [
        (f"{name_of(path)}:{node.lineno}", node.name)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    assert [(place, name) for place, name in named if words(name) & EMPTY_WORDS] == []


def test_every_file_says_what_it_is_for_and_postpones_its_annotations():
    silent = [name_of(path) for path in FILES if not ast.get_docstring(tree(path))]
    eager = [
        name_of(path)
        for path in FILES
        if len(tree(path).body) > 1
        and "from __future__ import annotations" not in path.read_text(encoding="utf-8")
    ]
    assert (silent, eager) == ([], [])


def test_rooms_meet_at_their_doors():
    trespasses = []
    for path in FILES:
        home = path.relative_to(PACKAGE).parts[0].replace("__main__.py", "cli")
        for line, module in imports(path):
            parts = module.split(".")
            inside = parts[0] == "framework0" and len(parts) > 2 and parts[1] in ROOMS
            if inside and parts[1] != home and is_file_of_a_room(parts[1:]):
                trespasses.append(f"{name_of(path)}:{line} imports {module}")
    assert trespasses == []


def is_file_of_a_room(parts):
    return PACKAGE.joinpath(*parts).with_suffix(".py").exists()


def is_module(parts):
    return (PACKAGE.joinpath(*parts).with_suffix(".py")).exists() or PACKAGE.joinpath(
        *parts
    ).is_dir()


def test_nobody_inside_uses_the_facade_or_his_own_door():
    wrong = []
    for path in FILES:
        home = path.relative_to(PACKAGE).parts[0]
        is_door = path.name == "__init__.py"
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.ImportFrom):
                continue
            place = f"{name_of(path)}:{node.lineno}"
            names = [alias.name for alias in node.names]
            if node.level:
                wrong.append(f"{place} imports by dots")
            elif node.module == "framework0":
                facade = [name for name in names if not is_module([name]) and name != "__version__"]
                wrong += [f"{place} takes {name} from framework0" for name in facade]
            elif node.module == f"framework0.{home}" and home in ROOMS and not is_door:
                through = [name for name in names if not is_module([home, name])]
                wrong += [f"{place} takes {name} from its own door" for name in through]
    assert wrong == []


def test_classes_of_values_are_made_the_quick_way():
    slow = {("typing", "NamedTuple"), ("collections", "namedtuple"), ("dataclasses", "dataclass")}
    found = [
        f"{name_of(path)}:{node.lineno}: take NamedTuple from framework0.tuples"
        for path in FILES
        if path.name != "tuples.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and slow & {(node.module, alias.name) for alias in node.names}
    ]
    assert found == []


def test_the_package_never_imports_the_documented_paths():
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in FILES
        for line, module in imports(path)
        if module.split(".")[0] in DOCUMENTED_ROOTS
    ]
    assert wrong == []


def test_a_broad_except_gives_its_reason():
    silent = []
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and not passes_on(node):
                around = lines[node.lineno - 2 : node.end_lineno]
                if not any(re.search(r"#\s*(?!noqa)\w", line) for line in around):
                    silent.append(f"{name_of(path)}:{node.lineno}")
    assert silent == []


def passes_on(handler):
    """Tell whether the handler only tidies up and raises what it caught again."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def is_broad(caught):
    return caught is None or any(
        isinstance(part, ast.Name) and part.id in {"Exception", "BaseException"}
        for part in ast.walk(caught)
    )


def test_comments_stand_on_their_own_line():
    trailing = 0
    total = 0
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        total += text.count("\n")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                trailing += not re.match(r"#\s*(noqa|type:|pragma:|fmt:)", token.string)
    assert trailing * 1000 <= TRAILING_COMMENTS_PER_1000 * total


@pytest.mark.parametrize(
    "folder", ["framework0", "orchestrator", "scriptlets", "src", "tests", "benchmarks"]
)
def test_nothing_is_left_for_later_and_no_test_is_skipped(folder):
    marks = re.compile(
        "|".join(["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error", "mark.sk" + "ip", "mark.xf" + "ail",
                  "pytest.sk" + "ip", "importor" + "skip"])
    )  # fmt: skip
    found = [
        f"{name_of(path)}:{number}"
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_every_pure_module_stands_in_the_contract_that_keeps_it_pure():
    contracts = project()["tool"]["importlinter"]["contracts"]
    pure = next(contract for contract in contracts if contract["type"] == "forbidden")[
        "source_modules"
    ]
    owed = {
        "framework0.graph",
        "framework0.recipe.model",
        "framework0.runner.plan",
        "framework0.runner.state",
    }
    owed |= {f"framework0.recipe.{path.stem}" for path in (PACKAGE / "recipe").glob("check*.py")}
    owed |= {f"framework0.context.{path.stem}" for path in (PACKAGE / "context").glob("history.py")}
    assert owed - set(pure) == set()


def requirements(name):
    return project()["project"][name]


def locked(file):
    """Return {package: [versions]} of a lock, each proved by at least one hash."""
    text = (REPOSITORY / file).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            match = re.match(r"([\w.-]+)==([\w.!+-]+)", line)
            assert match, f"{file}: {line[:60]} is not pinned"
            assert "--hash=sha256:" in line, f"{file}: {match[1]} has no hash"
            found.setdefault(normal(match[1]), []).append(match[2])
    return found


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(file):
    """Return the requirements of an ``.in`` file, the ones it includes too."""
    for line in (REPOSITORY / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from asked(line[3:].strip())
        elif line and not line.startswith("#"):
            yield Requirement(line)


@pytest.mark.parametrize(
    "lock", ["requirements", "requirements-core", "requirements-dev", "requirements-bench"]
)
def test_a_lock_answers_what_is_asked_for(lock):
    versions = locked(f"{lock}.txt")
    ours = requirements("dependencies") if lock != "requirements-bench" else []
    wanted = [*asked(f"{lock}.in"), *map(Requirement, ours)]
    stale = [
        str(one)
        for one in wanted
        if not any(
            one.specifier.contains(version) for version in versions.get(normal(one.name), [])
        )
    ]
    assert stale == [], f"run make lock: {lock}.txt does not answer {stale}"


@pytest.mark.parametrize("lock", ["requirements", "requirements-core", "requirements-bench"])
def test_locks_agree_with_each_other(lock):
    everything = locked("requirements-dev.txt")
    here = locked(f"{lock}.txt")
    assert {name: here[name] for name in here.keys() & everything} == {
        name: everything[name] for name in here.keys() & everything
    }


def test_locks_name_no_registry():
    for path in REPOSITORY.glob("requirements*"):
        assert "://" not in path.read_text(encoding="utf-8"), f"{path.name} names an address"


def test_at_most_six_dependencies_each_with_its_reason():
    reasons = (REPOSITORY / "docs/explanation/dependencies.md").read_text(encoding="utf-8")
    needed = [Requirement(text).name for text in requirements("dependencies")]
    assert len(needed) <= 6
    assert [name for name in needed if f"## {name}" not in reasons] == []


def test_every_folder_of_the_package_is_a_room_with_a_door():
    doorless = [room for room in ROOMS if not (PACKAGE / room / "__init__.py").exists()]
    assert doorless == []
    assert (PACKAGE / "py.typed").exists()
