"""On which lines a class says what: its own, those of its dictionaries, and those of their keys."""

from __future__ import annotations

import ast

from framework0.source import parse_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_FIELDS: Final = {
    "name": "name",
    "step_node_graph_dict": "step_node_graph_dict",
    "step_arrow_graph_dict": "arrows",
    "step_node_params_dict_init": "params",
    "step_node_results_dict_init": "results",
}


def lines_of(text: str, class_name: str) -> dict[str, int]:
    """Return lines by key, as :class:`~framework0.stepengine.seams.NodeFacts` has them.

    The class itself stands under the empty key. What is computed and not written out has no line; a text
    that is no Python has none at all.
    """
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            found = {"": node.lineno}
            for statement in node.body:
                _assigned(statement, found)
            return found
    return {}


def _assigned(statement: ast.stmt, found: dict[str, int]) -> None:
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return
    for target in targets:
        field = _FIELDS.get(target.id) if isinstance(target, ast.Name) else None
        if field is None:
            continue
        found[field] = statement.lineno
        _keys(value, field, found)
        if field == "step_node_graph_dict" and isinstance(value, ast.Dict):
            # A node has one entry there, which is its attributes.
            for entry in value.values:
                found["attributes"] = entry.lineno
                _keys(entry, "attributes", found)


def _keys(value: ast.expr, prefix: str, found: dict[str, int]) -> None:
    if not isinstance(value, ast.Dict):
        return
    for key, item in zip(value.keys, value.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            name = f"{prefix}.{key.value}"
            found[name] = key.lineno
            _keys(item, name, found)
