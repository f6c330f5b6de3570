"""Steps against the code they name: is it there, and does it take what the step gives it.

What the code is like comes from reading it, never from running it. What reading cannot tell is
gathered as a reason and said once, not guessed.
"""

from __future__ import annotations

from sys import stdlib_module_names
from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.check_inputs import fits
from framework0.recipe.check_order import MANY_NAMED
from framework0.recipe.check_values import clipped, shown
from framework0.source import Broken, Missing, Signature

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from framework0.recipe.check_findings import Findings, Path, Pointers
    from framework0.recipe.check_steps import Steps
    from framework0.recipe.model import Step
    from framework0.recipe.signatures import SignatureSource
    from framework0.source import Answer, Parameter

BY_POSITION: Final = ("positional", "ordinary")
BY_NAME: Final = ("ordinary", "keyword")


class Unchecked:
    """What could not be checked: the steps concerned, by reason."""

    def __init__(self) -> None:
        self._steps: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        """Note that the step ``name`` was not checked for ``reason``."""
        self._steps.setdefault(reason, []).append(name)

    def report(self, findings: Findings) -> None:
        """Say each reason once, with the steps it concerns."""
        for reason, names in self._steps.items():
            distinct = list(dict.fromkeys(names))
            listed = ", ".join(clipped(name) for name in distinct[:MANY_NAMED])
            left = len(distinct) - MANY_NAMED
            more = f" and {left:,} more" if left > 0 else ""
            findings.note("not-checked", f"not checked: {reason} ({listed}{more})", ("steps",))


class Code:
    """Checks steps against the signatures of what they call, each asked for once."""

    def __init__(
        self,
        findings: Findings,
        steps: Steps,
        signatures: SignatureSource,
        kinds: Collection[str],
        unchecked: Unchecked,
    ) -> None:
        self.findings = findings
        self.steps = steps
        self.unchecked = unchecked
        self._signatures = signatures
        self._homes: Mapping[str, tuple[str, str]] = (
            kinds if hasattr(kinds, "get") else {}  # type: ignore[assignment]
        )
        self.absent: set[tuple[str, str]] = set()
        """Code that is not there, or cannot be read: nothing more is said about it."""
        self._answers: dict[tuple[str, str], Answer] = {}
        self._shapes: dict[tuple[str, str], _Shape] = {}

    def target(self, step: Step) -> tuple[str, str] | None:
        """Return the module and function a step calls; None when it calls no Python code."""
        if step.kind == "python":
            return (step.module, step.function)
        home = self._homes.get(step.kind)
        return None if home is None else (home[0], home[1])

    def check(self) -> None:
        """Check every step that is well in itself."""
        broken = self.steps.broken
        for step in self.steps.all:
            if step.position in broken:
                continue
            target = self.target(step)
            if target is None:
                if step.kind not in {"shell", "recipe", "approval", "step_engine"}:
                    reason = f"the code of type {step.kind} is not in this workspace"
                    self.unchecked.add(reason, step.name)
                continue
            shape = self._shapes.get(target)
            if shape is None or not shape.takes(step.args):
                self._compare(step, target)

    def _compare(self, step: Step, target: tuple[str, str]) -> None:
        answer = self._answers.get(target)
        if answer is None:
            answer = self._answers[target] = self._signatures.signature(*target)
        if isinstance(answer, Signature):
            shape = self._shapes.setdefault(target, _Shape(answer))
            if not shape.takes(step.args):
                _Arguments(self.findings, self.steps.path(step.position), step, answer).check()
        elif isinstance(answer, Missing):
            self.absent.add(target)
            self._report_missing(step, target, answer)
        elif isinstance(answer, Broken):
            self.absent.add(target)
            self.findings.error(
                "broken-module",
                f"the module {target[0]} cannot be read: {answer.message}",
                self._place(step, "module"),
                hint="correct it there",
                pointers=(("there", answer.place),),
            )
        else:
            self.unchecked.add(answer.reason, step.name)

    def _place(self, step: Step, key: str) -> Path:
        path = self.steps.path(step.position)
        return (*path, key if step.kind == "python" else "type")

    def _report_missing(self, step: Step, target: tuple[str, str], answer: Missing) -> None:
        module, function = target
        near = answer.near[0] if answer.near else None
        if answer.what == "module":
            self.findings.error(
                "unknown-module",
                f"there is no module {clipped(module)!r}",
                self._place(step, "module"),
                hint=did_you_mean(near)
                or "modules are looked for in the workspace, beside the recipe, and among what is "
                "installed",
            )
            return
        self.findings.error(
            "unknown-function",
            f"the module {clipped(module)} has no {clipped(function)!r}",
            self._place(step, "function"),
            hint=_where_it_may_be(module, near),
        )


def _where_it_may_be(module: str, near: str | None) -> str:
    """Return the hint for a function that its module does not have."""
    hint = did_you_mean(near)
    top = module.partition(".")[0]
    if hint is None and top in stdlib_module_names:
        # The author may well have a file of that name, which no recipe can reach.
        return f"{top} is a module of Python itself: a file of yours needs another name"
    return hint or f"define it in {clipped(module)}"


class _Shape:
    """What a signature takes, in a form that answers quickly for the many steps that are well."""

    def __init__(self, signature: Signature) -> None:
        named = [one for one in signature.parameters if one.kind in BY_NAME]
        # A parameter with types or choices has values to look at: those take the long way.
        self._plain = {one.name for one in named if not one.types and not one.choices}
        self._required = {one.name for one in named if one.required}
        self._nothing_needed = not any(one.required for one in signature.parameters)
        self._by_position = any(
            one.kind == "positional" and one.required for one in signature.parameters
        )

    def takes(self, args: Any) -> bool:
        """Say whether ``args`` certainly fit; False means that it takes a closer look."""
        if args is None:
            return self._nothing_needed
        if isinstance(args, tuple) or self._by_position:
            return False
        given = set(args)
        return given <= self._plain and self._required <= given


