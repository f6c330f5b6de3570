"""The attributes of nodes and arrows: which there are, and what each may be."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from framework0.stepengine.policy import PolicyRefused, read_limit, read_retry, read_timeout
from framework0.stepengine.reading.literals import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DEPTH: Final = 100
"""Levels of the values of params and results."""


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"must be a text, not {value!r:.60}"


def _switch(value: Any) -> str:
    return (
        "" if isinstance(value, int) and value in (0, 1) else f"must be 0 or 1, not {value!r:.60}"
    )


def _drawing(value: Any) -> str:
    if not isinstance(value, dict):
        return "must be a dictionary of Graphviz attributes"
    for name, part in value.items():
        if not isinstance(name, str) or not name:
            return f"has {name!r:.40} for an attribute: names of attributes are texts"
        if part is not UNKNOWN and not isinstance(part, str | int | float):
            return f"has {part!r:.40} for {name}: values are texts or numbers"
    return ""


def _policy(read: Callable[[Any], Any]) -> Callable[[Any], str]:
    def told(value: Any) -> str:
        try:
            read(value)
        except PolicyRefused as refused:
            return str(refused)
        return ""

    return told


NODE: Final[Mapping[str, Callable[[Any], str]]] = {
    "module_name_string": _text,
    "node_step_name_string": _text,
    "dg_node_attr_dict": _drawing,
    "first_node_step_bool": _switch,
    "active_node_step_bool": _switch,
    "skip_step_node_execute_bool": _switch,
    "node_entry_breakpoint": _switch,
    "node_exit_breakpoint": _switch,
    "timeout": _policy(read_timeout),
    "retry": _policy(read_retry),
    "max_visits": _policy(read_limit),
}
"""The attributes of a node; each function says what is wrong with a value, or nothing."""

ARROW: Final[Mapping[str, Callable[[Any], str]]] = {
    "module_name_string": _text,
    "arrow_step_name_string": _text,
    "dg_edge_attr_dict": _drawing,
    "active_arrow_step_bool": _switch,
}
"""The attributes of an arrow."""

CODES: Final[Mapping[str, str]] = {
    "module_name_string": "node-name",
    "node_step_name_string": "node-name",
    "dg_node_attr_dict": "node-attributes",
    "dg_edge_attr_dict": "node-attributes",
    "arrow_step_name_string": "node-arrow",
    "timeout": "node-policy",
    "retry": "node-policy",
    "max_visits": "node-policy",
}
"""The code of a wrong value; of all that is not here ``node-flag``."""


def is_on(value: Any, *, default: bool = True) -> bool | None:
    """Return a switch as it is meant; None if it is computed. What is not set is ``default``."""
    if value is None:
        return default
    if value is UNKNOWN:
        return None
    return bool(value)


def no_json(value: Any, depth: int = 0) -> str:
    """Say why a value of params or results cannot stand in the parameter file; empty if it can."""
    if isinstance(value, dict | list | tuple):
        return _parts_no_json(value, depth + 1)
    if isinstance(value, float) and not isfinite(value):
        return f"{value} is no JSON"
    if isinstance(value, frozenset):
        return "a set is no JSON"
    plain = value is UNKNOWN or value is None or isinstance(value, str | int | float)
    return "" if plain else f"{value!r:.40} is no JSON"


def _parts_no_json(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        return f"it is nested more than {MAX_DEPTH} deep"
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return f"the key {key!r:.40} is no text"
        value = value.values()
    return next(filter(None, (no_json(part, depth) for part in value)), "")
