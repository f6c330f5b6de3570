"""Lists and mappings of a recipe, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.recipe.check_values import (
    WRONG,
    as_written,
    clipped,
    misplaced_template,
    read_number,
    shown,
    wrong_type,
)
from framework0.recipe.limits import MAX_DEPENDENCIES

if TYPE_CHECKING:
    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.keys import Key


def read_names(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a list of names; one name may stand without a list."""
    if isinstance(value, str):
        value = [value]
    elif not isinstance(value, list):
        return wrong_type(findings, key, value, path)
    elif len(value) > MAX_DEPENDENCIES:
        findings.error(
            "too-many-entries",
            f"{key.name} has {len(value):,} entries; {MAX_DEPENDENCIES:,} are allowed",
            path,
            key=True,
            hint="put a step between that gathers them",
        )
        return WRONG
    good = []
    for at, name in enumerate(value):
        if isinstance(name, str) and name:
            if not misplaced_template(findings, key, name, (*path, at)):
                good.append(name)
        else:
            findings.error(
                "wrong-type",
                f"an entry of {key.name} must be a name, not {shown(name)}",
                (*path, at),
                hint=f"for example `{key.name}: {key.example}`",
            )
    return tuple(good)


def read_codes(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a list of exit codes; one may stand without a list."""
    if isinstance(value, int):
        value = [value]
    if not isinstance(value, list):
        return wrong_type(findings, key, value, path)
    if not value:
        findings.error(
            "wrong-type",
            "exit_codes is an empty list: no end of the command would be a success",
            path,
            hint="take the key away to accept 0 only",
        )
        return WRONG
    codes = [read_number(findings, key, code, (*path, at)) for at, code in enumerate(value)]
    return WRONG if WRONG in codes else tuple(codes)


def read_variables(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read environment variables: names to texts (whole numbers are taken as text)."""
    if not isinstance(value, dict):
        return wrong_type(findings, key, value, path)
    good = {}
    for name, text in value.items():
        where = (*path, name)
        if not is_variable(name):
            bad_variable(findings, name, where, is_key=True)
        elif isinstance(text, str):
            if "\0" in text:
                findings.error("wrong-type", f"the variable {name} holds a NUL character", where)
            good[name] = text
        elif isinstance(text, int) and not isinstance(text, bool):
            good[name] = str(text)
        else:
            hint = f'quote it: `{name}: "{as_written(text)}"`' if _is_scalar(text) else None
            findings.error(
                "wrong-type",
                f"the variable {name} must be text, not {shown(text)}",
                where,
                hint=hint or f"for example `{key.name}: {key.example}`",
            )
    return good


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float))


def is_variable(name: str) -> bool:
    """Say whether ``name`` can name an environment variable."""
    return name.isidentifier() and name.isascii()


def bad_variable(findings: Findings, name: str, path: Path, *, is_key: bool = False) -> None:
    """Say that ``name`` cannot name an environment variable."""
    findings.error(
        "bad-variable-name",
        f"{clipped(name)!r} cannot name an environment variable",
        path,
        key=is_key,
        hint="use letters, digits and `_`, and no digit first",
    )


def read_mapping(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a mapping of whatever."""
    return value if isinstance(value, dict) else wrong_type(findings, key, value, path)


def read_list(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a list of whatever."""
    return value if isinstance(value, list) else wrong_type(findings, key, value, path)


def read_anything(findings: Findings, key: Key, value: Any, path: Path) -> Any:  # noqa: ARG001
    """Take any value: what it must be is decided elsewhere."""
    return value
