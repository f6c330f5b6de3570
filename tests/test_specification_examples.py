"""The examples of the specification's recipe and scriptlet sections run exactly as they stand there.

Only ``/path/to/data.csv`` is replaced, by a small file that exists.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.usefixtures("unmeasured")

EXAMPLES = Path(__file__).parent / "fixtures" / "specification"
PROCESSOR = {"module": "processor", "function": "CustomProcessorScriptlet"}


@pytest.fixture
def workspace(tmp_path):
    """A workspace laid out as the specification shows, with its examples in it."""
    root = tmp_path / "workspace"
    root.mkdir()
    for folder in ("orchestrator", "scriptlets", "src"):
        shutil.copytree(REPOSITORY / folder, root / folder)
    (root / "framework0").symlink_to(REPOSITORY / "framework0")
    (root / "data.csv").write_text("name,amount\nada,3\nbob,\ncid,5\ndee,10\n", encoding="utf-8")
    for example in EXAMPLES.iterdir():
        text = example.read_text(encoding="utf-8")
        text = text.replace("/path/to/data.csv", str(root / "data.csv"))
        (root / example.name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def at_work(workspace, run_python):
    """Run Python in that workspace, its root on the path as when a script of it is run."""

    def run(*args, **options):
        return run_python(*args, cwd=workspace, env={"PYTHONPATH": str(workspace)}, **options)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "steps"),
    [
        ("example_automation.yaml", ["load_data", "clean_data", "analyze_data"]),
        ("my_first_recipe.yaml", ["greet"]),
        ("advanced_pipeline.yaml", ["setup", "process_a", "process_b", "combine"]),
    ],
)
def test_a_recipe_runs_as_the_specification_runs_it(recipe, steps, at_work):
    ended = at_work("orchestrator/runner.py", "--recipe", recipe, "--debug")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = ended.stdout + ended.stderr
    assert [step for step in steps if step not in told] == []


@pytest.mark.slow
def test_the_first_recipe_says_hello(at_work):
    ended = at_work("orchestrator/runner.py", "--recipe", "my_first_recipe.yaml", "--debug")
    assert "Hello from Framework0!" in ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", ["example_automation.yaml", "my_first_recipe.yaml", "advanced_pipeline.yaml"]
)
def test_a_recipe_is_valid_to_the_documented_checker(recipe, at_work):
    ended = at_work("orchestrator/enhanced_recipe_parser.py", "validate", recipe)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
def test_the_pipeline_leaves_its_statistics_in_the_context(at_work):
    ended = at_work("-c", RUN_AND_TELL, "example_automation.yaml", "statistics.amount")
    assert ended.stdout.split() == ["succeeded", "5", "3"], ended.stderr


RUN_AND_TELL = """
import sys
from framework0 import run_recipe
result = run_recipe(sys.argv[1])
figures = result.context.get(sys.argv[2])
print(result.state, figures["median"], figures["count"])
"""


@pytest.mark.slow
def test_the_scriptlet_of_the_specification_runs_in_a_recipe(at_work, workspace):
    (workspace / "doubled.yaml").write_text(
        """
        steps:
          - {name: give, idx: 1, module: giving, function: give}
          - {name: process, idx: 2, module: custom_processor, function: CustomProcessorScriptlet}
        """,
        encoding="utf-8",
    )
    (workspace / "giving.py").write_text(
        "def give(context):\n    context.set('input_data', [1, -2, 3])\n", encoding="utf-8"
    )
    ended = at_work("-c", RUN_AND_PRINT, "doubled.yaml")
    assert ended.stdout.splitlines() == ["succeeded", "[2, 6] True", "success 2 True"], ended.stderr


RUN_AND_PRINT = """
import sys
from framework0 import run_recipe
run = run_recipe(sys.argv[1])
result = run.steps["process"].result
print(run.state)
print(run.context.get("processed_data"), run.context.get("custom_processor.completed"))
print(result["status"], result["records_processed"], result["execution_time"] >= 0)
"""


@pytest.mark.slow
def test_the_scriptlet_of_the_specification_is_registered_by_being_imported(at_work):
    ended = at_work(
        "-c",
        "import custom_processor; from scriptlets import registered;"
        " print([entry for entry in registered() if 'ustom' in str(entry)] != [])",
    )
    assert ended.stdout == "True\n", ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("debug", "shows"), [("1", True), ("0", False)])
def test_the_code_standards_example_logs_and_debug_decides_how_much(
    debug, shows, workspace, run_python
):
    ended = run_python(
        "-c",
        "from example_component import ExampleComponentV2 as C;"
        " print(C({'a': 1}).process_data([{'x': 1}]))",
        cwd=workspace,
        env={"PYTHONPATH": str(workspace), "DEBUG": debug},
    )
    assert ended.stdout == "[None]\n", ended.stderr
    assert ("Processing 1 items" in ended.stderr) is shows


@pytest.mark.slow
def test_the_code_standards_example_raises_what_it_documents(at_work):
    ended = at_work(
        "-c",
        "from example_component import ExampleComponentV2 as C\n"
        "try:\n    C({}).process_data(['text'])\n"
        "except ValueError as error:\n    print(error)",
    )
    assert ended.stdout == "Invalid item format: <class 'str'>\n"
    assert "Processing failed: Invalid item format" in ended.stderr
