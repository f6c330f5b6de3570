"""The steps of a recipe, one by one: each key right, each name once.

Almost every step of a large recipe is plain: a name, code, arguments, dependencies, all of the
right type. Those take a short way through; a step with anything else takes the careful one, which
knows every key and every message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe import keys
from framework0.recipe.check_approval import read_approval
from framework0.recipe.check_cache import check_cache
from framework0.recipe.check_kinds import OWN, check_kind, kind_of, read_command
from framework0.recipe.check_limits import CHECKED, OWN_PROCESS, check_limits
from framework0.recipe.check_policy import POLICY_KEYS, STEP_READERS, Policies, bounded
from framework0.recipe.check_tables import read_table
from framework0.recipe.check_values import clipped, is_dotted, shown
from framework0.recipe.limits import MAX_DEPENDENCIES, MAX_NAME_LENGTH
from framework0.recipe.model import FINALLY, MAIN, ON_FAILURE, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.model import Policy

SECTIONS: Final = ((MAIN, "steps"), (ON_FAILURE, "on_failure"), (FINALLY, "finally"))
"""The phases and the keys their steps stand under, in the order positions are counted."""

_PLAIN_KEYS: Final = frozenset(
    {"name", "idx", "type", "module", "function", "args", "depends_on", "description"}
)

_NONE: Final[list[str]] = []


class Steps:
    """The steps read so far. ``all[n]`` is the step at position *n*, ``raws[n]`` its mapping.

    An entry that is no mapping leaves a step without a name behind, so that positions stay true.
    """

    def __init__(
        self,
        findings: Findings,
        defaults: Mapping[str, Any],
        kinds: Collection[str],
        *,
        may_hold_templates: bool,
        pools: Mapping[str, int] | None = None,
    ) -> None:
        self.findings = findings
        self.all: list[Step] = []
        self.raws: list[Mapping[str, Any]] = []
        self.by_name: dict[str, int] = {}
        self.broken: set[int] = set()
        """Positions of steps whose code or arguments are not known for their own mistakes."""
        self.starts: dict[str, int] = {}
        self.pauses = False
        self.policies = Policies(defaults)
        self._env_is_templated = holds_template(self.policies.base.env)
        self._kinds = kinds
        self._pools = pools
        self._may_hold_templates = may_hold_templates
        self._dotted: set[str] = set()

    def path(self, position: int) -> Path:
        """Return where the step at ``position`` stands in the document."""
        for phase, section in reversed(SECTIONS):
            start = self.starts.get(phase)
            if start is not None and position >= start:
                return (section, position - start)
        raise AssertionError(f"no step at position {position}")

    def read(self, phase: str, section: str, raw: list[Any]) -> None:
        """Read the list of steps under the key ``section``."""
        start = self.starts[phase] = len(self.all)
        keep, keep_raw = self.all.append, self.raws.append
        policy = self.policies.base
        for position, entry in enumerate(raw, start):
            step = self._plain(entry, position, phase, policy)
            if step is None:
                step = self._careful(entry, (section, position - start), position, phase)
                entry = entry if isinstance(entry, dict) else {}  # noqa: PLW2901
            keep(step)
            keep_raw(entry)

    def _plain(self, raw: Any, position: int, phase: str, policy: Policy) -> Step | None:
        """Return the step if everything about it is plain and right; None says nothing."""
        if type(raw) is not dict or not raw.keys() <= _PLAIN_KEYS:
            return None
        get: Callable[..., Any] = raw.get
        name, module, function, args = get("name"), get("module"), get("function"), get("args")
        if not (
            self._is_new_name(name)
            and self._is_code(module)
            and self._is_code(function)
            and type(get("idx", 0)) is int
            and get("type", "python") == "python"
        ):
            return None
        if args is not None:
            if type(args) is list:
                args = tuple(args)
            elif type(args) is not dict:
                return None
        depends_on = _plain_names(get("depends_on", _NONE))
        description = get("description", "-")
        if depends_on is None or type(description) is not str or not description.strip():
            return None
        self.by_name[name] = position
        if "description" not in raw:
            description = ""
        # By position: keyword arguments cost a third more, and a large recipe has many steps.
        step = Step(
            name, position, get("idx"), "python", module, function, args, depends_on,
            None, None, None, None, policy, phase, description,
        )  # fmt: skip
        if self._may_hold_templates:
            step.templated = self._env_is_templated or (args is not None and holds_template(args))
        return step

    def _is_new_name(self, name: Any) -> bool:
        return (
            type(name) is str
            and name.isascii()
            and name.isprintable()
            and 0 < len(name) <= MAX_NAME_LENGTH
            and name[0] != " "
            and name[-1] != " "
            and "${{" not in name
            and name not in self.by_name
        )

    def _is_code(self, word: Any) -> bool:
        if type(word) is not str:
            return False
        if word in self._dotted:
            return True
        if not is_dotted(word):
            return False
        self._dotted.add(word)
        return True

    def _careful(self, raw: Any, path: Path, position: int, phase: str) -> Step:
        """Return the step, after having said everything that is wrong with it."""
        findings = self.findings
        if not isinstance(raw, dict):
            what = "is empty" if raw is None else f"must be a mapping, not {shown(raw)}"
            hint = "write `- name: …` and the other keys below it"
            findings.error("step-not-a-mapping", f"step {path[1] + 1} {what}", path, hint=hint)  # type: ignore[operator]
            self.broken.add(position)
            return Step("", position, phase=phase)
        good = read_table(findings, keys.STEP_KEYS, raw, path, "a step", readers=STEP_READERS)
        name = self._name(raw, good, path, position)
        kind = kind_of(findings, raw, path, self._kinds)
        if kind:
            check_kind(findings, kind, raw, path)
        foreach = bounded(findings, good.get("foreach"), raw, path)
        step = Step(
            name,
            position,
            idx=good.get("idx"),
            kind=kind or "python",
            module=good.get("module", ""),
            function=good.get("function", ""),
            args=good.get("args"),
            depends_on=good.get("depends_on", ()),
            when=good.get("when"),
            foreach=foreach,
            command=read_command(findings, raw, path) if kind == "shell" else None,
            recipe=good.get("recipe"),
            policy=self._policy(good),
            phase=phase,
            description=good.get("description", ""),
        )
        if kind == "approval":
            read_approval(findings, step, good, raw, path)
        elif kind == "step_engine":
            from framework0.recipe.check_machine import read_machine

            read_machine(findings, step, good, raw, path)
        self.pauses = self.pauses or kind == "approval" or "breakpoint" in good
        self._check_args(step, path)
        self._check_timeout(step, raw, path)
        check_cache(findings, step, raw, path)
        if not CHECKED.isdisjoint(raw):
            check_limits(findings, step, raw, path, self._pools)
        if self._may_hold_templates:
            items = foreach.items if foreach is not None else None
            step.templated = any(
                part is not None and holds_template(part)
                for part in (step.args, step.command, step.policy.env, items)
            )
        if not kind or ("args" in raw and "args" not in good) or not self._names_code(step):
            self.broken.add(position)
        return step

    def _policy(self, good: Mapping[str, Any]) -> Policy:
        """Return the rules of a step; what limits a process puts the step into one of its own."""
        own = {key: good[key] for key in good if key in POLICY_KEYS}
        if not own.keys().isdisjoint(OWN_PROCESS) and self.policies.base.executor is None:
            own.setdefault("executor", "process")
        return self.policies.of(own)

    def _names_code(self, step: Step) -> bool:
        return step.kind != "python" or bool(step.module and step.function)

    def _name(
        self, raw: Mapping[str, Any], good: Mapping[str, Any], path: Path, position: int
    ) -> str:
        """Return the step's name and keep it, after having checked that no other has it."""
        findings = self.findings
        name: str = good.get("name", "")
        if "name" not in raw and (*path, "name") not in findings.meant:
            findings.error(
                "missing-key",
                f"step {path[1] + 1} has no name",  # type: ignore[operator]
                path,
                hint="add `name: …`: logs, results and dependencies go by it",
            )
        if not name:
            return ""
        first = self.by_name.setdefault(name, position)
        if first != position:
            findings.error(
                "duplicate-name",
                f"a second step is called {clipped(name)!r}",
                (*path, "name"),
                hint="give one of them another name",
                pointers=(("the first one", (*self.path(first), "name")),),
            )
        return name

    def _check_args(self, step: Step, path: Path) -> None:
        if isinstance(step.args, tuple) and step.kind == "recipe":
            self.findings.error(
                "wrong-type",
                "args of a recipe must be a mapping of its inputs, not a list",
                (*path, "args"),
                hint="for example `args: {rows: 10}`",
            )
        elif isinstance(step.args, tuple) and step.kind not in OWN:
            self.findings.error(
                "scriptlet-positional",
                f"args of {step.kind} must be a mapping: a scriptlet takes params by name",
                (*path, "args"),
                hint="write `name: value` for each",
            )

    def _check_timeout(self, step: Step, raw: Mapping[str, Any], path: Path) -> None:
        policy = step.policy
        if (
            policy.timeout is None
            or policy.executor not in {"thread", "serial"}
            or step.kind in {"shell", "recipe", "approval", "step_engine"}
            or ("timeout" not in raw and "executor" not in raw)
        ):
            return
        warn_thread_timeout(
            self.findings, policy.executor, (*path, "executor" if "executor" in raw else "timeout")
        )


def _plain_names(names: Any) -> tuple[str, ...] | None:
    """Return the names of a plain list; None for anything else."""
    if type(names) is not list or len(names) > MAX_DEPENDENCIES:
        return None
    for name in names:
        if type(name) is not str or not name or "${{" in name:
            return None
    return tuple(names)


def warn_thread_timeout(findings: Findings, executor: str, path: Path) -> None:
    """Say that a timeout cannot end what runs in a thread."""
    findings.warning(
        "thread-timeout",
        f"executor: {executor} runs the step in a thread, and a thread cannot be stopped: after its "
        "timeout the step counts as timed out, but its code goes on",
        path,
        key=True,
        hint="take executor away, so that the step runs in a process that can be ended",
    )


def holds_template(value: Any) -> bool:
    """Say whether any text in ``value`` holds ``${{``."""
    if type(value) is str:
        return "${{" in value
    if isinstance(value, (list, tuple)):
        return any(holds_template(item) for item in value)
    if hasattr(value, "values"):
        return any(holds_template(item) for item in value.values())
    return False
