"""Mappings whose keys are known: each value read by its shape, each strange key answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe import check_collections, check_values, keys
from framework0.recipe.check_values import WRONG, clipped
from framework0.recipe.other_words import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.keys import Key

READERS: Final[Mapping[str, Callable[[Findings, Key, Any, Path], Any]]] = {
    keys.TEXT: check_values.read_text,
    keys.NAME: check_values.read_name,
    keys.DOTTED: check_values.read_dotted,
    keys.FLAG: check_values.read_flag,
    keys.WHOLE: check_values.read_number,
    keys.FACTOR: check_values.read_number,
    keys.DURATION: check_values.read_duration,
    keys.DELAY: check_values.read_duration,
    keys.CHOICE: check_values.read_choice,
    keys.NAMES: check_collections.read_names,
    keys.CODES: check_collections.read_codes,
    keys.VARIABLES: check_collections.read_variables,
    keys.MAPPING: check_collections.read_mapping,
    keys.LIST: check_collections.read_list,
    keys.ANYTHING: check_collections.read_anything,
}


def read_table(
    findings: Findings,
    table: Mapping[str, Key],
    raw: Mapping[str, Any],
    path: Path,
    what: str,
    *,
    open_ended: bool = False,
    readers: Mapping[str, Callable[[Findings, Key, Any, Path], Any]] = READERS,
) -> dict[str, Any]:
    """Read a mapping whose keys are those of ``table``; return the values that are right.

    ``what`` names it in messages ("a step"). ``open_ended`` mappings may hold other keys.
    """
    good = {}
    for name, value in raw.items():
        key = table.get(name)
        if key is None:
            if not open_ended:
                unknown_key(findings, name, table, raw, (*path, name), what)
            continue
        result = readers[key.shape](findings, key, value, (*path, name))
        if result is not WRONG:
            good[name] = result
    return good


def unknown_key(
    findings: Findings,
    name: str,
    known: Collection[str],
    present: Collection[str],
    path: Path,
    what: str,
) -> None:
    """Say that a key is not known: a mistake when a known one is near, otherwise a warning."""
    words = [*known, *(word for word, ours in ELSEWHERE.items() if ours in known)]
    near = findings.near(name, words)
    if near is not None:
        meant = near if near in known else ELSEWHERE[near]
        findings.meant.add((*path[:-1], meant))
        findings.error(
            "unknown-key",
            f"{what} has no key {clipped(name)!r}",
            path,
            key=True,
            hint=f"did you mean {meant!r}?" + (" It is there as well" if meant in present else ""),
        )
        return
    belongs = _elsewhere(findings, name, known)
    if belongs is not None:
        findings.error(
            "unknown-key",
            f"{what} has no key {clipped(name)!r}",
            path,
            key=True,
            hint=f"{belongs}: move it there",
        )
        return
    findings.warning(
        "unknown-key",
        f"{what} has no key {clipped(name)!r}: it changes nothing",
        path,
        key=True,
        hint="take it away, or keep what it says in `metadata` or a comment",
    )


def _elsewhere(findings: Findings, name: str, known: Collection[str]) -> str | None:
    """Return where a key belongs that stands in the wrong mapping."""
    for table, place in (
        (keys.DEFAULTS_KEYS, "belongs to a step, or to `defaults` for all steps"),
        (keys.STEP_KEYS, "belongs to a step"),
        (keys.RETRY_KEYS, "belongs into `retry`"),
        (keys.SUCCESS_KEYS, "belongs into `success`"),
        (keys.POOL_KEYS, "belongs into `pool`"),
        (keys.CACHE_KEYS, "belongs into `cache`"),
        (keys.RECIPE_KEYS, "belongs to the top of the recipe"),
    ):
        if table.keys() != set(known):
            words = [*table, *(word for word, ours in ELSEWHERE.items() if ours in table)]
            near = findings.near(name, words)
            if near is not None:
                return f"{ELSEWHERE.get(near, near)!r} {place}"
    return None
