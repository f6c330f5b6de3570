"""The pytest plugin: fixtures that run a step or a recipe, and golden runs.

pytest loads it by itself (entry point ``pytest11``). Importing it costs next to nothing: whatever of
framework0 a fixture needs is imported by the first test that asks for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.testing.reciperun import RecipeRun
    from framework0.testing.steprun import StepRun
    from framework0.workspace import Workspace


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    group = parser.getgroup("framework0")
    group.addoption(
        "--update-golden",
        action="store_true",
        help="write what golden runs lead to now into their files, instead of comparing",
    )


@pytest.fixture
def framework0_workspace(tmp_path: Path) -> Workspace:
    """Return an empty workspace of this test's own: write recipes and code into its ``root``."""
    from framework0.workspace import Workspace

    root = tmp_path / "workspace"
    root.mkdir()
    return Workspace(root, root / ".framework0")


@pytest.fixture
def run_step(request: pytest.FixtureRequest) -> Callable[..., StepRun]:
    """Return what performs one step: ``run_step(target, args, context=...)``.

    See :func:`framework0.testing.run_step`. Names of modules are found from pytest's root folder.
    """
    from framework0.testing.steprun import run_step as perform

    def run(target: Any, args: Any = None, **more: Any) -> StepRun:
        __tracebackhide__ = True
        return perform(target, args, **{"root": request.config.rootpath, **more})

    return run


@pytest.fixture
def run_recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., RecipeRun]:
    """Return what runs a recipe: ``run_recipe(file, inputs=...)``, its journal in ``tmp_path``.

    A relative file is looked for beside the test, then from pytest's root folder. Arguments are
    those of :func:`framework0.run_recipe`.
    """
    from framework0.testing.reciperun import run_in_scratch

    def run(recipe: Any, **arguments: Any) -> RecipeRun:
        __tracebackhide__ = True
        if isinstance(recipe, (str, Path)):
            recipe = _beside(request, Path(recipe))
        return run_in_scratch(recipe, tmp_path / "framework0-state", **arguments)

    return run


@pytest.fixture
def golden_run(
    request: pytest.FixtureRequest, run_recipe: Callable[..., RecipeRun]
) -> Callable[..., RecipeRun]:
    """Return what runs a recipe and compares it with ``golden/NAME.json`` beside the test.

    ``golden_run(recipe, name=..., ignore=[...], **arguments)``; the name is the test's otherwise.
    ``ignore`` are patterns of paths (``steps.fetch.result.at``) that differ from run to run.
    """
    from framework0.testing.golden import Golden

    def run(
        recipe: Any, *, name: str = "", ignore: Sequence[str] = (), **arguments: Any
    ) -> RecipeRun:
        __tracebackhide__ = True
        made = run_recipe(recipe, **arguments)
        file = f"{name or _file_name(request.node.name)}.json"
        golden = Golden(request.path.parent / "golden" / file, ignore)
        golden.compare(made, update=request.config.getoption("update_golden"))
        return made

    return run


def _beside(request: pytest.FixtureRequest, file: Path) -> Path:
    beside = request.path.parent / file
    return beside if beside.exists() else request.config.rootpath / file


def _file_name(test: str) -> str:
    """Return a test's name as a file may have it; parameters may hold anything."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in test)
