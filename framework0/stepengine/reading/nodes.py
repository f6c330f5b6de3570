"""One node, read from its class: what the engine would be told of it, and where everything stands."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Place
from framework0.source import Opaque
from framework0.stepengine.arrows import DIRECT
from framework0.stepengine.nodes import COMPLETE, LIFECYCLE
from framework0.stepengine.reading.classes import OUR_BASES, Found, Method
from framework0.stepengine.reading.deciding import choices_of
from framework0.stepengine.reading.literals import UNKNOWN, Read
from framework0.stepengine.reading.writing import writing_of
from framework0.stepengine.seams import NodeFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.source import Library, Module
    from framework0.stepengine.reading.classes import Family
    from framework0.stepengine.reading.deciding import Choice, Choices
    from framework0.stepengine.reading.literals import Literals
    from framework0.stepengine.reading.writing import Writing

GRAPH: Final = "step_node_graph_dict"
ARROWS: Final = "step_arrow_graph_dict"
PARAMS: Final = "step_node_params_dict_init"
RESULTS: Final = "step_node_results_dict_init"

DICTIONARIES: Final = {"graph": GRAPH, "arrows": ARROWS, "params": PARAMS, "results": RESULTS}
"""The four dictionaries of a node, by the words used for them here."""


class ReadNode:
    """A node as it was read.

    ``facts`` are what :meth:`Host.describe <framework0.stepengine.Host.describe>` would give, with the
    names of what is unknown. ``reads`` has those dictionaries that the class has; ``reasons`` says of
    those that could not be read why. ``place`` is that of the class's name.
    """

    def __init__(self, library: Library, literals: Literals, family: Family) -> None:
        self.family = family
        self.module: Module = family.module
        self.place = _place_of_name(family.module, family.node)
        self.reads: dict[str, Read] = {}
        self.reasons: dict[str, tuple[str, Place]] = {}
        self._literals = literals
        for word, name in DICTIONARIES.items():
            self._read_dictionary(word, name)
        self.choices: Choices = choices_of(literals, family)
        self.writing: Writing = writing_of(library, family)
        self.choices = self.choices._replace(
            choices=tuple(map(self._through, self.choices.choices))
        )
        self.entry: tuple[str, Place, Read] | None = self._own_entry()
        self.facts = self._facts()

    def __repr__(self) -> str:
        return f"ReadNode({self.facts.name!r}, {self.place!s})"

    @property
    def name(self) -> str:
        """The node's name."""
        return self.facts.name

    def _read_dictionary(self, word: str, name: str) -> None:
        found = self.family.find(name)
        if found is None:
            if self.family.unknown:
                self.reasons[word] = (self.family.unknown, self.place)
            return
        if isinstance(found, Opaque) or isinstance(found.definition, Method):
            reason = found.reason if isinstance(found, Opaque) else "it is a method"
            self.reasons[word] = (reason, self.place)
            return
        read = self._literals.read(found.module, found.body, found.definition)
        if read.value is UNKNOWN or read.open:
            self.reasons[word] = (read.reason or "it is computed", read.place)
        elif name in self._literals.changed(found.module) or self._is_set(name):
            self.reasons[word] = (f"{name} is changed by the code", read.place)
        self.reads[word] = read

    def _is_set(self, name: str) -> bool:
        """Tell whether a method sets the attribute, as in ``self.step_arrow_graph_dict = …``."""
        return any(
            isinstance(part, ast.Attribute)
            and part.attr == name
            and not isinstance(part.ctx, ast.Load)
            for module in {id(m): m for m, _ in self.family.bodies()}.values()
            for part in ast.walk(module.tree)
        )

    def text(self, name: str) -> str:
        """Return the text that an attribute of the class plainly is, or an empty one."""
        found = self.family.find(name)
        if isinstance(found, Found) and not isinstance(found.definition, Method):
            value = self._literals.read(found.module, found.body, found.definition).value
            return value if isinstance(value, str) else ""
        return ""

    def _through(self, choice: Choice) -> Choice:
        """Return what ``advance_to`` chooses: an open arrow to its node, if there is one."""
        for key, (_, arrow) in self.arrows().items() if choice.to else ():
            value = arrow.value if isinstance(arrow.value, dict) else {}
            is_open = value.get("active_arrow_step_bool", 1)
            if value.get("arrow_step_name_string") == choice.to and is_open:
                return choice._replace(key=key)
        return choice

    def _own_entry(self) -> tuple[str, Place, Read] | None:
        """Return the node's own entry of its graph dictionary: key, place of the key, value."""
        read = self.reads.get("graph")
        if read is None or not read.entries:
            return None
        wanted = [self.text("name"), self.family.node.name, next(iter(read.entries))]
        key = next(name for name in wanted if name in read.entries)
        return (key, *read.entries[key])

    def _facts(self) -> NodeFacts:
        node = self.family.node
        name = self.entry[0] if self.entry is not None else self.text("name") or node.name
        fields = {
            "attributes": "graph",
            "arrows": "arrows",
            "params": "params",
            "results": "results",
        }
        unknown = [
            field
            for field, word in fields.items()
            if word in self.reasons or (word in self.reads and not self.reads[word].known)
        ]
        if self.family.unknown:
            unknown.append("methods")
        return NodeFacts(
            name,
            self.module.name,
            node.name,
            self.module.path,
            node.lineno,
            _plain(self.entry[2]) if self.entry is not None else {},
            _plain(self.reads.get("arrows")),
            _plain(self.reads.get("params")),
            _plain(self.reads.get("results")),
            self.methods(),
            self.text("description") or (ast.get_docstring(node) or "").partition("\n")[0],
            tuple(unknown),
            self._lines(),
        )

    def methods(self) -> tuple[str, ...]:
        """Return those of the lifecycle methods that the class has, as far as it was read."""
        given = OUR_BASES.get(self.family.ours, ())
        return tuple(
            name for name in LIFECYCLE if name in given or self.family.find(name) is not None
        )

    def _lines(self) -> Mapping[str, int]:
        lines = {}
        parts = {"attributes": self.entry[2] if self.entry is not None else None}
        parts["arrows"] = self.reads.get("arrows")
        for word, read in parts.items():
            for key, (place, _) in (read.entries if read is not None else {}).items():
                lines[f"{word}.{key}"] = place.line
        return lines

    def implied(self) -> list[tuple[str, str]]:
        """Return the keys without an arrow that ``step_advance`` visibly returns, each with its node.

        The end of the machine is an empty name.
        """
        found = []
        for choice in self.choices.choices:
            if choice.key == COMPLETE:
                found.append((COMPLETE, ""))
            elif choice.key is not None and choice.key not in self.arrows():
                to = choice.key.removeprefix(DIRECT)
                found += [(choice.key, to)] if to not in ("", choice.key) else []
        return sorted(set(found))

    def arrows(self) -> dict[str, tuple[Place, Read]]:
        """Return the entries of the arrow dictionary: key to its place and value."""
        read = self.reads.get("arrows")
        return read.entries if read is not None else {}


def _place_of_name(module: Module, node: ast.ClassDef) -> Place:
    start = module.place(node)
    line = module.content.splitlines()[start.line - 1].decode("utf-8", "replace")
    at = line.find(node.name, start.column - 1 + len("class"))
    return Place(start.file, start.line, (at if at >= 0 else start.column - 1) + 1)


def _plain(read: Read | None) -> dict[str, Any]:
    """Return a dictionary as plain data, without the values that are computed."""
    if read is None or not isinstance(read.value, dict):
        return {}
    known: dict[str, Any] = _without_unknown(read.value)
    return known


def _without_unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_unknown(part)
            for key, part in value.items()
            if isinstance(key, str) and part is not UNKNOWN
        }
    if isinstance(value, list | tuple):
        return [_without_unknown(part) for part in value if part is not UNKNOWN]
    return value
