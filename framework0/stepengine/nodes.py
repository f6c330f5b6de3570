"""From what a node's class says to a node of a machine, or to every problem with it. Pure.

:func:`facts_from` takes the attributes of a class as they are written, whether it was imported or only
read; :func:`node_from` gives them their meaning.
"""

from __future__ import annotations

import json

from framework0.errors import LibraryError, Place, Problem
from framework0.source import near_names
from framework0.stepengine.policy import (
    NO_RETRY,
    PolicyRefused,
    Retry,
    read_limit,
    read_retry,
    read_timeout,
)
from framework0.stepengine.seams import NodeFacts
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Final

LIFECYCLE: Final = ("step_entry", "step_execute", "step_exit", "step_advance")

DICTIONARIES: Final = (
    "step_node_graph_dict",
    "step_arrow_graph_dict",
    "step_node_params_dict_init",
    "step_node_results_dict_init",
)
"""The documented dictionaries of a node's class, in the order of the fields they become."""

NODE_ATTRIBUTES: Final = (
    "module_name_string",
    "node_step_name_string",
    "dg_node_attr_dict",
    "first_node_step_bool",
    "active_node_step_bool",
    "skip_step_node_execute_bool",
    "node_entry_breakpoint",
    "node_exit_breakpoint",
    "timeout",
    "retry",
    "max_visits",
)
"""What an entry of ``step_node_graph_dict`` may say."""

ARROW_ATTRIBUTES: Final = (
    "module_name_string",
    "arrow_step_name_string",
    "dg_edge_attr_dict",
    "active_arrow_step_bool",
)
"""What an entry of ``step_arrow_graph_dict`` may say."""

COMPLETE: Final = "COMPLETE"
"""What ``step_advance`` returns to end the machine well; no arrow can have this key."""


class Arrow(NamedTuple):
    """A way out of a node: ``key`` is what ``step_advance`` returns, ``to`` the node it leads to.

    ``module`` is the file that node should be in, empty when the arrow does not say.
    """

    key: str
    to: str
    module: str = ""
    active: bool = True


class Node(NamedTuple):
    """One node of a machine. ``timeout`` is in seconds, for each lifecycle call."""

    name: str
    module: str
    where: str
    methods: frozenset[str]
    arrows: Mapping[str, Arrow]
    active: bool = True
    first: bool = False
    skips_execute: bool = False
    entry_breakpoint: bool = False
    exit_breakpoint: bool = False
    timeout: float | None = None
    retry: Retry = NO_RETRY
    max_visits: int | None = None
    params: Mapping[str, Any] = {}
    results: Mapping[str, Any] = {}


def machine_nodes(facts: Iterable[NodeFacts]) -> dict[str, Node]:
    """Return the nodes of a machine by name.

    Raises :class:`~framework0.errors.LibraryError` with every problem of every node.
    """
    facts = list(facts)
    problems = twice_defined(facts)
    found: dict[str, Node] = {}
    for one in facts:
        node, wrong = node_from(one)
        problems += wrong
        found.setdefault(one.name, node)
    refuse(problems)
    return found


def twice_defined(facts: Iterable[NodeFacts]) -> list[Problem]:
    """Return a problem for each node whose name an earlier one has, too."""
    first: dict[str, NodeFacts] = {}
    return [
        _twice(one, first[one.name]) for one in facts if first.setdefault(one.name, one) is not one
    ]


def refuse(problems: Sequence[Problem]) -> None:
    """Raise :class:`~framework0.errors.LibraryError` if a problem is an error."""
    if any(problem.severity == "error" for problem in problems):
        raise LibraryError(tuple(problems))


