"""Which step writes a context key and which reads it, and whether the order of steps lets them.

A key may also come from outside (a shared context), so whatever is found here is a warning.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.check_values import clipped
from framework0.recipe.model import PHASES
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.errors import Place
    from framework0.graph import Graph
    from framework0.recipe.check_code import Code, Unchecked
    from framework0.recipe.check_expressions import ContextRead
    from framework0.recipe.check_findings import Findings, Path, Pointers
    from framework0.recipe.check_steps import Steps
    from framework0.recipe.model import Step
    from framework0.recipe.signatures import SignatureSource
    from framework0.source import Facts

MOST_PAIRS: Final = 200_000
"""Pairs of a reader and a writer that are compared; beyond, the keys are no longer looked at."""

COMPUTED: Final = "which context keys a step writes, because it computes them when it runs"
COMPUTED_READS: Final = "which context keys a step reads, because it computes them when it runs"
NESTED: Final = "what the recipe run by a step writes into the context"
TOO_MANY: Final = "context keys with very many readers and writers"


class _Read(NamedTuple):
    """The step at ``position`` needs one of ``keys``; ``path`` is where the recipe says so."""

    position: int
    keys: tuple[str, ...]
    path: Path
    inside: str = ""
    source: Place | None = None
    at_end: bool = False


class ContextKeys:
    """Gathers the keys each step reads and writes, then asks the graph about each pair."""

    def __init__(
        self,
        findings: Findings,
        steps: Steps,
        graph: Graph,
        unchecked: Unchecked,
    ) -> None:
        self.findings = findings
        self.steps = steps
        self.graph = graph
        self.unchecked = unchecked
        self.writers: dict[str, dict[int, Place | Path]] = {}
        self.reads: list[_Read] = []
        self.unknown_writers: list[int] = []
        self._turn: dict[int, int] = {}

    def gather(
        self,
        code: Code,
        signatures: SignatureSource,
        expressions: Sequence[ContextRead],
    ) -> None:
        """Collect who reads and who writes what."""
        known: dict[tuple[str, str], Facts] = {}
        for step in self.steps.all:
            target = code.target(step)
            if target in code.absent:
                self.unknown_writers.append(step.position)
            elif target is not None and step.position not in self.steps.broken:
                if target not in known:
                    known[target] = signatures.facts(*target)
                self._take(step, known[target])
            elif step.kind == "recipe":
                self.unknown_writers.append(step.position)
                self.unchecked.add(NESTED, step.name)
            elif step.kind == "step_engine":
                self._take_machine(step)
            elif step.kind not in ("shell", "approval"):
                self.unknown_writers.append(step.position)
            if step.policy.success_keys:
                path = (*self.steps.path(step.position), "success", "ctx_has_keys")
                for key in step.policy.success_keys:
                    self.reads.append(_Read(step.position, (key,), path, at_end=True))
        for read in expressions:
            if not read.guarded:
                self.reads.append(_Read(read.position, read.keys, read.path, read.inside))

    def report(self) -> None:
        """Report reads that nothing serves, and writes that race."""
        self._turn = {position: at for at, position in enumerate(self.graph.order())}
        self._report_reads()
        self._report_conflicts()

    def _take(self, step: Step, facts: Facts) -> None:
        position = step.position
        for key, place in facts.writes.items():
            self.writers.setdefault(key, {})[position] = place
        for param in facts.named_by:
            self._take_named(step, param)
        if facts.writes_unknown:
            self.unknown_writers.append(position)
            self.unchecked.add(COMPUTED, step.name)
        if facts.reads_unknown:
            self.unchecked.add(COMPUTED_READS, step.name)
        if facts.reads:
            path = (*self.steps.path(position), "function" if step.kind == "python" else "type")
            for key, place in facts.reads.items():
                self.reads.append(_Read(position, (key,), path, source=place))

    def _take_machine(self, step: Step) -> None:
        """Note the keys that a machine leaves; which ones a mirror makes, only its nodes know."""
        machine: Any = step.args
        path = (*self.steps.path(step.position), "results")
        for key in machine["results"]:
            self.writers.setdefault(key, {})[step.position] = (*path, key)
        if machine["mirror"]:
            self.unknown_writers.append(step.position)

    def _take_named(self, step: Step, param: str) -> None:
        """Note the key that a param names; one that an expression makes is not known."""
        key = step.args.get(param) if isinstance(step.args, dict) else None
        if not isinstance(key, str):
            return
        if "${{" in key:
            self.unknown_writers.append(step.position)
            return
        place = (*self.steps.path(step.position), "args", param)
        self.writers.setdefault(key, {})[step.position] = place

    def _report_reads(self) -> None:
        questions: list[tuple[_Read, list[int]]] = []
        pairs: list[tuple[int, int]] = []
        for read in self.reads:
            writers = self._writers_of(read)
            if read.position in writers or self._served_directly(read, writers):
                continue
            asked = [*writers, *self.unknown_writers]
            if len(pairs) + 2 * len(asked) > MOST_PAIRS:
                self.unchecked.add(TOO_MANY, self.steps.all[read.position].name)
                continue
            questions.append((read, writers))
            # Both directions: a writer may come before, after, or neither.
            pairs.extend((writer, read.position) for writer in asked)
            pairs.extend((read.position, writer) for writer in asked)
        answers = self._precede(pairs)
        start = 0
        for read, writers in questions:
            asked_count = len(writers) + len(self.unknown_writers)
            before = answers[start : start + asked_count]
            after = answers[start + asked_count : start + 2 * asked_count]
            start += 2 * asked_count
            self._judge(read, writers, before, after)

    def _writers_of(self, read: _Read) -> list[int]:
        found: dict[int, None] = {}
        for key in read.keys:
            found.update(dict.fromkeys(self.writers.get(key, ())))
        return list(found)

    def _served_directly(self, read: _Read, writers: Sequence[int]) -> bool:
        return bool(writers) and not set(writers).isdisjoint(self.graph.predecessors[read.position])

    def _judge(
        self, read: _Read, writers: Sequence[int], before: Sequence[bool], after: Sequence[bool]
    ) -> None:
        served = any(before[: len(writers)])
        maybe = any(
            writer == read.position or not follows
            for writer, follows in zip(self.unknown_writers, after[len(writers) :], strict=True)
        )
        if served or maybe:
            return
        step = self.steps.all[read.position]
        key = read.keys[0]
        unordered = [writer for writer, follows in zip(writers, after, strict=False) if not follows]
        pointers: Pointers = ()
        if read.source is not None:
            pointers = (("it is read here", read.source),)
        if unordered:
            other = self.steps.all[unordered[0]]
            self.findings.warning(
                "context-key-unordered",
                f"{clipped(step.name)!r} reads the context key {clipped(key)!r}, which "
                f"{clipped(other.name)!r} writes, but does not wait for it",
                read.path,
                inside=read.inside,
                hint=f"add {clipped(other.name)!r} to its depends_on",
                pointers=(*pointers, *self._written_at(key, unordered[0])),
            )
            return
        later = (
            f": only {clipped(self.steps.all[writers[0]].name)!r} does, later" if writers else ""
        )
        near = None if writers else self.findings.near(key, self.writers)
        self.findings.warning(
            "context-key-unwritten",
            f"{clipped(step.name)!r} reads the context key {clipped(key)!r}, "
            f"which no step before it writes{later}",
            read.path,
            inside=read.inside,
            hint=did_you_mean(near) or "write it in an earlier step, or read it with a default",
            pointers=pointers,
        )

    def _written_at(self, key: str, position: int) -> Pointers:
        place = self.writers.get(key, {}).get(position)
        return () if place is None else (("it is written here", place),)

    def _report_conflicts(self) -> None:
        pairs: list[tuple[int, int]] = []
        keys: list[str] = []
        for key, writers in self.writers.items():
            ordered = sorted(writers, key=self._turn.__getitem__)
            for one, other in pairwise(ordered):
                pairs.append((one, other))
                keys.append(key)
        reported: set[str] = set()
        for (one, other), key, ordered_pair in zip(pairs, keys, self._precede(pairs), strict=True):
            if ordered_pair or key in reported:
                continue
            reported.add(key)
            first, second = sorted((one, other))
            names = [clipped(self.steps.all[at].name) for at in (first, second)]
            more = len(self.writers[key]) - 2
            also = f" ({more} more steps write it too)" if more > 0 else ""
            self.findings.warning(
                "context-write-conflict",
                f"{names[0]!r} and {names[1]!r} both write the context key {clipped(key)!r}, and "
                f"neither waits for the other{also}",
                (*self.steps.path(second), "name"),
                hint="let one depend on the other, or write different keys",
                pointers=(
                    ("the other step", (*self.steps.path(first), "name")),
                    # Twice the same code is one place.
                    *dict.fromkeys((*self._written_at(key, first), *self._written_at(key, second))),
                ),
            )

    def _precede(self, pairs: Sequence[tuple[int, int]]) -> list[bool]:
        """Say for each pair whether the first has ended when the second starts, phases included."""
        steps = self.steps.all
        phase = [PHASES.index(step.phase) for step in steps] if len(self.steps.starts) > 1 else None
        if phase is None:
            return self.graph.precedes(pairs)
        same = self.graph.precedes(pairs)
        return [
            phase[one] < phase[other] if phase[one] != phase[other] else known
            for (one, other), known in zip(pairs, same, strict=True)
        ]
