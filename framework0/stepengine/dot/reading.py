"""A directed graph read from a DOT file: its nodes and edges in their order, each with its place.

Read are digraphs with attributes, defaults, subgraphs (whose nodes belong to the whole) and chains of edges
``a -> b -> {c d}``. What a machine has no word for is refused: edges without direction, ports, labels like
HTML. The subset is small enough to be read here, with the place of every mistake; a kept parser would
bring a dependency (pydot, with pyparsing) and no columns.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from framework0.stepengine.dot.tokens import END, IDENTIFIER, SIGN, TEXT, DotFile, refuse
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from framework0.errors import Place
    from framework0.stepengine.dot.tokens import Token

MOST_EDGES: Final = 100_000
"""Edges of one file; ``{a b} -> {c d}`` means four."""

DEEPEST: Final = 100
"""Subgraphs within each other."""

_KEYWORDS: Final = frozenset({"node", "edge", "graph", "digraph", "subgraph", "strict"})


class DotNode(NamedTuple):
    """A node, with the attributes that it was given itself."""

    name: str
    attributes: dict[str, str]
    place: Place


class DotEdge(NamedTuple):
    """An edge, likewise."""

    start: str
    to: str
    attributes: dict[str, str]
    place: Place


class DotGraph(NamedTuple):
    """``name`` is that of the graph, or empty."""

    name: str
    nodes: dict[str, DotNode]
    edges: list[DotEdge]


def read_dot(text: str, file: str) -> DotGraph:
    """Return the graph that ``text`` describes; ``file`` is its name, for messages.

    Raises :class:`~framework0.errors.LibraryError` with the place of the first mistake.
    """
    return _Reader(DotFile(text.removeprefix("\ufeff"), file).tokens()).graph()


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nodes: dict[str, DotNode] = {}
        self._edges: list[DotEdge] = []

    def graph(self) -> DotGraph:
        if self._word("strict"):
            self._at += 1
        if self._word("graph"):
            refuse(
                "dot-unsupported",
                "the edges of a graph have no direction, and arrows need one",
                self._now.place,
                "write digraph, and -> between nodes",
            )
        if not self._word("digraph"):
            refuse(
                "dot-syntax",
                f"a DOT file begins with digraph, not with {self._shown()}",
                self._now.place,
            )
        self._at += 1
        name = self._identifier() if self._now.kind in {IDENTIFIER, TEXT} else ""
        self._expect("{")
        self._statements(0)
        if self._now.kind != END:
            refuse(
                "dot-syntax",
                f"after the graph there is {self._shown()}",
                self._now.place,
                "one file is one machine",
            )
        return DotGraph(name, self._nodes, self._edges)

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _word(self, *words: str) -> bool:
        return self._now.kind == IDENTIFIER and self._now.value.lower() in words

    def _sign(self, *signs: str) -> bool:
        return self._now.kind == SIGN and self._now.value in signs

    def _shown(self) -> str:
        return "nothing" if self._now.kind == END else f"{self._now.value!r:.40}"

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            refuse("dot-syntax", f"{sign!r} is missing before {self._shown()}", self._now.place)
        self._at += 1

    def _identifier(self) -> str:
        """Return a name, or texts joined by ``+``."""
        token = self._now
        if token.kind not in {IDENTIFIER, TEXT}:
            refuse("dot-syntax", f"a name is missing before {self._shown()}", token.place)
        self._at += 1
        value = token.value
        while token.kind == TEXT and self._sign("+"):
            self._at += 1
            if self._now.kind != TEXT:
                refuse("dot-syntax", "after + there is no text in quotes", self._now.place)
            value += self._now.value
            self._at += 1
        return value

    def _statements(self, depth: int) -> list[str]:
        """Read statements up to the closing brace; return the nodes that they name."""
        named: list[str] = []
        while not self._sign("}"):
            if self._now.kind == END:
                refuse("dot-syntax", "the graph does not end: '}' is missing", self._now.place)
            if self._sign(";", ","):
                self._at += 1
                continue
            named += self._statement(depth)
        self._at += 1
        return list(dict.fromkeys(named))

    def _statement(self, depth: int) -> list[str]:
        if self._word("node", "edge", "graph"):
            # Defaults are looks of a drawing, not properties of a node.
            self._at += 1
            self._attributes()
            return []
        following = self._tokens[self._at + 1] if self._now.kind != END else self._now
        if self._now.kind in {IDENTIFIER, TEXT} and (following.kind, following.value) == (
            SIGN,
            "=",
        ):
            self._at += 2
            self._identifier()
            return []
        place = self._now.place
        ends, fresh = self._end(depth)
        if not self._sign("->", "--"):
            self._give(fresh, self._attributes())
            return ends
        chain = [(ends, place)]
        while self._sign("->", "--"):
            if self._sign("--"):
                refuse("dot-unsupported", "-- has no direction", self._now.place, "write ->")
            self._at += 1
            place = self._now.place
            chain.append((self._end(depth)[0], place))
        attributes = self._attributes()
        for (starts, _), (stops, where) in pairwise(chain):
            for start in starts:
                for stop in stops:
                    self._edges.append(DotEdge(start, stop, dict(attributes), where))
            if len(self._edges) > MOST_EDGES:
                refuse("dot-syntax", f"the graph has more than {MOST_EDGES:,} edges", where)
        return [name for names, _ in chain for name in names]

    def _end(self, depth: int) -> tuple[list[str], str]:
        """Return the nodes at one end of an edge, and the name if it is a single node."""
        if self._word("subgraph") or self._sign("{"):
            if depth >= DEEPEST:
                refuse(
                    "dot-syntax", f"subgraphs are nested more than {DEEPEST} deep", self._now.place
                )
            if self._word("subgraph"):
                self._at += 1
                if self._now.kind in {IDENTIFIER, TEXT}:
                    self._identifier()
            self._expect("{")
            return self._statements(depth + 1), ""
        token = self._now
        if token.kind == IDENTIFIER and token.value.lower() in _KEYWORDS:
            refuse(
                "dot-syntax",
                f"{token.value!r} is a word of the language",
                token.place,
                "write a name like it in quotes",
            )
        name = self._identifier()
        if self._sign(":"):
            refuse("dot-unsupported", "a node of a machine has no ports", self._now.place)
        self._nodes.setdefault(name, DotNode(name, {}, token.place))
        return [name], name

    def _give(self, name: str, attributes: dict[str, str]) -> None:
        if name:
            self._nodes[name].attributes.update(attributes)

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._sign("["):
            self._at += 1
            while not self._sign("]"):
                name = self._identifier()
                self._expect("=")
                found[name] = self._identifier()
                if self._sign(",", ";"):
                    self._at += 1
            self._at += 1
        return found
