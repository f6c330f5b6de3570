"""The expressions of a recipe: each can be parsed, and each name in it means something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ExpressionError
from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.check_values import clipped
from framework0.recipe.model import PHASES
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.check_steps import Steps
    from framework0.recipe.expressions import Reference
    from framework0.recipe.model import Step

ABOUT_THE_RUN: Final = ("id", "name", "recipe")
"""What an expression may ask of the run."""

ABOUT_A_STEP: Final = ("result", "state")
"""What an expression may ask of another step."""


class ContextRead(NamedTuple):
    """An expression of the step at ``position`` reads one of ``keys``: a key, or a part inside one."""

    position: int
    keys: tuple[str, ...]
    guarded: bool
    path: Path
    inside: str


class _Wait(NamedTuple):
    """Whether step ``later`` waits for ``earlier``, whose result it reads, is asked at the end."""

    earlier: int
    later: int
    path: Path
    inside: str


class Expressions:
    """Checks expressions against what the recipe declares; collects what is answered later."""

    def __init__(
        self,
        findings: Findings,
        steps: Steps,
        inputs: Collection[str],
        allowed: Collection[str],
    ) -> None:
        self.findings = findings
        self.steps = steps
        self.inputs = inputs
        self.allowed = allowed
        self.context_reads: list[ContextRead] = []
        self.waits: list[_Wait] = []

    def check_step(self, step: Step, raw: Mapping[str, Any]) -> None:
        """Check every expression of one step.

        ``when`` is kept bare, the one expression of a ``foreach`` as a template. Both are answered
        before there is an item.
        """
        path = self.steps.path(step.position)
        each = step.foreach is not None
        if step.when is not None and isinstance(raw.get("when"), str):
            step.when = self.bare(step, step.when, (*path, "when"), each=False)
        if step.foreach is not None:
            self._check_items(step, raw, path)
        cache = raw.get("cache")
        if isinstance(cache, dict):
            for name in ("key", "files"):
                self.check_value(step, cache.get(name), (*path, "cache", name), each)
        if not step.templated:
            return
        for name in ("args", "command", "env", "prompt", "instance", "library", "first_node"):
            if name in raw:
                self.check_value(step, raw[name], (*path, name), each)

    def check_value(self, step: Step | None, value: Any, path: Path, each: bool) -> None:
        """Check the expressions in all texts of ``value``."""
        from framework0.recipe.templates import find_templates

        for template in find_templates(value):
            where = (*path, *template.path)
            text = _at(value, template.path)
            if template.error is not None:
                self._report(template.error, where, text, template.offset)
            else:
                self.check_text(step, template.expression, where, text, template.offset, each)

    def bare(self, step: Step, value: str, path: Path, each: bool) -> str:
        """Check a text that is one expression, with or without ``${{ }}``; return it without."""
        from framework0.recipe.templates import find_templates

        text = value.strip()
        offset = len(value) - len(value.lstrip())
        if "${{" in value:
            found = list(find_templates(value))
            if found and found[0].error is not None:
                self._report(found[0].error, path, value, found[0].offset)
                return text
            around = text
            if len(found) == 1:
                around = around.removeprefix("${{").removesuffix("}}").strip()
            if len(found) != 1 or around != found[0].expression:
                self.findings.error(
                    "not-one-expression",
                    f"{path[-1]} must be one expression, and there is more around it",
                    path,
                    hint="write the whole of it inside one `${{ }}`, or without any",
                )
                return text
            text, offset = found[0].expression, found[0].offset
        self.check_text(step, text, path, value, offset, each)
        return text

    def check_text(
        self, step: Step | None, expression: str, path: Path, text: str, offset: int, each: bool
    ) -> None:
        """Check one bare expression that begins at ``offset`` in ``text``."""
        from framework0.recipe.expressions import compile_expression

        try:
            compiled = compile_expression(expression)
        except ExpressionError as error:
            self._report(error, path, text, offset)
            return
        for reference in compiled.names:
            self._check_reference(step, reference, path, text[: offset + reference.offset], each)

    def report_waits(self, answers: Collection[bool]) -> None:
        """Report each result that is read before it is sure to be there."""
        for wait, waits in zip(self.waits, answers, strict=True):
            if waits:
                continue
            earlier, later = (self.steps.all[at] for at in (wait.earlier, wait.later))
            self.findings.error(
                "not-upstream",
                f"{clipped(later.name)!r} does not wait for {clipped(earlier.name)!r}, "
                "so that step's result may not be there yet",
                wait.path,
                inside=wait.inside,
                hint=f"add {clipped(earlier.name)!r} to depends_on of {clipped(later.name)!r}",
                pointers=(("that step", (*self.steps.path(wait.earlier), "name")),),
            )

    def _check_items(self, step: Step, raw: Mapping[str, Any], path: Path) -> None:
        foreach = step.foreach
        assert foreach is not None
        written = raw.get("foreach")
        where: Path = (*path, "foreach")
        if isinstance(written, dict):
            written, where = written.get("items"), (*where, "items")
        if isinstance(foreach.items, str):
            items = self.bare(step, str(written), where, each=False)
            step.foreach = foreach._replace(items=f"${{{{ {items} }}}}")
        elif step.templated:
            self.check_value(step, written, where, each=False)

    def _report(self, error: ExpressionError, path: Path, text: str, offset: int) -> None:
        self.findings.error(
            "expression",
            error.problems[0].message,
            path,
            inside=text[: max(0, offset + error.offset)],
            hint=error.hint,
        )

    def _check_reference(
        self, step: Step | None, reference: Reference, path: Path, inside: str, each: bool
    ) -> None:
        root = reference.root
        first = str(reference.path[0]) if reference.path else None
        if root == "inputs" and first is not None and first not in self.inputs:
            self.findings.error(
                "unknown-input",
                f"the recipe has no input called {clipped(first)!r}",
                path,
                inside=inside,
                hint=did_you_mean(self.findings.near(first, self.inputs))
                or f"declare it: `inputs: {{{clipped(first)}: {{type: string}}}}`",
            )
        elif root == "env" and first is not None and first not in self.allowed:
            self.findings.error(
                "env-not-allowed",
                f"expressions may not read the environment variable {clipped(first)!r}",
                path,
                inside=inside,
                hint=did_you_mean(self.findings.near(first, self.allowed))
                or f"allow it at the top of the recipe: `env: [{clipped(first)}]`",
            )
        elif root == "run" and first is not None and first not in ABOUT_THE_RUN:
            self.findings.error(
                "unknown-run-value",
                f"a run has no {clipped(first)!r}",
                path,
                inside=inside,
                hint=did_you_mean(self.findings.near(first, ABOUT_THE_RUN))
                or f"it has {', '.join(ABOUT_THE_RUN)}",
            )
        elif root == "steps" and first is not None:
            self._check_step_reference(step, first, reference, path, inside)
        elif root in {"item", "index"} and not each:
            self.findings.error(
                "item-without-foreach",
                f"{root} exists only in args, command and env of a step with foreach",
                path,
                inside=inside,
                hint=(
                    "add `foreach:` to the step, or read an input"
                    if step is None or step.foreach is None
                    else "this is answered once for the step, before there are items"
                ),
            )
        elif root == "context" and reference.path and reference.whole and step is not None:
            self.context_reads.append(
                ContextRead(step.position, _keys(reference), reference.guarded, path, inside)
            )

    def _check_step_reference(
        self, step: Step | None, name: str, reference: Reference, path: Path, inside: str
    ) -> None:
        findings = self.findings
        other = self.steps.by_name.get(name)
        if other is None:
            findings.error(
                "unknown-step",
                f"there is no step called {clipped(name)!r}",
                path,
                inside=inside,
                hint=did_you_mean(findings.near(name, self.steps.by_name))
                or "name a step of this recipe",
            )
            return
        if len(reference.path) > 1 and reference.path[1] not in ABOUT_A_STEP:
            part = str(reference.path[1])
            near = findings.near(part, ABOUT_A_STEP)
            findings.error(
                "unknown-step",
                f"steps.{clipped(name)} has a result and a state, no {clipped(part)!r}",
                path,
                inside=inside,
                hint=did_you_mean(near) or f"write steps.{clipped(name)}.result.{clipped(part)}",
            )
        if step is None:
            findings.error(
                "not-upstream",
                f"what stands in defaults holds for every step, and not every step waits for "
                f"{clipped(name)!r}",
                path,
                inside=inside,
                hint="move it into the steps that wait for that one",
            )
            return
        target = self.steps.all[other]
        if target.phase == step.phase:
            self.waits.append(_Wait(other, step.position, path, inside))
        elif PHASES.index(target.phase) > PHASES.index(step.phase):
            findings.error(
                "not-upstream",
                f"{clipped(name)!r} runs after {clipped(step.name)!r}, in {target.phase}",
                path,
                inside=inside,
                hint="read the result of a step that runs before",
            )


def _keys(reference: Reference) -> tuple[str, ...]:
    """Return the context keys a reference may mean: ``a.b.c`` is a key, or a part of ``a.b`` or ``a``."""
    parts = [str(part) for part in reference.path]
    if reference.exact:
        return (parts[0],)
    return tuple(".".join(parts[:count]) for count in range(len(parts), 0, -1))


def _at(value: Any, path: Path) -> str:
    for part in path:
        value = value[part]
    return str(value)