def facts_from(
    class_name: str,
    module: str,
    file: str,
    line: int,
    declared: Mapping[str, Any],
    *,
    methods: Sequence[str] = (),
    description: str = "",
    unknown: Sequence[str] = (),
    lines: Mapping[str, int] | None = None,
) -> tuple[NodeFacts, list[Problem]]:
    """Return the facts about a class, and what is wrong with their outer form.

    ``declared`` has the values of ``name`` and of :data:`DICTIONARIES`, as far as the class has them.
    """
    reading = _Reading(file, line, lines or {})
    tables = [_table(reading, word, declared.get(word)) for word in DICTIONARIES]
    graph, arrows, params, results = tables
    name = declared.get("name")
    if name is not None and not isinstance(name, str):
        reading.error("node-name", f"name of {class_name} must be a text, not {name!r:.60}", "name")
        name = None
    name = _name(class_name, name, graph)
    entry = graph.get(name, {})
    if not isinstance(entry, dict):
        reading.error(
            "node-attributes",
            f"step_node_graph_dict of {class_name} must have a dictionary for {name!r}, not {entry!r:.60}",
            "step_node_graph_dict",
        )
        entry = {}
    facts = NodeFacts(
        name, module, class_name, file, line, entry, arrows, params, results,
        tuple(methods), description, tuple(unknown), lines or {},
    )  # fmt: skip
    return facts, reading.problems


def node_from(facts: NodeFacts) -> tuple[Node, list[Problem]]:
    """Return the node that the facts describe, and every problem with them.

    What is wrong is left out of the node, which is then of use for nothing but looking at it.
    """
    reading = _Reading(facts.file, facts.line, facts.lines)
    own, name = facts.attributes, facts.name
    _check_words(reading, "attributes", f"node {name}", own, NODE_ATTRIBUTES)
    _check_says(reading, facts, "module_name_string", facts.module, "its file is named")
    _check_says(reading, facts, "node_step_name_string", name, "its key in step_node_graph_dict is")

    def flag(word: str, default: bool) -> bool:
        return _flag(
            reading, f"attributes.{word}", f"{word} of node {name}", own.get(word, default)
        )

    def policy(word: str, read: Callable[[Any], Any], default: Any) -> Any:
        if own.get(word) is None:
            return default
        try:
            return read(own[word])
        except PolicyRefused as refused:
            reading.error("node-policy", f"{word} of node {name} {refused}", f"attributes.{word}")
            return default

    for word, groups in (("params", facts.params), ("results", facts.results)):
        _check_groups(reading, name, word, groups)
    node = Node(
        name,
        facts.module,
        f"{facts.file}:{facts.line}",
        frozenset(facts.methods),
        _arrows(reading, facts),
        active=flag("active_node_step_bool", True),
        first=flag("first_node_step_bool", False),
        skips_execute=flag("skip_step_node_execute_bool", False),
        entry_breakpoint=flag("node_entry_breakpoint", False),
        exit_breakpoint=flag("node_exit_breakpoint", False),
        timeout=policy("timeout", read_timeout, None),
        retry=policy("retry", read_retry, NO_RETRY),
        max_visits=policy("max_visits", read_limit, None),
        params=facts.params,
        results=facts.results,
    )
    return node, reading.problems


class _Reading:
    """Collects the problems of one class, each with the line of the key it is about."""

    __slots__ = ("_file", "_line", "_lines", "problems")

    def __init__(self, file: str, line: int, lines: Mapping[str, int]) -> None:
        self._file = file
        self._line = line
        self._lines = lines
        self.problems: list[Problem] = []

    def error(self, code: str, message: str, key: str = "", hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, self._place(key), hint=hint))

    def warning(self, code: str, message: str, key: str, hint: str | None) -> None:
        place = self._place(key)
        self.problems.append(Problem(code, message, place, hint=hint, severity="warning"))

    def _place(self, key: str) -> Place:
        # The nearest key around it that has a line of its own.
        while key and key not in self._lines:
            key = key.rpartition(".")[0]
        return Place(self._file, self._lines.get(key, self._line) or 1, 1)


