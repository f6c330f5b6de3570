"""The cache of a run with steps that may be cached: its store, and what is known of their code.

The code is read anew for such a run, not taken from what is remembered by size and time: what is taken
from the cache must have been made by the very code that would run now.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from framework0.assembly.code import CodeReader
from framework0.assembly.recipes import sources_for
from framework0.errors import ContextError
from framework0.runner import CacheStore, CodeFacts, InputFiles, StepCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.recipe import Recipe, Scope, Step
    from framework0.runner import Workshop
    from framework0.source import Sources
    from framework0.workspace import Workspace


def cache_store(workspace: Workspace) -> CacheStore:
    """Return the store of a workspace; it creates nothing before something is kept."""
    settings = workspace.settings
    return CacheStore(
        workspace.cache / "steps", max_bytes=settings.cache_max_bytes, ttl=settings.cache_ttl
    )


class _NoContext:
    """The context before a run: what is in it is not known."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        raise ContextError(f"what {key!r} holds is known only when the run is there")


class _Before:
    """What :class:`StepCache` asks of a run, before there is one."""

    def __init__(self, recipe: Recipe, scope: Scope) -> None:
        self.recipe = recipe
        self.context = _NoContext()
        self.masker = None
        self.run = {"id": "", "name": "", "recipe": recipe.name}
        self._scope = scope

    def step_of(self, node: int) -> Step:
        return self.recipe.steps[node]

    def scope(self, node: int) -> Scope:  # noqa: ARG002
        return self._scope


def foreseen_hits(workspace: Workspace, recipe: Recipe, scope: Scope) -> dict[int, str]:
    """Return by position which steps a run would take from the cache, and the run they come from.

    ``scope`` holds the inputs and variables that are known. Steps whose key needs more (results of
    other steps, the context) are left out; no code is run or imported.
    """
    if not any(step.policy.cache is not None for step in recipe.steps):
        return {}
    before: Any = _Before(recipe, scope)
    cache = step_cache(workspace, recipe, before, reads=True, tell=_say_nothing)
    found = {step.position: cache.foresee(step.position) for step in recipe.steps}
    cache.store.close()
    return {node: entry.run for node, entry in found.items() if entry is not None}


def _say_nothing(node: int, kind: str, value: Any) -> None:
    """Nobody keeps decisions before a run."""


def step_cache(
    workspace: Workspace,
    recipe: Recipe,
    workshop: Workshop,
    *,
    reads: bool,
    tell: Callable[[int, str, Any], None],
) -> StepCache:
    """Return the cache of one run."""
    from framework0 import __version__

    facts = _Facts(sources_for(workspace, recipe.file), recipe)
    return StepCache(
        cache_store(workspace),
        workshop,
        facts_of=facts.of,
        inputs=InputFiles(str(workspace.root)),
        version=f"{__version__}, Python {sys.version_info[0]}.{sys.version_info[1]}",
        tell=tell,
        reads=reads,
    )


class _Facts:
    """What reading tells of the code behind steps, each worked out once for a run."""

    def __init__(self, sources: Sources, recipe: Recipe) -> None:
        self._sources = sources
        self._reader = CodeReader(sources, recipe.file)
        self._known: dict[tuple[str, ...], CodeFacts] = {}

    def of(self, step: Step) -> CodeFacts:
        key = (step.kind, step.module, step.function, step.recipe or "")
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._read(step)
        return known

    def _read(self, step: Step) -> CodeFacts:
        if step.kind == "shell":
            return CodeFacts("", {}, (), lambda: True)
        digest = self._reader.digest(step)
        files = self._reader.shown_files(step)
        home = self._reader.home(step)
        reads: tuple[str, ...] = ()
        if home is not None:
            facts = self._sources.facts(*home)
            reads = tuple(sorted({*facts.reads, *facts.guarded}))
        paths = [*self._reader.files_of(step)]
        if step.kind == "recipe":
            paths += [*self._sources.files(), *sorted(self._reader.files)]
        stamps = _stamps(paths)
        return CodeFacts(digest, files, reads, lambda: _stamps(paths) == stamps)


def _stamps(paths: list[str]) -> list[tuple[int, ...]]:
    """Return what the system says of files; nothing for one that is not there."""
    found: list[tuple[int, ...]] = []
    for path in paths:
        try:
            told = os.stat(path)
        except OSError:
            found.append(())
            continue
        found.append((told.st_mtime_ns, told.st_ctime_ns, told.st_size, told.st_ino))
    return found
