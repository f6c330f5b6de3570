"""Reading and checking recipes with everything a workspace knows: its code, its scriptlets."""

from __future__ import annotations

import os

from framework0.errors import RecipeError, WorkspaceError
from framework0.workspace import Workspace, find_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Final

    from framework0.errors import Problem
    from framework0.recipe import Checked, Document, Recipe, RecipeCache
    from framework0.source import Sources

CACHED_FROM: Final = 64 * 1024
"""Bytes; a smaller recipe is read as fast as its entry in the cache would be."""


def check_recipe(
    recipe: str | os.PathLike[str], *, workspace: Workspace | str | Path | None = None
) -> Checked:
    """Read and check the recipe file; no user code is imported or run.

    Returns every mistake, warning and note found, and the recipe when nothing is wrong with it.
    Raises :class:`~framework0.errors.RecipeError` when the file cannot be read as YAML at all.
    """
    space = as_workspace(workspace)
    return checked(_read(recipe, space), space)


def load_recipe(
    recipe: str | os.PathLike[str], *, workspace: Workspace | str | Path | None = None
) -> Recipe:
    """Return the checked recipe of a file.

    Comparing a recipe with its code costs more than the rest of a short run's start, so a recipe
    found right is remembered (:mod:`framework0.assembly.verdicts`) until it or that code changes.

    Raises :class:`~framework0.errors.RecipeError` with every mistake, each located.
    """
    from framework0.assembly.verdicts import Verdicts

    space = as_workspace(workspace)
    file = os.fspath(recipe)
    verdicts = Verdicts(space, [str(root) for root in code_roots(space, file)])
    remembered = verdicts.recall(file)
    if remembered is not None:
        return remembered
    from framework0.recipe import check_document

    document = _read(file, space)
    sources = sources_for(space, document.file)
    result = check_document(
        document, signatures=sources, kinds=sources.step_kinds(), pools=space.settings.pools
    )
    found, read = _with_code(approved(result), sources)
    verdicts.keep(found, read)
    return found


def _with_code(recipe: Recipe, sources: Sources) -> tuple[Recipe, Sequence[str]]:
    """Return the recipe with the hashes of its code, and all files that this rests on."""
    from framework0.assembly.code import CodeReader

    reader = CodeReader(sources, recipe.file)
    known = recipe._replace(code=reader.read(recipe))
    return known, [*sources.files(), *sorted(reader.files)]


def _read(recipe: str | os.PathLike[str], workspace: Workspace) -> Document:
    """Read a recipe, a large one from the cache if its text was read before."""
    try:
        large = os.stat(recipe).st_size >= CACHED_FROM
    except OSError:
        # Whatever is wrong with it, the reader has the words for it.
        large = False
    from framework0.recipe import read_document

    if not large:
        return read_document(recipe)
    try:
        workspace.ensure_state()
    except WorkspaceError:
        return read_document(recipe)
    return read_document(recipe, _cache(workspace))


def _cache(workspace: Workspace) -> RecipeCache:
    from framework0 import __version__
    from framework0.recipe import RecipeCache

    return RecipeCache(workspace.cache / "recipes", version=__version__)


def recipe_from_text(text: str, file: str, workspace: Workspace) -> Recipe:
    """Return the checked recipe of a text, as if it stood in ``file``."""
    from framework0.recipe import parse_text

    found = approved(checked(parse_text(text, file), workspace))
    return _with_code(found, sources_for(workspace, file))[0]


def recorded_recipe(text: str, file: str, workspace: Workspace | None = None) -> Recipe:
    """Return the recipe of a run as it was recorded, whatever has become of its file and its code.

    For looking at a run: nothing of the code is read, so that its absence hides no history. Raises
    :class:`~framework0.errors.RecipeError` when this version reads the text no longer.
    """
    from framework0.recipe import check_document, parse_text, remembered_text

    if workspace is None or len(text) < CACHED_FROM:
        document = parse_text(text, file)
    else:
        document = remembered_text(text, file, _cache(workspace))
    kinds = {
        step["type"]
        for part in ("steps", "on_failure", "finally")
        for step in document.data.get(part) or ()
        if isinstance(step, dict) and isinstance(step.get("type"), str)
    }
    return approved(check_document(document, kinds=kinds))


def checked(document: Document, workspace: Workspace) -> Checked:
    """Check a document against the code and the scriptlets of ``workspace``."""
    from framework0.recipe import check_document

    sources = sources_for(workspace, document.file)
    found = check_document(
        document, signatures=sources, kinds=sources.step_kinds(), pools=workspace.settings.pools
    )
    if found.recipe is None or all(step.kind != "step_engine" for step in found.recipe.steps):
        return found
    from framework0.assembly.machine_checks import check_machines

    more = check_machines(document, found.recipe)
    if not more:
        return found
    return found._replace(problems=tuple(sorted((*found.problems, *more), key=_position)))


def _position(problem: Problem) -> tuple[int, int]:
    place = problem.place
    return (0, 0) if place is None else (place.line, place.column)


def approved(result: Checked) -> Recipe:
    """Return the recipe of a check, or raise its mistakes."""
    if result.recipe is None:
        raise RecipeError(tuple(found for found in result.problems if found.severity == "error"))
    return result.recipe


def sources_for(workspace: Workspace, recipe_file: str) -> Sources:
    """Return the reader of user code for a recipe: the workspace's root, then the recipe's folder."""
    from framework0.source import Sources

    return Sources(code_roots(workspace, recipe_file))


def code_roots(workspace: Workspace, recipe_file: str) -> Sequence[Path]:
    """Return where user code is looked for: the workspace's root, then the recipe's folder."""
    from pathlib import Path

    roots = [workspace.root]
    if os.path.exists(recipe_file):
        roots.append(Path(recipe_file).absolute().parent)
    return tuple(dict.fromkeys(roots))


def as_workspace(workspace: Workspace | str | Path | None) -> Workspace:
    """Return the workspace given, named by a path, or found upward from the current folder."""
    if isinstance(workspace, Workspace):
        return workspace
    return find_workspace(explicit=workspace)