def _table(reading: _Reading, word: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reading.error("node-attributes", f"{word} must be a dictionary, not {value!r:.60}", word)
        return {}
    for key in value:
        if not isinstance(key, str):
            reading.error(
                "node-attributes", f"a key of {word} must be a text, not {key!r:.60}", word
            )
    return {key: item for key, item in value.items() if isinstance(key, str)}


def _name(class_name: str, name: str | None, graph: Mapping[str, Any]) -> str:
    """Return the node's name: its key in the graph's dictionary, else ``name``, else the class's."""
    fallback = name or class_name
    if not graph or fallback in graph:
        return fallback
    return class_name if class_name in graph else next(iter(graph))


def _arrows(reading: _Reading, facts: NodeFacts) -> dict[str, Arrow]:
    found = {}
    for key, entry in facts.arrows.items():
        line = f"arrows.{key}"
        what = f"arrow {key!r} of node {facts.name}"
        if not isinstance(entry, dict):
            reading.error("node-arrow", f"{what} must be a dictionary, not {entry!r:.60}", line)
            continue
        if key == COMPLETE:
            reading.error(
                "node-arrow",
                f"{what} has the name that ends the machine when step_advance returns it",
                line,
                hint="give it another key",
            )
            continue
        _check_words(reading, line, what, entry, ARROW_ATTRIBUTES)
        to = entry.get("arrow_step_name_string")
        module = entry.get("module_name_string") or ""
        if not isinstance(to, str) or not to:
            said = "does not say" if to is None else f"says {to!r:.60} where it should say"
            reading.error(
                "node-arrow", f"{what} {said} which node it leads to: arrow_step_name_string", line
            )
            continue
        if not isinstance(module, str):
            reading.error(
                "node-arrow",
                f"module_name_string of {what} must be a text, not {module!r:.60}",
                line,
            )
            continue
        word = "active_arrow_step_bool"
        active = _flag(reading, f"{line}.{word}", f"{word} of {what}", entry.get(word, True))
        found[key] = Arrow(key, to, module, active)
    return found


def _flag(reading: _Reading, line: str, what: str, value: Any) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    reading.error("node-flag", f"{what} must be 0 or 1, not {value!r:.60}", line)
    return False


def _check_words(
    reading: _Reading, line: str, what: str, entry: Mapping[str, Any], known: Sequence[str]
) -> None:
    """Warn of words that look like a misspelt one; others are the node's own business."""
    for word in entry:
        near = near_names(str(word), known, 1) if word not in known else ()
        if near:
            reading.warning(
                "node-word",
                f"{what} says {word!r:.60}, which means nothing",
                f"{line}.{word}",
                f"did you mean {near[0]}?",
            )


def _check_says(reading: _Reading, facts: NodeFacts, word: str, real: str, what: str) -> None:
    said = facts.attributes.get(word)
    if said not in (None, "", real):
        reading.error(
            "node-name",
            f"{word} of node {facts.name} is {said!r:.60}, but {what} {real!r}",
            f"attributes.{word}",
            hint=f"write {real!r}, or leave it out",
        )


def _check_groups(reading: _Reading, name: str, word: str, groups: Mapping[str, Any]) -> None:
    dictionary = f"step_node_{word}_dict_init of node {name}"
    for group, values in groups.items():
        if not isinstance(values, dict):
            reading.error(
                "node-params",
                f"{dictionary} must have a dictionary for {group!r}, not {values!r:.60}",
                f"{word}.{group}",
            )
        elif (trouble := _no_json(values)) is not None:
            reading.error(
                "node-params",
                f"{dictionary} has a value in {group!r} that is no JSON: {trouble}",
                f"{word}.{group}",
            )


def _no_json(values: Mapping[str, Any]) -> str | None:
    if any(not isinstance(key, str) for key in values):
        return "a key that is no text"
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None


def _twice(facts: NodeFacts, other: NodeFacts) -> Problem:
    here = Place(facts.file, facts.line or 1, 1)
    there = Place(other.file, other.line or 1, 1)
    return Problem(
        "node-twice",
        f"node {facts.name!r} is defined here and in {there.file}:{there.line}",
        here,
        hint="give one of them another name",
        related=(("the other one", there),),
    )