class _Arguments:
    """The arguments of one step against one signature."""

    def __init__(self, findings: Findings, path: Path, step: Step, signature: Signature) -> None:
        self.findings = findings
        self.path = path
        self.step = step
        self.signature = signature
        self.what = step.function or step.kind
        # Params gathered from the code, and annotations, bind nobody: what differs is a risk.
        self.strict = signature.declared and signature.kind == "scriptlet"

    def check(self) -> None:
        args = self.step.args
        if isinstance(args, tuple):
            self._check_list(args)
        else:
            self._check_mapping(args or {})

    def _where(self) -> Path:
        return self.path if self.step.args is None else (*self.path, "args")

    def _pointers(self) -> Pointers:
        place = self.signature.place
        return () if place is None else (("its definition", place),)

    def _check_list(self, args: tuple[Any, ...]) -> None:
        if self.step.kind != "python":
            # Said already, where the step itself was checked.
            return
        if self.signature.kind == "scriptlet":
            self.findings.error(
                "scriptlet-positional",
                f"{clipped(self.what)} is a scriptlet: it takes params by name, not a list",
                (*self.path, "args"),
                hint="write `name: value` for each",
                pointers=self._pointers(),
            )
            return
        parameters = self.signature.parameters
        taken = [one for one in parameters if one.kind in BY_POSITION]
        if len(args) > len(taken) and not any(one.kind == "var_positional" for one in parameters):
            self.findings.error(
                "too-many-arguments",
                f"{clipped(self.what)} takes {_count(len(taken))}, and args has {len(args)}",
                (*self.path, "args", len(taken)),
                hint="take the rest away",
                pointers=self._pointers(),
            )
        for at, (parameter, value) in enumerate(zip(taken, args, strict=False)):
            self._check_value(parameter, value, (*self.path, "args", at))
        given = {one.name for one in taken[: len(args)]}
        self._check_missing(given, by_name=False)

    def _check_mapping(self, args: Mapping[str, Any]) -> None:
        by_name = {one.name: one for one in self.signature.parameters if one.kind in BY_NAME}
        accepts_any = self.signature.open or any(
            one.kind == "var_keyword" for one in self.signature.parameters
        )
        for name, value in args.items():
            parameter = by_name.get(name)
            if parameter is not None:
                self._check_value(parameter, value, (*self.path, "args", name))
            elif not accepts_any:
                self._report_unknown(name, list(by_name))
        self._check_missing(args.keys(), by_name=True)

    def _report_unknown(self, name: str, known: list[str]) -> None:
        if any(one.kind == "positional" and one.name == name for one in self.signature.parameters):
            self.findings.meant.add((*self.path, "args", name))
            self.findings.error(
                "unknown-argument",
                f"{clipped(self.what)} takes {clipped(name)!r} by position only",
                (*self.path, "args", name),
                key=True,
                hint="give args as a list",
                pointers=self._pointers(),
            )
            return
        near = self.findings.near(name, known)
        hint = did_you_mean(near)
        if near is not None:
            self.findings.meant.add((*self.path, "args", near))
        else:
            hint = f"it takes {', '.join(known)}" if known else "it takes no arguments"
        where = (*self.path, "args", name)
        if self.signature.declared:
            message = f"{clipped(self.what)} takes no argument {clipped(name)!r}"
            self.findings.error(
                "unknown-argument", message, where, key=True, hint=hint, pointers=self._pointers()
            )
            return
        message = f"{clipped(self.what)} never reads the param {clipped(name)!r}"
        self.findings.warning(
            "unknown-argument", message, where, key=True, hint=hint, pointers=self._pointers()
        )

    def _check_missing(self, given: Collection[str], *, by_name: bool) -> None:
        for one in self.signature.parameters:
            if not one.required or one.name in given:
                continue
            if (*self.path, "args", one.name) in self.findings.meant:
                continue
            if by_name and one.kind == "positional":
                what, hint = f"{one.name!r} by position", "give args as a list"
            else:
                what = f"the argument {one.name!r}"
                hint = f"add `{one.name}: …` to args"
                if not by_name:
                    hint = "add it to args, in its turn, or give args as a mapping"
            add = self.findings.error if self.signature.declared else self.findings.warning
            add(
                "missing-argument",
                f"{clipped(self.what)} needs {what}",
                self._where(),
                key=True,
                hint=hint,
                pointers=self._pointers(),
            )

    def _check_value(self, parameter: Parameter, value: Any, path: Path) -> None:
        if isinstance(value, str) and "${{" in value:
            return
        add = self.findings.error if self.strict else self.findings.warning
        if parameter.types and not any(
            value is None if kind == "null" else fits(value, kind) for kind in parameter.types
        ):
            add(
                "argument-type",
                f"{parameter.name} should be of type {' or '.join(parameter.types)}, "
                f"not {shown(value)}",
                path,
                hint="write a value of that type",
                pointers=self._pointers(),
            )
        elif parameter.choices and value not in parameter.choices:
            near = None
            if isinstance(value, str):
                words = [choice for choice in parameter.choices if isinstance(choice, str)]
                near = self.findings.near(value, words)
            choices = ", ".join(str(choice) for choice in parameter.choices)
            add(
                "argument-type",
                f"{parameter.name} cannot be {shown(value)}",
                path,
                hint=did_you_mean(near) or f"one of {choices}",
                pointers=self._pointers(),
            )


def _count(number: int) -> str:
    return "1 argument" if number == 1 else f"{number or 'no'} arguments"
