"""From a document to a recipe: every mistake of it in one pass, or the recipe.

The parts of the check stand in the modules ``check_*`` beside this one. None of them reads a file,
runs anything or imports a recipe's code; what is known about that code comes from a
:class:`~framework0.recipe.signatures.SignatureSource`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from framework0.graph import Graph
from framework0.recipe import check_order, keys
from framework0.recipe.check_expressions import Expressions
from framework0.recipe.check_findings import Findings
from framework0.recipe.check_inputs import read_allowed, read_defaults, read_header, read_inputs
from framework0.recipe.check_steps import SECTIONS, Steps, warn_thread_timeout
from framework0.recipe.check_tables import read_table
from framework0.recipe.limit_keys import RUN_LIMIT_KEYS
from framework0.recipe.limits import MAX_STEPS
from framework0.recipe.model import NOTHING, ORDER_SEQUENCE, Input, Recipe
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from framework0.errors import Problem
    from framework0.recipe.load import Document
    from framework0.recipe.signatures import SignatureSource


class Checked(NamedTuple):
    """What a check came to: the recipe, None if there is an error, and all that was found.

    ``problems`` are errors, warnings and notes, in file order.
    """

    recipe: Recipe | None
    problems: tuple[Problem, ...]


def check_document(
    document: Document,
    *,
    signatures: SignatureSource | None = None,
    kinds: Collection[str] = (),
    pools: Mapping[str, int] | None = None,
) -> Checked:
    """Check ``document`` whole.

    ``kinds`` are the types of step that exist besides the built-in ones; as a mapping from name to
    (module, class) their arguments are checked as well. Without ``signatures`` the code behind the
    steps is not looked at. ``pools`` are the pools there are and how many slots each has; without
    them every name will do.
    """
    return _Check(document, signatures, kinds, pools).run()


class _Check:
    def __init__(
        self,
        document: Document,
        signatures: SignatureSource | None,
        kinds: Collection[str],
        pools: Mapping[str, int] | None,
    ) -> None:
        self.document = document
        self.data = document.data
        self.findings = Findings(document)
        self.signatures = signatures
        self.kinds = kinds
        self.pools = pools
        # An escape in quotes may spell the opening of a template in many ways.
        self.may_hold_templates = "${{" in document.text or "\\" in document.text

    def run(self) -> Checked:
        findings, data = self.findings, self.data
        good = read_table(findings, keys.RECIPE_KEYS, data, (), "a recipe")
        header = read_header(findings, data)
        inputs = read_inputs(findings, good.get("inputs", {}))
        allowed = read_allowed(findings, good.get("env", ()), data.get("env"))
        steps = self._read_steps(good)
        before = check_order.edges(findings, steps)
        order, reason = check_order.rule_of(data, steps)
        looped = check_order.report_cycles(findings, steps, Graph(before))
        if order == ORDER_SEQUENCE and not looped:
            check_order.report_contradictions(findings, steps, before)
        check_order.report_equal_idx(findings, steps)
        graph = None if looped else check_order.as_run(order, steps, before)
        expressions = self._check_expressions(steps, inputs, allowed, graph)
        if self.signatures is not None:
            self._check_code(self.signatures, steps, expressions, graph)
        if steps.all:
            findings.note("order", reason, ("order",) if "order" in data else ("steps",))
        limits = {key.name: good[key.name] for key in RUN_LIMIT_KEYS if key.name in good}
        return self._checked(header, inputs, allowed, steps, order, reason, limits)

    def _read_steps(self, good: Mapping[str, Any]) -> Steps:
        findings = self.findings
        defaults = read_defaults(findings, good.get("defaults", {}))
        steps = Steps(
            findings,
            defaults,
            self.kinds,
            may_hold_templates=self.may_hold_templates,
            pools=self.pools,
        )
        executor = defaults.get("executor")
        if "timeout" in defaults and executor in {"thread", "serial"}:
            warn_thread_timeout(findings, executor, ("defaults", "executor"))
        self._refuse_missing_steps()
        total = 0
        for phase, section in SECTIONS:
            raw = good.get(section)
            if raw is None:
                continue
            total += len(raw)
            if total > MAX_STEPS:
                findings.error(
                    "too-many-steps",
                    f"the recipe has more than {MAX_STEPS:,} steps",
                    (section,),
                    key=True,
                    hint="use foreach for steps that differ only in a value, or several recipes",
                )
                break
            steps.read(phase, section, raw)
        return steps

    def _refuse_missing_steps(self) -> None:
        findings, data = self.findings, self.data
        raw = data.get("steps")
        if "steps" not in data and ("steps",) not in findings.meant:
            findings.error(
                "no-steps",
                "the recipe has no steps",
                (),
                hint="add `steps:` and below it `- name: …`",
            )
        elif raw == []:
            findings.error(
                "no-steps", "steps is an empty list", ("steps",), key=True, hint="add `- name: …`"
            )

    def _check_expressions(
        self,
        steps: Steps,
        inputs: Sequence[Input],
        allowed: Collection[str],
        graph: Graph | None,
    ) -> Expressions:
        names = [given.name for given in inputs]
        expressions = Expressions(self.findings, steps, names, allowed)
        defaults = self.data.get("defaults")
        if self.may_hold_templates and isinstance(defaults, dict) and "env" in defaults:
            expressions.check_value(None, defaults["env"], ("defaults", "env"), each=True)
        for step in steps.all:
            asks = step.when is not None or step.policy.cache is not None
            if step.templated or asks or step.foreach is not None:
                expressions.check_step(step, steps.raws[step.position])
        if graph is not None and expressions.waits:
            pairs = [(wait.earlier, wait.later) for wait in expressions.waits]
            expressions.report_waits(graph.precedes(pairs))
        return expressions

    def _check_code(
        self,
        signatures: SignatureSource,
        steps: Steps,
        expressions: Expressions,
        graph: Graph | None,
    ) -> None:
        # Imported here: a run without a look at the code does not pay for them.
        from framework0.recipe.check_cache import check_cached_reads
        from framework0.recipe.check_code import Code, Unchecked
        from framework0.recipe.check_context import ContextKeys

        unchecked = Unchecked()
        code = Code(self.findings, steps, signatures, self.kinds, unchecked)
        code.check()
        check_cached_reads(self.findings, steps, code, signatures)
        if graph is not None:
            context = ContextKeys(self.findings, steps, graph, unchecked)
            context.gather(code, signatures, expressions.context_reads)
            context.report()
        unchecked.report(self.findings)

    def _checked(
        self,
        header: Mapping[str, Any],
        inputs: tuple[Input, ...],
        allowed: tuple[str, ...],
        steps: Steps,
        order: str,
        reason: str,
        limits: Mapping[str, Any],
    ) -> Checked:
        problems = self._in_file_order()
        if any(problem.severity == "error" for problem in problems):
            return Checked(None, problems)
        document = self.document
        recipe = Recipe(
            name=str(header.get("name") or name_of(document.file)),
            steps=tuple(steps.all),
            version=str(header.get("version") or ""),
            description=str(header.get("description") or ""),
            metadata=MappingProxyType(dict(header)) if header else NOTHING,
            inputs=inputs,
            order=order,
            order_reason=reason,
            env_allow=allowed,
            file=document.file,
            digest=document.digest,
            text=document.text,
            pauses=steps.pauses,
            **limits,
        )
        return Checked(recipe, problems)

    def _still_worth_saying(self) -> Sequence[Problem]:
        """Return what reading found, without the warnings about values that are wrong anyway."""
        risks = {problem.place for problem in self.document.problems if problem.severity != "error"}
        if not risks or not self.findings.failed:
            return self.document.problems
        wrong = {found.place for found in self.findings.problems if found.severity == "error"}
        return [
            problem
            for problem in self.document.problems
            if problem.severity == "error" or problem.place not in wrong
        ]

    def _in_file_order(self) -> tuple[Problem, ...]:
        found = [*self._still_worth_saying(), *self.findings.problems]
        # Sorting asks for positions, which cost a reading of the file: not for notes alone.
        if all(problem.severity == "note" for problem in found):
            return tuple(found)
        return tuple(sorted(found, key=_position))


def _position(problem: Problem) -> tuple[int, int]:
    place = problem.place
    return (place.line, place.column) if place is not None else (0, 0)


def name_of(file: str) -> str:
    """Return what a recipe is called that does not say: its file's name without the ending."""
    base = file.replace("\\", "/").rsplit("/", 1)[-1]
    stem = base.rsplit(".", 1)[0] if "." in base.strip(".") else base
    if not stem.isascii():
        # Bytes that the system's encoding does not know are no text: the run could not be recorded with them.
        stem = stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return stem or "recipe"


__all__ = ["Checked", "check_document", "name_of"]
