"""The documented paths: thin, the very same objects as at home, and scripts that run from anywhere."""

from __future__ import annotations

import ast
import json
import os
import re
import site
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.usefixtures("unmeasured")

TABLE = (REPOSITORY / "docs/reference/documented-paths.md").read_text(encoding="utf-8")
THIN_LINES = 15


def rows(heading):
    """Return the cells of the table under ``heading``, without its two head lines."""
    part = TABLE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def pairs(cell):
    """Yield (name, what it is called at home) of a cell of names."""
    for name, there in re.findall(r"`(\w+)(?:=(\w+))?`", cell):
        yield name, there or name


THIN = [
    (path.strip("`"), dict(pairs(names)), home.strip("`"), script == "yes")
    for path, names, home, script in rows("Thin files")
]
THIN_FILES = sorted({path for path, *_ in THIN})
SCRIPTS = sorted({path for path, _, _, script in THIN if script})
OWN_FILES = [path.strip("`") for path, _ in rows("The workspace's own files")]


def module_of(path):
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# Asked in a process of its own: in this one, other tests have had workspaces with a scriptlets/ of theirs.
ASK = """
import importlib, json, sys
def answer(module, home, names):
    here = importlib.import_module(module)
    real = importlib.import_module(home) if home else None
    same = {name: getattr(here, name) is getattr(real, there) for name, there in names.items()}
    return {"same": same, "all": sorted(getattr(here, "__all__", []))}
print(json.dumps([answer(*question) for question in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def answers():
    """For each row of the table: which of its names are the very objects, and what the file offers."""
    questions = [(module_of(path), home, names) for path, names, home, _ in THIN]
    ended = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=REPOSITORY,
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(
        zip([(path, home) for path, _, home, _ in THIN], json.loads(ended.stdout), strict=True)
    )


@pytest.mark.parametrize(("path", "names", "home"), [(p, n, h) for p, n, h, _ in THIN if n])
def test_each_name_is_the_very_object_of_its_real_home(path, names, home, answers):
    answer = answers[path, home]
    assert answer["same"] == dict.fromkeys(names, True)
    assert set(names) <= set(answer["all"])


@pytest.mark.parametrize("path", THIN_FILES)
def test_a_thin_file_offers_what_the_table_says_and_nothing_else(path, answers):
    listed = sorted(name for row in THIN if row[0] == path for name in row[1])
    offered = [answer["all"] for (asked, _), answer in answers.items() if asked == path]
    assert offered[0] == listed


@pytest.mark.parametrize("path", THIN_FILES)
def test_a_thin_file_holds_no_logic(path):
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= THIN_LINES
    body = ast.parse(text).body
    assert "framework0" in (ast.get_docstring(ast.parse(text)) or "")
    for node in body[1:]:
        shape = ast.unparse(node)
        assert (
            isinstance(node, (ast.Import, ast.ImportFrom))
            or shape.startswith(("__all__ = ", "sys.path.insert(0, "))
            or re.fullmatch(r"if __name__ == '__main__':\s+raise SystemExit\(\w+\(\)\)", shape)
        ), f"{path}:{node.lineno} is more than a name for something elsewhere"


def test_the_tables_leave_no_file_out():
    found = {
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("orchestrator", "src", "octo")
        for path in (REPOSITORY / folder).rglob("*.py")
    }
    found |= {
        path.relative_to(REPOSITORY).as_posix()
        for pattern in (
            "orchestrator/recipes/*.yaml",
            "orchestrator/recipes/data/*",
            "scriptlets/**/*.py",
        )
        for path in REPOSITORY.glob(pattern)
        if path.name != "__init__.py" or path.parent.name == "scriptlets"
    }
    assert found - set(THIN_FILES) - set(OWN_FILES) == set()
    assert [path for path in [*THIN_FILES, *OWN_FILES] if not (REPOSITORY / path).is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs_from_another_folder_before_anything_of_ours_is_installed(script, tmp_path):
    # Without site no .pth file is read, so an editable install of ours cannot be what is found.
    dependencies = [sysconfig.get_path("purelib"), *site.getsitepackages()]
    ended = subprocess.run(
        [sys.executable, "-S", REPOSITORY / script, "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(dependencies)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "usage" in ended.stdout.lower()


@pytest.mark.slow
def test_the_installed_package_holds_framework0_and_nothing_of_the_workspace(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=600,
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.split("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"framework0"}
    assert "framework0/py.typed" in names
